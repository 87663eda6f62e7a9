"""Confine the server's process, so that the kernel lets it open only the files that it needs.

The guard (``server/sql/guard.py``) already refuses SQL that reads or writes files. This module also
protects the files against SQL that the guard overlooks. It uses Landlock, a feature of Linux by which a process
permanently gives up rights to files, for itself and for every process that it starts.
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

# The engine keeps its data in these folders. The password files are outside them, so a confined process cannot read
# the passwords.
_ENGINE_FOLDERS = (".server", "data", "metadata", "metadata_dropped", "store", "tmp")
_ENGINE_FILES = ("status",)
_LEAST_VERSION = 3  # earlier versions of Landlock cannot forbid truncating files
# The process may read these files and folders. /proc/self/task has the counters of the engine's threads: without access
# to this folder, a small query takes 25 % longer.
_READ_ONLY = (
    "/usr", "/lib", "/lib64", "/opt", "/sys",
    "/etc/host.conf", "/etc/hosts", "/etc/ld.so.cache", "/etc/localtime", "/etc/nsswitch.conf", "/etc/resolv.conf",
    "/etc/ssl/openssl.cnf", "/etc/timezone",
    "/proc/cpuinfo", "/proc/filesystems", "/proc/loadavg", "/proc/meminfo", "/proc/stat", "/proc/uptime",
    "/proc/self/auxv", "/proc/self/cgroup", "/proc/self/io", "/proc/self/limits", "/proc/self/maps",
    "/proc/self/mountinfo", "/proc/self/stat", "/proc/self/statm", "/proc/self/status", "/proc/self/task", "/proc/sys",
)  # fmt: skip
_PACKAGE_FOLDERS = ("site-packages", "dist-packages")
_DEVICES = ("/dev/null", "/dev/random", "/dev/urandom", "/dev/zero")


def confine(directory: Path) -> bool:
    """Forbid this process to open any file that the server does not need.

    Allowed are the engine's files in ``directory``, the installed programs, and a few files of the operating system.
    Call this function before the engine starts threads, because running threads keep their rights. Afterwards, the
    process writes its temporary files below ``directory``. Returns False and changes nothing if Landlock is missing or
    too old. Linux 6.2 and later have a sufficient Landlock, unless Linux was built or started without Landlock.
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
    _redirect_temporary_files(directory / ".server" / "temporary")
    _make_ruleset(directory).apply()
    return True


def _redirect_temporary_files(folder: Path) -> None:
    """Empty ``folder``, and let Python and the engine write their temporary files to it."""
    shutil.rmtree(folder, ignore_errors=True)  # a killed server leaves its temporary files
    folder.mkdir(mode=0o700)
    tempfile.tempdir = str(folder)
    os.putenv("TMPDIR", str(folder))  # the engine reads this variable


def _make_ruleset(directory: Path) -> Ruleset:
    ruleset = Ruleset()
    folder_rights = FSAccess.all() & ~(FSAccess.EXECUTE | FSAccess.MAKE_CHAR | FSAccess.MAKE_BLOCK)
    file_rights = FSAccess.READ_FILE | FSAccess.WRITE_FILE | FSAccess.TRUNCATE
    ruleset.allow(directory, rules=folder_rights & ~FSAccess.READ_FILE)
    ruleset.allow(*(directory / name for name in _ENGINE_FOLDERS), rules=folder_rights)
    ruleset.allow(*(directory / name for name in _ENGINE_FILES), rules=file_rights)
    ruleset.allow(*_existing(_DEVICES), rules=FSAccess.READ_FILE | FSAccess.WRITE_FILE)
    for path in _existing((*_READ_ONLY, *_find_program_folders())):
        rights = FSAccess.READ_FILE | FSAccess.READ_DIR
        ruleset.allow(path, rules=rights if os.path.isdir(path) else FSAccess.READ_FILE)
    return ruleset


def _existing(paths: Iterable[str]) -> list[str]:
    return [path for path in paths if os.path.exists(path)]


def _find_program_folders() -> set[str]:
    """Return the folders of Python and of its packages. Parent folders are left out, because they may hold data."""
    rooms = [entry for entry in Path(trailhouse.__path__[0]).iterdir() if entry.is_dir()]
    shared = [entry for entry in sys.path if Path(entry).name in _PACKAGE_FOLDERS]  # a .pth file may name them
    folders = [sys.prefix, sys.base_prefix, *site.getsitepackages(), *shared, *trailhouse.__path__, *map(str, rooms)]
    return {os.path.realpath(folder) for folder in folders}
