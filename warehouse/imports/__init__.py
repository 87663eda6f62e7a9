"""Imports: results that other programs computed, read from their files and written into the raw tables."""
