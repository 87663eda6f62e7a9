"""This module generates secrets and stores each secret in a file that only its owner can read."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from trailhouse.errors import UsageError

OWNER_ONLY = 0o600


def generate_secret(byte_count: int = 24) -> str:
    """Return ``byte_count`` random bytes as text that needs no quoting in a URL or a shell."""
    return secrets.token_urlsafe(byte_count)


def ensure_secret(path: Path, byte_count: int = 24) -> None:
    """Write a generated secret to ``path``, unless the file exists.

    If two processes call this function at the same time, the secret that is written first remains.
    """
    if path.exists():
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.partial")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(generate_secret(byte_count) + "\n")
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        temporary.unlink()


def read_secret(path: Path, how_to_make_it: str) -> str:
    """Return the secret that a file holds.

    Raises UsageError if the file is missing, empty or open to other users. ``how_to_make_it`` says how to create the
    file, and is a part of the hint.
    """
    try:
        mode = path.stat().st_mode
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"cannot read the secret in {path}: {error.strerror}", how_to_make_it) from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{path} holds a secret and is open to other users", f"chmod 600 {path}")
    if not secret:
        raise UsageError(f"{path} is empty", f"write a password into it, or delete it and {how_to_make_it}")
    return secret
