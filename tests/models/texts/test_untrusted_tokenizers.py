"""Untrusted tokenizers: large files, normalizers that lengthen a text, and regular expressions without end."""

from __future__ import annotations

import json
import os

import pytest

from tests.support.beginning_tokenizers import BOS_ID, EOS_ID, build_tokenizer
from trailhouse.errors import BadInputError
from trailhouse.models.texts.untrusted_tokenizers import (
    encode_texts,
    encode_with_special_tokens,
    refuse_untrusted_tokenizer_files,
)


def write(tmp_path, **content):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(content))
    return path


def replace_with(length: int) -> dict[str, object]:
    return {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * length}


def sequence(*steps: object) -> dict[str, object]:
    return {"type": "Sequence", "normalizers": list(steps)}


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"normalizer": None, "pre_tokenizer": {"type": "ByteLevel"}},
        {"normalizer": replace_with(1024)},
        {"normalizer": sequence(replace_with(32), sequence(replace_with(0), replace_with(32)))},
        {"normalizer": {"type": "Other", "content": "a" * 2000}},
    ],
)
def test_a_tokenizer_may_make_a_text_1024_times_longer(tmp_path, content):
    refuse_untrusted_tokenizer_files([write(tmp_path, **content)])


@pytest.mark.parametrize(
    ("content", "growth"),
    [
        ({"normalizer": replace_with(1025)}, 1025),
        ({"normalizer": sequence(replace_with(0), replace_with(1025))}, 1025),
        ({"normalizer": sequence(replace_with(32), sequence(replace_with(33)))}, 1056),
        ({"normalizer": replace_with(32), "pre_tokenizer": {"pretokenizers": [replace_with(33)]}}, 1056),
        ({"normalizer": {"type": "Prepend", "prepend": "a" * 1025}}, 1025),
    ],
)
def test_a_tokenizer_that_may_make_a_text_longer_is_refused(tmp_path, content, growth):
    with pytest.raises(BadInputError, match=f"may make a text {growth} times longer"):
        refuse_untrusted_tokenizer_files([write(tmp_path, **content)])


def test_a_file_of_128_mib_is_accepted_and_a_larger_one_refused(tmp_path):
    path = tmp_path / "vocab.txt"
    path.touch()
    os.truncate(path, 128 << 20)
    refuse_untrusted_tokenizer_files([path])
    os.truncate(path, (128 << 20) + 1)
    with pytest.raises(BadInputError, match="larger than 128 MiB"):
        refuse_untrusted_tokenizer_files([path])


class GivesUp:
    """A tokenizer that raises an error."""

    is_fast = False

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self, text, **options):
        raise self.error


class Slow:
    """A tokenizer of Python code, as transformers calls it, made from a fast one."""

    is_fast = False

    def __init__(self, tokenizer) -> None:
        self.tokenizer = tokenizer

    def __call__(self, text, *, add_special_tokens: bool, verbose: bool):
        assert not verbose  # it would warn of texts that are longer than the context
        return self.tokenizer(text, add_special_tokens=add_special_tokens)


@pytest.mark.parametrize("is_fast", [True, False])
def test_special_tokens_stand_around_a_text_only_where_they_are_asked_for(is_fast):
    fast = build_tokenizer("<s> $A </s>", bos_token="<s>", eos_token="</s>")
    tokenizer = fast if is_fast else Slow(fast)
    a, b = fast.convert_tokens_to_ids(["a", "b"])
    assert encode_with_special_tokens(tokenizer, "ab").tolist() == [BOS_ID, a, b, EOS_ID]
    assert [token_ids.tolist() for token_ids in encode_texts(tokenizer, ["ab", "", "b"])] == [[a, b], [], [b]]


def test_a_panic_of_the_tokenizer_is_named_and_an_interruption_passes():
    panic = type("PanicException", (BaseException,), {})
    with pytest.raises(BadInputError, match="gives up on a text: too many attempts"):
        encode_texts(GivesUp(panic("too many attempts\nbacktrace")), ["a"])
    with pytest.raises(BadInputError, match="gives up on a text: ValueError"):
        encode_texts(GivesUp(ValueError()), ["a"])
    with pytest.raises(KeyboardInterrupt):
        encode_texts(GivesUp(KeyboardInterrupt()), ["a"])
