"""Damaged input files of every kind: each is read, or refused with a message that names the file and with a hint.

None raises any other error.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.reliability.rows import Row
from tests.support.http_requests import mutate
from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.checkpoints.suite import load_suite, packaged_suites_directory
from trailhouse.models.few_shot.tasks.discovery import find_tasks
from trailhouse.models.texts.corpus import read_corpus
from trailhouse.warehouse.imports.lm_eval.result_files import read_result_file

Reader = Callable[[Path], object]


@pytest.mark.reliability(table="Security", row="malformed inputs, mutated", ci=2000, release=50000, smoke=70)
def test_a_damaged_file_is_read_or_refused_by_name(row: Row, tmp_path):
    generator = random.Random(row.seed)
    kinds = make_good_files()
    for name, content, read in kinds:
        (tmp_path / name).write_bytes(content)
        read(tmp_path / name)
    refused_count = 0
    for index in range(row.asked):
        name, content, read = kinds[index % len(kinds)]
        path = tmp_path / name
        path.write_bytes(mutate(content, generator))
        try:
            read(path)
        except (BadInputError, UsageError) as error:
            refused_count += 1
            row.require(error.message != "" and error.hint != "", f"{name}: no message or no hint")
            row.require(str(tmp_path) in error.message, f"{name}: the message names no file: {error.message}")
        except Exception as error:
            kept = tmp_path / "found" / f"{index}-{name}"
            kept.parent.mkdir(exist_ok=True)
            kept.write_bytes(path.read_bytes())
            row.require(False, f"{kept}: {type(error).__name__}: {error}")
        row.done_count += 1
    row.require(refused_count > 0, "nothing was refused")
    row.detail = f"{refused_count} refused with a message and a hint, the others readable"


def make_good_files() -> list[tuple[str, bytes, Reader]]:
    """Return the name, content and reader of one good file of each kind."""
    rows = [{"id": str(index), "text": f"A tuple — naïve, 東京, number {index}."} for index in range(5)]
    parquet = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), parquet)
    suite = min(Path(str(packaged_suites_directory())).glob("*.yaml")).read_bytes()
    items = [
        {"input": f"{word} is", "options": ["a word", "東京"], "answer": index % 2} for index, word in enumerate("abc")
    ]
    return [
        ("text.txt", rows[0]["text"].encode(), read_one_corpus),
        ("rows.jsonl", "".join(json.dumps(one) + "\n" for one in rows).encode(), read_one_corpus),
        ("rows.parquet", parquet.getvalue(), read_one_corpus),
        ("suite.yaml", suite, load_suite),
        ("task.json", json.dumps(make_big_bench_task(items)).encode(), read_tasks),
        ("task.jsonl", "".join(json.dumps(item) + "\n" for item in items).encode(), read_tasks),
        ("results.json", json.dumps(make_lm_eval_result()).encode(), read_result_file),
    ]


def make_big_bench_task(items: list[dict]) -> dict[str, object]:
    """Return the content of a BIG-bench task file with these items."""
    examples = [
        {"input": item["input"], "target_scores": dict(zip(item["options"], (1, 0), strict=True))} for item in items
    ]
    task = {"name": "words", "description": "d", "keywords": ["k"], "metrics": ["multiple_choice_grade"]}
    return {**task, "examples": examples}


def make_lm_eval_result() -> dict[str, object]:
    """Return the content of a result file of lm-evaluation-harness."""
    results = {"piqa": {"alias": "piqa", "acc,none": 0.61, "acc_stderr,none": 0.01}}
    configuration = {"model": "hf", "model_args": "pretrained=EleutherAI/pythia-70m,revision=step1000"}
    return {"results": results, "n-shot": {"piqa": 2}, "config": configuration, "date": 1.5}


def read_tasks(path: Path) -> object:
    return find_tasks([str(path)])


def read_one_corpus(path: Path) -> object:
    """Read a corpus of one file; hide what the Parquet reader prints about a damaged file."""
    with contextlib.redirect_stderr(io.StringIO()):
        return read_corpus("c", [path])
