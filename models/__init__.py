"""The language-model side: texts, checkpoints, scoring, few-shot tasks and the miniature suite.

Tensors and texts in, typed records and Arrow tables out.
"""
