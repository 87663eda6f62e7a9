"""How long every chart of every dashboard takes over marts as large as 100 million scores make them.

    .venv/bin/python -m benchmarks.dashboard_queries --positions 333000

Six models with 50 checkpoints each score so many positions: a hundred million scores, and answer the 74 tasks of Xia et
al. 2023. What the marts are derived from
is filled in at that size (series, trends, tokens, and the sums over them), the marts are built from it by dbt, and each
chart is asked what its dashboard asks when it is opened: the values that filters have from the start, and the first
ones of those that have none. The token-level tables hold made-up values; sizes, orders and types are the real ones.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from clickhouse_connect.driver.client import Client

from benchmarks.run_dbt import PROJECT, run_dbt
from trailhouse.dashboards.bundle.bundle import ASSETS, compile_bundle
from trailhouse.dashboards.bundle.dashboard_declaration import read_folders
from trailhouse.server.process import Endpoint, ensure_running, stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations

MODELS, CHECKPOINTS, LENGTH = 6, 50, 1000  # of a document, in tokens
# Everything that a mart is made of and that costs a pass over the scores; filled in, not derived.
STEPS = f"arrayMap(i -> toInt64(i * 1000), range({CHECKPOINTS}))"
CATEGORIES = "['upward', 'downward', 'stagnated', 'other']"
CONVENTIONS = "['paper', 'paper_index', 'ours', 'log_step']"
ITEMS, OPTIONS = 100, 4  # of each of the 74 tasks of Xia et al. 2023, section 5
# Derived from evaluations and sums, which are small beside the scores: dbt builds these and the marts in earnest.
DERIVED = (
    "int_task_set",
    "int_evaluation_fingerprint",
    "int_item_outcome",
    "int_option_log_prob",
    "int_outcome_count",
    "int_outcome_change",
    "int_task_accuracy",
    "int_perplexity_comparison",
    "int_perplexity_excess_by_checkpoint",
    "int_behaviour_measure",
    "path:models/marts",
)


def list_fills(position_count: int) -> dict[str, str]:
    """One SELECT per table, its columns named as the table's; what is not named keeps its default.

    Two array joins of one array would be one: where both are wanted, one of them is reversed.
    """
    place = f"toInt32(intDiv(number, {LENGTH})) as document_id, toInt32(number % {LENGTH}) as position"
    model = f"concat('s/m', toString(arrayJoin(range({MODELS})) as model)) as model_id"
    pair = f"{model}, 'c' as corpus_id"
    checkpoint = f"{pair}, arrayJoin({STEPS}) as step"
    start = "toUInt8(10 * arrayJoin(range(10))) as start_percent"
    convention = f"arrayJoin({CONVENTIONS}) as convention_id"
    category = f"arrayJoin({CATEGORIES}) as category"
    share = f"toInt64({position_count} / 4 + 100 * start_percent) as token_count"
    text = "[' the', ' cat', 'ing', '\\n', ' <b>', '.', ' of', ' 12']"
    sizes = "500000 as batch_tokens, 49000 as planned_steps, 12 as layer_count, 12 as head_count, 64 as head_dimension"
    task = "from task_group where task_group = 'bigbench_74'"
    item = f"arrayJoin(range({ITEMS})) as item_id, arrayJoin(arrayReverse(range({OPTIONS}))) as option_index"
    properties = "arrayJoin(['frequency', 'position', 'word class', 'word part']) as property"
    loss = "(8 - log(1 + step / 1000))"
    return {
        "raw_suite": "select 's' as suite_id",
        "raw_model": f"select {model}, 's' as suite_id, 't' as tokenizer_id, toInt64(1e8 * pow(2, model)) as"
        f" parameter_count, 2048 as context_length, {sizes}",
        "raw_checkpoint": f"select {model}, arrayJoin({STEPS}) as step, step * 500000 as tokens_seen, 'ok' as"
        " audit_status, now64() as discovered_at",
        "raw_corpus": "select 'c' as corpus_id",
        "raw_document": "select 'c' as corpus_id, toInt32(number) as document_id, 'human' as kind, 'text' as text,"
        f" concat('document ', toString(number)) as document_name from numbers({position_count // LENGTH + 1})",
        "raw_token": f"select 't' as tokenizer_id, 'c' as corpus_id, {place}, {text}[1 + number % 8] as token_text"
        f" from numbers({position_count})",
        "raw_score_ledger": f"select {checkpoint}, {position_count} as score_count, true as is_complete,"
        " 60. as duration_seconds, now64() as scored_at",
        "raw_task": f"select task_id, task_id as parent_task_id, {ITEMS} as item_count, {ITEMS * OPTIONS} as"
        f" option_count, now64() as updated_at {task}",
        "raw_task_item": f"select task_id, {item}, option_index = 0 as is_correct, is_correct as target_score {task}",
        "raw_evaluation_ledger": f"select {model}, arrayJoin({STEPS}) as step, task_id, 2 as shot_count, true as"
        f" is_complete, {ITEMS * OPTIONS} as option_count, now64() as evaluated_at {task}",
        "int_series_fingerprint": f"select {pair}, 't' as tokenizer_id",
        "int_log_prob_by_checkpoint": f"select {checkpoint}, {position_count} as score_count,"
        f" -{loss} * score_count as log_prob_sum_nats, 4 * score_count as byte_count",
        "int_loss_replicate_by_checkpoint": f"select {checkpoint}, 50 as document_count,"
        f" arrayMap(i -> {loss} + i / 1e5, range(1000)) as loss_replicates_nats,"
        " arrayMap(x -> x / 3, loss_replicates_nats) as bits_per_byte_replicates",
        "int_trend_count_by_start": f"select {convention}, {pair}, {start}, {category}, {share}",
        "int_trend_robust_count": f"select {pair}, {start}, {category}, {share},"
        f" arrayJoin(arrayReverse({CATEGORIES})) as robust_category",
        "int_trend_odds_by_token_property": f"select {convention}, {pair}, {start}, {properties},"
        f" toString(arrayJoin(range(5))) as property_value, {category}, {share}, 50 as document_count,"
        " 50. as effective_document_count, 50. as other_effective_document_count, 9 as fit_point_count,"
        " 0.01 as share_logit_variance, 0.01 as log_odds_ratio_variance",
        "int_token_set_log_prob": f"select concat('s/m', toString(arrayJoin(arrayReverse(range({MODELS}))))) as"
        f" set_model_id, {checkpoint}, {start}, {category}, {share}, -({loss} + start_percent / 50) * token_count as"
        " log_prob_sum_nats",
    }


def list_large_fills(position_count: int) -> dict[str, str]:
    """The same for the tables with a row per token, one model at a time."""
    place = f"toInt32(intDiv(number, {LENGTH})) as document_id, toInt32(number % {LENGTH}) as position"
    pair = "{model} as model_id, 'c' as corpus_id"
    scores = f"arrayMap(i -> toFloat32(-8 + log(1 + i) + (number * 7 + i) % 13 / 10), range({CHECKPOINTS}))"
    numbers = f"from numbers({position_count})"
    options = (
        f"arrayJoin({STEPS}) as step, 2 as shot_count, intDiv(number, {OPTIONS}) as item_id,"
        f" number % {OPTIONS} as option_index, 3 as token_count, 12 as character_count, 12 as byte_count"
    )
    return {
        "raw_option_score": f"select {{model}} as model_id, task_id, {options}, toFloat32(-9 + (option_index = 0) *"
        " log(1 + step / 9000) - cityHash64(task_id, number, step, model_id) % 1000 / 250) as log_prob_nats,"
        f" toFloat32(-9) as unconditional_log_prob_nats from task_group cross join numbers({ITEMS * OPTIONS}) as option"
        " where task_group = 'bigbench_74'",
        "int_token_series": f"select {pair}, {place}, {STEPS} as steps, {scores} as log_prob_nats {numbers}",
        "int_token_double_descent": f"select {pair}, {place}, (number % 97) / 40 as rise_nats, number % 3 = 0 as"
        f" falls_below_minimum, toInt64(number % {CHECKPOINTS} * 1000) as peak_step {numbers}",
        "int_token_trend_by_start": f"select {pair}, {place}, arrayJoin({CONVENTIONS}) as convention_id,"
        " toUInt8(10 * arrayJoin(range(10))) as start_percent, toFloat32(sin(number)) as slope,"
        f" toFloat32(abs(cos(number))) as p_value,"
        f" {CATEGORIES}[1 + (number + start_percent) % 4] as category {numbers}",
    }


def fill(client: Client, table: str, select: str) -> None:
    """Insert the rows of a SELECT by the names of its columns."""
    columns = [row[0] for row in client.query(f"describe ({select})").result_rows]
    client.command(f"insert into {table} ({', '.join(columns)}) {select}")


def build_warehouse(endpoint: Endpoint, client: Client, state: Path, position_count: int) -> None:
    """Make the tables, fill them, and derive the marts that cost no pass over tokens."""
    run_dbt(endpoint, state, "seed")
    run_dbt(endpoint, state, "run")
    for table, select in list_fills(position_count).items():
        fill(client, table, select)
    for table, select in list_large_fills(position_count).items():
        for model in range(MODELS):
            fill(client, table, select.replace("{model}", f"'s/m{model}'"))
    run_dbt(endpoint, state, "run", "--select", *DERIVED)


def list_questions(client: Client) -> list[tuple[str, str]]:
    """Every chart as (dashboard: chart, SQL), and every filter's list of values."""
    files = compile_bundle(ASSETS, PROJECT / "models", database_uri="", schema="bench")
    bundle = {path: yaml.load(text, yaml.CSafeLoader) for path, text in files.items()}
    questions = []
    for folder in read_folders(ASSETS):
        chosen: dict[str, list[Any]] = {}
        for native in folder.dashboard.filters:
            condition = " and ".join(native.where) or "1"
            listing = f"select {native.column} from {native.mart} where {condition} group by {native.column} order by 1"
            values = list(native.default)
            if native.is_first_chosen:
                values = [row[0] for row in client.query(f"{listing} limit 1").result_rows]
            if values:
                chosen[native.column] = values
        for native in folder.dashboard.filters:
            parents = [other.column for other in folder.dashboard.filters if other.name in native.parents]
            filters = [{"col": column, "val": chosen[column]} for column in parents if column in chosen]
            columns = bundle[f"datasets/Trailhouse/{native.mart}.yaml"]["columns"]
            known = {column["column_name"] for column in columns}
            filters = [entry for entry in filters if entry["col"] in known]
            condition = write_condition(filters, " and ".join(native.where))
            questions.append(
                (
                    f"{folder.name}: filter {native.name}",
                    f"select {native.column} from {native.mart} {condition} group by {native.column} limit 1000",
                )
            )
        for key, chart in folder.charts.items():
            query = json.loads(bundle[f"charts/{folder.name}/{key}.yaml"]["query_context"])["queries"][0]
            columns = {column["column_name"] for column in bundle[f"datasets/Trailhouse/{chart.mart}.yaml"]["columns"]}
            filters = [
                {"col": column, "val": values}
                for column, values in chosen.items()
                if column in columns and column not in chart.ignores
            ]
            questions.append((f"{folder.name}: {key}", write_sql(query, chart.mart, filters)))
    return questions


