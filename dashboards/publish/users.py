"""Create users of Superset with Trailhouse's roles."""

from __future__ import annotations

from collections.abc import Sequence

from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.dashboards.publish.roles import GROUP_PREFIX, RESEARCHER, STAKEHOLDER
from trailhouse.errors import UsageError
from trailhouse.support.secrets import generate_secret

PASSWORD_BYTES = 15
ROLES = {"stakeholder": STAKEHOLDER, "researcher": RESEARCHER}


def add_user(client: PublishingClient, name: str, role: str, groups: Sequence[str] = ()) -> str:
    """Create a user and return the generated password.

    ``role`` is ``stakeholder`` or ``researcher``. ``groups`` are groups of the access file. Raises UsageError if a role
    or group does not exist, or if the name is taken.
    """
    ids = {row["name"]: row["id"] for row in client.read_all("security/roles")}
    if role not in ROLES:
        raise UsageError(f"there is no role {role!r}", f"choose one of {', '.join(ROLES)}")
    wanted = [ROLES[role], *(GROUP_PREFIX + group for group in groups)]
    missing = [name for name in wanted if name not in ids]
    if missing:
        raise UsageError(f"Superset has no role {missing[0]!r}", "name the group in the access file and publish")
    if any(user["username"] == name for user in client.read_all("security/users")):
        raise UsageError(
            f"there is a user {name!r} already", "choose another name, or change the user under Settings in Superset"
        )
    password = generate_secret(PASSWORD_BYTES)
    person = {
        "username": name,
        "first_name": name,
        "last_name": role,
        "email": f"{name}@localhost",
        "active": True,
        "password": password,
        "roles": [ids[name] for name in wanted],
    }
    client.post(client.find_url("security/users/"), json=person)
    return password
