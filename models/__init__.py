"""This package handles language models: texts, checkpoints, scoring, few-shot tasks and the miniature suite.

Its functions take texts and tensors, and return dataclasses and Arrow tables.
"""
