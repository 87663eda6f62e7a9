"""Superset's assets, compiled from short declarations."""
