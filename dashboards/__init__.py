"""Dashboards in Superset, the figures of the papers, and coloured passages; all of them read only marts."""
