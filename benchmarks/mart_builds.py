"""What the marts cost: memory and time at hundreds of millions of scores, and one more checkpoint against all anew.

    python benchmarks/mart_builds.py memory [--models 3] [--checkpoints 50] [--tokens 2000000] [--select MODEL ...]
    python benchmarks/mart_builds.py increment [--models 1 3 6] [--checkpoints 30] [--tokens 100000]

Scores are made up by the embedded server itself. ``memory`` is the time and the peak of the server's resident memory of
each dbt model, and the latency of two ad-hoc questions against the scan that answers them. ``increment`` is the time of
`dbt run`, over everything and over one more checkpoint of one model; net is without the cost of an idle run.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clickhouse_connect.driver.client import Client
from run_dbt import run_dbt
from synthetic_warehouse import CORPUS_ID, STEP_INTERVAL, SUITE_ID, add_checkpoint, fill

from trailhouse.server.process import Endpoint, ensure_running, stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations

SERIES = ("staging", "int_series_fingerprint", "int_token_series", "int_scored_step_set", "int_log_prob_by_checkpoint")
FINGERPRINTS = ("int_score_rounding", "int_trend_regressor", "int_trend_design", "int_trend_fingerprint")
DESIGN = (*FINGERPRINTS, "int_trend_moment", "int_trend_variant_moment", "int_document_weight")
FITS = ("int_token_trend_by_start", "int_token_trend_robust_by_start", "int_trend_variant_count")
TRENDS = (*DESIGN, *FITS, "int_trend_document_count", "int_trend_null_share", "int_trend_rank_count")
SETS = ("int_token_category", "int_token_set_pair", "int_token_set_log_prob", "int_trend_pair", "int_trend_agreement")
MODELS = (*SERIES, *TRENDS, "int_trend_count_by_start", *SETS)


@contextmanager
def open_warehouse() -> Iterator[tuple[Endpoint, Client, Path, int]]:
    """An empty warehouse with its raw tables; its endpoint, a client, a directory for dbt, the server's process."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory) / "warehouse"
        endpoint = ensure_running(place)
        address = WarehouseAddress.parse(endpoint.url, "bench", user=endpoint.user, password=endpoint.password)
        apply_migrations(address, read_migrations(packaged_migrations()))
        process = json.loads((place / "server.json").read_text())["pid"]
        with connect(address) as client:
            yield endpoint, client, Path(directory) / "target", process
        stop(place)


def reset_peak(process: int) -> None:
    """Begin to measure the peak of a process's memory anew."""
    Path(f"/proc/{process}/clear_refs").write_text("5")


def read_peak_gib(process: int) -> float:
    """Peak of the resident memory of a process, GiB."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 2**20


def read_processor_seconds(process: int) -> float:
    """Processor time that a process has used so far, seconds."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_memory(models: int, checkpoints: int, tokens: int, selected: list[str]) -> None:
    """Fill, build model by model, print time and peak of each, then the latencies."""
    with open_warehouse() as (endpoint, client, state, process):
        started = time.perf_counter()
        scores = fill(client, models=models, checkpoints=checkpoints, tokens=tokens)
        print(f"{scores:,} scores of {models * tokens:,} series written in {time.perf_counter() - started:.0f} s")
        run_dbt(endpoint, state, "seed")
        print(f"{'model':34}{'seconds':>9}{'processor s':>13}{'peak GiB':>10}   load")
        before_all = read_processor_seconds(process)
        for name in selected:
            reset_peak(process)
            started, before = time.perf_counter(), read_processor_seconds(process)
            run_dbt(endpoint, state, "run", "--select", name)
            took, used = time.perf_counter() - started, read_processor_seconds(process) - before
            peak, load = read_peak_gib(process), os.getloadavg()[0]
            print(f"{name:34}{took:9.0f}{used:13.0f}{peak:10.2f}   {load:.0f}", flush=True)
        print(f"{read_processor_seconds(process) - before_all:.0f} processor seconds of the server in all")
        measure_latencies(client, checkpoints)


