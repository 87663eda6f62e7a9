"""Trailhouse: a data warehouse for the training trajectories of language models.

The rooms (flows, models, warehouse, sql, dbt, dashboards) lie at the root of the repository. This package holds
symbolic links to them.
"""

__version__ = "0.1.0"
