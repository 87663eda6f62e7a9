"""Corpora and tokenizers: which texts are scored, and where in a text each token stands."""
