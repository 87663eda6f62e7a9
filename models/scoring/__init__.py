"""This package scores a corpus: it computes the log-probability of every token with one checkpoint."""
