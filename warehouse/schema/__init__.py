"""The schema of the raw tables: numbered migrations, for one server or a cluster."""
