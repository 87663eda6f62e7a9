"""Wrong, mixed and absent credentials, and foreign Host and Origin headers: none opens the server."""

from __future__ import annotations

import contextlib
import os

import httpx
import pytest

from tests.reliability.rows import Row
from tests.support.credentials import basic, invalid_queries, list_wrong_credentials

FOREIGN_HOSTS = ("evil.example", "127.0.0.1.evil.example", "localhost.evil", "[::2]:80", "")
FOREIGN_ORIGINS = ("https://evil.example", "null", "http://localhost:1")
FOREIGN_SITES = ("cross-site", "same-site")


@pytest.mark.reliability(table="Security", row="authentication", ci=60, release=300)
def test_nobody_gets_in_without_the_right_credentials(row: Row, shared_server):
    user, password = shared_server.admin
    good = basic(user, password)
    requests = [*list_wrong_credentials(password, shared_server.reader_password), ({}, {})]
    requests += [(good | {"Host": host}, {}) for host in FOREIGN_HOSTS]
    requests += [(good | {"Origin": origin}, {}) for origin in FOREIGN_ORIGINS]
    requests += [(good | {"Sec-Fetch-Site": site}, {}) for site in FOREIGN_SITES]
    url = shared_server.endpoint.url
    for headers, params in requests:
        answer = httpx.post(url, headers=headers, params=params, content="SELECT 1", timeout=30)
        is_refused = answer.status_code in (401, 403) and password not in answer.text
        row.require(is_refused, f"{answer.status_code} for {sorted(headers)} {sorted(params)}")
        row.done_count += 1
    for query in invalid_queries(password):
        answer = httpx.post(f"{url}/?{query}", content="SELECT 1", timeout=30)
        row.require(answer.status_code in (401, 403), f"{answer.status_code} for {query[:20]}")
        row.done_count += 1
    answer = httpx.post(url, headers=good, content="SELECT 1", timeout=30)
    row.require(answer.text == "1\n", "the right credentials were refused")
    log = (shared_server.directory / "server.log").read_text()
    row.require(password not in log + read_command_lines(), "a password is in the log or among the processes")


def read_command_lines() -> str:
    """Return the command line of every process, which any user of the machine can read."""
    lines = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/cmdline", errors="replace") as file:
                lines.append(file.read())
    return "".join(lines)
