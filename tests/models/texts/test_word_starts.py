"""Which tokens of a vocabulary begin a new word or end the text."""

from __future__ import annotations

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from trailhouse.errors import BadInputError
from trailhouse.models.texts.word_starts import find_word_starts


def build(entries: list[str], *, is_byte_level: bool, **special: str) -> PreTrainedTokenizerFast:
    backend = Tokenizer(models.BPE({entry: index for index, entry in enumerate(entries)}, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False) if is_byte_level else None
    backend.decoder = decoders.ByteLevel() if is_byte_level else decoders.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=backend, **special)


def test_byte_level_tokens_begin_a_word_with_a_space_a_line_break_or_a_tab():
    entries = ["<end>", "a", "Ġ", "Ġa", "Ċ", "ĉb", "aĠ", "Â", "ł", "Âłc", "ãĢĢ", "ã"]
    tokenizer = build(entries, is_byte_level=True, eos_token="<end>")
    found = [entries[index] for index in find_word_starts(tokenizer)]
    assert found == ["<end>", "Ġ", "Ġa", "Ċ", "ĉb", "Âłc", "ãĢĢ"]


def test_sentencepiece_tokens_begin_a_word_with_its_sign_or_with_a_byte_of_white_space():
    entries = ["<unk>", "<s>", "</s>", "▁", "▁a", "a", "a▁", "<0x20>", "<0x0A>", "<0x41>"]
    tokenizer = build(entries, is_byte_level=False, unk_token="<unk>", bos_token="<s>", eos_token="</s>")
    found = [entries[index] for index in find_word_starts(tokenizer)]
    assert found == ["<s>", "</s>", "▁", "▁a", "<0x20>", "<0x0A>"]


def test_a_token_for_unknown_text_that_also_ends_the_text_counts():
    tokenizer = build(["<end>", "Ġa"], is_byte_level=True, unk_token="<end>", eos_token="<end>")
    assert find_word_starts(tokenizer).tolist() == [0, 1]


def test_single_bytes_begin_a_word_if_they_are_white_space():
    tokenizer = ByT5Tokenizer(extra_ids=0)
    found = find_word_starts(tokenizer).tolist()
    spaces = tokenizer(" \n\t", add_special_tokens=False)["input_ids"]
    assert set(spaces) <= set(found)
    assert tokenizer("a", add_special_tokens=False)["input_ids"][0] not in found


def test_a_vocabulary_that_shows_no_beginnings_of_words_is_refused():
    tokenizer = build(["<end>", "a", "b", "##c"], is_byte_level=False, eos_token="<end>")
    with pytest.raises(BadInputError, match="begins with white space"):
        find_word_starts(tokenizer)
