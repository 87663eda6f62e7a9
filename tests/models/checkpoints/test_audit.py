"""The audit: comparisons by hash, files rewritten during the audit, and which finding of a step is kept."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.architectures import VOCABULARY_SIZE, build_random_model
from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.audit.audit import AuditInput, audit_suite
from trailhouse.models.checkpoints.audit.checks import check_revision, check_shapes, check_writing, explain_duplicates
from trailhouse.models.checkpoints.audit.comparison import (
    find_deviants,
    find_doubled,
    find_duplicates,
    find_foreign_shards,
)
from trailhouse.models.checkpoints.audit.finding import CHECKS
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.sources.source import FailedCheckpoint, Listing
from trailhouse.models.checkpoints.step_pattern import TrainingPosition
from trailhouse.models.checkpoints.suite import KnownDamage, ModelDeclaration, Suite
from trailhouse.models.checkpoints.weight_files import WeightFile, combine_weight_hashes

MODEL = "s/m"


def make(step, *shards, config="c", tokenizer="t", commit="", directory=None):
    """A checkpoint. Each of ``shards`` is the hash of one weight file."""
    files = tuple(WeightFile(f"model-{number}", 10, sha256) for number, sha256 in enumerate(shards))
    return Checkpoint(
        "s",
        MODEL,
        step,
        step,
        directory,
        combine_weight_hashes(files),
        config,
        tokenizer,
        10,
        commit_hash=commit,
        weight_files=files,
    )


def test_checkpoints_that_share_one_shard_of_two_name_the_earlier_one():
    found = find_foreign_shards([make(3, "a", "z"), make(1, "x", "z"), make(2, "y", "v")])
    assert found == {(MODEL, 1): ("model-1", 3)}


def test_checkpoints_that_share_all_shards_are_duplicates_and_no_shard_is_foreign():
    checkpoints = [make(1, "a", "b"), make(2, "a", "b"), make(3, "c", "d")]
    assert find_foreign_shards(checkpoints) == {}
    assert find_duplicates(checkpoints) == {(MODEL, 1): [(MODEL, 2)], (MODEL, 2): [(MODEL, 1)]}


def test_of_the_checkpoints_of_a_model_with_the_same_weights_all_but_the_latest_are_doubled():
    other_model = replace(make(9, "a"), model_id="s/other")
    checkpoints = [make(3, "a"), make(1, "a"), make(2, "b"), make(5, "c"), make(4, "a"), other_model]
    assert find_doubled(checkpoints) == {(MODEL, 1): 4, (MODEL, 3): 4}
    assert find_doubled([make(1, "a", "b"), make(2, "a", "c")]) == {}


def test_the_initial_checkpoint_may_have_the_weights_of_the_next_one_alone():
    assert find_doubled([make(2, "b"), make(1, "a"), make(0, "a")]) == {}
    assert find_doubled([make(0, "a"), make(1, "b"), make(2, "a")]) == {(MODEL, 0): 2}
    assert find_doubled([make(0, "a"), make(1, "a"), make(2, "a")]) == {(MODEL, 0): 2, (MODEL, 1): 2}
    assert find_doubled([make(4, "a"), make(8, "a")]) == {(MODEL, 4): 8}


def test_single_files_that_are_shared_are_no_foreign_shards():
    assert find_foreign_shards([make(1, "a"), make(2, "a"), make(3, "a", "b")]) == {}


def read_config(checkpoint):
    return checkpoint.config_sha256


def test_of_two_values_that_are_equally_frequent_that_of_the_latest_checkpoint_is_usual():
    checkpoints = [make(step, "w", config="old" if step < 3 else "new") for step in (2, 1, 4, 3)]
    assert find_deviants(checkpoints, read_config) == {(MODEL, 2): "new", (MODEL, 1): "new"}


def test_the_more_frequent_value_is_usual_although_the_latest_checkpoint_has_another():
    checkpoints = [make(step, "w", config="new" if step == 3 else "old") for step in (1, 2, 3)]
    assert find_deviants(checkpoints, read_config) == {(MODEL, 3): "old"}
    assert find_deviants([], read_config) == {}


@pytest.mark.parametrize(
    ("size_bytes", "seconds_after_start", "is_written"),
    [(10, -1, False), (10, 0, False), (10, 1, True), (9, -1, True), (11, -1, True)],
)
def test_a_file_that_was_rewritten_since_the_audit_began_is_noticed(
    tmp_path, size_bytes, seconds_after_start, is_written
):
    started_at = 1_000_000_000
    (tmp_path / "model-0").write_bytes(bytes(size_bytes))
    os.utime(tmp_path / "model-0", (started_at + seconds_after_start,) * 2)
    problem = check_writing(make(1, "a", directory=tmp_path), started_at)
    assert (problem is not None) == is_written
    assert check_writing(make(1, "a", directory=tmp_path, commit="remote"), started_at) is None


def test_duplicates_are_named_by_step_and_those_of_other_models_by_model_and_step():
    others = [(MODEL, 2), ("s/n", 3), *((MODEL, step) for step in range(4, 9))]
    ((message, _),) = explain_duplicates({(MODEL, 1): others}, MODEL).values()
    assert message == "has the same weights as step 2, s/n step 3, step 4, step 5, step 6 and 2 more"
    ((message, _),) = explain_duplicates({(MODEL, 1): others[:5]}, MODEL).values()
    assert message == "has the same weights as step 2, s/n step 3, step 4, step 5, step 6"


@pytest.mark.parametrize(
    ("scored", "expected"),
    [
        ((), None),
        ((("a", "c", "t"),), None),
        ((("a", "", ""),), None),  # of imported scores, only the weights are known
        ((("b", "c", "t"),), "there are scores of other weights (b...) than what is here now (a...)"),
        ((("a", "d", "t"),), "there are scores of another config.json (d...) than what is here now (c...)"),
        (
            (("a", "c", "u"), ("a", "c", "t")),
            "there are scores of another tokenizer (u...) than what is here now (t...)",
        ),
    ],
)
def test_scores_of_another_content_are_named(scored, expected):
    problem = check_revision(make(1, "a"), frozenset(scored))
    assert (None if problem is None else problem[0]) == expected


@pytest.fixture
def saved_checkpoints(tmp_path) -> list[Checkpoint]:
    """Three local checkpoints of a tiny model, with the same weights."""
    model, checkpoints = build_random_model("gpt_neox"), []
    for step in (1, 2, 3):
        model.save_pretrained(tmp_path / f"step{step}")
        file = WeightFile("model.safetensors", 10, "a")
        checkpoints.append(replace(make(step, "a", directory=tmp_path / f"step{step}"), weight_files=(file,)))
    return checkpoints


def add_tensor(checkpoint: Checkpoint) -> None:
    path = checkpoint.directory / "model.safetensors"
    save_file({**load_file(path), "intruder": torch.zeros(2)}, path, metadata={"format": "pt"})


def edit_configuration(checkpoint: Checkpoint, **changes) -> None:
    path = checkpoint.directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_local_checkpoints_whose_shapes_and_configuration_agree_have_no_problem(saved_checkpoints):
    assert check_shapes(saved_checkpoints) == {}


def test_a_tensor_that_the_other_checkpoints_lack_is_named(saved_checkpoints):
    add_tensor(saved_checkpoints[1])
    (((_, step), (message, hint)),) = check_shapes(saved_checkpoints).items()
    assert step == 2
    assert message.startswith("the tensor intruder is missing, new or of another shape than in the model's other")
    assert hint == "check that the files belong to this run"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"vocab_size": 7}, "config.json states a vocabulary of 7 and a width of 32, and no tensor has that shape"),
        ({"num_hidden_layers": 1}, r"the tensor gpt_neox\.layers\.1\.\S+ is not used by GPTNeoXForCausalLM"),
    ],
)
def test_a_configuration_of_another_model_is_named_even_if_all_checkpoints_have_it(
    saved_checkpoints, changes, expected
):
    for checkpoint in saved_checkpoints[:2]:
        edit_configuration(checkpoint, **changes)
    problems = check_shapes(saved_checkpoints)
    assert set(problems) == {(MODEL, 1), (MODEL, 2)}
    for message, hint in problems.values():
        assert re.match(expected, message)
        assert hint == "copy the config.json that belongs to these weights"


def test_shapes_of_remote_checkpoints_are_not_read(saved_checkpoints):
    add_tensor(saved_checkpoints[1])
    edit_configuration(saved_checkpoints[2], vocab_size=VOCABULARY_SIZE + 1)
    assert check_shapes([replace(checkpoint, commit_hash="x") for checkpoint in saved_checkpoints]) == {}


def audit(listing: Listing, source: str = "hub", **declared):
    model = ModelDeclaration("m", "owner/m", r"step(\d+)", 1, 10, 8, None, source=source, **declared)
    findings = audit_suite(AuditInput(Suite("s", "", source, (model,), ""), {MODEL: listing}))
    keys = [(finding.model_id, finding.step, finding.check_name) for finding in findings]
    assert len(set(keys)) == len(keys)
    return {(finding.step, finding.check_name): finding for finding in findings}


def fail(step: int, *, is_unfinished: bool = False) -> FailedCheckpoint:
    error = BadInputError("model.safetensors is damaged", "copy it again")
    return FailedCheckpoint(TrainingPosition(step, step), f"step{step}", error, is_unfinished=is_unfinished)


def test_the_more_severe_of_two_findings_of_one_step_is_kept():
    findings = audit(Listing([make(1, "a", commit="x")], [], [fail(1)]))
    assert findings[1, "writing"].status == "wrong"
    assert findings[1, "completeness"].status == "ok"
    assert findings[1, "values"].status == "unchecked"  # the weights of a remote checkpoint are not read


def test_of_two_equally_severe_findings_the_first_is_kept():
    findings = audit(Listing([], [fail(1, is_unfinished=True)], [fail(1)]))
    assert findings[1, "writing"].message == "was modified less than a minute ago and is not complete"


@pytest.mark.parametrize(
    ("options", "is_pickled", "status"), [({}, False, "wrong"), ({"are_values_read": False}, False, "unchecked"),
                                          ({}, True, "unchecked")],
)  # fmt: skip
def test_values_are_read_unless_the_audit_or_pickles_forbid_it(saved_checkpoints, options, is_pickled, status):
    path = saved_checkpoints[0].directory / "model.safetensors"
    tensors = load_file(path)
    tensors["embed_out.weight"][3] = torch.nan
    save_file(tensors, path, metadata={"format": "pt"})
    listing = Listing([replace(saved_checkpoints[0], is_pickled=is_pickled)])
    model = ModelDeclaration("m", "here", r"step(\d+)", 1, 10, 8, None)
    findings = audit_suite(AuditInput(Suite("s", "", "folder", (model,), ""), {MODEL: listing}, **options))
    assert [finding.status for finding in findings if finding.check_name == "values"] == [status]
    assert [finding.check_name for finding in findings] == list(CHECKS)


def test_a_checkpoint_that_cannot_be_read_is_incomplete_and_its_other_checks_are_open():
    findings = audit(Listing([], [fail(1), fail(2, is_unfinished=True)]))
    assert findings[1, "completeness"].message == "model.safetensors is damaged"
    assert findings[1, "completeness"].location == "step1"
    statuses = {name: finding.status for (step, name), finding in findings.items() if step == 1}
    assert {name for name, status in statuses.items() if status == "ok"} == {"declaration", "presence", "writing"}
    assert {name for name, status in statuses.items() if status == "wrong"} == {"completeness"}
    assert findings[2, "writing"].status == "wrong"


@pytest.mark.parametrize(
    ("source", "statuses"), [("hub", ["wrong", "ok", "wrong"]), ("folder", ["wrong", "ok", "unchecked"])]
)
def test_a_declared_step_is_missing_unless_a_local_run_may_still_reach_it(source, statuses):
    findings = audit(Listing([make(2, "a", commit="x")]), source, expected_steps=(1, 2, 3))
    assert [findings[step, "presence"].status for step in (1, 2, 3)] == statuses


def test_no_step_of_a_local_run_without_checkpoints_is_missing_yet():
    findings = audit(Listing([]), "folder", expected_steps=(0, 1))
    assert [findings[step, "presence"].message for step in (0, 1)] == ["not reached yet"] * 2


def test_declared_damage_is_known_whether_the_checkpoint_is_wrong_or_missing():
    listing = Listing([make(1, "a", commit="x"), make(3, "a", commit="x"), make(4, "b", commit="x")], [fail(5)])
    damage = (KnownDamage((1, 2, 4, 5), "bad upload"),)
    findings = audit(listing, expected_steps=(1, 2, 3, 4, 5), known_damage=damage)
    assert findings[1, "duplicate"].status == "known"
    assert findings[3, "duplicate"].status == "wrong"
    assert (findings[2, "presence"].status, findings[5, "completeness"].status) == ("known", "known")
    assert (findings[4, "declaration"].status, findings[4, "duplicate"].status) == ("known", "ok")
    assert findings[4, "declaration"].message == "bad upload"
    assert findings[3, "declaration"].status == "ok"
