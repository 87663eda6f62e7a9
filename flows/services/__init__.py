"""This package finds or starts the warehouse and Superset, and generates the passwords of a deployment."""
