"""Imports: evaluation results of other programs, read from their files and written to the raw tables."""
