"""This package evaluates models on multiple-choice tasks: it computes the log-probability of every option."""
