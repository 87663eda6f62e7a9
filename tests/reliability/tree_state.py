"""The state of the repository's files as one hash."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path


def read_tree_state(directory: Path) -> str | None:
    """Return git's hash of all files that are not ignored, as they are now; None outside a git checkout.

    Git makes the hash in a temporary index, so that the changes which the user has staged stay as they are.
    """
    with tempfile.TemporaryDirectory() as folder:
        variables = {**os.environ, "GIT_INDEX_FILE": str(Path(folder) / "index")}
        try:
            subprocess.run(["git", "add", "--all"], cwd=directory, env=variables, check=True, capture_output=True)
            command = ["git", "write-tree"]
            run = subprocess.run(command, cwd=directory, env=variables, check=True, capture_output=True, text=True)
        except (OSError, subprocess.CalledProcessError):
            return None
    return run.stdout.strip()
