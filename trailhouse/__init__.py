"""Trailhouse: a data warehouse for the training trajectories of language models.

The main parts of the code are called rooms, such as ``flows``, ``models`` and ``warehouse``. They are folders at the
root of the repository, and this package holds symbolic links to them.
"""

__version__ = "0.1.0"
