"""Publish the dashboards to Superset. Dashboards, charts and datasets of other people stay as they are."""
