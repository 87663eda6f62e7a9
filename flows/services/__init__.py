"""The services that flows use: the warehouse, Superset, and the passwords of a deployment."""
