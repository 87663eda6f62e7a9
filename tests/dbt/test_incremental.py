"""A build recomputes the pairs of model and corpus that changed, and no others."""

import numpy as np
import pytest

STEPS = [0, 100, 200, 300, 400, 500]
TRAJECTORIES = ("+fct_validation_perplexity_by_checkpoint", "+fct_trend_share_by_start", "int_token_category")
WITH_INCREMENTAL_MODELS = ("+config.materialized:incremental", *TRAJECTORIES)
INCREMENTAL = (
    "int_token_series",
    "int_scored_step_set",
    "int_log_prob_by_checkpoint",
    "int_loss_replicate_by_checkpoint",
    "int_token_trend_by_start",
    "int_trend_count_by_start",
    "int_token_category",
)


def make_series(seed: int, steps: list[int]) -> dict[tuple[int, int], dict[int, float]]:
    """Sixty falling series. The scores at a step do not depend on which other steps are requested."""
    random = np.random.default_rng(seed)
    levels = random.uniform(0.5, 6, 60)
    return {
        (token // 20, 1 + token % 20): {
            step: float(np.float32(-level * np.exp(-step / 300) - 0.2 * np.sin(step * level + seed))) for step in steps
        }
        for token, level in enumerate(levels)
    }


def written_blocks(warehouse) -> dict[tuple[str, str], tuple[int, int]]:
    """Return the first and last block number of every partition. Writing a partition changes them, merging does not."""
    rows = warehouse.rows(
        "select table, partition, min(min_block_number), max(max_block_number) from system.parts"
        " where active and database = currentDatabase() group by table, partition"
    )
    return {(table, partition): blocks for table, partition, *blocks in rows if table in INCREMENTAL}


def rewritten_pairs(warehouse, before: dict[tuple[str, str], tuple[int, int]]) -> dict[str, set[str]]:
    """Return the partitions of each incremental table that are new, dropped or rewritten."""
    after = written_blocks(warehouse)
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    return {
        table: {partition for changed_table, partition in changed if changed_table == table} for table in INCREMENTAL
    }


@pytest.fixture(scope="module")
def built(warehouse):
    """Two models, scored on two corpora; dbt has built all tables."""
    for corpus_id in ("books", "wiki"):
        warehouse.add_corpus(corpus_id, dict.fromkeys(range(3), 21))
    for seed, model_id in enumerate(("s/a", "s/b")):
        warehouse.add_model(model_id, [*STEPS, 600], planned_steps=600)
        for corpus_id in ("books", "wiki"):
            warehouse.score(model_id, corpus_id, make_series(seed, STEPS))
    warehouse.build(*WITH_INCREMENTAL_MODELS)
    return warehouse


def rows_of(warehouse, *model_ids: str) -> dict[str, list]:
    """Return all rows of the incremental tables about the models, as text, because NaN does not equal itself."""
    names = ", ".join(f"'{model_id}'" for model_id in model_ids)
    return {
        table: warehouse.rows(f"select toString(tuple(*)) from {table} where model_id in ({names}) order by all")
        for table in INCREMENTAL
    }


def test_a_second_build_changes_no_table_and_rewrites_no_partition(built):
    content, blocks = built.digest(), written_blocks(built)
    built.dbt("run", "--select", *WITH_INCREMENTAL_MODELS)
    assert built.digest() == content
    assert rewritten_pairs(built, blocks) == {table: set() for table in INCREMENTAL}


def test_a_new_checkpoint_recomputes_its_own_model_and_corpus_alone(built):
    blocks, others = written_blocks(built), rows_of(built, "s/b")
    built.score("s/a", "books", make_series(0, [*STEPS, 600]), steps=[600])
    built.dbt("run", "--select", *TRAJECTORIES)
    assert rewritten_pairs(built, blocks) == {table: {"('s/a','books')"} for table in INCREMENTAL}
    assert rows_of(built, "s/b") == others
    steps = built.rows("select distinct steps from int_token_series where model_id = 's/a' and corpus_id = 'books'")
    assert steps == [([*STEPS, 600],)]


def test_the_series_do_not_depend_on_the_order_the_scores_came_in(built):
    built.add_model("s/shuffled", STEPS, planned_steps=600)
    built.score("s/shuffled", "wiki", make_series(1, STEPS), steps=[300, 0, 500, 100, 400, 200])
    others = rows_of(built, "s/a", "s/b")
    built.dbt("run", "--select", *TRAJECTORIES)
    assert rows_of(built, "s/a", "s/b") == others
    columns = "document_id, position, steps, log_prob_nats"
    assert built.rows(
        f"select {columns} from int_token_series where model_id = 's/shuffled' order by all"
    ) == built.rows(
        f"select {columns} from int_token_series where model_id = 's/b' and corpus_id = 'wiki' order by all"
    )


def test_a_checkpoint_that_is_being_scored_again_is_left_out_until_it_is_complete(built):
    series = make_series(1, STEPS)
    rows = [(*token, values[300]) for token, values in series.items()]
    before = rows_of(built, "s/b")
    built.score_checkpoint("s/b", "books", 300, rows[:7], is_complete=False)
    built.dbt("run", "--select", *TRAJECTORIES)
    steps = built.rows("select distinct steps from int_token_series where model_id = 's/b' and corpus_id = 'books'")
    assert steps == [([0, 100, 200, 400, 500],)]
    built.score_checkpoint("s/b", "books", 300, rows)
    built.dbt("run", "--select", *TRAJECTORIES)
    assert rows_of(built, "s/b") == before


def test_a_pair_that_is_scored_no_longer_disappears(built):
    blocks = written_blocks(built)
    for step in STEPS:
        built.client.command(f"delete from raw_score_ledger where model_id = 's/shuffled' and step = {step}")
    built.dbt("run", "--select", *TRAJECTORIES)
    assert rewritten_pairs(built, blocks) == {table: {"('s/shuffled','wiki')"} for table in INCREMENTAL}
    assert rows_of(built, "s/shuffled") == {table: [] for table in INCREMENTAL}


def test_a_changed_plan_fits_the_trends_of_its_model_again_and_reads_no_scores(built):
    blocks = written_blocks(built)
    built.add_model("s/b", [], planned_steps=500)
    built.dbt("run", "--select", *TRAJECTORIES)
    pairs = {"('s/b','books')", "('s/b','wiki')"}
    fitted = {table for table in INCREMENTAL if "trend" in table or "category" in table}
    assert rewritten_pairs(built, blocks) == {table: pairs if table in fitted else set() for table in INCREMENTAL}


def test_tables_of_an_earlier_version_are_taken_over_without_recomputation(built):
    built.dbt("run", "--select", *TRAJECTORIES)
    content, blocks = built.digest(), written_blocks(built)
    built.client.command("alter table int_token_series rename column step_set_id to grid_id")
    built.client.command("create table int_series_grid engine = MergeTree order by () as select 1 as grid_id")
    built.client.command("alter table int_token_double_descent rename column falls_below_minimum to is_double_descent")
    built.client.command("create table int_random_token_set engine = MergeTree order by () as select 1 as set_percent")
    built.dbt("run", "--select", *TRAJECTORIES)
    assert built.digest() == content
    assert rewritten_pairs(built, blocks) == {table: set() for table in INCREMENTAL}


def test_building_everything_anew_gives_what_the_increments_gave(built):
    built.dbt("run", "--select", *WITH_INCREMENTAL_MODELS)
    content = built.digest()
    built.dbt("run", "--full-refresh", "--select", *WITH_INCREMENTAL_MODELS)
    assert built.digest() == content
