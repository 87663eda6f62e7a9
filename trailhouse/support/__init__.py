"""Helpers that every room may use: files, locks, processes, secrets, quoting, declarations and progress."""