def write_condition(filters: list[dict[str, Any]], where: str) -> str:
    """A WHERE clause, as Superset joins filters and the conditions of a chart."""
    conditions = [f"{entry['col']} in ({', '.join(map(repr, entry['val']))})" for entry in filters]
    conditions += [where] if where else []
    return f"where {' and '.join(conditions)}" if conditions else ""


def write_sql(query: dict[str, Any], mart: str, filters: list[dict[str, Any]]) -> str:
    """A query object as the SQL that Superset writes for it."""
    columns = [column if isinstance(column, str) else column["sqlExpression"] for column in query["columns"]]
    metrics = {metric["label"]: metric["sqlExpression"] for metric in query.get("metrics") or []}
    selected = columns + [f"{expression} as `{label}`" for label, expression in metrics.items()]
    order = ", ".join(
        f"`{column['label'] if isinstance(column, dict) else column}` {'asc' if ascending else 'desc'}"
        for column, ascending in query.get("orderby", [])
    )
    return " ".join(
        part
        for part in (
            f"select {', '.join(selected)} from {mart}",
            write_condition(filters, query["extras"]["where"]),
            f"group by {', '.join(columns)}" if metrics and columns else "",
            f"order by {order}" if order else "",
            f"limit {query['row_limit']}",
        )
        if part
    )


