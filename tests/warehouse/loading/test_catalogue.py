"""The catalogue: only new and changed rows are written, and other rows stay as they are."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from trailhouse.warehouse.loading.catalogue import load_corpus, load_tokens, upsert, write_audit_statuses

KEY = ["model_id", "step"]


def checkpoint(model_id: str, step: int, digit: str = "a", year: int = 2020) -> dict[str, object]:
    """Return a row of raw_checkpoint."""
    discovered_at = datetime(year, 1, 1, tzinfo=UTC)
    return {"model_id": model_id, "step": step, "weights_sha256": digit * 64, "discovered_at": discovered_at}


def read_checkpoints(client) -> list[tuple]:
    return client.query(
        "select model_id, step, substring(weights_sha256, 1, 1), toYear(discovered_at) from raw_checkpoint final"
        " order by all"
    ).result_rows


def test_only_records_that_are_new_or_differ_are_written(client):
    first = [checkpoint("s/m", 1), checkpoint("s/m", 2, "b"), checkpoint("s/n", 1, "c")]
    assert upsert(client, "raw_checkpoint", KEY, first) == 3
    again = [checkpoint("s/m", 1, year=2021), checkpoint("s/m", 2, "d", 2021), checkpoint("s/n", 2, "c", 2021)]
    assert upsert(client, "raw_checkpoint", KEY, again) == 2
    assert read_checkpoints(client) == [
        ("s/m", 1, "a", 2020),
        ("s/m", 2, "d", 2021),
        ("s/n", 1, "c", 2020),
        ("s/n", 2, "c", 2021),
    ]
    assert upsert(client, "raw_checkpoint", KEY, [*again, *first[2:]]) == 0
    assert upsert(client, "raw_checkpoint", KEY, []) == 0


def test_an_audit_status_is_changed_where_it_differs_and_nothing_else_is(client):
    records = [checkpoint(model_id, step) | {"audit_status": "ok"} for model_id in ("s/m", "s/n") for step in (1, 2, 3)]
    upsert(client, "raw_checkpoint", KEY, records)
    before = read_checkpoints(client)
    lost, mixed = ("s/m", 1), ("s/m", 2)
    write_audit_statuses(client, {lost: "it's lost", mixed: "mixed", ("s/m", 3): "ok", ("s/none", 1): "lost"})
    write_audit_statuses(client, {lost: "ok"})
    write_audit_statuses(client, {lost: "it's lost", mixed: "mixed"})
    assert read_checkpoints(client) == before
    damaged = "select model_id, step, audit_status from raw_checkpoint final where audit_status != 'ok' order by step"
    assert client.query(damaged).result_rows == [(*lost, "it's lost"), (*mixed, "mixed")]
    assert client.query("select uniqExact(updated_at) from raw_checkpoint where model_id = 's/n'").result_rows == [(1,)]
    upsert(client, "raw_checkpoint", KEY, records)
    assert client.query(damaged).result_rows == []


def documents(*texts: str) -> pa.Table:
    return pa.Table.from_pylist([{"document_id": index, "text": text} for index, text in enumerate(texts)])


def corpus(corpus_id: str, digit: str, count: int) -> dict[str, object]:
    return {"corpus_id": corpus_id, "corpus_sha256": digit * 64, "document_count": count}


def test_a_corpus_is_written_once_and_again_when_it_changes_or_lost_a_document(client):
    assert load_corpus(client, corpus("one", "a", 2), documents("x", "y"))
    assert load_corpus(client, corpus("two", "a", 1), documents("z"))
    assert not load_corpus(client, corpus("one", "a", 2), documents("x", "y"))
    assert not load_corpus(client, corpus("two", "a", 1), documents("z"))
    assert load_corpus(client, corpus("one", "b", 2), documents("x", "v"))
    client.command("delete from raw_document where corpus_id = 'one' and document_id = 1")
    assert load_corpus(client, corpus("one", "b", 2), documents("x", "v"))
    stored = client.query("select corpus_id, document_id, text from raw_document order by all").result_rows
    assert stored == [("one", 0, "x"), ("one", 1, "v"), ("two", 0, "z")]
    known = client.query("select corpus_id, toString(corpus_sha256) from raw_corpus final order by all").result_rows
    assert known == [("one", "b" * 64), ("two", "a" * 64)]


def tokens(*token_ids: int, byte_count: int = 2) -> pa.Table:
    """Return tokens with the given ids, two for each document; each token has ``byte_count`` bytes."""
    count = len(token_ids)
    starts = [index % 2 * byte_count for index in range(count)]
    return pa.table({
        "document_id": pa.array([index // 2 for index in range(count)], pa.int32()),
        "position": pa.array([index % 2 for index in range(count)], pa.int32()),
        "token_id": pa.array(token_ids, pa.int32()),
        "byte_start": pa.array(starts, pa.int32()),
        "byte_end": pa.array([start + byte_count for start in starts], pa.int32()),
    })  # fmt: skip


def test_tokens_are_written_again_when_their_spans_differ(client):
    assert load_tokens(client, "t", "c", tokens(4, 3, 2, 1))
    assert load_tokens(client, "t", "c", tokens(4, 3, 2, 1, byte_count=3))
    assert not load_tokens(client, "t", "c", tokens(4, 3, 2, 1, byte_count=3))
    ends = client.query("select byte_end from raw_token order by document_id, position").result_rows
    assert ends == [(3,), (6,), (3,), (6,)]


@pytest.mark.parametrize("changed", [(4, 3, 2, 7), (4, 3, 2), (4, 3, 2, 1, 0), (3, 4, 2, 1)])
def test_tokens_are_written_once_and_again_when_one_differs(client, changed):
    keys = [("t", "c"), ("t", "d"), ("u", "c")]
    for key in keys:
        assert load_tokens(client, *key, tokens(4, 3, 2, 1))
    assert not load_tokens(client, "t", "c", tokens(4, 3, 2, 1))
    assert load_tokens(client, "t", "c", tokens(*changed))
    stored = client.query(
        "select tokenizer_id, corpus_id, groupArray(token_id) from"
        " (select * from raw_token order by document_id, position) group by all order by all"
    ).result_rows
    assert stored == [("t", "c", [*changed]), ("t", "d", [4, 3, 2, 1]), ("u", "c", [4, 3, 2, 1])]