def measure_latencies(client: Client, checkpoints: int) -> None:
    """Print the latency of one token's series and one document's scores, each against a scan without the key.

    The conditions of a scan say the same through functions that are not monotonic, so that no index serves them.
    """
    place = f"model_id = '{SUITE_ID}/model-1' and corpus_id = '{CORPUS_ID}'"
    step = STEP_INTERVAL * (checkpoints // 2)
    questions = {
        "one token's series in all models": (
            "select model_id, steps, log_prob_nats from int_token_series where document_id = 7 and position = 77",
            "select model_id, steps, log_prob_nats from int_token_series where bitXor(document_id, 1) = 6"
            " and bitXor(position, 1) = 76",
        ),
        "one document at one checkpoint": (
            f"select position, log_prob_nats from raw_token_score where {place} and step = {step} and document_id = 7",
            "select position, log_prob_nats from raw_token_score where reverse(model_id) ="
            f" reverse('{SUITE_ID}/model-1') and bitXor(step, 1) = {step ^ 1} and bitXor(document_id, 1) = 6",
        ),
    }
    for name, (by_key, by_scan) in questions.items():
        key_seconds = statistics.median(time_query(client, by_key) for _ in range(5))
        scan_seconds = time_query(client, by_scan)
        print(f"{name}: {1000 * key_seconds:.0f} ms, a scan takes {scan_seconds / key_seconds:.0f} times as long")


def time_query(client: Client, query: str) -> float:
    """Seconds of one query, its result included."""
    started = time.perf_counter()
    client.query(query)
    return time.perf_counter() - started


def measure_increment(models: int, checkpoints: int, tokens: int) -> None:
    """Print what a full build costs, one with nothing new, and one with one more checkpoint."""
    with open_warehouse() as (endpoint, client, state, process):
        fill(client, models=models, checkpoints=checkpoints, tokens=tokens)
        run_dbt(endpoint, state, "seed")
        everything = time_run(endpoint, state, process)
        nothing = time_run(endpoint, state, process)
        add_checkpoint(client, f"{SUITE_ID}/model-1", CORPUS_ID, 0, checkpoints, checkpoints + 1, tokens)
        one = time_run(endpoint, state, process)
        for unit, place in (("wall", 0), ("server CPU", 1)):
            whole, more, none = everything[place], one[place], nothing[place]
            net = (whole - none) / max(more - none, 0.01)
            ratios = f"{whole / more:10.1f}{net:10.1f}"
            print(
                f"{models:6} {unit:11}{whole:12.1f}{more:12.1f}{none:12.1f}{ratios}   {os.getloadavg()[0]:.0f}",
                flush=True,
            )


def time_run(endpoint: Endpoint, state: Path, process: int) -> tuple[float, float]:
    """Seconds of one `dbt run`, and those that the server computed: the second hardly depend on other processes."""
    started, computed = time.perf_counter(), read_cpu_seconds(process)
    run_dbt(endpoint, state, "run")
    return time.perf_counter() - started, read_cpu_seconds(process) - computed


def read_cpu_seconds(process: int) -> float:
    """Seconds that a process has computed so far, on all cores."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    memory = commands.add_parser("memory")
    memory.add_argument("--models", type=int, default=3)
    memory.add_argument("--checkpoints", type=int, default=50)
    memory.add_argument("--tokens", type=int, default=2_000_000)
    memory.add_argument("--select", nargs="*", default=list(MODELS))
    increment = commands.add_parser("increment")
    increment.add_argument("--models", type=int, nargs="*", default=[1, 3, 6])
    increment.add_argument("--checkpoints", type=int, default=30)
    increment.add_argument("--tokens", type=int, default=100_000)
    arguments = parser.parse_args()
    if arguments.command == "memory":
        measure_memory(arguments.models, arguments.checkpoints, arguments.tokens, arguments.select)
        return
    print(f"models {'seconds of':11}{'all anew':>12}{'one more':>12}{'none new':>12}{'ratio':>10}{'net':>10}   load")
    for models in arguments.models:
        measure_increment(models, arguments.checkpoints, arguments.tokens)


if __name__ == "__main__":
    main()
