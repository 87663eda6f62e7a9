"""The training of one miniature model: its learning rate, its batches, its network and its steps."""

from __future__ import annotations

import dataclasses
import math
import threading

import pytest
import torch

from trailhouse.models.checkpoints.suite import ModelDeclaration, TrainingRecipe, find_suite, packaged_suites_directory
from trailhouse.models.miniature.optimisation import (
    LEARNING_RATE_TIMES_WIDTH,
    TrainingProgress,
    _build_optimizer,
    _iterate_batches,
    build_model,
    optimise_model,
)
from trailhouse.models.miniature.vocabulary import encode_texts, train_tokenizer

TOKENIZER = train_tokenizer(["the cat sat on the mat"], 260)


def declare(architecture: str = "gpt-neox", **changes) -> ModelDeclaration:
    """Return a model of width 8 that reads 12 tokens a step: three sequences of four tokens."""
    recipe = TrainingRecipe(8, 2, 2, (0, 2, 3), architecture)
    return dataclasses.replace(ModelDeclaration("tiny", "tiny", r"(\d+)", 12, 3, 4, 5, recipe=recipe), **changes)


def test_the_learning_rate_rises_within_a_twentieth_of_the_steps_and_falls_as_a_cosine_to_0():
    model = find_suite("miniature-reduced", [packaged_suites_directory()]).models[0]
    steps = model.planned_steps
    optimizer, schedule = _build_optimizer(torch.nn.Linear(1, 1), model)
    factors = []
    for _ in range(steps + 1):
        (group,) = optimizer.param_groups
        factors.append(group["lr"] * model.recipe.hidden_size / LEARNING_RATE_TIMES_WIDTH)
        optimizer.step()
        schedule.step()
    cosine = [0.5 + math.cos(math.pi * step / steps) / 2 for step in range(steps + 1)]
    warm_up = [min(20 * (step + 1) / steps, 1.0) for step in range(steps + 1)]
    assert factors == pytest.approx([rise * fall for rise, fall in zip(warm_up, cosine, strict=True)], abs=1e-12)
    assert factors[0] == pytest.approx(20 / steps)
    assert factors[steps // 2] == pytest.approx(0.5, rel=0.02)
    assert factors[-1] == pytest.approx(0.0, abs=1e-12)


def test_every_epoch_reads_every_sequence_once_in_an_order_of_the_seed():
    token_ids = torch.arange(27)  # six sequences of four tokens and the token after each; two tokens are left over
    model = declare(planned_steps=5)
    batches = list(_iterate_batches(token_ids, model))
    assert [batch.shape for batch in batches] == [(3, 5)] * 5
    assert all((row.diff() == 1).all() for batch in batches for row in batch)
    starts = torch.cat(batches)[:, 0].tolist()
    epochs = [starts[:6], starts[6:12], starts[12:]]
    assert [sorted(epoch) for epoch in epochs[:2]] == [list(range(0, 24, 4))] * 2
    assert len(set(epochs[2])) == 3
    assert epochs[0] != epochs[1]
    again = torch.cat(list(_iterate_batches(token_ids, model)))[:, 0].tolist()
    other = torch.cat(list(_iterate_batches(token_ids, declare(planned_steps=5, seed=6))))[:, 0].tolist()
    assert (again == starts, other == starts) == (True, False)


def test_without_a_seed_the_seed_is_0():
    token_ids = torch.arange(99)
    first, second = (next(_iterate_batches(token_ids, declare(seed=seed))) for seed in (None, 0))
    assert torch.equal(first, second)
    weights = [build_model(declare(seed=seed), TOKENIZER).get_input_embeddings().weight for seed in (None, 0, 1)]
    assert (torch.equal(weights[0], weights[1]), torch.equal(weights[0], weights[2])) == (True, False)


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("gpt-neox", {"model_type": "gpt_neox", "intermediate_size": 32, "num_attention_heads": 2,
                      "max_position_embeddings": 4, "initializer_range": 8**-0.5, "_attn_implementation": "sdpa"}),
        ("mamba2", {"model_type": "mamba2", "num_heads": 2, "head_dim": 8, "n_groups": 1, "state_size": 32,
                    "chunk_size": 64, "initializer_range": 8**-0.5}),
        ("rwkv", {"model_type": "rwkv", "context_length": 4, "rescale_every": 0}),
    ],
)  # fmt: skip
def test_the_network_has_the_sizes_of_its_recipe(architecture, expected):
    state = torch.random.get_rng_state()
    config = build_model(declare(architecture), TOKENIZER).config
    assert torch.equal(torch.random.get_rng_state(), state)
    shared = {"vocab_size": len(TOKENIZER), "hidden_size": 8, "num_hidden_layers": 2, "bos_token_id": 0}
    assert {name: getattr(config, name) for name in shared | expected} == shared | expected


