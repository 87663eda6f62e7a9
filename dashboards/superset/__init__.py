"""A local Superset in its own Python environment: its installation, its settings and its processes."""
