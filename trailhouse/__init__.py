"""Trailhouse: a data warehouse for the training trajectories of language models.

The main parts of the code, such as ``flows``, ``models`` and ``warehouse``, are called rooms. Each room is a folder at
the root of the repository. This package holds symbolic links to the rooms.
"""

__version__ = "0.1.0"
