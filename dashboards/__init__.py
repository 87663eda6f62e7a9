"""This package makes dashboards in Superset, the figures of the papers, and coloured passages, all from marts."""
