"""Auditing a suite: finding its missing, damaged, duplicated and replaced checkpoints."""
