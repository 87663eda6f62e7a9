"""Corpora and tokenizers: the texts that are scored, and the position of each token in its text."""
