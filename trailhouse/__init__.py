"""Trailhouse: a data warehouse for the training trajectories of language models.

The rooms (flows, models, warehouse, sql, dbt, dashboards) lie at the root of the repository and are linked here.
"""

__version__ = "0.1.0"