def read_cpu_seconds(directory: Path) -> float:
    """Processor time that the server of a warehouse has used so far: what other programs leave alone."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_text().split("\0")
            if "trailhouse.server" in words and str(directory.resolve()) in words:
                user, system = (process / "stat").read_text().rpartition(")")[2].split()[11:13]
                return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")
        except (FileNotFoundError, ProcessLookupError):
            continue
    raise RuntimeError(f"no server has {directory}")


def measure(client: Client, sql: str, runs: int) -> tuple[list[float], int]:
    """Seconds of each run until the last row is here, and how many rows there are."""
    seconds, row_count = [], 0
    for _ in range(runs):
        begun = time.perf_counter()
        row_count = len(client.query(sql).result_rows)
        seconds.append(time.perf_counter() - begun)
    return seconds, row_count


def main() -> None:
    """Print a table: median, 95th percentile and processor time of each chart in milliseconds, and its rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--positions", type=int, default=333_000, help="scored positions; 300 checkpoints score each")
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--warehouse", type=Path, help="keep the filled warehouse here, or use the one that is there")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        directory = (arguments.warehouse or Path(temporary)) / "warehouse"
        is_filled = directory.exists()
        endpoint = ensure_running(directory)
        address = WarehouseAddress.parse(endpoint.url, "bench", user=endpoint.user, password=endpoint.password)
        if not is_filled:
            apply_migrations(address, read_migrations(packaged_migrations()))
        with connect(address) as client:
            if not is_filled:
                build_warehouse(endpoint, client, directory.parent / "target", arguments.positions)
            print(f"{'chart':50} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>8} {'rows':>7}")
            for name, sql in list_questions(client):
                begun = read_cpu_seconds(directory)
                seconds, row_count = measure(client, sql, arguments.runs)
                cpu = (read_cpu_seconds(directory) - begun) / arguments.runs
                p95 = statistics.quantiles(seconds, n=20)[-1] if len(seconds) > 1 else seconds[0]
                times = (statistics.median(seconds), p95, cpu)
                print(f"{name:50} {' '.join(f'{1000 * value:8.0f}' for value in times)} {row_count:7}")
        stop(directory)


if __name__ == "__main__":
    main()
