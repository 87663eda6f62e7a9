"""The schema and the load on a cluster.

No cluster runs. The tests examine the statements that would be sent, most of them with the parser of the engine.
"""

import re
import subprocess
import sys

import pytest

from trailhouse.warehouse.connection import WarehouseAddress
from trailhouse.warehouse.loading.partition_load import (
    Partition,
    create_staging_table,
    drop_staging_table,
    swap_partition,
)
from trailhouse.warehouse.schema.cluster import (
    CLUSTER_TABLE,
    LOCAL_SUFFIX,
    ClusterSchema,
    ShardedTable,
    find_sharded_table,
    read_engine,
)
from trailhouse.warehouse.schema.migrations import (
    CREATE_LEDGER,
    make_repeatable,
    packaged_migrations,
    read_migrations,
    read_schema,
)

MIGRATIONS = read_migrations(packaged_migrations())
STATEMENTS = [make_repeatable(statement) for migration in MIGRATIONS for statement in migration.statements]
SCHEMA = read_schema(WarehouseAddress("host", 8123, "admin", "measured", cluster="many"), MIGRATIONS)
SCORES = ShardedTable("many", "measured", "raw_token_score_local", "cityHash64(model_id, corpus_id)")
STAGE = "stage_raw_token_score_0"


def parse(server_client, statement: str) -> str:
    """Return the statement as the engine formats it; the query fails if the engine cannot parse the statement."""
    return server_client.query("select formatQuerySingleLine({s:String})", parameters={"s": statement}).result_rows[0][
        0
    ]


def test_the_schema_of_one_server_is_not_translated():
    assert read_schema(WarehouseAddress("host", 8123, "admin", "measured"), MIGRATIONS) is None


def test_what_grows_with_the_checkpoints_is_sharded_and_nothing_else():
    assert SCHEMA.sharded == {"raw_token_score", "raw_option_score"}


@pytest.mark.parametrize("statement", [CREATE_LEDGER.strip(), *STATEMENTS], ids=lambda text: text.split("\n")[0][:60])
def test_every_statement_of_the_schema_is_translated_to_statements_that_the_engine_parses(client, statement):
    for form in SCHEMA.write(statement):
        parsed = parse(client, form)
        assert "ON CLUSTER many" in parsed
        assert "measured." in parsed
        if parsed.startswith("CREATE TABLE") and "Distributed(" not in parsed:
            assert re.search(r"ENGINE = Replicated\w*MergeTree\('/clickhouse/tables/\{uuid\}/", parsed)


def test_a_replicated_table_keeps_its_columns_keys_and_settings(client):
    whole = "\n".join(STATEMENTS)
    for statement in STATEMENTS:
        if statement.startswith("create table"):
            original, replicated = parse(client, statement), parse(client, SCHEMA.write(statement)[0])
            assert original[original.index("(") : original.index(") ENGINE")] in replicated
            assert re.search("(PARTITION BY .*)?ORDER BY .*", original)[0] in replicated
    assert whole.count("create table") > 10


def test_a_sharded_table_is_a_replicated_one_behind_a_distributed_one(client):
    statement = next(text for text in STATEMENTS if "raw_token_score (" in text)
    local, distributed = SCHEMA.write(statement)
    assert "`measured`.`raw_token_score_local` on cluster `many`" in local
    assert "ReplicatedMergeTree('/clickhouse/tables/{uuid}/{shard}', '{replica}')" in local
    assert distributed.endswith(
        "`measured`.`raw_token_score` on cluster `many` as `measured`.`raw_token_score_local`\n"
        "engine = Distributed('many', 'measured', 'raw_token_score_local', cityHash64(model_id, corpus_id))"
    )


def test_the_version_column_of_a_replacing_table_comes_after_the_replica(client):
    statement = next(text for text in STATEMENTS if "raw_suite (" in text)
    (form,) = SCHEMA.write(statement)
    assert "ReplicatedReplacingMergeTree('/clickhouse/tables/{uuid}/all', '{shard}-{replica}', updated_at)" in form


def test_a_change_of_a_sharded_table_is_made_to_the_local_and_the_distributed_table():
    forms = SCHEMA.write("alter table raw_token_score add column if not exists x Int8")
    assert [form.split(" on cluster")[0] for form in forms] == [
        "alter table `measured`.`raw_token_score_local`",
        "alter table `measured`.`raw_token_score`",
    ]


