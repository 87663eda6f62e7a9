"""The raw tables: numbered migrations, on one server or on a cluster."""
