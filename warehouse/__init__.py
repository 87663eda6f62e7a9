"""This package connects to the warehouse, creates its schema, and loads and reads its tables. dbt derives metrics."""