def test_a_statement_that_cannot_be_translated_for_a_cluster_is_refused():
    with pytest.raises(ValueError, match="cannot be translated for a cluster: rename table"):
        SCHEMA.write("rename table one to two")


def test_the_definition_of_a_distributed_table_is_parsed_as_the_engine_states_it(tmp_path):
    """The table is created in a process of its own, whose configuration names a cluster without running servers."""
    configuration = tmp_path / "config.xml"
    configuration.write_text(
        "<clickhouse><remote_servers><many><shard><replica><host>127.0.0.1</host><port>9</port></replica></shard>"
        "</many></remote_servers></clickhouse>"
    )
    create = "create table scores_local (model_id String, corpus_id String) engine = MergeTree order by model_id"
    table = ShardedTable("many", "default", "scores_local", "cityHash64(model_id, corpus_id)")
    distribute = table.distribute("create table", "scores", table.local).replace("on cluster `many`", "")
    questions = ["select engine_full from system.tables where name = 'scores'", CLUSTER_TABLE]
    program = (
        "import sys, chdb; handle = chdb.connect(sys.argv[1]); [handle.query(text) for text in sys.argv[2:-2]];"
        "ask = lambda text: handle.query(text, 'RawBLOB', params={'database': 'default'}).bytes().decode();"
        "print(*map(ask, sys.argv[-2:]), sep='\\n')"
    )
    address = f"{tmp_path / 'engine'}?config-file={configuration}"
    command = [sys.executable, "-c", program, address, create, distribute, *questions]
    answer = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    engine, cluster_table = answer.stdout.splitlines()
    assert read_engine(engine) == table
    assert cluster_table == "scores"


def test_a_table_of_one_server_is_not_a_sharded_one(client):
    assert find_sharded_table(client, "raw_token_score") is None
    with pytest.raises(ValueError, match="not a Distributed table"):
        read_engine("MergeTree ORDER BY x")


def test_a_load_stages_and_swaps_on_every_shard(client):
    partition = Partition("raw_token_score", (("model_id", "s/m"), ("corpus_id", "c"), ("step", 5)))
    statements = [
        *create_staging_table(STAGE, "raw_token_score", SCORES),
        *SCORES.replace_partition(STAGE, partition.expression, (26, 6)),
        *drop_staging_table(STAGE, SCORES),
    ]
    parsed = [parse(client, statement) for statement in statements]
    local = STAGE + LOCAL_SUFFIX
    assert parsed == [
        f"CREATE TABLE measured.{local} ON CLUSTER many AS measured.raw_token_score_local",
        f"CREATE TABLE measured.{STAGE} ON CLUSTER many AS measured.{local}"
        f" ENGINE = Distributed('many', 'measured', '{local}', cityHash64(model_id, corpus_id))",
        f"SYSTEM SYNC REPLICA ON CLUSTER many measured.{local}",
        f"ALTER TABLE measured.raw_token_score_local ON CLUSTER many (REPLACE PARTITION tuple('s/m', 'c', 5)"
        f" FROM measured.{local}) SETTINGS alter_sync = 2, allow_replace_partition_from_empty_source = 1",
        f"DROP TABLE IF EXISTS measured.{STAGE} ON CLUSTER many SYNC",
        f"DROP TABLE IF EXISTS measured.{local} ON CLUSTER many SYNC",
    ]


def test_an_older_server_is_not_sent_a_setting_it_does_not_know():
    assert not any("empty_source" in text for text in SCORES.replace_partition(STAGE, "tuple(1)", (26, 5)))


def test_one_server_swaps_the_partition_in_one_statement(client):
    partition = Partition("raw_token_score", (("model_id", "m"), ("corpus_id", "c"), ("step", 5)))
    assert swap_partition(client, STAGE, partition, None) == [
        f"alter table `raw_token_score` replace partition tuple('m', 'c', 5) from `{STAGE}`"
    ]


def test_a_later_migration_knows_the_tables_that_earlier_ones_sharded():
    first = "create table big (\n model_id String\n)\nengine = MergeTree\npartition by (model_id, step)\norder by step"
    schema = ClusterSchema.read("many", "measured", [first, "drop table if exists big"])
    assert len(schema.write("drop table if exists big")) == 2
