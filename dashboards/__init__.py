"""This package makes dashboards in Superset, the figures of Xia et al. 2023, and coloured passages, all from marts."""
