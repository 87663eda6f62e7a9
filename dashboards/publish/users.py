"""People who look: users of Superset with Trailhouse's roles."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from trailhouse.dashboards.publish.access import GROUP_PREFIX, RESEARCHER, STAKEHOLDER
from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.errors import UsageError

ROLES = {"stakeholder": STAKEHOLDER, "researcher": RESEARCHER}


def add_user(client: PublishingClient, name: str, role: str, groups: Sequence[str] = ()) -> str:
    """Create a user with a role (``stakeholder`` or ``researcher``) and groups of the access file; returns a password.

    Raises UsageError for a role or group that is not there, and for a name that is taken.
    """
    ids = {row["name"]: row["id"] for row in client.read_all("security/roles")}
    if role not in ROLES:
        raise UsageError(f"no role {role!r}", f"choose one of {', '.join(ROLES)}")
    wanted = [ROLES[role], *(GROUP_PREFIX + group for group in groups)]
    missing = [name for name in wanted if name not in ids]
    if missing:
        raise UsageError(f"Superset has no role {missing[0]!r}", "name the group in the access file and publish")
    if any(user["username"] == name for user in client.read_all("security/users")):
        raise UsageError(f"user {name!r} exists", "choose another name, or change the user under Settings in Superset")
    password = secrets.token_urlsafe(15)
    person = {
        "username": name,
        "first_name": name,
        "last_name": role,
        "email": f"{name}@localhost",
        "active": True,
        "password": password,
        "roles": [ids[name] for name in wanted],
    }
    client.session.post(client.address("security/users", ""), json=person)
    return password
