"""Auditing the checkpoints of a suite: what is missing, damaged, doubled or not what it was."""
