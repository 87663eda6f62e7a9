"""The two users of an embedded warehouse, and their passwords in files that only the owner can read."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from trailhouse.support.secrets import ensure_secret, read_secret


class Role(StrEnum):
    """A user of the warehouse. The admin may do everything in the warehouse, and the reader may only read."""

    ADMIN = "admin"
    READER = "reader"


@dataclass(frozen=True)
class Credentials:
    """The passwords of the admin and the reader. ``repr`` leaves the passwords out, so that they are not printed."""

    admin_password: str = field(repr=False)
    reader_password: str = field(repr=False)

    def find_role(self, user: str, password: str) -> Role | None:
        """Return the role of a user, or None if the name or the password is wrong.

        The comparison takes equally long for every wrong password, so that its duration reveals nothing about the
        correct password.
        """
        # surrogateescape is needed, because the user and the password in a URL may have bytes that are not UTF-8
        given_password, given_user = password.encode(errors="surrogateescape"), user.encode(errors="surrogateescape")
        is_admin_password = hmac.compare_digest(given_password, self.admin_password.encode())
        is_reader_password = hmac.compare_digest(given_password, self.reader_password.encode())
        if hmac.compare_digest(given_user, b"admin") and is_admin_password:
            return Role.ADMIN
        if hmac.compare_digest(given_user, b"reader") and is_reader_password:
            return Role.READER
        return None


def password_path(directory: Path, role: Role) -> Path:
    """Return the path of a role's password file."""
    return directory / f"{role}.password"


def read_credentials(directory: Path) -> Credentials:
    """Return the passwords of the admin and the reader of the warehouse in ``directory``.

    Raises UsageError if a password file is missing, empty or readable by other users.
    """
    admin, reader = (
        read_secret(password_path(directory, role), "start the server once") for role in (Role.ADMIN, Role.READER)
    )
    return Credentials(admin, reader)


def ensure_credentials(directory: Path) -> Credentials:
    """Create every password file that does not exist yet, and return the passwords of the admin and the reader.

    Raises UsageError if a password file is empty or readable by other users.
    """
    for role in Role:
        ensure_secret(password_path(directory, role))
    return read_credentials(directory)
