"""Auditing the checkpoints of a suite: missing, damaged, duplicated and replaced ones."""
