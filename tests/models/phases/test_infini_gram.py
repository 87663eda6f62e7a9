"""Stupid backoff over the counts of a service that speaks infini-gram's JSON, here a fake one on loopback."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.support.counted_ngrams import draw_texts
from tests.support.ngram_models import back_off, count_ngrams
from trailhouse.errors import BadInputError, UnreachableError, UsageError
from trailhouse.models.phases.infini_gram import InfiniGram

TEXTS = draw_texts(20, 40)


@contextmanager
def serve(answer) -> Iterator[tuple[str, list[dict]]]:
    """Serve ``answer(query)`` as JSON; yield the address and the queries that came."""
    queries: list[dict] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            queries.append(query)
            body = answer(query)
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", queries
        server.shutdown()


def count_like_infini_gram(query: dict) -> dict:
    words = tuple(query["query"].split())
    count = count_ngrams(TEXTS, len(words))[words] if words else sum(map(len, TEXTS))
    return {"count": count, "approx": False, "token_ids": [], "tokens": [], "latency": 0.1}


def test_scores_are_those_of_stupid_backoff_over_the_counts():
    text = [*draw_texts(21, 1, "abcdefghij")[0], "unknown", "a", "b"]
    with serve(count_like_infini_gram) as (url, queries):
        scores = InfiniGram(url, "v4_test").score(text)
    for order in range(1, 6):
        for index, word in enumerate(text):
            log_score, matched_order = back_off(TEXTS, text[:index], word, order)
            assert scores[order][index] == (pytest.approx(log_score, abs=1e-12), matched_order)
    assert {(query["index"], query["query_type"]) for query in queries} == {("v4_test", "count")}


def test_no_count_is_asked_for_twice_nor_after_a_count_of_nothing():
    with serve(count_like_infini_gram) as (url, queries):
        provider = InfiniGram(url, "index")
        for _ in range(2):
            provider.score(["a", "unknown", "b", "a"])
    asked = [query["query"] for query in queries]
    assert len(set(asked)) == len(asked)
    assert "a unknown" not in asked
    assert "unknown" in asked


@pytest.mark.parametrize("answer", [{"error": "no such index"}, {"count": -1}, {"count": True}, [1], {}, b"<html>"])
def test_an_answer_that_is_no_count_is_refused(answer):
    with serve(lambda _: answer) as (url, _), pytest.raises(BadInputError, match=url):
        InfiniGram(url, "index")


def test_a_service_that_does_not_answer_is_named():
    with serve(count_like_infini_gram) as (url, _):
        pass
    with pytest.raises(UnreachableError, match="does not answer"):
        InfiniGram(url, "index")


@pytest.mark.parametrize(("url", "index"), [("ftp://host/", "index"), ("host", "index"), ("http://host/", "")])
def test_a_wrong_address_is_refused_before_anything_is_sent(url, index):
    with pytest.raises(UsageError):
        InfiniGram(url, index)
