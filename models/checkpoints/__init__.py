"""Suites and their checkpoints: declarations, sources of weight files, hashes and audits."""
