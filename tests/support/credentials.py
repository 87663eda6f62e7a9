"""Credentials that are wrong, mixed or empty, in headers and URL parameters."""

from __future__ import annotations

import base64
from urllib.parse import quote

# (headers, URL parameters) of a request
Credentials = tuple[dict[str, str], dict[str, str]]
INVALID_TEXTS = (b"\xff", b"admin\xff", b"\xc3\x28", b"\xed\xa0\x80")  # not UTF-8


def basic(user: str, password: str) -> dict[str, str]:
    """Return the header of basic authentication."""
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def list_wrong_credentials(admin_password: str, reader_password: str) -> list[Credentials]:
    """Return headers and URL parameters that a server with these passwords has to refuse."""
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
    wrong: list[Credentials] = []
    for user in users:
        for password in passwords:
            wrong.append((basic(user, password), {}))
            wrong.append(({}, {"user": user, "password": password}))
            is_header_text = (user + password).isascii() and user.isprintable() and user == user.strip()
            if is_header_text:
                wrong.append(({"X-ClickHouse-User": user, "X-ClickHouse-Key": password}, {}))
    for invalid in INVALID_TEXTS:
        header = base64.b64encode(invalid + b":" + admin_password.encode() + invalid).decode()
        wrong.append(({"Authorization": f"Basic {header}"}, {}))
    good = basic("admin", admin_password)
    keys = {"X-ClickHouse-User": "admin", "X-ClickHouse-Key": admin_password}
    url = {"user": "admin", "password": admin_password}
    wrong += [(good | keys, {}), (good, url), (keys, url), (good | keys, url), (good, {"user": "admin"})]
    wrong += [(basic("admin", reader_password), {}), (basic("reader", admin_password), {})]
    wrong += [
        ({"Authorization": f"Bearer {admin_password}"}, {}),
        ({"Authorization": "Basic"}, {}),
        ({"Authorization": "Basic !!"}, {}),
    ]
    wrong += [
        ({"Authorization": "Basic " + base64.b64encode(b"admin").decode()}, {}),
        ({"X-ClickHouse-Key": admin_password}, {}),
    ]
    return wrong


def invalid_queries(admin_password: str) -> list[str]:
    """Return URL queries whose user or password is not valid UTF-8."""
    texts = [quote(invalid) for invalid in INVALID_TEXTS]
    return [f"user={text}&password={admin_password}" for text in texts] + [
        f"user=admin&password={admin_password}{text}" for text in texts
    ]
