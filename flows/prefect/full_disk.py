"""This module ends a command when the disk of Prefect's history is full.

Without it, Prefect would try every request again for minutes, and then fail with an error that hides the cause.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import threading
import time
from pathlib import Path

from trailhouse.errors import UnreachableError
from trailhouse.support.progress import listener

NEEDED_BYTES = 16 << 20
"""Free space that a command needs to begin."""
KEPT_BYTES = 8 << 20
"""Free space below which a running command ends, so that it still can clean up."""
_LOOK_SECONDS = 0.5
_GRACE_SECONDS = 2.0

_found: list[UnreachableError] = []
_is_told = threading.Event()


def refuse_full_disk(directory: Path, needed_bytes: int = NEEDED_BYTES) -> None:
    """Raise UnreachableError if the disk of a directory has less free space than ``needed_bytes``."""
    free_bytes = shutil.disk_usage(directory).free
    if free_bytes < needed_bytes:
        raise UnreachableError(
            f"the disk of {directory} is full: {free_bytes >> 20} MiB are free, {needed_bytes >> 20} MiB are needed",
            "free some space, or name another directory with --data-directory; nothing that is stored is lost",
        )


def end_on_full_disk(directory: Path) -> None:
    """Watch the disk of a directory in a thread, and interrupt this process when it is full.

    The interruption is that of Ctrl-C; ``find_full_disk`` then returns the error that explains it. If the process does
    not end within two seconds, this thread tells the error to the user and ends the process.
    """
    present = listener.get()

    def watch() -> None:
        while not _found:
            time.sleep(_LOOK_SECONDS)
            try:
                refuse_full_disk(directory, KEPT_BYTES)
            except UnreachableError as error:
                _found.append(error)
            except OSError:  # the directory was deleted
                return
        logging.raiseExceptions = False  # otherwise, Prefect prints that it cannot store its logs
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        time.sleep(_GRACE_SECONDS)
        try:
            if present is not None and not _is_told.is_set():
                present.note(f"error: {_found[0].message}")
                present.note(f"  hint: {_found[0].hint}")
        finally:
            os._exit(UnreachableError.exit_code)

    threading.Thread(target=watch, name="watch-disk", daemon=True).start()


def find_full_disk() -> UnreachableError | None:
    """Return the error about the full disk for which this process was interrupted, or None. The caller shows it."""
    if not _found:
        return None
    _is_told.set()
    return _found[0]
