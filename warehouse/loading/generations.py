"""This module writes and reads generations: which texts two checkpoints wrote together, and with which settings.

A generated text is one row, which is written whole. So the stored texts are themselves the ledger: what is stored is
complete, and what is missing is generated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import pyarrow as pa
from clickhouse_connect.driver.client import Client

from trailhouse.warehouse.connection import answering_promptly, as_text
from trailhouse.warehouse.loading.canonical_json import write_canonical_json
from trailhouse.warehouse.loading.catalogue import upsert
from trailhouse.warehouse.loading.row_versions import next_version
from trailhouse.warehouse.reading.query import ARROW_SETTINGS


@dataclass(frozen=True)
class GeneratingCheckpoint:
    """One of the two checkpoints of a generation."""

    model_id: str
    step: int
    weights_sha256: str


@dataclass(frozen=True)
class Generation:
    """Two checkpoints, the prompts, and how the texts were decoded. Together they determine the texts."""

    small: GeneratingCheckpoint
    large: GeneratingCheckpoint
    tokenizer_id: str
    prompt_corpus_id: str
    prompt_corpus_sha256: str
    prompt_token_count: int
    new_token_count: int
    method: str
    small_weight: float
    large_weight: float
    plausibility: float
    decoding_name: str
    sampling: str
    top_p: float
    seed: int
    settings: Mapping[str, object]

    @property
    def generation_key(self) -> str:
        """SHA-256 of everything that determines the texts, as 64 hexadecimal digits. Names are left out."""
        parts = asdict(self)
        for name in ("prompt_corpus_id", "decoding_name"):
            del parts[name]
        parts["small"], parts["large"] = self.small.weights_sha256, self.large.weights_sha256
        return hashlib.sha256(write_canonical_json(parts).encode()).hexdigest()

    def as_record(self) -> dict[str, object]:
        """Return the row of raw_generation without ``updated_at``."""
        fields = {name: value for name, value in asdict(self).items() if name not in ("small", "large", "settings")}
        checkpoints = {
            f"{role}_{name}": value
            for role, one in (("small", self.small), ("large", self.large))
            for name, value in asdict(one).items()
        }
        settings = write_canonical_json(self.settings)
        return {"generation_key": self.generation_key, **checkpoints, **fields, "settings": settings}


def register_generations(client: Client, generations: Sequence[Generation]) -> int:
    """Write the rows of raw_generation that are new, and return their number."""
    return upsert(client, "raw_generation", ["generation_key"], [one.as_record() for one in generations])


def load_generated_texts(client: Client, generation: Generation, batch: pa.RecordBatch) -> int:
    """Store the texts of a batch and return their number. Their generation must be registered before.

    The rows of the batch are stored together or not at all. Rows that are stored already are replaced by equal rows.
    """
    table = pa.Table.from_batches([batch])
    with answering_promptly(client):
        version = next_version(client, "raw_generated_text", "generated_at")
        table = table.append_column("generation_key", pa.array([generation.generation_key] * table.num_rows))
        table = table.append_column("generated_at", pa.array([version] * table.num_rows, pa.timestamp("ms", tz="UTC")))
        client.insert_arrow("raw_generated_text", table, settings={"async_insert": 0})
    return len(batch)


def read_generated_prompts(client: Client, generation_keys: Sequence[str]) -> dict[str, set[int]]:
    """Return the prompts of which a text is stored, as ``prompt_document_id``, by generation key."""
    with answering_promptly(client):
        rows = client.query(
            "select generation_key, groupUniqArray(prompt_document_id) from raw_generated_text"
            " where generation_key in {keys:Array(String)} group by generation_key",
            parameters={"keys": list(generation_keys)},
        ).result_rows
    found = {as_text(key): set(prompts) for key, prompts in rows}
    return {key: found.get(key, set()) for key in generation_keys}


def read_generated_token_ids(client: Client, generation_key: str) -> dict[int, list[int]]:
    """Return the generated tokens of every stored text of a generation, by ``prompt_document_id``."""
    texts = client.query_arrow(
        "select prompt_document_id, token_ids from raw_generated_text final"
        " where generation_key = {key:String} order by prompt_document_id",
        parameters={"key": generation_key},
        settings=ARROW_SETTINGS,
    )
    return dict(zip(texts["prompt_document_id"].to_pylist(), texts["token_ids"].to_pylist(), strict=True))
