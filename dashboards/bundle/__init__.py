"""Compile the declarations of dashboards to the files that Superset imports."""
