"""A warehouse of any size without a model: raw rows that the server makes up itself, in the shape of a real suite's.

    from synthetic_warehouse import fill
    fill(client, models=3, checkpoints=50, tokens=2_000_000)

``client`` is a clickhouse-connect client of a database with the raw tables. Every token is learnt at its own speed, one
in twenty is forgotten again, one in fifty never changes; noise comes from hashes, so that the same call makes the same
rows. Checkpoints have a ledger, so that ``trailhouse transform`` works on what is here.
"""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

SUITE_ID = "synthetic"
CORPUS_ID = "synthetic-corpus"
TOKENIZER_ID = "synthetic-tokens"
DOCUMENT_TOKENS = 2048  # scored ones; the first token of a document has no score
STEP_INTERVAL = 1000
WORDS = [" the", " of", " model", " token", "ing", "s", ".", ",", " 7", " learn", "\n", " perplexity", " and", " to"]


def fill(
    client: Client, *, models: int, checkpoints: int, tokens: int, suite_id: str = SUITE_ID, corpus_id: str = CORPUS_ID
) -> int:
    """Write a suite of models, each with its checkpoints, scored on a corpus of so many tokens; returns the scores."""
    client.command(
        "insert into raw_suite (suite_id, description, updated_at) values ({s:String}, 'made up', now64())",
        parameters={"s": suite_id},
    )
    write_corpus(client, corpus_id, tokens)
    for number in range(models):
        model_id = f"{suite_id}/model-{number + 1}"
        write_model(client, suite_id, model_id, number, checkpoints)
        for checkpoint in range(checkpoints):
            add_checkpoint(client, model_id, corpus_id, number, checkpoint, checkpoints, tokens)
    return models * checkpoints * tokens


def add_checkpoint(
    client: Client, model_id: str, corpus_id: str, number: int, checkpoint: int, checkpoints: int, tokens: int
) -> None:
    """Write the scores of one checkpoint, and its ledger row after them."""
    place = {"m": model_id, "c": corpus_id, "step": STEP_INTERVAL * checkpoint}
    curve = {"tokens": tokens, "model": number, "i": checkpoint, "n": checkpoints}
    client.command(
        f"""
        insert into raw_token_score
            (model_id, corpus_id, step, document_id, position, log_prob_quanta, quanta_per_nat)
        with
            number as token,
            cityHash64(token, 1) % 1000000 / 1000000 as level,
            cityHash64(token, 2) % 1000000 / 1000000 as speed,
            cityHash64(token, {{model:Int64}}, {{i:Int64}}) % 1000000 / 1000000 as noise,
            5 * level + 6 * exp(- {{i:Int64}} * (1 + 0.2 * {{model:Int64}}) / (1 + speed * {{n:Int64}}))
                + if(token % 20 = 0, 3 * greatest(0, {{i:Int64}} / {{n:Int64}} - 0.4), 0) as loss
        select
            {{m:String}}, {{c:String}}, {{step:Int64}}, intDiv(token, {DOCUMENT_TOKENS}), token % {DOCUMENT_TOKENS} + 1,
            - toInt32(round(10000 * if(token % 50 = 1, 2 * level, loss + 0.2 * noise))), 10000
        from numbers({{tokens:Int64}})
        """,
        parameters=place | curve,
    )
    client.command(
        """
        insert into raw_score_ledger
            (model_id, corpus_id, step, score_key, weights_sha256, tokenizer_id, score_count, log_prob_sum_nats,
             is_complete, scored_at)
        select {m:String}, {c:String}, {step:Int64}, hex(SHA256(concat({m:String}, toString({step:Int64})))),
            hex(SHA256(concat({m:String}, toString({step:Int64})))), {t:String}, count(), sum(toFloat64(log_prob_nats)),
            true, now64()
        from raw_token_score
        where model_id = {m:String} and corpus_id = {c:String} and step = {step:Int64}
        """,
        parameters=place | {"t": TOKENIZER_ID},
    )


def write_model(client: Client, suite_id: str, model_id: str, number: int, checkpoints: int) -> None:
    """Write a model, each ten times as large as the one before, and its checkpoints."""
    row = {
        "model_id": model_id,
        "suite_id": suite_id,
        "model_name": model_id.partition("/")[2],
        "architecture": "none",
        "parameter_count": 10 ** (7 + number % 5) + number,
        "layer_count": 12,
        "head_count": 12,
        "head_dimension": 64,
        "context_length": DOCUMENT_TOKENS,
        "batch_tokens": 2**19,
        "planned_steps": STEP_INTERVAL * max(1, checkpoints - 1),
        "tokenizer_id": TOKENIZER_ID,
    }
    client.insert("raw_model", [list(row.values())], column_names=list(row))
    client.command(
        f"""
        insert into raw_checkpoint (model_id, step, tokens_seen, source, weights_sha256, tokenizer_id, updated_at)
        select {{m:String}} as model, {STEP_INTERVAL} * number as checkpoint_step, checkpoint_step * {2**19}, 'made up',
            hex(SHA256(concat(model, toString(checkpoint_step)))), {{t:String}}, now64()
        from numbers({{n:Int64}})
        """,
        parameters={"m": model_id, "n": checkpoints, "t": TOKENIZER_ID},
    )


def write_corpus(client: Client, corpus_id: str, tokens: int) -> None:
    """Write a corpus, its documents, and their tokens."""
    documents = -(-tokens // DOCUMENT_TOKENS)
    place = {"c": corpus_id, "d": documents, "t": TOKENIZER_ID}
    client.command(
        "insert into raw_corpus (corpus_id, description, document_count, byte_count, updated_at)"
        " values ({c:String}, 'made up', {d:Int64}, {b:Int64}, now64())",
        parameters=place | {"b": 5 * tokens},
    )
    client.command(
        "insert into raw_document (corpus_id, document_id, document_name, text, kind)"
        " select {c:String}, number, concat('document ', toString(number)), 'made up', 'human' from numbers({d:Int64})",
        parameters=place,
    )
    words = "[" + ", ".join("'" + word.replace("\n", "\\n") + "'" for word in WORDS) + "]"
    client.command(
        f"""
        insert into raw_token
            (tokenizer_id, corpus_id, document_id, position, token_id, token_text, byte_start, byte_end,
             character_start, character_end, word_index, is_word_initial)
        with number % {DOCUMENT_TOKENS + 1} as place, cityHash64(number) % {len(WORDS)} as word
        select {{t:String}}, {{c:String}}, intDiv(number, {DOCUMENT_TOKENS + 1}), place, word, {words}[word + 1],
            5 * place, 5 * place + 5, 5 * place, 5 * place + 5, place, startsWith({words}[word + 1], ' ')
        from numbers({{k:Int64}})
        """,
        parameters=place | {"k": documents * (DOCUMENT_TOKENS + 1)},
    )
