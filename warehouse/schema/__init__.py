"""This package creates the raw tables, by numbered migrations, on one server or on a cluster."""
