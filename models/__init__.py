"""The language-model side: texts, checkpoints, scoring, few-shot tasks and the miniature suite.

It takes tensors and texts, and returns dataclasses and Arrow tables.
"""
