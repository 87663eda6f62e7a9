"""Scoring: the log-probability of every token of a corpus under one checkpoint."""
