"""Upkeep of a warehouse: backup, restore, health checks, and comparison of two servers."""
