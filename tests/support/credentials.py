"""Ways to give credentials that are wrong, mixed or empty."""

from __future__ import annotations

import base64
from urllib.parse import quote

Way = tuple[dict[str, str], dict[str, str]]
INVALID_TEXTS = (b"\xff", b"admin\xff", b"\xc3\x28", b"\xed\xa0\x80")  # no UTF-8


def basic(user: str, password: str) -> dict[str, str]:
    """The header of basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def wrong_ways(admin_password: str, reader_password: str) -> list[Way]:
    """Headers and URL parameters that must not open a server with these passwords."""
    users = [
        "admin",
        "default_user",
        "%61dmin",
        "reader",
        "default",
        "",
        "ADMIN",
        "admin ",
        "root",
        "admin\x00",
        "\u0430dmin",
        "x" * 8000,
        "admin'--",
    ]
    passwords = [
        "",
        "x",
        admin_password[:-1],
        admin_password + "x",
        admin_password.upper(),
        "x" * 8000,
        "é",
        "' or 1=1",
    ]
    ways: list[Way] = []
    for user in users:
        for password in passwords:
            ways.append((basic(user, password), {}))
            ways.append(({}, {"user": user, "password": password}))
            if (
                user.isascii() and password.isascii() and user.isprintable() and user == user.strip()
            ):  # fit for a header
                ways.append(({"X-ClickHouse-User": user, "X-ClickHouse-Key": password}, {}))
    for invalid in INVALID_TEXTS:
        header = base64.b64encode(invalid + b":" + admin_password.encode() + invalid).decode()
        ways.append(({"Authorization": f"Basic {header}"}, {}))
    good = basic("admin", admin_password)
    keys = {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": admin_password}
    url = {"user": "admin", "password": admin_password}
    ways += [(good | keys, {}), (good, url), (keys, url), (good | keys, url), (good, {"user": "admin"})]
    ways += [(basic("admin", reader_password), {}), (basic("reader", admin_password), {})]
    ways += [
        ({"Authorization": f"Bearer {admin_password}"}, {}),
        ({"Authorization": "Basic"}, {}),
        ({"Authorization": "Basic !!"}, {}),
    ]
    ways += [
        ({"Authorization": "Basic " + base64.b64encode(b"admin").decode()}, {}),
        ({"X-ClickHouse-Key": admin_password}, {}),
    ]
    return ways


def invalid_queries(admin_password: str) -> list[str]:
    """Parts of a URL whose user or password is no text."""
    texts = [quote(invalid) for invalid in INVALID_TEXTS]
    return [f"user={text}&password={admin_password}" for text in texts] + [
        f"user=admin&password={admin_password}{text}" for text in texts
    ]
