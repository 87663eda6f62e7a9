"""Spans of tokens under tokenizers that change the text: they follow each other and add up to the text's bytes."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

from trailhouse.errors import BadInputError
from trailhouse.models.texts.token_spans import TokenLocator
from trailhouse.models.texts.untrusted_tokenizers import encode_texts

TEXTS = ["The cat sat on the mat, naïve café.", "東京 and 東京都 “said” so", "def f(x):\n\n    return x + 1\n"]
NORMALIZERS = {
    "nothing": None,
    "NFC": normalizers.NFC(),
    "NFD": normalizers.NFD(),
    "NFKC": normalizers.NFKC(),
    "NFKD": normalizers.NFKD(),
    "lower case": normalizers.Lowercase(),
    "replaced quote": normalizers.Replace("“", '"'),
    "longer": normalizers.Replace("a", "bcd"),
    "shorter": normalizers.Replace("the", "é"),
    "deleted": normalizers.Replace("x", ""),
    "no accents": normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]),
    "BERT": normalizers.BertNormalizer(),
    "stripped": normalizers.Strip(),
    "prepended": normalizers.Prepend("▁"),
}
CHARACTERS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
PIECES = (
    *(" ", "\n", "the Cat", "👩‍🚀", "東京", "é", "e\u0301", "\u0301\u0327", "\u3000"),
    *("x", "“", "ﬃ", "İ", "ẛ̣", "\x00", "▁", "<s>"),
)
MIXED = st.lists(st.sampled_from(PIECES), min_size=1).map("".join)


def train_byte_level() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False)
    )
    return tokenizer


def train_metaspace() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=330, special_tokens=byte_tokens, show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    # the trainer makes the byte tokens special tokens, which would be found in a text such as "<0x41>"
    content = json.loads(tokenizer.to_str()) | {"added_tokens": []}
    return Tokenizer.from_str(json.dumps(content))


def train_wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]", max_input_chars_per_word=12))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=90, special_tokens=["[UNK]"], show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def train_unigram() -> Tokenizer:
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=80, special_tokens=["<unk>"], unk_token="<unk>", show_progress=False)
    tokenizer.train_from_iterator(TEXTS, trainer)
    return tokenizer


def build_words() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "cat": 2, "naive": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


MODELS = {
    "byte-level": train_byte_level(),
    "metaspace": train_metaspace(),
    "wordpiece": train_wordpiece(),
    "unigram": train_unigram(),
    "words": build_words(),
}


def build(model: str, normalizer: str, *, with_added_token: bool = True) -> PreTrainedTokenizerFast:
    backend = Tokenizer.from_str(MODELS[model].to_str())
    if NORMALIZERS[normalizer] is not None:
        backend.normalizer = NORMALIZERS[normalizer]
    if with_added_token:
        backend.add_tokens([AddedToken("<s>", normalized=False, special=True)])
    return PreTrainedTokenizerFast(tokenizer_object=backend)


def locate(tokenizer: PreTrainedTokenizerFast, text: str):
    (token_ids,) = encode_texts(tokenizer, [text])
    return TokenLocator(tokenizer).find_byte_spans(text, token_ids, "corpus 'c', document 'd'")


def cut(tokenizer: PreTrainedTokenizerFast, text: str) -> list[bytes]:
    spans = locate(tokenizer, text)
    content = text.encode()
    return [content[start:end] for start, end in zip(spans.starts.tolist(), spans.ends.tolist(), strict=True)]


EVERY_TOKENIZER = {(model, normalizer): build(model, normalizer) for model in MODELS for normalizer in NORMALIZERS}


@pytest.mark.parametrize("model", MODELS)
@settings(max_examples=40, deadline=None)
@given(MIXED | CHARACTERS)
@example("the cafe\u0301 👩‍🚀 “x”  É\u0327")
@example("e\u0301 the\n")
@example(" ▁ x")
def test_spans_are_ordered_do_not_overlap_and_add_up_to_the_bytes_of_the_text(model, text):
    for normalizer in NORMALIZERS:
        tokenizer = EVERY_TOKENIZER[model, normalizer]
        (token_ids,) = encode_texts(tokenizer, [text])
        locator = TokenLocator(tokenizer)
        if len(token_ids) == 0 and text.strip():
            with pytest.raises(BadInputError, match="document 'd': the 0 tokens do not spell the whole document"):
                locator.find_byte_spans(text, token_ids, "corpus 'c', document 'd'")
            continue
        spans = locator.find_byte_spans(text, token_ids, "corpus 'c', document 'd'")
        edges = [0, *spans.ends.tolist()]
        assert len(edges) == len(token_ids) + 1
        assert spans.starts.tolist() == edges[:-1], normalizer
        assert edges == sorted(edges), normalizer
        assert edges[-1] == (len(text.encode()) if len(token_ids) > 0 else 0), normalizer
        assert 0 <= spans.unknown_byte_count <= len(text.encode())


@settings(max_examples=100, deadline=None)
@given(CHARACTERS, CHARACTERS)
def test_one_changed_character_moves_no_other_token(before, after):
    """The text around the character must get the spans that a tokenizer without a normalizer gives it."""
    plain = build("byte-level", "nothing", with_added_token=False)
    quoting = build("byte-level", "replaced quote", with_added_token=False)
    before, after = (part.replace("“", "") + "\n" for part in (before, after))
    if not after.strip():
        return
    # line ends around the quote keep both tokenizers from joining it with the text beside it
    pieces = cut(quoting, f"{before}“\n{after}")
    total = f"{before}“\n{after}".encode()
    assert b"".join(pieces) == total
    assert "“".encode() in pieces
    index = pieces.index("“".encode())
    assert pieces[:index] == cut(plain, f'{before}"\n{after}')[:index]
    assert pieces[index + 1 :] == cut(plain, f'{before}"\n{after}')[index + 1 :]


@pytest.mark.parametrize(
    ("model", "normalizer", "text", "expected"),
    [
        # NFC composes u and its mark to ù, whose two bytes are two tokens: the first covers the u, the second the mark.
        # The emoji is four tokens of one byte each.
        ("byte-level", "NFC", "u\u0300👩", [b"u", "\u0300".encode(), b"\xf0", b"\x9f", b"\x91", b"\xa9"]),
        # NFD divides ù into u and a mark. The token of the u covers all of ù, and the two tokens of the mark nothing.
        ("byte-level", "NFD", "ù👩", ["ù".encode(), b"", b"", b"\xf0", b"\x9f", b"\x91", b"\xa9"]),
        ("byte-level", "lower case", "Y👩", [b"Y", b"\xf0", b"\x9f", b"\x91", b"\xa9"]),
        ("byte-level", "deleted", "xyx👩x", [b"xyx", b"\xf0", b"\x9f", b"\x91", b"\xa9x"]),
        ("metaspace", "lower case", "Y👩", [b"", b"Y", b"\xf0", b"\x9f", b"\x91", b"\xa9"]),
        ("words", "no accents", "The naïve  cat ", [b"The", " naïve".encode(), b"  cat "]),
        ("words", "nothing", "the  cat\n", [b"the", b"  cat\n"]),
    ],
)
def test_a_character_is_divided_between_its_tokens_as_its_bytes_are(model, normalizer, text, expected):
    assert cut(build(model, normalizer), text) == expected


def test_a_token_of_a_changed_letter_and_half_a_character_ends_within_the_character():
    alphabet = {character: index for index, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    merges = [("y", "ð"), ("yð", "Ł")]
    vocabulary = alphabet | {"yð": 256, "yðŁ": 257}
    backend = Tokenizer(models.BPE(vocabulary, merges))
    backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.decoder = decoders.ByteLevel()
    pieces = cut(PreTrainedTokenizerFast(tokenizer_object=backend), "Y👩Y")
    assert pieces == [b"Y\xf0\x9f", b"\x91", b"\xa9", b"Y"]


def test_bits_per_byte_of_a_text_with_one_normalised_character_count_every_byte():
    text = "The cafe\u0301 is naïve and 東京 is far, 👩‍🚀 said.\n" * 5
    for model in MODELS:
        spans = locate(build(model, "NFC"), text)
        assert int((spans.ends - spans.starts).sum()) == len(text.encode())


def test_text_that_a_model_has_no_token_for_and_leaves_out_is_refused():
    backend = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)
    assert cut(tokenizer, "abba") == [b"a", b"b", b"b", b"a"]
    for text in ("azb", "zé", "ab\n"):
        with pytest.raises(BadInputError, match=r"corpus 'c', document 'd': the tokenizer has no token for '.+'"):
            locate(tokenizer, text)


@pytest.mark.parametrize("change", [lambda ids: ids[:-1], lambda ids: [*ids, 0], lambda ids: [0, *ids[1:]]])
@pytest.mark.parametrize("normalizer", ["nothing", "lower case"])
def test_tokens_that_do_not_spell_the_text_are_refused(change, normalizer):
    tokenizer = build("byte-level", normalizer)
    (token_ids,) = encode_texts(tokenizer, ["The Cat"])
    with pytest.raises(BadInputError, match=r"document 'd': the .* tokens do not spell the whole document"):
        TokenLocator(tokenizer).find_byte_spans(
            "The Cat", np.asarray(change(token_ids.tolist()), np.int32), "corpus 'c', document 'd'"
        )


@pytest.mark.parametrize(
    ("model", "text", "unknown"),
    [
        ("words", "the 東京 cat", 6),
        ("words", "the cat", 0),
        ("words", "[UNK]", 5),  # split into [, UNK and ], so it is no unknown token
        ("wordpiece", "the ЖЖ cat", 4),
        ("unigram", "the Ж cat", 2),
        ("unigram", "ЖЖ<s>Ж", 6),
        ("byte-level", "the Ж cat", 0),
        ("metaspace", "the Ж cat", 0),
    ],
)
def test_bytes_that_an_unknown_token_swallows_are_counted(model, text, unknown):
    assert locate(build(model, "nothing"), text).unknown_byte_count == unknown


def test_white_space_that_leaves_no_token_is_no_fault():
    spans = locate(build("words", "nothing"), " \n")
    assert (spans.starts.tolist(), spans.ends.tolist(), spans.unknown_byte_count) == ([], [], 0)


def test_special_tokens_that_are_written_out_are_found_as_plain_text():
    tokenizer = build("byte-level", "NFC")
    tokenizer.split_special_tokens = True
    tokenizer.backend_tokenizer.encode_special_tokens = True
    assert b"".join(cut(tokenizer, "a<s> e\u0301")) == "a<s> e\u0301".encode()
