from __future__ import annotations

import hashlib
import json
import shutil
import struct
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.support.architectures import build_random_model
from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.audit.audit import AuditInput, audit_suite
from trailhouse.models.checkpoints.checkpoint import check_config_file
from trailhouse.models.checkpoints.sources.local import locate_checkpoints
from trailhouse.models.checkpoints.suite import load_suite
from trailhouse.models.miniature.vocabulary import train_tokenizer
from trailhouse.models.scoring.load_model import load_model
from trailhouse.models.scoring.scoring_settings import ScoringSettings

SUITE = """\
suite: ours
description: Our own run
source: folder
models:
  - {name: base, location: run, batch_tokens: 1000, planned_steps: 100, context_length: 32, seed: null}
"""


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("template")
    build_random_model("gpt_neox").save_pretrained(directory)
    train_tokenizer(["the cat sat on the mat"]).save_pretrained(directory)
    return directory


@pytest.fixture
def run(tmp_path, template) -> Path:
    (tmp_path / "suite.yaml").write_text(SUITE)
    for name in ("checkpoint-20", "checkpoint-3", "step100"):
        shutil.copytree(template, tmp_path / "run" / name)
    return tmp_path / "run"


def discover(run, **changes):
    suite = load_suite(run.parent / "suite.yaml")
    listing = locate_checkpoints(suite, suite.models[0], run).list_checkpoints()
    for failure in listing.failures:
        raise failure.error
    return listing.checkpoints


def test_checkpoints_come_sorted_by_step_with_gaps(run):
    checkpoints = discover(run)
    assert [(checkpoint.step, checkpoint.tokens_seen) for checkpoint in checkpoints] == [
        (3, 3_000),
        (20, 20_000),
        (100, 100_000),
    ]
    assert {checkpoint.model_id for checkpoint in checkpoints} == {"ours/base"}
    assert checkpoints[0].directory == run / "checkpoint-3"


def test_the_hash_is_that_of_the_only_file_or_of_the_shards_hashes_in_name_order(run, template):
    content = (template / "model.safetensors").read_bytes()
    checkpoint = discover(run)[0]
    assert checkpoint.weights_sha256 == hashlib.sha256(content).hexdigest()
    assert checkpoint.size_bytes == len(content)
    assert checkpoint.config_sha256 == hashlib.sha256((template / "config.json").read_bytes()).hexdigest()
    tensors = load_file(template / "model.safetensors")
    names = sorted(tensors)
    shards = {"model-1.safetensors": names[:3], "model-2.safetensors": names[3:]}
    (run / "step100" / "model.safetensors").unlink()
    for shard, members in shards.items():
        save_file({name: tensors[name] for name in members}, run / "step100" / shard, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: shard for shard, members in shards.items() for name in members}}
    (run / "step100" / "model.safetensors.index.json").write_text(json.dumps(index))
    hashes = [hashlib.sha256((run / "step100" / shard).read_bytes()).hexdigest() for shard in sorted(shards)]
    lines = "".join(f"{one}\n" for one in hashes)
    assert discover(run)[2].weights_sha256 == hashlib.sha256(lines.encode()).hexdigest()
    load_model(run / "step100", ScoringSettings())


def test_discovery_writes_nothing(run):
    before = sorted(path.name for path in run.rglob("*"))
    discover(run)
    assert sorted(path.name for path in run.rglob("*")) == before


@pytest.mark.parametrize("name", ["tmp-checkpoint-7", ".checkpoint-7", "checkpoint-7.tmp", "checkpoint-7-partial"])
def test_directories_that_are_still_written_are_left_out(run, name):
    (run / name).mkdir()
    text = (run.parent / "suite.yaml").read_text().replace("seed: null", r"step_pattern: '[a-z.-]*-(\d+)[a-z.-]*'")
    (run.parent / "suite.yaml").write_text(text)
    shutil.rmtree(run / "step100")
    assert [checkpoint.step for checkpoint in discover(run)] == [3, 20]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def lie_about_a_shape(path: Path) -> None:
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    name = next(name for name in header if name != "__metadata__")
    header[name]["shape"] = [10**6, 10**6]
    changed = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(changed)) + changed + content[8 + size :])


def claim_a_huge_header(path: Path) -> None:
    path.write_bytes(struct.pack("<Q", 2**62) + path.read_bytes()[8:])


def write_index(name: object):
    def write(path: Path) -> None:
        path.unlink()
        path.with_name("model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": name}}))

    return write


