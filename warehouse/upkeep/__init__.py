"""Keeping a warehouse in shape: backups, health checks and comparisons."""
