"""Publishing: what is in Superset becomes what the source says, and nothing of anybody else's is touched."""