DAMAGES = {
    "truncated": (truncate, "no complete safetensors file"),
    "lying shape": (lie_about_a_shape, "no complete safetensors file"),
    "huge header": (claim_a_huge_header, "no complete safetensors file"),
    "empty": (lambda path: path.write_bytes(b""), "no complete safetensors file"),
    "no tensors": (lambda path: save_file({}, path), "holds no tensors"),
    "missing": (lambda path: path.unlink(), r"holds no model\.safetensors"),
    "pickled": (lambda path: path.rename(path.with_name("pytorch_model.bin")), "the weights are pickled"),
    "no config": (lambda path: path.with_name("config.json").unlink(), r"holds no config\.json"),
    "no tokenizer": (lambda path: path.with_name("tokenizer.json").unlink(), "tokenizer does not load"),
    "missing shard": (write_index("model-9.safetensors"), r"names model-9\.safetensors, which is not there"),
    "shard elsewhere": (write_index("../x.safetensors"), r"'\.\./x\.safetensors' is no file name"),
    "shard of a wrong type": (write_index(7), "7 is no file name"),
    "pickled shard": (write_index("pytorch_model.bin"), "is no file name of safetensors"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named(run, damage):
    inflict, expected = DAMAGES[damage]
    inflict(run / "checkpoint-20" / "model.safetensors")
    with pytest.raises(BadInputError, match=f"checkpoint-20.*{expected}") as caught:
        discover(run)
    assert caught.value.hint


def test_a_missing_directory_and_one_without_checkpoints_are_named(run):
    for name in ("checkpoint-20", "checkpoint-3", "step100"):
        shutil.rmtree(run / name)
    with pytest.raises(BadInputError, match="holds no checkpoint directories"):
        discover(run)
    run.rmdir()
    with pytest.raises(BadInputError, match="there is no such directory"):
        discover(run)


def test_two_directories_of_one_step_are_refused(run):
    (run / "step-3").mkdir()
    with pytest.raises(BadInputError, match="are both step 3"):
        discover(run)


def replace_tensors(path: Path, change) -> None:
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_not_finite_are_named_with_their_tensor(run, value):
    path = run / "step100" / "model.safetensors"
    replace_tensors(path, lambda tensors: tensors["gpt_neox.layers.1.mlp.dense_h_to_4h.weight"][3].fill_(value))
    with pytest.raises(BadInputError, match=r"step100.*layers\.1\.mlp\.dense_h_to_4h\.weight holds NaN or infinity"):
        load_model(run / "step100", ScoringSettings())


def test_large_but_finite_weights_are_accepted(run):
    path = run / "step100" / "model.safetensors"
    replace_tensors(path, lambda tensors: tensors["gpt_neox.embed_in.weight"].fill_(3e38))
    load_model(run / "step100", ScoringSettings())


def test_a_missing_tensor_is_never_filled_with_random_numbers(run):
    replace_tensors(run / "step100" / "model.safetensors", lambda tensors: tensors.pop("embed_out.weight"))
    with pytest.raises(BadInputError, match=r"step100: the tensor lm_head\.weight is missing"):
        load_model(run / "step100", ScoringSettings())


def audit_shapes(run) -> dict[int, str]:
    """The message of the check of the shapes, by step; empty where nothing is wrong."""
    suite = load_suite(run.parent / "suite.yaml")
    listing = locate_checkpoints(suite, suite.models[0], run).list_checkpoints()
    findings = audit_suite(AuditInput(suite, {"ours/base": listing}))
    return {finding.step: finding.message for finding in findings if finding.check_name == "shapes"}


def test_the_audit_names_tensors_that_the_model_of_the_configuration_leaves_out(run):
    for name in ("checkpoint-3", "step100", "checkpoint-20"):
        edit_config(run / name, num_hidden_layers=1)
    messages = audit_shapes(run)
    assert list(messages) == [3, 20, 100]
    for message in messages.values():
        assert message.startswith("the tensor gpt_neox.layers.1.")
        assert "is not used by GPTNeoXForCausalLM" in message


def test_the_audit_names_a_tensor_with_other_bytes_in_another_shard(run):
    directory = run / "step100"
    tensors = load_file(directory / "model.safetensors")
    (directory / "model.safetensors").unlink()
    names = sorted(tensors)
    stale = {names[0]: tensors[names[0]] + 1}
    shards = {"model-1.safetensors": names[:3], "model-2.safetensors": names[3:]}
    for shard, members in shards.items():
        content = {name: tensors[name] for name in members} | (stale if shard == "model-2.safetensors" else {})
        save_file(content, directory / shard, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: shard for shard, members in shards.items() for name in members}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    suite = load_suite(run.parent / "suite.yaml")
    listing = locate_checkpoints(suite, suite.models[0], run).list_checkpoints()
    findings = audit_suite(AuditInput(suite, {"ours/base": listing}))
    (wrong,) = [one for one in findings if one.status == "wrong" and one.check_name == "completeness"]
    assert wrong.step == 100
    assert (
        f"model-2.safetensors: holds the tensor {names[0]} with other bytes than model-1.safetensors" in wrong.message
    )


def edit_config(directory: Path, **changes) -> None:
    path = directory / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "no_such_model"},
        {"model_type": "no_such_model", "auto_map": {"AutoModelForCausalLM": "evil.Model"}},
        {"hidden_size": 48},
        {"hidden_size": "wide"},
        {"num_attention_heads": 0},
        {"vocab_size": 11},
    ],
)
def test_a_configuration_that_does_not_fit_the_weights_is_named(run, changes):
    (run / "step100" / "evil.py").write_text("raise SystemExit('remote code ran')")
    edit_config(run / "step100", **changes)
    with pytest.raises(BadInputError, match="step100"):
        load_model(run / "step100", ScoringSettings())


def test_a_configuration_asking_for_remote_code_runs_none_where_the_model_is_known(run):
    (run / "step100" / "evil.py").write_text("raise SystemExit('remote code ran')")
    edit_config(run / "step100", auto_map={"AutoModelForCausalLM": "evil.Model", "AutoConfig": "evil.Config"})
    load_model(run / "step100", ScoringSettings())


def test_a_configuration_of_4_mib_is_read_and_no_larger_one(tmp_path):
    path = tmp_path / "config.json"
    path.write_bytes(b"{}".ljust(4 * 1024**2))
    check_config_file(path)
    path.write_bytes(b"{}".ljust(4 * 1024**2 + 1))
    with pytest.raises(BadInputError, match="larger than 4 MiB"):
        check_config_file(path)


@pytest.mark.parametrize("content", ["", "[]", "{", "3", "[" * 100_000])
def test_a_configuration_is_a_json_object(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(BadInputError, match="it is no JSON object"):
        check_config_file(tmp_path / "config.json")
