"""Checkpoints on the hub, through huggingface_hub's own client and a hub on loopback."""

from __future__ import annotations

import hashlib
import json
import shutil

import huggingface_hub
import pytest

from tests.support.fake_hub import SUITE, FakeHub, serve_hub
from tests.support.nudged_weights import nudge_weights
from tests.support.tiny_suite import make_template
from trailhouse.errors import BadInputError, UnreachableError
from trailhouse.models.checkpoints.sources import hub_repository
from trailhouse.models.checkpoints.sources.hub import HubSource
from trailhouse.models.checkpoints.sources.local import LocalSource, LocatedCheckpoint
from trailhouse.models.checkpoints.sources.opening import open_source
from trailhouse.models.checkpoints.step_pattern import TrainingPosition
from trailhouse.models.checkpoints.suite import load_suite
from trailhouse.models.scoring.load_model import load_model
from trailhouse.models.scoring.scoring_settings import ScoringSettings


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return make_template(tmp_path_factory.mktemp("hub") / "template")


def read_files(directory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


@pytest.fixture
def hub(template, tmp_path):
    """Branches step0, step10 and main with weights of their own, and files that nobody needs."""
    branches = {}
    for branch, amount in (("step0", 0.0), ("step10", 0.1), ("main", 0.5)):
        shutil.copytree(template, tmp_path / branch)
        nudge_weights(tmp_path / branch, amount)
        unwanted = {"README.md": b"# hello", "modeling_evil.py": b"raise SystemExit", "optimizer.bin": b"pickle"}
        branches[branch] = {**read_files(tmp_path / branch), **unwanted}
    branches["side-project"] = {"README.md": b"not a checkpoint"}
    with serve_hub(FakeHub({"owner/tiny": branches})) as served:
        yield served


@pytest.fixture
def source(hub, tmp_path, monkeypatch) -> HubSource:
    monkeypatch.setattr(hub_repository, "RETRY_DELAYS_SECONDS", (0.01, 0.01))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    (tmp_path / "suite.yaml").write_text(SUITE)
    suite = load_suite(tmp_path / "suite.yaml")
    return open_source(
        suite, suite.models[0], trained_directory=tmp_path, cache_directory=tmp_path / "cache", hub_endpoint=hub.url
    )


def only_checkpoints(source):
    listing = source.list_checkpoints()
    assert listing.failures == []
    return listing.checkpoints


def test_listing_knows_every_identity_and_downloads_no_weights(source, hub, tmp_path):
    checkpoints = only_checkpoints(source)
    assert [(c.step, c.revision, c.tokens_seen) for c in checkpoints] == [
        (0, "step0", 0),
        (10, "step10", 5120),
        (100, "main", 51200),
    ]
    for checkpoint in checkpoints:
        content = hub.repositories["owner/tiny"][checkpoint.revision]
        assert checkpoint.weights_sha256 == hashlib.sha256(content["model.safetensors"]).hexdigest()
        assert checkpoint.config_sha256 == hashlib.sha256(content["config.json"]).hexdigest()
    assert sorted(set(hub.downloaded())) == sorted({"config.json", "tokenizer.json", "tokenizer_config.json"})
    assert len(hub.downloaded()) == 3  # the revisions share these files: each is fetched once


def test_a_checkpoint_has_the_same_identity_on_the_hub_and_in_a_folder(source, template, tmp_path, hub):
    remote = only_checkpoints(source)[1]
    located = [LocatedCheckpoint(TrainingPosition(remote.step, remote.tokens_seen), tmp_path / "step10")]
    (found,) = LocalSource(source.suite, source.model, located).list_checkpoints().checkpoints
    for name in ("weights_sha256", "config_sha256", "tokenizer_id", "size_bytes"):
        assert getattr(found, name) == getattr(remote, name)


def test_a_fetched_checkpoint_is_whole_and_loads_and_brings_no_code(source, hub, tmp_path):
    checkpoint = only_checkpoints(source)[1]
    target = source.fetch(checkpoint, tmp_path / "fetched")
    assert sorted(path.name for path in target.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    load_model(target, ScoringSettings(device="cpu"))
    asked = len(hub.requests)
    assert source.fetch(checkpoint, target) == target
    assert len(hub.requests) == asked
    assert not any(name.endswith((".py", ".bin", ".md")) for name in hub.downloaded())


def test_the_commit_that_was_listed_is_fetched_although_the_branch_has_moved(source, hub, tmp_path):
    checkpoint = only_checkpoints(source)[1]
    hub.repositories["owner/tiny"]["elsewhere"] = hub.repositories["owner/tiny"]["step10"]
    hub.repositories["owner/tiny"]["step10"] = hub.repositories["owner/tiny"]["main"]
    target = source.fetch(checkpoint, tmp_path / "fetched")
    assert hashlib.sha256((target / "model.safetensors").read_bytes()).hexdigest() == checkpoint.weights_sha256
    moved = only_checkpoints(source)[1]
    assert (moved.revision, moved.commit_hash != checkpoint.commit_hash) == ("step10", True)
    assert moved.weights_sha256 != checkpoint.weights_sha256


def test_a_download_that_is_cut_off_goes_on_where_it_stopped(source, hub, tmp_path):
    checkpoint = only_checkpoints(source)[0]
    hub.faults.cut_after_bytes = 1500
    target = source.fetch(checkpoint, tmp_path / "fetched")
    assert hashlib.sha256((target / "model.safetensors").read_bytes()).hexdigest() == checkpoint.weights_sha256
    assert sum(path.startswith("/cdn/") for method, path in hub.requests if method == "GET") == 2


def test_content_that_is_not_what_was_promised_is_fetched_again_and_then_refused(source, hub, tmp_path):
    checkpoint = only_checkpoints(source)[0]
    hub.faults.corrupt_downloads = 1
    source.fetch(checkpoint, tmp_path / "first")
    hub.faults.corrupt_downloads = 2
    with pytest.raises(BadInputError, match=r"model\.safetensors came with another content"):
        source.fetch(checkpoint, tmp_path / "second")
    assert not (tmp_path / "second").exists()
    source.fetch(checkpoint, tmp_path / "second")


def test_a_hub_that_is_unavailable_is_asked_again_and_then_named(source, hub):
    hub.faults.unavailable_answers = 2
    assert len(only_checkpoints(source)) == 3
    hub.faults.unavailable_answers = 10_000
    with pytest.raises(UnreachableError, match="did not serve owner/tiny: answered 503"):
        source.list_checkpoints()


def test_a_hub_that_does_not_answer_is_unreachable(source, monkeypatch):
    nowhere = HubSource(
        source.suite,
        source.model,
        hub_repository.HubRepository("owner/tiny", "http://127.0.0.1:9"),
        source.cache_directory,
    )
    with pytest.raises(UnreachableError, match="HF_ENDPOINT"):
        nowhere.list_checkpoints()


def test_a_hub_that_the_offline_mode_forbids_is_unreachable_and_the_variable_is_named(source, monkeypatch):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnreachableError, match="HF_HUB_OFFLINE"):
        source.list_checkpoints()


def test_a_gated_repository_says_how_to_get_in(source, hub, monkeypatch):
    hub.faults.is_gated = True
    listing = source.list_checkpoints()
    assert listing.checkpoints == []
    assert all("is gated" in failure.error.message and "HF_TOKEN" in failure.error.hint for failure in listing.failures)
    monkeypatch.setenv("HF_TOKEN", hub.faults.token)
    assert len(only_checkpoints(source)) == 3


def test_a_repository_that_is_not_there_is_named(source, hub):
    hub.repositories["owner/other"] = hub.repositories.pop("owner/tiny")
    with pytest.raises(BadInputError, match="has no repository owner/tiny"):
        source.list_checkpoints()


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda files: files.pop("model.safetensors"), r"there is no model\.safetensors"),
        (lambda files: files.pop("config.json"), r"holds no config\.json"),
        (
            lambda files: files.update({"model-00001-of-00002.safetensors": files.pop("model.safetensors")}),
            "model-00002-of-00002.safetensors is not there",
        ),
        (lambda files: files.update({"tokenizer.json": b"{"}), "the tokenizer does not load"),
        (lambda files: files.update({"config.json": b" " * (5 << 20)}), r"config\.json is larger than 4 MiB"),
    ],
)
def test_a_branch_that_is_no_checkpoint_is_named_and_the_others_are_listed(source, hub, change, problem):
    change(hub.repositories["owner/tiny"]["step10"])
    listing = source.list_checkpoints()
    assert [c.step for c in listing.checkpoints] == [0, 100]
    (failure,) = listing.failures
    assert (failure.position.step, failure.location) == (10, "step10")
    with pytest.raises(BadInputError, match=problem):
        raise failure.error


