"""The trend fits in SQL against peers: ten starts of every series, slope and exact p-value, default convention.

    python benchmarks/trend_fits.py [--series 300000] [--checkpoints 60] [--sample 300] [--runs 3]

The SQL is what dbt compiles, on the embedded server, from its table of series to the categories; numpy, polars and
DuckDB get the same series in memory. The loops of scipy and statsmodels see a sample, one call for each fit, and their
speed is per series of it. Polars and DuckDB stop at slope and correlation, which have no p-value there.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from run_dbt import run_dbt
from scipy import special, stats
from statsmodels.api import OLS, add_constant

from trailhouse.server.process import Endpoint, ensure_running, stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations

DOCUMENT_TOKENS = 2048
START_COUNT = 10


def simulate_scores(series_count: int, checkpoint_count: int) -> np.ndarray:
    """Float32 log-probabilities (series, checkpoint) of tokens that are learnt at different speeds, with noise."""
    generator = np.random.default_rng(0)
    level = generator.gamma(0.5, 4.0, (series_count, 1))
    speed = generator.uniform(1, checkpoint_count, (series_count, 1))
    fall = 6 * np.exp(-np.arange(checkpoint_count) / speed)
    scores = -level - fall - generator.exponential(0.2, (series_count, checkpoint_count))
    return scores.astype(np.float32)


def find_starts(checkpoint_count: int) -> list[int]:
    """Index of the first checkpoint of each fit: steps are 1 to n of n planned ones."""
    steps = np.arange(1, checkpoint_count + 1)
    return [
        int(np.argmax(steps * 100 >= 100 * start // START_COUNT * checkpoint_count)) for start in range(START_COUNT)
    ]


def load_series(client: Client, scores: np.ndarray) -> None:
    """Write raw scores of one model, their ledger, model and checkpoints."""
    series_count, checkpoint_count = scores.shape
    tokens = np.arange(series_count)
    names = ["model_id", "corpus_id", "step", "document_id", "position", "log_prob_quanta", "quanta_per_nat"]
    keys = [np.full(series_count, name) for name in ("bench/model", "corpus")]
    for step in range(1, checkpoint_count + 1):
        quanta = np.ascontiguousarray(scores[:, step - 1]).view(np.int32)
        numbers = [tokens // DOCUMENT_TOKENS, tokens % DOCUMENT_TOKENS + 1, quanta, np.zeros(series_count, int)]
        columns = [*keys, np.full(series_count, step), *numbers]
        client.insert("raw_token_score", columns, column_names=names, column_oriented=True)
        ledger = {"score_key": f"{step:064d}", "score_count": series_count, "is_complete": True}
        row = {"model_id": "bench/model", "corpus_id": "corpus", "step": step, **ledger}
        client.insert("raw_score_ledger", [list(row.values())], column_names=list(row))
    model = {"model_id": "bench/model", "suite_id": "bench", "planned_steps": checkpoint_count, "batch_tokens": 1}
    client.insert("raw_model", [list(model.values())], column_names=list(model))


def prepare_fit(endpoint: Endpoint, client: Client, state: Path) -> str:
    """Build what a fit reads, under the default convention alone; returns the compiled fit."""
    run_dbt(endpoint, state, "seed", "--select", "trend_convention")
    client.command("delete from trend_convention where not is_default")
    run_dbt(endpoint, state, "run", "--select", "+int_token_trend_by_start", "--exclude", "int_token_trend_by_start")
    run_dbt(endpoint, state, "compile", "--select", "int_token_trend_by_start")
    compiled = state / "compiled" / "trailhouse" / "models" / "intermediate" / "trends" / "int_token_trend_by_start.sql"
    return compiled.read_text()


def fit_in_numpy(scores: np.ndarray, starts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    """Slopes and p-values (series, start) by suffix sums of the matrix."""
    y = np.exp((scores[:, -1:] - scores[:, ::-1]).astype(float))
    x = -np.arange(y.shape[1], dtype=float)
    counts = np.array([len(x) - start for start in starts])
    columns = counts - 1
    deviations = y - 1
    sum_y, sum_xy, sum_yy = (
        np.cumsum(part, axis=1)[:, columns] for part in (deviations, x * deviations, deviations * deviations)
    )
    sum_x, sum_xx = np.cumsum(x)[columns], np.cumsum(x * x)[columns]
    x_variation = sum_xx - sum_x**2 / counts
    covariation = sum_xy - sum_x * sum_y / counts
    y_variation = sum_yy - sum_y**2 / counts
    freedom = counts - 2
    share = covariation**2 / (x_variation * y_variation)
    p_values = special.betainc(freedom / 2, 0.5, 1 - np.minimum(share, 1))
    return covariation / x_variation / y[:, columns], p_values


def fit_by_loop(scores: np.ndarray, starts: list[int], fit: Callable[[np.ndarray, np.ndarray], object]) -> None:
    """One call of a library for every series and start."""
    for row in scores.astype(float):
        for start in starts:
            window = row[start:]
            fit(np.arange(len(window)), np.exp(window[0] - window))


def list_rows(scores: np.ndarray) -> dict[str, np.ndarray]:
    """One row for each score: its series, its checkpoint and its perplexity over the last one."""
    series_count, checkpoint_count = scores.shape
    return {
        "series": np.repeat(np.arange(series_count), checkpoint_count),
        "ordinal": np.tile(np.arange(checkpoint_count), series_count),
        "y": np.exp((scores[:, -1:] - scores).astype(float)).ravel(),
    }


def fit_in_duckdb(scores: np.ndarray, starts: list[int]) -> Callable[[], object]:
    """Rows of scores in a table; what is timed is the aggregation to slopes and correlations."""
    import duckdb

    database = duckdb.connect()
    database.register("score_rows", pa.table(list_rows(scores)))
    database.execute("create table score as select * from score_rows")
    columns = ", ".join(
        f"regr_slope(y, ordinal) filter (ordinal >= {start}), corr(y, ordinal) filter (ordinal >= {start})"
        for start in starts
    )
    return lambda: database.execute(
        f"create or replace table fit as select series, {columns} from score group by series"
    )


def fit_in_polars(scores: np.ndarray, starts: list[int]) -> Callable[[], object]:
    """The same rows in a frame; what is timed is the aggregation to slopes and correlations."""
    import polars

    frame = polars.DataFrame(list_rows(scores)).lazy()
    x, y = polars.col("ordinal"), polars.col("y")
    fits = []
    for start in starts:
        later_x, later_y = x.filter(x >= start), y.filter(x >= start)
        fits.append((polars.cov(later_x, later_y) / later_x.var()).alias(f"slope_{start}"))
        fits.append(polars.corr(later_x, later_y).alias(f"correlation_{start}"))
    return lambda: frame.group_by("series").agg(fits).collect()


def measure_seconds(work: Callable[[], object], runs: int) -> float:
    """Median of the seconds that ``work`` takes."""
    took = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return statistics.median(took)


def measure_sql(scores: np.ndarray, runs: int) -> dict[str, float]:
    """Series per second of the compiled fit: its result thrown away, and written to a table."""
    with tempfile.TemporaryDirectory() as directory:
        endpoint = ensure_running(Path(directory) / "warehouse")
        address = WarehouseAddress.parse(endpoint.url, "bench", user=endpoint.user, password=endpoint.password)
        apply_migrations(address, read_migrations(packaged_migrations()))
        settings = " settings short_circuit_function_evaluation = 'disable'"
        with connect(address) as client:
            load_series(client, scores)
            fit = prepare_fit(endpoint, client, Path(directory) / "target")
            thrown_away = fit + settings + " format Null"
            written = f"create or replace table fit engine = MergeTree order by tuple() as {fit}" + settings
            seconds = {
                "SQL, exact p": measure_seconds(lambda: client.command(thrown_away), runs),
                "SQL, exact p, written to a table": measure_seconds(lambda: client.command(written), runs),
            }
        stop(Path(directory) / "warehouse")
    return {name: len(scores) / second for name, second in seconds.items()}


def measure_peers(scores: np.ndarray, sample_count: int, runs: int) -> dict[str, float | None]:
    """Series per second of every peer; None for one that is not installed."""
    starts = find_starts(scores.shape[1])
    sample = scores[:: max(1, len(scores) // sample_count)]
    speeds: dict[str, float | None] = {}
    loops: dict[str, Callable[[np.ndarray, np.ndarray], object]] = {
        "scipy linregress loop, sample": stats.linregress,
        "statsmodels OLS loop, sample": lambda x, y: OLS(y, add_constant(x)).fit().pvalues,
    }
    for name, fit in loops.items():
        speeds[name] = len(sample) / measure_seconds(lambda fit=fit: fit_by_loop(sample, starts, fit), runs)
    speeds["numpy in memory, exact p"] = len(scores) / measure_seconds(lambda: fit_in_numpy(scores, starts), runs)
    for name, make in {"polars": fit_in_polars, "duckdb": fit_in_duckdb}.items():
        is_installed = importlib.util.find_spec(name) is not None
        speeds[f"{name}, no p"] = len(scores) / measure_seconds(make(scores, starts), runs) if is_installed else None
    return speeds


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--series", type=int, default=300_000)
    parser.add_argument("--checkpoints", type=int, default=60)
    parser.add_argument("--sample", type=int, default=300, help="series that the loops see")
    parser.add_argument("--runs", type=int, default=3)
    arguments = parser.parse_args()
    scores = simulate_scores(arguments.series, arguments.checkpoints)
    speeds = measure_sql(scores, arguments.runs) | measure_peers(scores, arguments.sample, arguments.runs)
    ours = speeds["SQL, exact p"]
    print(f"{'':34}{'series/s':>10}   SQL is faster by")
    for name, speed in speeds.items():
        print(f"{name:34}" + ("not installed" if speed is None else f"{speed:10,.0f}   {ours / speed:8.2f}"))


if __name__ == "__main__":
    main()
