"""This module prepares the directory in which a server keeps its data."""

from __future__ import annotations

import os
from pathlib import Path

from trailhouse.errors import UsageError

SERVER_FILE = "server.json"  # holds the process id and the URL of the running server


def prepare_directory(directory: Path) -> Path:
    """Create the directory if it does not exist, and return its absolute path.

    Raises UsageError if the directory cannot be created or written, if another user owns it, or if its path has a
    character that chDB refuses.
    """
    directory = directory.expanduser().resolve()
    if set("?&#") & set(str(directory)):
        raise UsageError(f"the warehouse directory {directory} has ?, & or # in its path", "name another one")
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"cannot make the warehouse directory {directory}: {error.strerror}", "name another directory"
        ) from error
    refuse_directory_of_other_user(directory)
    if not os.access(directory, os.W_OK | os.X_OK):
        raise UsageError(
            f"the warehouse directory {directory} is not writable",
            "make it writable for this user, or name another directory",
        )
    return directory


def refuse_directory_of_other_user(directory: Path) -> None:
    """Raise UsageError if another user of this machine owns the directory and this user may not enter or write it."""
    if not directory.exists() or directory.stat().st_uid == os.getuid() or os.access(directory, os.W_OK | os.X_OK):
        return
    owner = directory.owner()
    raise UsageError(
        f"the warehouse directory {directory} belongs to user {owner}, who alone can use it and stop its server",
        f"run this command as {owner}, or name a directory of your own with --data-directory",
    )


def close_to_other_users(directory: Path) -> None:
    """Deny the machine's other users access to the directory and to every file that this process will create.

    Raises UsageError if other users have access and this process may not remove it, because it does not own the
    directory.
    """
    os.umask(0o077)
    if directory.stat().st_mode & 0o077 == 0:
        return
    try:
        directory.chmod(0o700)
    except PermissionError as error:
        raise UsageError(
            f"other users of this machine can look into the warehouse directory {directory}",
            "let its owner close it (chmod 700), or name a directory of your own",
        ) from error
