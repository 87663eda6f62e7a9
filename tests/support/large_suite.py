"""A suite of 12 models with 150 checkpoints each, of up to 1e24 training FLOPs, as raw rows of a warehouse.

The engine makes up the scores: losses fall with the step and the size of the model, and vary by token and checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass

from clickhouse_connect.driver.client import Client

SUITE, CORPUS, TOKENIZER = "large", "large-corpus", "large-tokenizer"
MODELS, CHECKPOINTS = 12, 150
OPTIONS, QUANTA = 4, 10_000
NAMES = tuple(f"model-{index}" for index in range(1, MODELS + 1))
"""Names of the models, by ascending size. As texts they are in another order: model-10 follows model-1."""

_MODEL = f"arrayJoin(range({MODELS})) as model, concat('{SUITE}/model-', toString(model + 1)) as model_id"
_STEP = f"toInt64(1000 * arrayJoin(arrayReverse(range({CHECKPOINTS})))) as step"
_NOISE = "cityHash64(model, step, number) % 1000 / 1000 - 0.5"
_LOSS = "1.5 + 7 / pow(1 + step / 1000, 0.2 + model / 60)"


@dataclass(frozen=True)
class Extent:
    """How much a suite is scored: documents of so many tokens, and tasks of so many items."""

    document_count: int = 6
    document_length: int = 60
    task_count: int = 3
    item_count: int = 10


def insert_large_suite(client: Client, extent: Extent) -> None:
    """Insert the raw rows of the suite. `trailhouse transform` derives the rest."""
    tables = {**list_declared_rows(extent), **list_scores(extent)}
    for table, select in tables.items():
        columns = [row[0] for row in client.query(f"describe ({select})").result_rows]
        kept = ", ".join(name for name in columns if name not in ("model", "number"))
        client.command(
            f"insert into {table} ({kept}) select {kept} from ({select})",
            settings={"max_partitions_per_insert_block": 10_000},
        )


def list_declared_rows(extent: Extent) -> dict[str, str]:
    """Return a SELECT for each table of what is scored: models, checkpoints, documents, tokens, tasks."""
    token_count = extent.document_count * extent.document_length
    length = extent.document_length
    document = f"toInt32(intDiv(number, {length})) as document_id, toInt32(number % {length}) as position"
    item = f"toInt32(intDiv(number, {OPTIONS})) as item_id, toInt16(number % {OPTIONS}) as option_index"
    task = f"concat('task_', toString(arrayJoin(range({extent.task_count})))) as task_id"
    option_count = extent.item_count * OPTIONS
    now = "now64() as updated_at"
    return {
        "raw_suite": f"select '{SUITE}' as suite_id, 'Twelve models of up to 1e24 FLOPs' as description, {now}",
        "raw_model": f"select {_MODEL}, '{SUITE}' as suite_id, concat('model-', toString(model + 1)) as model_name,"
        " 'gpt_neox' as architecture, toInt64(1e8 * pow(2, model)) as parameter_count,"
        " parameter_count as active_parameter_count, parameter_count as non_embedding_parameter_count,"
        " 12 + 7 * model as layer_count, 768 + 1024 * model as hidden_size, 96 as head_count, 128 as head_dimension,"
        " 50000 as vocabulary_size, 2048 as context_length, 5000000 as batch_tokens,"
        f" {1000 * (CHECKPOINTS - 1)} as planned_steps, '{TOKENIZER}' as tokenizer_id, {now}",
        "raw_checkpoint": f"select {_MODEL}, {_STEP}, step * 5000000 as tokens_seen, '{TOKENIZER}' as tokenizer_id,"
        f" 'ok' as audit_status, now64() as discovered_at, {now}",
        "raw_corpus": f"select '{CORPUS}' as corpus_id, {extent.document_count} as document_count, {now}",
        "raw_document": f"select '{CORPUS}' as corpus_id, toInt32(number) as document_id, 'human' as kind,"
        " concat('document ', toString(number)) as document_name, 'text' as text"
        f" from numbers({extent.document_count})",
        "raw_token": f"select '{TOKENIZER}' as tokenizer_id, '{CORPUS}' as corpus_id, {document},"
        " concat(' word', toString(number % 97)) as token_text, position * 7 as byte_start, byte_start + 7 as byte_end,"
        f" position as word_index, true as is_word_initial from numbers({token_count})",
        "raw_task": f"select {task}, task_id as parent_task_id, 'A task' as description, {extent.item_count} as"
        f" item_count, {option_count} as option_count, {now}",
        "raw_task_item": f"select {task}, {item}, 'Which?' as input, toString(option_index) as option_text,"
        f" option_index = 0 as is_correct, is_correct as target_score from numbers({option_count})",
    }


def list_scores(extent: Extent) -> dict[str, str]:
    """Return a SELECT for each table of scores, and of the ledgers that say that they are complete."""
    token_count = extent.document_count * extent.document_length
    option_count = extent.item_count * OPTIONS
    length = extent.document_length
    task = f"concat('task_', toString(arrayJoin(range({extent.task_count})) as task)) as task_id"
    return {
        "raw_token_score": f"select {_MODEL}, '{CORPUS}' as corpus_id, {_STEP},"
        f" toInt32(intDiv(number, {length})) as document_id, toInt32(number % {length}) as position,"
        f" {QUANTA} as quanta_per_nat,"
        f" toInt32(-{QUANTA} * ({_LOSS}) * (0.4 + number % 13 / 10) * (1 + 0.1 * ({_NOISE}))) as log_prob_quanta"
        f" from numbers({token_count})",
        "raw_score_ledger": f"select model_id, corpus_id, step, '{TOKENIZER}' as tokenizer_id, count() as score_count,"
        " sum(toFloat64(log_prob_nats)) as log_prob_sum_nats, hex(cityHash64(model_id, step)) as score_key,"
        " true as is_complete, 60. as duration_seconds, now64() as scored_at, 'tokenizer' as text_beginning_kind,"
        " [toInt32(1)] as text_beginning_token_ids"
        f" from raw_token_score where corpus_id = '{CORPUS}' group by model_id, corpus_id, step",
        "raw_option_score": f"select {_MODEL}, {_STEP}, {task}, toInt16(2) as shot_count,"
        f" toInt32(intDiv(number, {OPTIONS})) as item_id, toInt16(number % {OPTIONS}) as option_index,"
        f" toFloat32(-({_LOSS}) - (option_index > 0) * 2 * step / 149000 * (model + 3) / 15"
        " - 3 * (cityHash64(task, number, model, step) % 1000 / 1000)) as log_prob_nats,"
        " toFloat32(-9) as unconditional_log_prob_nats, 3 as token_count, 12 as character_count, 12 as byte_count,"
        f" toInt16(2) as exemplar_count from numbers({option_count})",
        "raw_evaluation_ledger": f"select {_MODEL}, {_STEP}, {task}, toInt16(2) as shot_count, '{TOKENIZER}' as"
        f" tokenizer_id, {option_count} as option_count, hex(cityHash64(model_id, step, task)) as evaluation_key,"
        " true as is_complete, now64() as evaluated_at",
    }
