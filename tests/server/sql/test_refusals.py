"""Each refusal says why in one sentence, and docs/reference/server.md has the same sentence."""

from __future__ import annotations

import pytest

from tests.support.paths import ROOT
from trailhouse.server.sql.refusals import REASONS

PAGE = " ".join((ROOT / "docs" / "reference" / "server.md").read_text().split())


@pytest.mark.parametrize("reason", sorted(set(REASONS.values())))
def test_the_page_has_the_sentence(reason):
    assert f"| {reason} |" in PAGE


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        (
            "CREATE USER a",
            "CREATE USER cannot be used over HTTP, because the users of this server and their rights are fixed",
        ),
        ("CREATE ROW POLICY p ON t USING 1", "because the users of this server and their rights are fixed"),
        ("ALTER USER default IDENTIFIED BY 'x'", "because the users of this server and their rights are fixed"),
        ("DROP ROLE IF EXISTS r", "because the users of this server and their rights are fixed"),
        ("GRANT SELECT ON a.b TO c", "because the users of this server and their rights are fixed"),
        ("SET ROLE admin", "because the users of this server and their rights are fixed"),
        ("SYSTEM FLUSH LOGS", "because it manages the server, which manages itself and writes no logs"),
        ("CREATE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT())", "join a table instead"),
        ("CREATE OR REPLACE DICTIONARY d (a Int8) PRIMARY KEY a SOURCE(NULL()) LAYOUT(FLAT())", "join a table instead"),
        ("CREATE FUNCTION f AS x -> x", "write the expression out, or create a view"),
        ("BACKUP TABLE t TO Disk('d', 'b')", "`trailhouse backup` writes a backup"),
        ("SELECT 1 INTO OUTFILE 'x'", "because a result belongs in the answer, and rows belong in the request"),
        (
            "CREATE TABLE t (a Int8) ENGINE = File(CSV)",
            "because it reaches files or other hosts, or is not known to be safe",
        ),
        ("SELECT eval('1')", "because it reaches files, processes or other hosts, or runs hidden SQL"),
    ],
)
@pytest.mark.parametrize("user", ["http", "reader_http"])
def test_a_refusal_says_why(request, user, statement, sentence):
    answer = request.getfixturevalue(user).post("/", content=statement)
    assert answer.headers["X-ClickHouse-Exception-Code"] == "497"
    assert sentence in answer.text
