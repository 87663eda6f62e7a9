"""What a warehouse holds and what is wrong with it, as ``trailhouse status`` shows it."""

import uuid
from dataclasses import replace

from tests.support.score_batches import load, score_batch, scored_partition
from trailhouse.warehouse.connection import connect
from trailhouse.warehouse.loading.score_ledger import invalidate_other_key
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations
from trailhouse.warehouse.upkeep.status import Problem, ScoredModel, read_scored_models, read_status

MIGRATIONS = read_migrations(packaged_migrations())


def test_each_model_is_listed_with_its_checkpoints_and_scores_on_each_corpus(client):
    client.command(
        "insert into raw_model (model_id, suite_id, model_name, parameter_count) values"
        " ('suite/model', 'suite', 'model', 20), ('suite/other', 'suite', 'other', 10), ('a/none', 'a', 'none', 5)"
    )
    client.command(
        "insert into raw_checkpoint (model_id, step, audit_status) values ('suite/model', 1, 'ok'),"
        " ('suite/model', 2, ''), ('suite/model', 3, 'the same weights as step 4'), ('suite/other', 1, 'ok')"
    )
    for step, count in ((1, 2), (2, 3), (3, 5)):
        load(client, scored_partition(step), [score_batch(0, count)])
    load(client, replace(scored_partition(1), corpus_id="second"), [score_batch(0, 7)])
    invalidate_other_key(client, scored_partition(3, weights="b"), uuid.uuid4())
    found = read_scored_models(client)
    assert all(bool(one.last_scored_at) == bool(one.corpus_id) for one in found)
    assert [replace(one, last_scored_at="") for one in found] == [
        ScoredModel("a", "a/none", "", 0, 0, 0, 0, 0, ""),
        ScoredModel("suite", "suite/other", "", 1, 0, 0, 0, 0, ""),
        ScoredModel("suite", "suite/model", "corpus", 3, 1, 2, 0, 5, ""),
        ScoredModel("suite", "suite/model", "second", 3, 1, 1, 0, 7, ""),
    ]
    client.command("alter table raw_token_score drop partition tuple('suite/model', 'corpus', 2)")
    lost = [one for one in read_scored_models(client) if one.corpus_id == "corpus"]
    assert [(one.scored_count, one.lost_count, one.score_count) for one in lost] == [(1, 1, 2)]


def test_an_earlier_schema_is_named_with_the_command_that_helps(empty_address):
    apply_migrations(empty_address, MIGRATIONS[:4])
    with connect(empty_address) as client:
        found = read_status(client)
    (problem,) = found.problems
    assert problem.found.startswith(f"the warehouse lacks {len(MIGRATIONS) - 4} of {len(MIGRATIONS)} migrations")
    assert problem.hint == "run `trailhouse init`"
    assert found.models == []


def test_a_later_schema_is_named_with_the_command_that_helps(client):
    client.command(
        "insert into schema_migration (version, name, migration_sha256, statement_count, is_complete)"
        " select 9999, 'later', repeat('a', 64), 1, true"
    )
    found = read_status(client)
    assert found.problems == [
        Problem("the warehouse has migration 9999, which is newer than this Trailhouse", "upgrade Trailhouse")
    ]


def test_a_warehouse_without_problems_has_none(client):
    assert read_status(client).problems == []
