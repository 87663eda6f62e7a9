"""The two users of an embedded warehouse, and their passwords in files only the owner can read."""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from trailhouse.errors import UsageError


class Role(StrEnum):
    """What a user may do: everything in the warehouse, or read it."""

    ADMIN = "admin"
    READER = "reader"


@dataclass(frozen=True)
class Credentials:
    """The password of each user; never printed."""

    admin_password: str
    reader_password: str

    def __repr__(self) -> str:
        return "Credentials(...)"

    def find_role(self, user: str, password: str) -> Role | None:
        """The role this user and password open, or None; takes the same time for every wrong answer."""
        # what a URL holds need not be UTF-8
        offered, name = password.encode(errors="surrogateescape"), user.encode(errors="surrogateescape")
        admin = hmac.compare_digest(offered, self.admin_password.encode())
        reader = hmac.compare_digest(offered, self.reader_password.encode())
        if hmac.compare_digest(name, b"admin") and admin:
            return Role.ADMIN
        if hmac.compare_digest(name, b"reader") and reader:
            return Role.READER
        return None


def password_path(directory: Path, role: Role) -> Path:
    """Where a role's password lies."""
    return directory / f"{role}.password"


def read_credentials(directory: Path) -> Credentials:
    """Both passwords of the warehouse in ``directory``.

    Raises UsageError where a file is missing, empty or readable by other users.
    """
    return Credentials(_read_password(directory, Role.ADMIN), _read_password(directory, Role.READER))


def ensure_credentials(directory: Path) -> Credentials:
    """Both passwords, generated where there are none yet."""
    for role in Role:
        path = password_path(directory, role)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24) + "\n")
    return read_credentials(directory)


def _read_password(directory: Path, role: Role) -> str:
    path = password_path(directory, role)
    try:
        mode = path.stat().st_mode
        password = path.read_text().strip()
    except OSError as error:
        raise UsageError(f"cannot read the password file {path}: {error.strerror}", "start the server once") from error
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"the password file {path} is open to other users", f"chmod 600 {path}")
    if not password:
        raise UsageError(f"the password file {path} is empty", "write a password into it, or delete it")
    return password
