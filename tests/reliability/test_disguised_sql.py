"""Forbidden SQL through the server, in plain and in disguised spelling: none of it succeeds."""

from __future__ import annotations

import os
import random

import pytest

from tests.reliability.rows import Row
from tests.support.forbidden_sql import CANARY, PARAMETERS, disguise, generate_statements


@pytest.fixture
def client(shared_server):
    """A client of a server with the table that some statements try to change."""
    with shared_server.client() as client:
        client.post("/", content="CREATE OR REPLACE TABLE victim (x String) ENGINE = MergeTree ORDER BY x")
        client.post("/", content="INSERT INTO victim VALUES ('one')")
        yield client
        client.post("/", content="DROP TABLE victim")


@pytest.mark.reliability(table="Security", row="forbidden SQL", ci=300, release=1000)
def test_no_forbidden_statement_succeeds_in_any_spelling(row: Row, client, tmp_path):
    plain, generator = generate_statements(tmp_path), random.Random(row.seed)
    disguised = [disguise(plain[number % len(plain)], generator) for number in range(row.asked)]
    for statement in [*plain, *disguised]:
        answer = client.post("/", params=PARAMETERS, content=statement.encode())
        row.require(answer.status_code != 200 and CANARY not in answer.text, f"succeeded: {statement}")
        row.done_count += 1
    left = client.post("/", content="SELECT count(), any(x) FROM victim").text
    row.require(left == "1\tone\n", f"the table holds {left!r}")
    row.require(os.listdir(tmp_path) == ["canary.txt"], f"files were made: {os.listdir(tmp_path)}")
    row.detail = f"{len(plain)} statements, and {len(disguised)} of them in another spelling"
