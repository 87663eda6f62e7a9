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

from tests.reliability.bench import Bench
from tests.reliability.check import Outcome
from tests.support.http_requests import mutate
from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.checkpoints.suite import load_suite, packaged_suites_directory
from trailhouse.models.few_shot.tasks.discovery import find_tasks
from trailhouse.models.texts.corpus import read_corpus
from trailhouse.warehouse.imports.lm_eval.result_files import read_result_file

Reader = Callable[[Path], object]


def read_mutated(bench: Bench, count: int) -> Outcome:
    """Mutate a good file of each kind, and read it."""
    outcome = Outcome()
    generator = random.Random(bench.seed)
    folder = bench.folder("malformed")
    refused_count = 0
    kinds = good_files()
    for name, content, read in kinds:
        (folder / name).write_bytes(content)
        read(folder / name)
    for index in range(count):
        name, content, read = kinds[index % len(kinds)]
        path = folder / name
        path.write_bytes(mutate(content, generator))
        try:
            read(path)
        except (BadInputError, UsageError) as error:
            refused_count += 1
            outcome.require(error.message != "" and error.hint != "", f"{name}: no message or no hint")
            outcome.require(str(folder) in error.message, f"{name}: the message names no file: {error.message}")
        except Exception as error:
            kept = bench.folder("found") / name
            kept.write_bytes(path.read_bytes())
            outcome.failures.append(f"{name}: {type(error).__name__}: {error}")
        outcome.done_count += 1
    outcome.detail = f"{refused_count} refused with a message and a hint, the others readable"
    return outcome


def good_files() -> list[tuple[str, bytes, Reader]]:
    """Name, content and reader of one good file of each kind."""
    rows = [{"id": str(index), "text": f"A tuple — naïve, 東京, number {index}."} for index in range(5)]
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    suite = min(Path(str(packaged_suites_directory())).glob("*.yaml")).read_bytes()
    items = [
        {"input": f"{word} is", "options": ["a word", "東京"], "answer": index % 2} for index, word in enumerate("abc")
    ]
    examples = [
        {"input": item["input"], "target_scores": dict(zip(item["options"], (1, 0), strict=True))} for item in items
    ]
    task = {"name": "words", "description": "d", "keywords": ["k"], "metrics": ["multiple_choice_grade"]}
    results = {"piqa": {"alias": "piqa", "acc,none": 0.61, "acc_stderr,none": 0.01}}
    configuration = {"model": "hf", "model_args": "pretrained=EleutherAI/pythia-70m,revision=step1000"}
    outcome = {"results": results, "n-shot": {"piqa": 2}, "config": configuration, "date": 1.5}
    return [
        ("text.txt", rows[0]["text"].encode(), read_one_corpus),
        ("rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows).encode(), read_one_corpus),
        ("rows.parquet", parquet.getvalue(), read_one_corpus),
        ("suite.yaml", suite, load_suite),
        ("task.json", json.dumps({**task, "examples": examples}).encode(), read_tasks),
        ("task.jsonl", "".join(json.dumps(item) + "\n" for item in items).encode(), read_tasks),
        ("results.json", json.dumps(outcome).encode(), read_result_file),
    ]


def read_tasks(path: Path) -> object:
    """Read the task of one file."""
    return find_tasks([str(path)])


def read_one_corpus(path: Path) -> object:
    """Read a corpus of one file; what a damaged Parquet file makes its reader print goes nowhere."""
    with contextlib.redirect_stderr(io.StringIO()):
        return read_corpus("c", [path])
