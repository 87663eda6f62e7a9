"""``trailhouse backup`` and ``restore``: what they print, and what they say in one line when something is wrong."""

import json
import shutil

from tests.support.score_batches import load, score_batch, scored_partition
from trailhouse.warehouse.connection import connect


def test_a_chain_is_backed_up_and_restored_from_the_command_line(trailhouse, client, address):
    load(client, scored_partition(1), [score_batch(0, 30)])
    code, out, err = trailhouse("backup", "1", "--json")
    first = json.loads(out)
    assert (code, first["needs"], first["left_out"]) == (0, [], 0)
    assert first["partitions"] == first["copied_partitions"] == first["files"] == 3
    assert "rows are in 1" in err

    load(client, scored_partition(2), [score_batch(0, 30)])
    client.command("insert into raw_token_score (model_id, corpus_id, step) values ('suite/model', 'corpus', 3)")
    code, out, err = trailhouse("backup", "2", "--since", "1", "--json")
    second = json.loads(out)
    assert (code, second["needs"], second["left_out"]) == (0, ["1"], 1)
    assert second["copied_partitions"] == 2, "the partition that is new, and the ledger"
    assert f"copied: 2 of {second['partitions']} partitions; a restore needs 1" in err
    assert "checkpoints or evaluations whose scores were left out: 1." in err

    code, out, _ = trailhouse("restore", "2", "--force", "--json")
    assert (code, json.loads(out)["rows"]) == (0, second["rows"])
    with connect(address) as again:
        assert again.query("select distinct step from raw_token_score order by step").result_rows == [(1,), (2,)]

    shutil.rmtree("1")
    code, _, err = trailhouse("restore", "2", "--force")
    assert code == 3
    assert "takes rows from the earlier backup" in err
    code, _, err = trailhouse("backup", "3", "--since", "2")
    assert code == 3
    assert "which is missing" in err


def test_the_help_teaches_chains(trailhouse):
    code, out, _ = trailhouse("backup", "--help")
    assert code == 0
    assert "--since backups/monday" in out
