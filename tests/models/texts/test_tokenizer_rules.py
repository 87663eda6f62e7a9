"""Tokenizers whose class in transformers does not follow their tokenizer.json."""

from __future__ import annotations

import json
import re

import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from trailhouse.errors import BadInputError
from trailhouse.models.miniature.vocabulary import train_tokenizer
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.rule_comparison import PROBE_TEXTS
from trailhouse.models.texts.tokenizer import identify_tokenizer, identify_tokenizer_of, load_tokenizer, tokenize_corpus

TEXT = "In 1234567 the cafe\u0301 didn't open"


@pytest.fixture
def directory(tmp_path):
    """A byte-level tokenizer whose configuration names a class that normalises to NFC and splits numbers."""
    train_tokenizer([*PROBE_TEXTS, TEXT, "1234567 " * 5]).save_pretrained(tmp_path)
    return name_class(tmp_path, "Qwen2Tokenizer")


def name_class(directory, name):
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": name}))
    return directory


def tokenize(directory, rules):
    corpus = Corpus("c", "", "", (Document("a", TEXT),))
    tokenized = tokenize_corpus(load_tokenizer(directory, rules), corpus)
    return tokenized.token_ids[0].tolist(), tokenized.tokenizer_id


def test_a_class_that_replaces_the_rules_of_the_file_is_refused_with_the_first_difference(directory):
    of_class, of_file = AutoTokenizer.from_pretrained(directory), Tokenizer.from_file(str(directory / "tokenizer.json"))
    for refused in (load_tokenizer, identify_tokenizer_of):
        with pytest.raises(BadInputError, match=f"^{directory}: Qwen2Tokenizer of transformers ") as caught:
            refused(directory)
        assert "tokenizer_rules: file" in caught.value.hint
        message = caught.value.message
        text = next(text for text in PROBE_TEXTS if repr(text) in message)
        left = of_class(text, add_special_tokens=False)["input_ids"]
        right = of_file.encode(text, add_special_tokens=False).ids
        position = int(re.search(r"first at token (\d+): ", message)[1])
        assert left[:position] == right[:position]
        names = [f"{of_class.convert_ids_to_tokens(ids[position])!r} ({ids[position]})" for ids in (left, right)]
        assert names[0] != names[1]
        assert message.endswith(f"first at token {position}: {names[0]} and {names[1]}")
        assert "\n" not in message


def test_the_suite_says_which_rules_count_and_they_are_part_of_the_identity(directory):
    token_ids, identity = tokenize(directory, "transformers")
    assert token_ids == AutoTokenizer.from_pretrained(directory)(TEXT, add_special_tokens=False)["input_ids"]
    ids_of_file, identity_of_file = tokenize(directory, "file")
    expected = Tokenizer.from_file(str(directory / "tokenizer.json")).encode(TEXT, add_special_tokens=False).ids
    assert ids_of_file == expected
    assert ids_of_file != token_ids
    assert identity == identify_tokenizer_of(directory, "transformers")
    assert identity_of_file == identify_tokenizer_of(directory, "file")
    assert identity != identity_of_file
    # the identity is that of the same tokenizer under a class that follows the file
    name_class(directory, "PreTrainedTokenizerFast")
    assert identity_of_file == identify_tokenizer_of(directory) == identify_tokenizer(load_tokenizer(directory))


@pytest.mark.parametrize("name", ["PreTrainedTokenizerFast", "LlamaTokenizer", "GPT2Tokenizer"])
def test_a_class_that_follows_the_file_is_accepted(directory, name):
    name_class(directory, name)
    assert tokenize(directory, None)[0] == tokenize(directory, "file")[0]


def test_the_model_type_in_the_configuration_decides_too(directory):
    """Without a class of its own, a tokenizer gets that of the model beside it."""
    path = directory / "tokenizer_config.json"
    path.write_text("{}")
    assert identify_tokenizer_of(directory)
    (directory / "config.json").write_text('{"model_type": "qwen2"}')
    with pytest.raises(BadInputError, match="Qwen2Tokenizer of transformers"):
        identify_tokenizer_of(directory)


def test_the_rules_of_a_file_that_is_not_there_are_refused(directory):
    (directory / "tokenizer.json").rename(directory / "vocab-of-tokenizer.json")
    with pytest.raises(BadInputError, match=r"holds no tokenizer\.json, whose rules the suite asks for"):
        load_tokenizer(directory, "file")
