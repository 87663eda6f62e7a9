"""Helpers for all parts of Trailhouse: files, processes, secrets, SQL quoting, YAML declarations and progress."""