def train(network, model, token_ids, stop=None) -> tuple[bool, list[int], list[TrainingProgress]]:
    """Train the network; return whether the training was completed, the steps that were kept, and the reports."""
    kept, reports = [], []
    is_complete = optimise_model(network, token_ids, model, kept.append, reports.append, stop or threading.Event())
    return is_complete, kept, reports


def test_training_is_adamw_on_the_mean_loss_with_clipped_gradients():
    model = declare()
    token_ids = encode_texts(TOKENIZER, ["the cat sat on the mat and the mat sat on it"] * 4)
    network, reference = (build_model(model, TOKENIZER) for _ in range(2))
    is_complete, kept, reports = train(network, model, token_ids)
    assert (is_complete, kept) == (True, [0, 2, 3])
    assert network.training
    assert [(report.model_name, report.step, report.planned_steps) for report in reports] == [
        ("tiny", step, 3) for step in (1, 2, 3)
    ]
    optimizer = torch.optim.AdamW(reference.parameters(), betas=(0.9, 0.95), weight_decay=0.1)
    losses = []
    for step, sequences in enumerate(_iterate_batches(token_ids, model)):
        optimizer.param_groups[0]["lr"] = 0.64 / 8 * (1 + math.cos(math.pi * step / 3)) / 2
        optimizer.zero_grad()
        log_probs = reference.train()(sequences[:, :-1]).logits.log_softmax(-1)
        loss = -log_probs.gather(-1, sequences[:, 1:, None]).mean()
        loss.backward()
        norm = math.sqrt(sum(float(p.grad.square().sum()) for p in reference.parameters()))
        for parameter in reference.parameters():
            parameter.grad *= min(1.0, 1.0 / norm)
        optimizer.step()
        losses.append(loss.item())
    assert [report.training_loss_nats for report in reports] == pytest.approx(losses, rel=1e-4)
    # Not every parameter is compared: the bias of the keys has no effect, and its updates are those of rounding errors
    with torch.no_grad():
        torch.testing.assert_close(network(token_ids[None, :9]).logits, reference(token_ids[None, :9]).logits)


def test_training_stops_before_its_next_step_and_keeps_only_declared_steps():
    stop = threading.Event()
    stop.set()
    model = declare(recipe=TrainingRecipe(8, 2, 2, (1, 3)))
    token_ids = torch.arange(99) % 250
    assert train(build_model(model, TOKENIZER), model, token_ids, stop) == (False, [], [])
    is_complete, kept, _ = train(build_model(model, TOKENIZER), model, token_ids)
    assert (is_complete, kept) == (True, [1, 3])


def test_the_end_of_a_text_follows_each_text():
    ids = encode_texts(TOKENIZER, ["the", "cat"]).tolist()
    end = TOKENIZER.eos_token_id
    assert ids == [*TOKENIZER("the").input_ids, end, *TOKENIZER("cat").input_ids, end]
    assert end == 0


def test_a_vocabulary_has_all_bytes_the_end_of_text_and_the_merges_that_fit():
    assert len(TOKENIZER) == 260
    assert TOKENIZER.decode(TOKENIZER(" the\u00e9 \U0001f642").input_ids) == " the\u00e9 \U0001f642"
    assert TOKENIZER.decode(TOKENIZER("cat , it 's").input_ids) == "cat , it 's"
