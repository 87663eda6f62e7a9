"""What the server's process may open at all, whatever a query says: the kernel refuses the rest.

The guard refuses SQL that reaches for files; this stands behind it, for the ways that nobody has thought of. Landlock
takes rights away from this process and whatever it starts, and can never give them back.
"""

from __future__ import annotations

import os
import shutil
import site
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from landlock import FSAccess, LandlockError, Ruleset, landlock_abi_version

import trailhouse

# what the engine keeps below the data directory; passwords lie beside them, and cannot be read any more
_ENGINE_FOLDERS = (".server", "data", "metadata", "metadata_dropped", "store", "tmp")
_ENGINE_FILES = ("status",)
_LEAST_VERSION = 3  # before it, files could be truncated
# /proc/self/task: the engine reads counters of every thread it starts; closed, they cost a small query a quarter more
_READ_ONLY = (
    "/usr", "/lib", "/lib64", "/opt", "/sys",
    "/etc/host.conf", "/etc/hosts", "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf", "/etc/resolv.conf",
    "/etc/ssl/openssl.cnf", "/etc/timezone",
    "/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg", "/proc/meminfo", "/proc/stat", "/proc/uptime",
    "/proc/self/auxv", "/proc/self/cgroup", "/proc/self/io", "/proc/self/limits", "/proc/self/maps",
    "/proc/self/mountinfo", "/proc/self/stat", "/proc/self/statm", "/proc/self/status", "/proc/self/task", "/proc/sys",
)  # fmt: skip
_DEVICES = ("/dev/null", "/dev/random", "/dev/urandom", "/dev/zero")


def confine(directory: Path) -> bool:
    """Take from this process the right to open anything but the engine's files in ``directory`` and the programs' own.

    Threads that run already keep their rights: call it before the engine starts any. Temporary files go below
    ``directory`` from now on. Returns False, with nothing changed, where the system cannot do it: only Linux can,
    since version 6.2 of its kernel, unless it was built or started without Landlock.
    """
    try:
        if landlock_abi_version() < _LEAST_VERSION:
            return False
    except (LandlockError, OSError, AttributeError):
        return False
    for name in _ENGINE_FOLDERS:
        (directory / name).mkdir(mode=0o700, exist_ok=True)
    for name in _ENGINE_FILES:
        (directory / name).touch(mode=0o600)
    temporary = directory / ".server" / "temporary"
    shutil.rmtree(temporary, ignore_errors=True)  # of a server that was killed
    temporary.mkdir(mode=0o700)
    tempfile.tempdir = str(temporary)
    os.putenv("TMPDIR", str(temporary))  # for the engine
    ruleset = Ruleset()
    folder_rights = FSAccess.all() & ~(FSAccess.EXECUTE | FSAccess.MAKE_CHAR | FSAccess.MAKE_BLOCK)
    file_rights = FSAccess.READ_FILE | FSAccess.WRITE_FILE | FSAccess.TRUNCATE
    ruleset.allow(directory, rules=folder_rights & ~FSAccess.READ_FILE)
    ruleset.allow(*(directory / name for name in _ENGINE_FOLDERS), rules=folder_rights)
    ruleset.allow(*(directory / name for name in _ENGINE_FILES), rules=file_rights)
    ruleset.allow(*existing(_DEVICES), rules=FSAccess.READ_FILE | FSAccess.WRITE_FILE)
    for path in existing((*_READ_ONLY, *program_folders())):
        rights = FSAccess.READ_FILE | FSAccess.READ_DIR
        ruleset.allow(path, rules=rights if os.path.isdir(path) else FSAccess.READ_FILE)
    ruleset.apply()
    return True


def existing(paths: Iterable[str]) -> list[str]:
    """Those of the paths that are there."""
    return [path for path in paths if os.path.exists(path)]


def program_folders() -> set[str]:
    """Where Python, its packages and this one lie; not the folder that holds this one, which may hold data, too."""
    rooms = [entry for entry in Path(trailhouse.__path__[0]).iterdir() if entry.is_dir()]
    folders = [sys.prefix, sys.base_prefix, *site.getsitepackages(), *trailhouse.__path__, *map(str, rooms)]
    return {os.path.realpath(folder) for folder in folders}
