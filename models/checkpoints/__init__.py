"""Suites and their checkpoints: what is declared, where the weight files come from, and whether they are sound."""
