"""Counting n-grams of words and scoring a text by them, from files to scores, against KenLM and Python's Counter.

    python -m benchmarks.ngram_counting [--words 10000000] [--scored-words 100000] [--kenlm DIRECTORY]

The training text is half random words with Zipf's distribution, in which phrases are repeated, and half the text of
this Python's source files, again and again with random words between them. All contenders read the same lines, each of
which is a text, and score the same text with n-grams of orders 1 to 5:

- Trailhouse counts into the embedded server and scores by stupid backoff and by Kneser-Ney smoothing.
- KenLM makes a model with ``lmplz``, compiles it with ``build_binary`` and scores with ``query``, for the orders 5 to
  2 one after the other, because the lower orders inside a model are not models of these orders. DIRECTORY has its
  programs.
- Counter counts the five orders of the first ``--counter-words`` words, and scores nothing.

The table has wall time, CPU time and peak memory: that of the server and of this process for Trailhouse, above their
sizes before, and that of the program for the others.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.support.peak_memory import PeakMemory
from trailhouse.flows.count_ngrams import ShardCounter
from trailhouse.models.phases.ngram_shards import SHARD_BYTES, hash_text_files
from trailhouse.server.process import ensure_running, stop
from trailhouse.warehouse.connection import WarehouseAddress, connect
from trailhouse.warehouse.ngrams.ngram_corpus import WORDS, NgramCorpus, declare_ngram_corpus
from trailhouse.warehouse.ngrams.ngram_scores import SMOOTHINGS, NgramScores, score_by_counts
from trailhouse.warehouse.ngrams.scored_units import open_word_units
from trailhouse.warehouse.ngrams.stored_counts import StoredCounts
from trailhouse.warehouse.ngrams.word_numbers import read_word_numbers
from trailhouse.warehouse.schema.migrations import apply_migrations, packaged_migrations, read_migrations

LINE_WORDS = 200
VOCABULARY_SIZE = 300_000
ORDERS = range(1, 6)


# Runs a program in a small process, because a program inherits the peak memory of the process that starts it
LAUNCHER = """
import os, resource, subprocess, sys
nothing = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
code = subprocess.call(sys.argv[2:], stdin=open(sys.argv[1], "rb"), **nothing)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(code, used.ru_utime + used.ru_stime, used.ru_maxrss << 10)
"""


@dataclass(frozen=True)
class Measured:
    """The time and the peak memory of one piece of work."""

    what: str
    seconds: float
    cpu_seconds: float
    peak_bytes: int

    def __str__(self) -> str:
        return f"{self.what:48} {self.seconds:8.1f} s {self.cpu_seconds:8.1f} CPU-s {self.peak_bytes / 2**30:7.2f} GiB"


def read_real_words() -> list[str]:
    """Return the words of the documentation and source files of this Python."""
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = sorted([*folder.glob("*.py"), *folder.glob("*/*.py")])
    return [word for file in files for word in file.read_text("utf-8", "replace").split()]


def draw_words(count: int) -> Iterator[str]:
    """Yield words: blocks of random ones, each followed by a block of real ones of the same length."""
    generator = np.random.default_rng(0)
    weights = 1 / np.arange(1, VOCABULARY_SIZE + 1)
    weights /= weights.sum()
    names = [f"w{index}" for index in range(VOCABULARY_SIZE)]
    real = [word for word in read_real_words() if word not in ("<s>", "</s>", "<unk>")]
    block, position = 5_000, 0
    for _ in range(0, count, 2 * block):
        numbers = generator.choice(VOCABULARY_SIZE, block, p=weights)
        for _ in range(block // 50):  # phrases that occur again
            source, target = generator.integers(0, block - 10, 2)
            numbers[target : target + 8] = numbers[source : source + 8]
        yield from map(names.__getitem__, numbers.tolist())
        replaced = generator.random(block) < 0.1
        for index in range(block):
            yield names[int(numbers[index])] if replaced[index] else real[(position + index) % len(real)]
        position += block


def write_lines(words: Iterator[str], count: int, path: Path) -> None:
    """Write words as lines of text, and as JSONL beside it."""
    with path.open("w") as file, path.with_suffix(".jsonl").open("w") as rows:
        for _ in range(0, count, LINE_WORDS):
            line = " ".join(next(words) for _ in range(LINE_WORDS))
            file.write(line + "\n")
            rows.write('{"text": "' + line.replace("\\", "\\\\").replace('"', '\\"') + '"}\n')


@contextmanager
def measured(what: str, results: list[Measured], *pids: int) -> Iterator[None]:
    """Measure the block. The peak is that of the given processes together, above their size at the beginning."""
    memories = [PeakMemory(pid) for pid in pids]
    for memory in memories:
        memory.reset()
    began, cpu_began = time.perf_counter(), sum(map(read_cpu_seconds, pids))
    yield
    seconds, cpu_seconds = time.perf_counter() - began, sum(map(read_cpu_seconds, pids)) - cpu_began
    results.append(Measured(what, seconds, cpu_seconds, sum(memory.growth_bytes for memory in memories)))


def read_cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_program(what: str, command: list[str], results: list[Measured], *, text: Path = Path(os.devnull)) -> None:
    """Run a program and measure it."""
    began = time.perf_counter()
    launched = subprocess.run(
        [sys.executable, "-c", LAUNCHER, str(text), *command], capture_output=True, text=True, check=True
    )
    code, cpu_seconds, peak_bytes = launched.stdout.split()
    if code != "0":
        sys.exit(f"{command[0]} ended with {code}")
    results.append(Measured(what, time.perf_counter() - began, float(cpu_seconds), int(peak_bytes)))


def measure_ours(training: Path, scored: Path, folder: Path, memory_bytes: int, results: list[Measured]) -> None:
    endpoint = ensure_running(folder / "warehouse")
    address = WarehouseAddress.parse(endpoint.url, "bench", user=endpoint.user, password=endpoint.password)
    apply_migrations(address, read_migrations(packaged_migrations()))
    pids = (os.getpid(), int(json.loads((folder / "warehouse" / "server.json").read_text())["pid"]))
    texts = [line.split() for line in scored.read_text().splitlines()]
    try:
        with connect(address) as client:
            corpus = declare_ngram_corpus(client, NgramCorpus("bench", WORDS, 0, SHARD_BYTES))
            with measured("trailhouse: count orders 1 to 5", results, *pids):
                counter = ShardCounter(client, corpus, None, memory_bytes)
                shards = counter.count_files(hash_text_files([training.with_suffix(".jsonl")]), [])
            counts = StoredCounts(corpus, tuple(shards))
            rows = sum(shard.row_count for shard in shards)
            print(f"{len(shards)} shards, {counts.unit_count} words, {rows} n-grams of {len(ORDERS)} orders")
            for smoothing in SMOOTHINGS:
                scores = NgramScores("text", "bench", WORDS, "clickhouse", smoothing, {})
                with measured(f"trailhouse: score orders 1 to 5, {smoothing}", results, *pids):
                    numbers = read_word_numbers(client, "bench", {word for text in texts for word in text})
                    with open_word_units(client, texts, numbers) as units:
                        score_by_counts(client, scores, counts, units, memory_bytes)
            size = client.query(
                "select sum(bytes_on_disk) from system.parts where active and table = 'raw_ngram_count'"
            )
            print(f"counts on disk: {size.result_rows[0][0] / 2**20:.0f} MiB")
    finally:
        stop(folder / "warehouse")


def measure_kenlm(
    programs: Path, training: Path, scored: Path, folder: Path, memory: str, results: list[Measured]
) -> None:
    lmplz, arpa, binary = str(programs / "lmplz"), folder / "model.arpa", folder / "model.binary"
    for order in (5, 4, 3, 2):
        options = ["-o", str(order), "-S", memory, "-T", str(folder), "--text", str(training), "--arpa", str(arpa)]
        run_program(f"kenlm: lmplz -o {order}", [lmplz, *options, "--discount_fallback"], results)
        run_program(
            f"kenlm: build_binary, order {order}", [str(programs / "build_binary"), str(arpa), str(binary)], results
        )
        run_program(f"kenlm: query, order {order}", [str(programs / "query"), str(binary)], results, text=scored)


def count_with_counter(path: str, word_count: int) -> None:
    """Count in a process of its own; the parent measures its time and memory."""
    counters: list[Counter[tuple[str, ...]]] = [Counter() for _ in ORDERS]
    done = 0
    with Path(path).open() as lines:
        for line in lines:
            words = line.split()
            for order, counter in zip(ORDERS, counters, strict=True):
                counter.update(zip(*(words[offset:] for offset in range(order)), strict=False))
            done += len(words)
            if done >= word_count:
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=10_000_000)
    parser.add_argument("--scored-words", type=int, default=100_000)
    parser.add_argument("--counter-words", type=int, default=2_000_000)
    parser.add_argument("--memory-gib", type=float, default=4.0)
    parser.add_argument("--kenlm", type=Path)
    parser.add_argument("--count-with-counter", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.count_with_counter:
        count_with_counter(arguments.count_with_counter, arguments.counter_words)
        return
    results: list[Measured] = []
    print(f"load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        words = draw_words(arguments.words + arguments.scored_words + 100_000)
        training, scored = folder / "training.txt", folder / "scored.txt"
        write_lines(words, arguments.words, training)
        write_lines(words, arguments.scored_words, scored)
        print(f"training text {training.stat().st_size / 2**20:.0f} MiB")
        measure_ours(training, scored, folder, int(arguments.memory_gib * 2**30), results)
        if arguments.kenlm:
            measure_kenlm(arguments.kenlm, training, scored, folder, f"{arguments.memory_gib:g}G", results)
        own = [sys.executable, __file__, "--count-with-counter", str(training)]
        what = f"Counter: {arguments.counter_words} words, counts only"
        run_program(what, [*own, "--counter-words", str(arguments.counter_words)], results)
    print(*results, f"load {os.getloadavg()[0]:.1f}", sep="\n")


if __name__ == "__main__":
    main()
