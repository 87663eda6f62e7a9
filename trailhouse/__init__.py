"""Trailhouse: a data warehouse for the training trajectories of language models.

The rooms, such as ``flows``, ``models`` and ``warehouse``, are folders at the root of the repository. This package
holds symbolic links to them.
"""

__version__ = "0.1.0"
