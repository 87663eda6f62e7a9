"""The scores of options equal those of one forward pass per token, whichever options share a batch or a prompt."""

from __future__ import annotations

import dataclasses
import logging
from itertools import pairwise

import numpy as np
import pytest
import torch

from tests.support.architectures import VOCABULARY_SIZE, build_random_model
from tests.support.option_tasks import build_encoded_task, score_by_definition
from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.cpu_threads import limit_threads
from trailhouse.models.few_shot.evaluator import Evaluator, evaluation_record
from trailhouse.models.few_shot.option_encoding import EncodedOption, EncodedTask
from trailhouse.models.scoring.scoring_settings import ScoringSettings

CPU = ScoringSettings(device="cpu")


def replace_options(task: EncodedTask, **changes) -> EncodedTask:
    """Return a task all of whose options are changed in the same way."""
    items = tuple(
        dataclasses.replace(item, options=tuple(dataclasses.replace(option, **changes) for option in item.options))
        for item in task.items
    )
    return dataclasses.replace(task, items=items)


@pytest.fixture
def silent_transformers():
    """Silence transformers. Recurrent models log that they run without their fast implementation."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("silent_transformers")
@pytest.mark.parametrize("name", ["gpt_neox", "gpt2", "opt", "llama", "gemma2", "bloom", "mamba2", "rwkv"])
@pytest.mark.parametrize("max_batch_tokens", [None, 40])
def test_every_option_has_the_score_of_a_text_of_its_own(name, max_batch_tokens):
    model, task = build_random_model(name), build_encoded_task()
    scores = Evaluator(model, ScoringSettings(device="cpu", max_batch_tokens=max_batch_tokens)).score(task)
    options = [option for item in task.items for option in item.options]
    expected = [score_by_definition(model, option.token_ids, option.first_target) for option in options]
    unconditional = [score_by_definition(model, option.unconditional_token_ids, 1) for option in options]
    np.testing.assert_allclose(scores["log_prob_nats"], expected, atol=5e-5)
    np.testing.assert_allclose(scores["unconditional_log_prob_nats"], unconditional, atol=5e-5)


def test_scores_come_with_what_they_were_computed_from():
    task = dataclasses.replace(build_encoded_task(item_count=3), shot_count=5, seed=7)
    item = dataclasses.replace(task.items[1], exemplar_count=1, truncated_token_count=4)
    task = dataclasses.replace(task, items=(task.items[0], item, task.items[2]))
    rows = Evaluator(build_random_model("gpt2"), CPU).score(task).to_pylist()
    expected = [
        {
            "task_id": "t",
            "shot_count": 5,
            "seed": 7,
            "item_id": item_id,
            "option_index": index,
            "token_count": len(option.token_ids) - option.first_target,
            "character_count": len("option ") + index,
            "byte_count": len("option ") + 2 * index,
            "exemplar_count": item.exemplar_count,
            "prompt_token_count": option.first_target,
            "truncated_token_count": item.truncated_token_count,
        }
        for item_id, item in enumerate(task.items)
        for index, option in enumerate(item.options)
    ]
    assert [{key: row[key] for key in expected[0]} for row in rows] == expected
    assert [row["exemplar_count"] for row in rows if row["item_id"] != 1] == [2] * sum(
        len(task.items[index].options) for index in (0, 2)
    )


def test_rows_of_one_prompt_share_it_where_the_model_can_read_that():
    task = build_encoded_task(item_count=5)
    for name, is_shared in (("llama", True), ("rwkv", False)):
        evaluator = Evaluator(build_random_model(name), CPU)
        for item in task.items:
            rows = evaluator._build_rows(item, 0)
            distinct = {option.token_ids[:-1].tobytes() for option in item.options}
            if is_shared and len(distinct) > 1:
                read = [len(option.token_ids) - 1 for option in item.options]
                assert sum(row.length for row in rows) < sum(read)
            else:
                assert not any(row.has_continuations for row in rows)


def test_equal_options_are_scored_once_without_their_prompt(monkeypatch):
    task = build_encoded_task(item_count=6)
    repeated = np.asarray([0, 5, 9], np.int32)
    task = replace_options(task, unconditional_token_ids=repeated)
    model = build_random_model("llama")
    evaluator = Evaluator(model, CPU)
    inputs = []
    run_batch = evaluator._run_batch

    def record_rows(batch):
        inputs.extend(row.token_ids.tolist() for row in batch)
        return run_batch(batch)

    monkeypatch.setattr(evaluator, "_run_batch", record_rows)
    for _ in range(2):
        scores = evaluator.score(task)["unconditional_log_prob_nats"].to_pylist()
        np.testing.assert_allclose(scores, score_by_definition(model, repeated, 1), atol=5e-5)
    assert inputs.count([0, 5]) == 1


def test_progress_adds_up_to_the_options_of_the_task():
    task = build_encoded_task()
    counts: list[int] = []
    Evaluator(build_random_model("gpt2"), ScoringSettings(device="cpu", max_batch_tokens=40)).score(task, counts.append)
    assert len(counts) > 1
    assert sum(counts) == task.task.option_count


def test_batches_stay_smaller_once_the_memory_has_run_out():
    task = build_encoded_task(item_count=12)
    model = build_random_model("bloom")
    expected = Evaluator(model, CPU).score(task)["log_prob_nats"]
    evaluator = Evaluator(model, CPU)
    sizes = []

    def run_out_of_memory(_, inputs, keywords):
        sizes.append(keywords["input_ids"].numel())
        if sizes[-1] > 60:
            raise MemoryError("simulated")

    model.transformer.register_forward_pre_hook(run_out_of_memory, with_kwargs=True)
    scores = evaluator.score(task)["log_prob_nats"]
    np.testing.assert_allclose(scores, expected, atol=5e-5)
    failed = [size for size in sizes if size > 60]
    assert failed
    assert all(later <= earlier // 2 for earlier, later in pairwise(failed)), "no size is tried again after it failed"


def test_a_token_that_the_model_does_not_have_is_refused():
    task = build_encoded_task()
    for changes in (
        {"token_ids": np.asarray([1, VOCABULARY_SIZE], np.int32), "first_target": 1},
        {"unconditional_token_ids": np.asarray([0, VOCABULARY_SIZE], np.int32)},
    ):
        with pytest.raises(BadInputError, match=f"token id {VOCABULARY_SIZE}, and the model has {VOCABULARY_SIZE}"):
            Evaluator(build_random_model("gpt2"), CPU).score(replace_options(task, **changes))
    allowed = replace_options(task, unconditional_token_ids=np.asarray([0, VOCABULARY_SIZE - 1], np.int32))
    assert Evaluator(build_random_model("gpt2"), CPU).score(allowed).num_rows == task.task.option_count


@pytest.mark.parametrize("is_conditional", [True, False])
def test_a_score_that_is_not_finite_is_refused(is_conditional):
    """Only token 96 has NaN scores. A NaN must not be stored as null, because null means that there is no score."""
    model = build_random_model("gpt2")
    prompt, damaged = np.asarray([1, 2, 3], np.int32), np.asarray([1, 96, 3], np.int32)
    texts = (damaged, prompt) if is_conditional else (prompt, damaged)
    task = build_encoded_task(item_count=1)
    assert not any(96 in option.token_ids for option in task.items[0].options)
    options = (*task.items[0].options[1:], EncodedOption(texts[0], 2, texts[1]))
    task = dataclasses.replace(task, items=(dataclasses.replace(task.items[0], options=options),))
    evaluator = Evaluator(model, CPU)
    assert np.isfinite(evaluator.score(task)["log_prob_nats"]).all()
    embedding = model.get_input_embeddings()
    embedding.register_forward_hook(
        lambda _, inputs, output: torch.where((inputs[0] == 96)[..., None], torch.nan, output)
    )
    with pytest.raises(BadInputError, match="not finite"):
        Evaluator(model, CPU).score(task)


def test_without_a_token_that_begins_texts_there_is_no_unconditional_score():
    task = replace_options(build_encoded_task(item_count=2), unconditional_token_ids=None)
    scores = Evaluator(build_random_model("gpt2"), CPU).score(task)
    assert scores["unconditional_log_prob_nats"].null_count == scores.num_rows
    assert scores["log_prob_nats"].null_count == 0


def test_small_models_run_on_one_thread_and_others_on_all():
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        for width, expected in ((998, 1), (999, 2)):  # with the bias, 999,000 and 1,000,000 parameters
            with limit_threads(torch.nn.Linear(width, 1000)):
                assert torch.get_num_threads() == expected
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_the_key_of_an_evaluation_leaves_out_what_only_changes_the_speed():
    record = evaluation_record(CPU)
    assert record == evaluation_record(ScoringSettings(device="cuda", max_batch_tokens=7))
    assert record == {"evaluation_method": 1, "dtype": "float32", "context_length": None}
    for changes in ({"dtype": "bfloat16"}, {"context_length": 16}):
        assert evaluation_record(ScoringSettings(**changes)) != record
