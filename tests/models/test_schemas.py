from __future__ import annotations

import re
from dataclasses import fields

import pyarrow as pa
import pytest

from tests.support.paths import MIGRATIONS
from trailhouse.models.few_shot.option_scores import OPTION_SCORE_SCHEMA
from trailhouse.models.few_shot.tasks.task import TASK_ITEM_SCHEMA
from trailhouse.models.phases.similarity import SIMILARITY_SCHEMA
from trailhouse.models.phases.word_vectors import VectorsDescription
from trailhouse.models.scoring.token_scores import SCORE_SCHEMA
from trailhouse.models.texts.corpus import DOCUMENT_SCHEMA, Corpus, corpus_record
from trailhouse.models.texts.tokenizer import TOKEN_SCHEMA

ARROW_TYPES = {
    "String": pa.string(),
    "FixedString(64)": pa.string(),
    "LowCardinality(String)": pa.string(),
    "Bool": pa.bool_(),
    "Int16": pa.int16(),
    "Int32": pa.int32(),
    "Float32": pa.float32(),
    "UInt16": pa.uint16(),
    "Nullable(Float32)": pa.float32(),
    "Nullable(Int32)": pa.int32(),
    "Array(Int32)": pa.list_(pa.int32()),
}


def read_columns(file_name: str, table: str) -> dict[str, str]:
    """The columns of a raw table that are stored, with their types, as its migrations declare them."""
    body = (MIGRATIONS / file_name).read_text().split(f"create table {table} (\n")[1].split("\n)\n")[0]
    lines = [line for line in body.splitlines() if " alias " not in line]
    columns = dict(re.match(r"\s+(\w+) ([\w()]+)", line).groups() for line in lines)
    for file in sorted(MIGRATIONS.glob("*.sql")):
        addition = rf"^alter table {table} add column if not exists (\w+) ([\w()]+)"
        added = re.findall(addition, file.read_text(), re.MULTILINE)
        columns |= dict(added)
    return columns


@pytest.mark.parametrize(
    ("schema", "file_name", "table", "given_by_the_flow"),
    [
        (DOCUMENT_SCHEMA, "0002_corpora_documents_tokens.sql", "raw_document", []),
        (TOKEN_SCHEMA, "0002_corpora_documents_tokens.sql", "raw_token", []),
        (SCORE_SCHEMA, "0003_token_scores.sql", "raw_token_score", ["model_id", "corpus_id", "step"]),
        (SIMILARITY_SCHEMA, "0069_words_in_context.sql", "raw_semantic_similarity", ["corpus_id", "vectors_id"]),
        (TASK_ITEM_SCHEMA, "0006_task_evaluations.sql", "raw_task_item", ["task_id"]),
        (OPTION_SCORE_SCHEMA, "0006_task_evaluations.sql", "raw_option_score", ["model_id", "step"]),
    ],
)
def test_the_records_have_the_columns_and_types_of_their_raw_table(schema, file_name, table, given_by_the_flow):
    columns = read_columns(file_name, table)
    for name in given_by_the_flow:
        del columns[name]
    assert schema.names == list(columns)
    assert [schema.field(name).type for name in columns] == [ARROW_TYPES[kind] for kind in columns.values()]
    assert [schema.field(name).nullable for name in columns] == [
        kind.startswith("Nullable") for kind in columns.values()
    ]


def test_the_corpus_record_has_the_columns_of_its_raw_table():
    columns = read_columns("0002_corpora_documents_tokens.sql", "raw_corpus")
    assert [*corpus_record(Corpus("c", "", "", ())), "updated_at"] == list(columns)


def test_a_description_of_vectors_has_the_columns_of_its_raw_table():
    columns = read_columns("0069_words_in_context.sql", "raw_word_vectors")
    assert [*(field.name for field in fields(VectorsDescription)), "updated_at"] == list(columns)
