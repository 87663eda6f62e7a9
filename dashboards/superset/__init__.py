"""Superset in its own environment: configuration, initialisation, process, roles."""
