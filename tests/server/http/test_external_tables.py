"""Multipart requests: the query and its parameters as fields, external tables as files."""

from __future__ import annotations

import httpx


def ask(client: httpx.Client, query: str, **params) -> httpx.Response:
    return client.post("/", params=params, content=query)


def test_form_fields_carry_the_query_and_its_parameters(http):
    answer = http.post("/", files={"query": (None, "SELECT {x:Int32} * 2"), "param_x": (None, "21")})
    assert answer.text == "42\n"


def test_external_tables_are_seen_by_their_query_only(http, reader_http):
    for client in [http, reader_http]:
        for session in [{}, {"session_id": "external"}]:
            answer = client.post(
                "/",
                params={
                    "query": "SELECT sum(a), max(b) FROM one, two",
                    "one_structure": "a Int32",
                    "one_format": "CSV",
                    "two_types": "Int32, Array(String)",
                    **session,
                },
                files={"one": ("one.csv", b"1\n2\n"), "two": ("two.tsv", b"1\t['x']\n")},
            )
            assert answer.status_code == 404  # `two_types` gives no names, so the columns are _1 and _2
            answer = client.post(
                "/",
                params={
                    "query": "SELECT sum(a), max(_2) FROM one, two",
                    "one_structure": "a Int32",
                    "one_format": "CSV",
                    "two_types": "Int32, Array(String)",
                    **session,
                },
                files={"one": ("one.csv", b"1\n2\n"), "two": ("two.tsv", b"1\t['x']\n")},
            )
            assert answer.text == "3\t['x']\n"
            assert ask(client, "SELECT * FROM one", **session).status_code == 404
