"""Evaluating a model on multiple-choice tasks: the log-probability of every option after its prompt."""
