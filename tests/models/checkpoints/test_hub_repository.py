"""Errors of the hub, as they are explained, and files whose hash or size is not the one that was stated."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import httpx
import pytest
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.hf_api import RepoFile

from trailhouse.errors import BadInputError, UnreachableError
from trailhouse.models.checkpoints.sources import hub_repository
from trailhouse.models.checkpoints.sources.hub_repository import HubFile, HubRepository

CONTENT = b'{"a": 1}'
GIT_HASH = hashlib.sha1(b"blob 8\0" + CONTENT).hexdigest()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


def answer(kind: type[HfHubHTTPError], status: int) -> HfHubHTTPError:
    return kind("text", response=httpx.Response(status, request=httpx.Request("GET", "http://hub")))


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (answer(GatedRepoError, 403), BadInputError, "the hub repository o/n is gated"),
        (answer(RepositoryNotFoundError, 404), BadInputError, "the hub has no repository o/n"),
        (answer(RevisionNotFoundError, 404), BadInputError, "o/n: a commit that was listed is gone"),
        (answer(HfHubHTTPError, 401), BadInputError, r"the hub refused to serve o/n \(401\)"),
        (answer(HfHubHTTPError, 403), BadInputError, r"the hub refused to serve o/n \(403\)"),
        (answer(HfHubHTTPError, 500), UnreachableError, "the hub did not serve o/n: answered 500"),
        (answer(HfHubHTTPError, 404), UnreachableError, "answered 404"),
        (OSError("first line\nsecond"), UnreachableError, r"did not serve o/n: first line \("),
        (OSError(), UnreachableError, r"did not serve o/n: OSError \("),
    ],
)
def test_an_error_of_the_hub_is_explained(error, kind, message):
    explained = hub_repository._explain("o/n", error)
    assert type(explained) is kind
    assert explained.hint
    with pytest.raises(kind, match=message):
        raise explained


@pytest.mark.parametrize(
    ("failures", "is_answered", "waits"),
    [(0, True, []), (1, True, [0.5]), (2, True, [0.5, 2.0]), (3, False, [0.5, 2.0])],
)
def test_an_unreachable_hub_is_asked_three_times_with_pauses(monkeypatch, failures, is_answered, waits):
    slept, asked = [], []
    monkeypatch.setattr(hub_repository, "time", SimpleNamespace(sleep=slept.append))

    def call(api: object) -> str:
        asked.append(api)
        if len(asked) <= failures:
            raise answer(HfHubHTTPError, 503)
        return "answer"

    if is_answered:
        assert HubRepository("o/n")._request(call) == "answer"
    else:
        with pytest.raises(UnreachableError):
            HubRepository("o/n")._request(call)
    assert (slept, len(asked)) == (waits, min(failures + 1, 3))


def test_a_refusal_is_not_asked_for_again(monkeypatch):
    asked = []

    def call(api: object) -> None:
        asked.append(api)
        raise answer(GatedRepoError, 403)

    with pytest.raises(BadInputError, match="gated"):
        HubRepository("o/n")._request(call)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("file", "served", "downloads"),
    [
        (HubFile("a", 8, GIT_HASH, ""), [CONTENT], 1),
        (HubFile("a", 8, "other", SHA256), [CONTENT], 1),
        (HubFile("a", 8, GIT_HASH, ""), [b"{}", CONTENT], 2),
        (HubFile("a", 9, GIT_HASH, ""), [CONTENT, CONTENT], None),
        (HubFile("a", 8, "other", ""), [CONTENT, CONTENT], None),
        (HubFile("a", 8, GIT_HASH, "0" * 64), [CONTENT, CONTENT], None),
    ],
)
def test_a_file_has_its_size_and_hash_or_is_downloaded_once_more(tmp_path, monkeypatch, file, served, downloads):
    forced = []

    def download(name, file_name, *, revision, local_dir, endpoint, force_download):
        assert (name, file_name, revision, endpoint) == ("o/n", "a", "c" * 40, "http://hub")
        forced.append(force_download)
        (local_dir / "a").write_bytes(served[len(forced) - 1])
        return str(local_dir / "a")

    monkeypatch.setattr(hub_repository, "hf_hub_download", download)
    repository = HubRepository("o/n", "http://hub")
    if downloads is None:
        with pytest.raises(BadInputError, match="o/n at cccccccccccc: a came with another content"):
            repository.download(file, "c" * 40, tmp_path)
        assert not (tmp_path / "a").exists()
    else:
        assert repository.download(file, "c" * 40, tmp_path) == tmp_path / "a"
        assert (tmp_path / "a").read_bytes() == CONTENT
    assert forced == [False, True][: downloads or 2]


def test_only_files_of_the_top_directory_are_listed(monkeypatch):
    entries = [
        RepoFile(path="a", size=3, oid="x"),
        RepoFile(path="b", size=4, oid="y", lfs={"size": 4, "oid": "s" * 64, "pointerSize": 1}),
        RepoFile(path="sub/c", size=5, oid="z"),
        SimpleNamespace(path="sub"),
    ]
    api = SimpleNamespace(list_repo_tree=lambda name, revision: iter(entries))
    monkeypatch.setattr(hub_repository, "HfApi", lambda endpoint: api)
    assert HubRepository("o/n").list_files("c") == [HubFile("a", 3, "x", ""), HubFile("b", 4, "y", "s" * 64)]


def test_a_file_that_is_gone_is_named():
    error = EntryNotFoundError("gone")
    assert isinstance(hub_repository._explain("o/n", error), UnreachableError)


def test_the_hash_of_git_is_computed_also_where_sha1_is_forbidden_for_security(tmp_path, monkeypatch):
    sha1 = hashlib.sha1

    def refuse_security(content: bytes, *, usedforsecurity: bool = True):
        assert not usedforsecurity
        return sha1(content, usedforsecurity=False)

    (tmp_path / "a").write_bytes(CONTENT)
    monkeypatch.setattr(hub_repository.hashlib, "sha1", refuse_security)
    assert hub_repository._has_expected_hash(tmp_path / "a", HubFile("a", 8, GIT_HASH, ""))
