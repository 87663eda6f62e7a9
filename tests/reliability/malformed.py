"""Files that people give, damaged at random: read, or refused by name; never a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests.corpora.http_requests import mutate
from tests.reliability.bench import Bench
from tests.reliability.check import Outcome
from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.corpus import read_corpus
from trailhouse.models.suite import load_suite, packaged_suites_directory

Reader = Callable[[Path], object]


def read_mutated(bench: Bench, count: int) -> Outcome:
    """Mutate a good file of each kind, and read it."""
    outcome = Outcome()
    generator = random.Random(bench.seed)
    folder = bench.folder("malformed")
    refused_count = 0
    kinds = good_files()
    for index in range(count):
        name, content, read = kinds[index % len(kinds)]
        path = folder / name
        path.write_bytes(mutate(content, generator))
        try:
            read(path)
        except (BadInputError, UsageError) as error:
            refused_count += 1
            outcome.require(error.message != "" and error.cure != "", f"{name}: no message or no cure")
            outcome.require(str(folder) in error.message, f"{name}: the message names no file: {error.message}")
        except Exception as error:
            kept = bench.folder("found") / name
            kept.write_bytes(path.read_bytes())
            outcome.failures.append(f"{name}: {type(error).__name__}: {error}")
        outcome.done_count += 1
    outcome.detail = f"{refused_count} refused with a message and a cure, the others readable"
    return outcome


def good_files() -> list[tuple[str, bytes, Reader]]:
    """Name, content and reader of one good file of each kind."""
    rows = [{"id": str(index), "text": f"A tuple — naïve, 東京, number {index}."} for index in range(5)]
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    suite = min(Path(str(packaged_suites_directory())).glob("*.yaml")).read_bytes()
    return [
        ("text.txt", rows[0]["text"].encode(), read_one_corpus),
        ("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode(), read_one_corpus),
        ("rows.parquet", parquet.getvalue(), read_one_corpus),
        ("suite.yaml", suite, load_suite),
    ]


def read_one_corpus(path: Path) -> object:
    """Read a corpus of one file; what a damaged Parquet file makes its reader print goes nowhere."""
    with contextlib.redirect_stderr(io.StringIO()):
        return read_corpus("c", [path])
