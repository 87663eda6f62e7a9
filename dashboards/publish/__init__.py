"""Publish the dashboards to Superset, without touching what other people made there."""
