"""What a tokenizer puts before a text."""

from __future__ import annotations

import pytest

from tests.support.beginning_tokenizers import BOS_ID, EOS_ID, FAMILIES, build_family_tokenizer, build_tokenizer
from trailhouse.errors import BadInputError
from trailhouse.models.texts.find_text_beginning import find_text_beginning, find_text_beginning_of
from trailhouse.models.texts.text_beginning import TextBeginning
from trailhouse.models.texts.tokenizer import TokenizerFiles

ADDED = {"gpt_neox": (), "opt": (EOS_ID,), "llama": (BOS_ID,), "gemma2": (BOS_ID,), "qwen2": ()}


@pytest.mark.parametrize("name", FAMILIES)
def test_the_default_is_what_the_tokenizer_puts_before_a_text(name):
    tokenizer = build_family_tokenizer(name)
    beginning = find_text_beginning(tokenizer, "tokenizer")
    assert beginning.token_ids == ADDED[name]
    assert tokenizer("cat")["input_ids"] == [*ADDED[name], *tokenizer("cat", add_special_tokens=False)["input_ids"]]


def test_a_beginning_is_stored_with_its_kind_its_token_ids_and_their_names():
    beginning = find_text_beginning(build_family_tokenizer("llama"), "tokenizer")
    assert beginning.as_record() == {
        "text_beginning_kind": "tokenizer",
        "text_beginning_token_ids": [BOS_ID],
        "text_beginning_text": "<s>",
    }


def test_tokens_that_the_tokenizer_puts_after_a_text_are_left_out():
    tokenizer = build_tokenizer("<s> </s> $A </s>", bos_token="<s>", eos_token="</s>")
    assert find_text_beginning(tokenizer, "tokenizer") == TextBeginning("tokenizer", (BOS_ID, EOS_ID), "<s></s>")
    only_after = build_tokenizer("$A </s>", bos_token="<s>", eos_token="</s>")
    assert find_text_beginning(only_after, "tokenizer").token_ids == ()


def test_truncation_stored_with_the_tokenizer_does_not_hide_what_stands_before_a_text():
    tokenizer = build_family_tokenizer("llama")
    tokenizer.backend_tokenizer.enable_truncation(2)
    assert find_text_beginning(tokenizer, "tokenizer").token_ids == (BOS_ID,)


def test_the_suite_may_choose_nothing_bos_or_eos():
    tokenizer = build_family_tokenizer("llama")
    assert find_text_beginning(tokenizer, "none").token_ids == ()
    assert find_text_beginning(tokenizer, "bos") == TextBeginning("bos", (BOS_ID,), "<s>")
    assert find_text_beginning(tokenizer, "eos") == TextBeginning("eos", (EOS_ID,), "</s>")


def test_a_token_that_the_tokenizer_does_not_have_is_refused_with_the_place_of_the_tokenizer(tmp_path):
    build_family_tokenizer("qwen2").save_pretrained(tmp_path)
    assert find_text_beginning_of(TokenizerFiles(tmp_path), "eos").token_ids == (EOS_ID,)
    with pytest.raises(BadInputError, match=f"{tmp_path}: .* text_beginning is bos, .* has no bos token"):
        find_text_beginning_of(TokenizerFiles(tmp_path), "bos")


def test_a_tokenizer_that_changed_beside_a_checkpoint_has_its_new_beginning(tmp_path):
    build_family_tokenizer("gpt_neox").save_pretrained(tmp_path)
    assert find_text_beginning_of(TokenizerFiles(tmp_path), "tokenizer").token_ids == ()
    build_family_tokenizer("llama").save_pretrained(tmp_path)
    assert find_text_beginning_of(TokenizerFiles(tmp_path), "tokenizer").token_ids == (BOS_ID,)
