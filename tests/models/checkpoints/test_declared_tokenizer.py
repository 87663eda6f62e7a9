"""Tokenizers that a suite declares: in a directory of their own, or in a revision of a hub repository."""

from __future__ import annotations

import pytest

from tests.support.fake_hub import SUITE, FakeHub, name_commit, serve_hub
from tests.support.tiny_suite import make_template
from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.sources.opening import open_source
from trailhouse.models.checkpoints.suite import load_suite
from trailhouse.models.miniature.vocabulary import train_tokenizer
from trailhouse.models.texts.tokenizer import identify_tokenizer

OTHER = train_tokenizer(["another text, with other words"])
FOLDER_SUITE = SUITE.replace("source: hub", "source: folder").replace("    final_revision: main\n", "")


@pytest.fixture
def run(tmp_path):
    """A folder of checkpoints without a tokenizer, and a tokenizer elsewhere."""
    make_template(tmp_path / "run" / "step1")
    for path in (tmp_path / "run" / "step1").glob("token*"):
        path.unlink()
    OTHER.save_pretrained(tmp_path / "tokenizer")
    return tmp_path / "run"


@pytest.fixture
def hub(run):
    """A repository with checkpoints but no tokenizer, and one with the tokenizer."""
    checkpoint = {path.name: path.read_bytes() for path in (run / "step1").iterdir()}
    tokenizer = {path.name: path.read_bytes() for path in (run.parent / "tokenizer").iterdir()}
    unwanted = {"model.safetensors": b"weights of another model", "README.md": b"# hello"}
    repositories = {"owner/tiny": {"step1": checkpoint}, "owner/words": {"main": tokenizer | unwanted, "empty": {}}}
    with serve_hub(FakeHub(repositories)) as served:
        yield served


def list_checkpoints(run, text, hub_endpoint=None, **replaced):
    directory = run.parent
    path = directory / "suite.yaml"
    path.write_text(text + "".join(f"    {field}: {value}\n" for field, value in replaced.items()))
    suite = load_suite(path)
    source = open_source(
        suite,
        suite.models[0],
        trained_directory=directory,
        cache_directory=directory / "cache",
        hub_endpoint=hub_endpoint,
    )
    listing = source.list_checkpoints()
    for failure in listing.failures:
        raise failure.error
    return listing.checkpoints


def check(checkpoints):
    (checkpoint,) = checkpoints
    assert checkpoint.tokenizer_id == identify_tokenizer(OTHER) == identify_tokenizer(checkpoint.tokenizer.load())
    return checkpoint


def test_a_folder_takes_the_tokenizer_of_a_directory_or_of_the_hub(run, hub):
    text = FOLDER_SUITE.replace("owner/tiny", "run")
    with pytest.raises(BadInputError, match="step1: holds no tokenizer"):
        list_checkpoints(run, text)
    assert check(list_checkpoints(run, text, tokenizer="tokenizer")).tokenizer.directory == run.parent / "tokenizer"
    check(list_checkpoints(run, text, hub.url, tokenizer="owner/words@main"))
    assert sorted(set(hub.downloaded())) == ["tokenizer.json", "tokenizer_config.json"]
    commit = name_commit(hub.repositories["owner/words"]["main"])
    check(list_checkpoints(run, text, hub.url, tokenizer=f"owner/words@{commit}"))
    assert len(hub.downloaded()) == 2


def test_a_repository_takes_the_tokenizer_of_another(run, hub):
    text = SUITE.replace("    final_revision: main\n", "")
    with pytest.raises(BadInputError, match="holds no tokenizer"):
        list_checkpoints(run, text, hub.url)
    check(list_checkpoints(run, text, hub.url, tokenizer="owner/words@main"))
    check(list_checkpoints(run, text, hub.url, tokenizer=str(run.parent / "tokenizer")))


def test_a_manifest_takes_the_declared_tokenizer(run):
    (run.parent / "list.csv").write_text("path,step\nrun/step1,7\n")
    text = FOLDER_SUITE.replace("source: folder", "source: manifest").replace("owner/tiny", "list.csv")
    text = "".join(line for line in text.splitlines(keepends=True) if "step_pattern" not in line)
    assert check(list_checkpoints(run, text, tokenizer="tokenizer")).step == 7


@pytest.mark.parametrize(
    ("tokenizer", "problem"),
    [
        ("nowhere", "nowhere: holds no tokenizer"),
        ("run", "run: holds no tokenizer"),
        ("owner/words@v9", "owner/words@v9: the repository has no branch v9"),
        ("owner/words@empty", "owner/words@empty: holds no tokenizer"),
        ("owner/absent@main", "the hub has no repository owner/absent"),
    ],
)
def test_a_declared_tokenizer_that_is_not_there_is_named(run, hub, tokenizer, problem):
    with pytest.raises(BadInputError, match=problem):
        list_checkpoints(run, FOLDER_SUITE.replace("owner/tiny", "run"), hub.url, tokenizer=tokenizer)


def test_the_declared_rules_count_for_every_source(run, hub):
    """The tokenizer's class normalises to NFC, and its file does not."""
    path = run.parent / "tokenizer" / "tokenizer_config.json"
    path.write_text(path.read_text().replace("TokenizersBackend", "Qwen2Tokenizer"))
    text = FOLDER_SUITE.replace("owner/tiny", "run")
    with pytest.raises(BadInputError, match="Qwen2Tokenizer of transformers"):
        list_checkpoints(run, text, tokenizer="tokenizer")
    (of_class,) = list_checkpoints(run, text, tokenizer="tokenizer", tokenizer_rules="transformers")
    (of_file,) = list_checkpoints(run, text, tokenizer="tokenizer", tokenizer_rules="file")
    (remote,) = list_checkpoints(
        run,
        SUITE.replace("    final_revision: main\n", ""),
        hub.url,
        tokenizer=str(run.parent / "tokenizer"),
        tokenizer_rules="transformers",
    )
    assert of_file.tokenizer_id == identify_tokenizer(OTHER)
    assert of_class.tokenizer_id == remote.tokenizer_id == identify_tokenizer(remote.tokenizer.load())
    assert of_class.tokenizer_id != of_file.tokenizer_id
