"""The chDB engine: its configuration, connections, sessions and running statements."""
