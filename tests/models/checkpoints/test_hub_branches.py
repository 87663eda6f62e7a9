"""Which branches of a repository are checkpoints, and which of their files belong to a checkpoint."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.sources import hub
from trailhouse.models.checkpoints.sources.hub import HubSource, Revision, RevisionFiles
from trailhouse.models.checkpoints.sources.hub_repository import HubFile
from trailhouse.models.checkpoints.sources.source import Listing
from trailhouse.models.checkpoints.step_pattern import TrainingPosition
from trailhouse.models.checkpoints.suite import ModelDeclaration

WEIGHTS = HubFile("model.safetensors", 9, "w", "a" * 64)
SHARDS = [HubFile(f"model-0000{n}-of-00002.safetensors", 9, "w", "a" * 64) for n in (1, 2)]
INDEX = HubFile("model.safetensors.index.json", 9, "i", "")
SMALL = [HubFile(name, 9, name, "") for name in ("config.json", "tokenizer.json", "vocab.txt")]
UNWANTED = [HubFile(name, 9, name, "") for name in ("README.md", "model.py", "optimizer.bin")]


def make_source(branches=(), files=(), revisions=None, **declared) -> HubSource:
    declared.setdefault("final_revision", "main")
    model = ModelDeclaration("m", "o/n", r"step(\d+)", 10, 100, 8, None, source="hub", **declared)
    repository = SimpleNamespace(
        name="o/n",
        list_branches=lambda: {name: f"commit of {name}" for name in branches},
        list_files=lambda commit_hash: list(files),
    )
    return HubSource(SimpleNamespace(suite_id="s"), model, repository, Path("cache"), revisions)


def list_revisions(*branches: str, **options) -> list[tuple[str, int, int]]:
    found = make_source(branches, **options)._list_revisions(Listing())
    assert all(one.commit_hash == f"commit of {one.name}" for one in found)
    return [(one.name, one.position.step, one.position.tokens_seen) for one in found]


def test_matching_branches_come_in_order_and_the_final_one_has_the_last_step():
    assert list_revisions("step20", "step3", "main", "side") == [
        ("step3", 3, 30),
        ("step20", 20, 200),
        ("main", 100, 1_000),
    ]
    assert list_revisions("step3", "main", final_revision="") == [("step3", 3, 30)]


@pytest.mark.parametrize("final", ["main", "zz"])
def test_a_branch_of_the_last_step_goes_before_the_final_one(final):
    assert list_revisions("step100", final, "step1", final_revision=final) == [
        ("step1", 1, 10),
        ("step100", 100, 1_000),
    ]


def test_two_branches_of_one_step_are_refused():
    with pytest.raises(BadInputError, match="the branches step1 and step01 are both step 1"):
        list_revisions("step1", "step01")


def test_a_repository_without_a_checkpoint_is_named():
    with pytest.raises(BadInputError, match=r"has no branches that match 'step"):
        list_revisions("side")


def test_revisions_of_a_manifest_that_are_missing_are_failures():
    positions = [("b", TrainingPosition(7, 9)), ("gone", TrainingPosition(8, 9)), ("a", TrainingPosition(2, 3))]
    listing = Listing()
    found = make_source(["a", "b", "step1"], revisions=tuple(positions))._list_revisions(listing)
    assert [(one.name, one.position.step) for one in found] == [("a", 2), ("b", 7)]
    assert [(one.location, one.position.step) for one in listing.failures] == [("gone", 8)]


def list_files(*files: HubFile, **declared) -> RevisionFiles | BadInputError:
    revision = Revision("step1", "c", TrainingPosition(1, 10))
    return make_source(files=files, **declared)._list_files(revision)


def test_the_files_of_a_checkpoint_are_its_weights_and_its_description():
    found = list_files(*UNWANTED, WEIGHTS, INDEX, *reversed(SMALL))
    assert found.weights == (WEIGHTS,)
    assert found.small == tuple(SMALL)  # the index of shards belongs to shards only
    found = list_files(*reversed(SHARDS), INDEX, *SMALL)
    assert found.weights == tuple(SHARDS)
    assert found.small == (SMALL[0], INDEX, *SMALL[1:])


@pytest.mark.parametrize(
    ("files", "problem", "hint"),
    [
        (SMALL, r"o/n at step1: there is no model\.safetensors", "wait for the owner"),
        ([HubFile("pytorch_model.bin", 9, "w", "a")], "the weights are pickled", "allow_pickle: true"),
        ([HubFile("model.safetensors", 9, "w", "")], r"has no SHA-256 of model\.safetensors", "LFS"),
        ([WEIGHTS, HubFile("config.json", (4 << 20) + 1, "c", "")], "is larger than 4 MiB", "right file"),
        ([WEIGHTS, HubFile("tokenizer.json", (128 << 20) + 1, "c", "")], "is larger than 128 MiB", "right file"),
        ([SHARDS[0], INDEX], "is not there", "wait for the owner"),
    ],
)
def test_a_revision_whose_files_are_no_checkpoint_is_named(files, problem, hint):
    error = list_files(*files)
    assert isinstance(error, BadInputError)
    with pytest.raises(BadInputError, match=problem):
        raise error
    assert hint in error.hint


def test_files_of_the_largest_size_are_taken_and_pickles_if_they_are_allowed():
    config, tokenizer = HubFile("config.json", 4 << 20, "c", ""), HubFile("tokenizer.json", 128 << 20, "c", "")
    assert list_files(WEIGHTS, config, tokenizer).small == (config, tokenizer)
    pickle = HubFile("pytorch_model.bin", 9, "w", "a")
    assert list_files(pickle, allow_pickle=True).weights == (pickle,)


@pytest.mark.parametrize(("is_file", "copied"), [(True, ["config.json"]), (False, [])])
def test_a_fetched_checkpoint_has_its_weights_and_small_files_and_says_how_much_was_read(tmp_path, is_file, copied):
    (tmp_path / "small").mkdir()
    if is_file:
        (tmp_path / "small" / "config.json").write_text("{}")
    (tmp_path / "small" / "folder").mkdir()
    downloaded, read = [], []

    def download(file: HubFile, commit_hash: str, directory: Path) -> None:
        downloaded.append((file, commit_hash))
        (directory / file.name).write_text("")
        (directory / ".cache").mkdir(exist_ok=True)

    source = make_source()
    source.repository.download = download
    files = tuple(hub.WeightFile(one.name, one.size_bytes, one.sha256) for one in SHARDS)
    checkpoint = SimpleNamespace(weight_files=files, commit_hash="c", directory=tmp_path / "small")
    target = source.fetch(checkpoint, tmp_path / "target", read.append)
    assert sorted(path.name for path in target.iterdir()) == sorted([*copied, *(one.name for one in SHARDS)])
    assert downloaded == [(HubFile(one.name, 9, "", "a" * 64), "c") for one in SHARDS]
    assert read == [9, 9]
    source.fetch(checkpoint, tmp_path / "target")
    assert len(downloaded) == 2