def test_shards_are_identified_by_metadata_alone_and_fetched_with_their_index(source, hub, tmp_path):
    from safetensors.torch import load_file, save_file

    tensors = load_file(tmp_path / "step10" / "model.safetensors")
    half = len(tensors) // 2
    files = hub.repositories["owner/tiny"]["step10"]
    del files["model.safetensors"]
    weight_map = {}
    for number, names in ((1, sorted(tensors)[:half]), (2, sorted(tensors)[half:])):
        shard = f"model-{number:05d}-of-00002.safetensors"
        save_file({name: tensors[name] for name in names}, tmp_path / shard, metadata={"format": "pt"})
        files[shard] = (tmp_path / shard).read_bytes()
        weight_map |= dict.fromkeys(names, shard)
    files["model.safetensors.index.json"] = json.dumps({"metadata": {}, "weight_map": weight_map}).encode()
    checkpoint = only_checkpoints(source)[1]
    hashes = [hashlib.sha256(files[f"model-0000{n}-of-00002.safetensors"]).hexdigest() for n in (1, 2)]
    assert checkpoint.weights_sha256 == hashlib.sha256(f"{hashes[0]}\n{hashes[1]}\n".encode()).hexdigest()
    load_model(source.fetch(checkpoint, tmp_path / "fetched"), ScoringSettings(device="cpu"))


def test_a_manifest_names_revisions_of_a_repository(source, hub, tmp_path):
    (tmp_path / "manifest.csv").write_text("revision,step,tokens\nstep10,7,9000\nmain,9,\ngone,11,\n")
    declaration = SUITE.replace("source: hub", "source: manifest").replace(
        "location: owner/tiny", "location: manifest.csv"
    )
    declaration = declaration.replace("    step_pattern: 'step(?P<step>\\d+)'\n", "")
    (tmp_path / "manifest.yaml").write_text(declaration.replace("final_revision: main", "repository: owner/tiny"))
    suite = load_suite(tmp_path / "manifest.yaml")
    opened = open_source(
        suite, suite.models[0], trained_directory=tmp_path, cache_directory=tmp_path / "cache", hub_endpoint=hub.url
    )
    listing = opened.list_checkpoints()
    assert [(c.step, c.tokens_seen, c.revision) for c in listing.checkpoints] == [
        (7, 9000, "step10"),
        (9, 4608, "main"),
    ]
    assert [(f.position.step, "has no branch gone" in f.error.message) for f in listing.failures] == [(11, True)]
