"""The chDB engine: its configuration, its handles, sessions and running statements."""
