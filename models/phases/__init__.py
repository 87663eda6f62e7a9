"""This package measures what explains the log-probabilities of words over training."""
