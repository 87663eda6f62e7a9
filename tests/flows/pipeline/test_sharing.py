"""Workers that share a sweep: what another holds is waited for, and taken over where that one died."""

import json
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import pytest

from trailhouse.warehouse.loading.partition_load import Partition

HOLD = (
    "import sys; from pathlib import Path\n"
    "from trailhouse.flows.pipeline.claims import claim_on_disk\n"
    "with claim_on_disk(Path(sys.argv[1])):\n"
    "    print('held', flush=True); sys.stdin.read()\n"
)


@pytest.fixture
def corpus(trailhouse, tmp_path) -> str:
    (tmp_path / "a.txt").write_text("the cat sat on the mat and the parser reads the file " * 3)
    assert trailhouse("corpus", "add", "a.txt", "--name", "few")[0] == 0
    return "few"


@contextmanager
def held_by_another_process(path):
    """A worker that holds a claim until it is killed, or until its input ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout.readline() == "held\n"
        yield worker
        worker.kill()


def test_what_a_dead_worker_held_is_scored_here_and_success_means_that_all_is_scored(
    trailhouse, make_tiny_suite, corpus, client, tmp_path
):
    from trailhouse.flows.pipeline.claims import name_claim  # imports Prefect, which the command configures first

    suite = make_tiny_suite("left", [0, 10, 20])
    partition = Partition("raw_token_score", (("model_id", "left/tiny"), ("corpus_id", corpus), ("step", 10)))
    stored = "select distinct step from raw_token_score where model_id = 'left/tiny' order by step"
    with held_by_another_process(tmp_path / "data" / "claims" / f"{name_claim(partition)}.lock") as worker:
        seen_when_it_died = []

        def die_once_the_others_are_scored() -> None:
            deadline = time.monotonic() + 60
            while len(client.query(stored).result_rows) < 2 and time.monotonic() < deadline:
                time.sleep(0.1)
            seen_when_it_died.extend(client.query(stored).result_rows)
            worker.kill()

        watcher = threading.Thread(target=die_once_the_others_are_scored)
        watcher.start()
        code, out, err = trailhouse("score", str(suite.declaration), "--corpus", corpus, "--json")
        watcher.join()
    assert code == 0, err
    assert seen_when_it_died == [(0,), (20,)]
    report = json.loads(out)
    assert (report["scored_count"], report["elsewhere_count"]) == (3, 0)
    assert client.query(stored).result_rows == [(0,), (10,), (20,)]
    assert "waiting for 1 checkpoints that other workers are scoring" in err
