"""The users of an embedded warehouse, and their passwords in files that only the owner can read."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from trailhouse.support.secrets import ensure_secret, read_secret


class Role(StrEnum):
    """A user of the warehouse.

    The admin may do everything in the warehouse. The reader may only read. The user for dashboards may only read the
    published tables (see ``server/engine/roles.py``), within narrow limits of time, threads and functions.
    """

    ADMIN = "admin"
    READER = "reader"
    DASHBOARDS = "dashboards"


@dataclass(frozen=True)
class Credentials:
    """The passwords of the users. ``repr`` leaves the passwords out, so that they are not printed."""

    admin_password: str = field(repr=False)
    reader_password: str = field(repr=False)
    dashboards_password: str = field(repr=False)

    def find_role(self, user: str, password: str) -> Role | None:
        """Return the role of a user, or None if the name or the password is wrong.

        The comparison takes equally long for every wrong password, so that its duration reveals nothing about the
        correct password.
        """
        passwords = {
            Role.ADMIN: self.admin_password,
            Role.READER: self.reader_password,
            Role.DASHBOARDS: self.dashboards_password,
        }
        # surrogateescape is needed, because the user and the password in a URL may have bytes that are not UTF-8
        given_password, given_user = password.encode(errors="surrogateescape"), user.encode(errors="surrogateescape")
        matches = {role: hmac.compare_digest(given_password, passwords[role].encode()) for role in Role}
        for role in Role:
            if hmac.compare_digest(given_user, role.value.encode()) and matches[role]:
                return role
        return None


def password_path(directory: Path, role: Role) -> Path:
    """Return the path of a role's password file."""
    return directory / f"{role}.password"


def read_credentials(directory: Path) -> Credentials:
    """Return the passwords of the users of the warehouse in ``directory``.

    Raises UsageError if a password file is missing, empty or readable by other users.
    """
    return Credentials(*(read_password(directory, role) for role in Role))


def read_password(directory: Path, role: Role) -> str:
    """Return the password of one user. Raises the errors of ``read_credentials``."""
    return read_secret(password_path(directory, role), "start the server once")


def ensure_credentials(directory: Path) -> Credentials:
    """Create every password file that does not exist yet, and return the passwords of the users.

    Raises UsageError if a password file is empty or readable by other users.
    """
    for role in Role:
        ensure_secret(password_path(directory, role))
    return read_credentials(directory)
