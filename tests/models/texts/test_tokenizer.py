from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tests.support.message_listener import Listener
from trailhouse.errors import BadInputError
from trailhouse.models.miniature.vocabulary import train_tokenizer
from trailhouse.models.phases.word_sampling import WordInContext
from trailhouse.models.texts import token_alignment
from trailhouse.models.texts.corpus import Corpus, Document
from trailhouse.models.texts.tokenizer import (
    TOKEN_SCHEMA,
    identify_tokenizer,
    identify_tokenizer_of,
    load_tokenizer,
    token_table,
    tokenize_corpus,
)
from trailhouse.models.texts.untrusted_tokenizers import encode_texts
from trailhouse.support.progress import listening

TEXTS = [
    "The cat sat on the mat, the cat's own mat.",
    "naïve café, 東京 and 東京都",
    "def f(x):\n\n    return x + 1\n",
] * 3
UNICODE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
MIXED = st.lists(
    st.sampled_from([" ", "\n", "the cat", "👩‍🚀", "東京", "é", "e\u0301", "\u3000", "x"]), min_size=1
).map("".join)


def wrap(tokenizer):
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer)


def build_byte_level():
    return train_tokenizer(TEXTS)


def build_byte_level_with_prefix_space():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    return wrap(tokenizer)


def build_sentencepiece_like():
    """A BPE tokenizer like Llama's: ▁ stands for a blank, and an unknown character becomes byte tokens."""
    byte_tokens = [f"<0x{byte:02X}>" for byte in range(256)]
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    trained.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=400, special_tokens=byte_tokens, show_progress=False)
    )
    model = json.loads(trained.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=model["vocab"], merges=merges, byte_fallback=True))
    tokenizer.pre_tokenizer = trained.pre_tokenizer
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return wrap(tokenizer)


def build_normalising_word_level():
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "the": 1, "cat": 2, "naive": 3}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return wrap(tokenizer)


BYTE_LEVEL = build_byte_level()
PREFIX_SPACE = build_byte_level_with_prefix_space()
SENTENCEPIECE = build_sentencepiece_like()


def make_corpus(*texts):
    return Corpus("c", "", "", tuple(Document(str(index), text) for index, text in enumerate(texts)))


def read_rows(tokenizer, *texts):
    corpus = make_corpus(*texts)
    return token_table(tokenizer, corpus, tokenize_corpus(tokenizer, corpus)).to_pylist()


@settings(max_examples=150, deadline=None)
@given(UNICODE | MIXED)
@example("👩‍🚀 naïve 東京")
def test_byte_level_spans_tile_the_bytes_of_the_text(text):
    for tokenizer in (BYTE_LEVEL, PREFIX_SPACE):
        rows = read_rows(tokenizer, text)
        edges = [0, *(row["byte_end"] for row in rows)]
        assert [row["byte_start"] for row in rows] == edges[:-1]
        assert edges[-1] == len(text.encode())
        assert edges == sorted(edges)


@settings(max_examples=150, deadline=None)
@given(MIXED | UNICODE.filter(lambda text: "▁" not in text))
@example("👩‍🚀 naïve 東京")
def test_sentencepiece_spans_tile_the_bytes_of_the_text(text):
    rows = read_rows(SENTENCEPIECE, text)
    edges = [0, *(row["byte_end"] for row in rows)]
    assert [row["byte_start"] for row in rows] == edges[:-1]
    assert edges[-1] == len(text.encode())


@settings(max_examples=100, deadline=None)
@given(UNICODE | MIXED)
def test_character_spans_cover_exactly_the_characters_a_token_has_a_part_in(text):
    for row in read_rows(BYTE_LEVEL, text):
        before = len(text.encode()[: row["byte_start"]].decode("utf-8", "ignore"))
        assert row["character_start"] == before
        through = text[: row["character_end"]].encode()
        assert len(through) >= row["byte_end"]
        assert len(text[: row["character_end"] - 1].encode()) < row["byte_end"]


@settings(max_examples=100, deadline=None)
@given(UNICODE | MIXED)
def test_every_word_is_begun_by_one_token_and_words_come_in_order(text):
    rows = read_rows(BYTE_LEVEL, text)
    words = text.split()
    indexes = [row["word_index"] for row in rows]
    assert indexes == sorted(indexes)
    initial = [row["word_index"] for row in rows if row["is_word_initial"]]
    assert initial == sorted(set(initial))
    joins = sum(len(row["token_text"].split()) > 1 for row in rows)
    if joins == 0:
        assert initial == list(range(len(words)))


def test_a_token_with_a_leading_space_begins_its_word():
    rows = read_rows(BYTE_LEVEL, "the cat\n\nsat  ")
    spelled = [(row["token_text"], row["word_index"], row["is_word_initial"]) for row in rows]
    assert "".join(text for text, _, _ in spelled) == "the cat\n\nsat  "
    assert ("the", 0, True) in spelled
    assert (" cat", 1, True) in spelled
    assert all(not is_initial for text, _, is_initial in spelled if not text.strip())
    assert {index for text, index, _ in spelled if text == "\n" or text == "\n\n"} == {2}
    assert spelled[-1][1] == 2  # whitespace at the end belongs to the last word


def test_parts_of_a_character_share_its_character_span_and_show_as_replacement():
    rows = read_rows(BYTE_LEVEL, "a👩b")
    parts = [row for row in rows if row["token_text"].startswith("\ufffd")]
    assert len(parts) == 4
    assert {(row["character_start"], row["character_end"]) for row in parts} == {(1, 2)}
    assert [row["byte_start"] for row in parts] == [1, 2, 3, 4]


def test_white_space_that_a_tokenizer_drops_belongs_to_the_next_token():
    rows = read_rows(build_normalising_word_level(), "The naïve  cat")
    assert [(row["byte_start"], row["byte_end"], row["token_text"]) for row in rows] == [
        (0, 3, "The"),
        (3, 10, " naïve"),
        (10, 15, "  cat"),
    ]
    assert [(row["character_start"], row["word_index"]) for row in rows] == [(0, 0), (3, 1), (9, 2)]
    assert all(row["is_word_initial"] for row in rows)


def test_tokens_are_those_of_the_tokenizer_without_special_tokens():
    tokenized = tokenize_corpus(BYTE_LEVEL, make_corpus(*TEXTS))
    for text, token_ids in zip(TEXTS, tokenized.token_ids, strict=True):
        assert token_ids.dtype == np.int32
        assert token_ids.tolist() == BYTE_LEVEL(text, add_special_tokens=False)["input_ids"]
    rows = read_rows(BYTE_LEVEL, *TEXTS)
    assert [row["token_id"] for row in rows] == np.concatenate(tokenized.token_ids).tolist()
    assert {row["tokenizer_id"] for row in rows} == {tokenized.tokenizer_id}


def test_a_tokenizer_keeps_its_identity_on_disk_whatever_the_formatting(tmp_path):
    BYTE_LEVEL.save_pretrained(tmp_path / "a")
    BYTE_LEVEL.save_pretrained(tmp_path / "b")
    content = (tmp_path / "b" / "tokenizer.json").read_text()
    (tmp_path / "b" / "tokenizer.json").write_text(content.replace("\n", " "))
    identities = {
        identify_tokenizer(BYTE_LEVEL),
        identify_tokenizer(load_tokenizer(tmp_path / "a")),
        identify_tokenizer_of(tmp_path / "a"),
        identify_tokenizer_of(tmp_path / "b"),
    }
    assert len(identities) == 1
    assert len(identities.pop()) == 16
    assert identify_tokenizer(PREFIX_SPACE) != identify_tokenizer(BYTE_LEVEL)


def store_training_settings(directory, **settings):
    """Save the byte-level tokenizer, with settings of a training in its tokenizer.json."""
    BYTE_LEVEL.save_pretrained(directory)
    content = json.loads((directory / "tokenizer.json").read_text())
    content["model"]["dropout"] = settings.pop("dropout", None)
    (directory / "tokenizer.json").write_text(json.dumps(content | settings))


TRUNCATION = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
PADDING = {
    "strategy": {"Fixed": 640},
    "direction": "Right",
    "pad_to_multiple_of": None,
    "pad_id": 0,
    "pad_type_id": 0,
    "pad_token": "<|endoftext|>",
}


@pytest.mark.parametrize(
    "stored",
    [
        {"truncation": TRUNCATION},
        {"truncation": TRUNCATION | {"direction": "Left"}},
        {"padding": PADDING},
        {"padding": PADDING | {"strategy": "BatchLongest"}},
        {"truncation": TRUNCATION, "padding": PADDING},
        {"dropout": 0.5},
    ],
)
def test_truncation_padding_and_dropout_that_are_stored_with_a_tokenizer_are_not_obeyed(tmp_path, stored):
    store_training_settings(tmp_path, **stored)
    tokenizer = load_tokenizer(tmp_path)
    corpus = make_corpus(*TEXTS, "x")
    tokenized, expected = tokenize_corpus(tokenizer, corpus), tokenize_corpus(BYTE_LEVEL, corpus)
    assert [ids.tolist() for ids in tokenized.token_ids] == [ids.tolist() for ids in expected.token_ids]
    assert tokenized.tokenizer_id == expected.tokenizer_id == identify_tokenizer_of(tmp_path)
    assert token_table(tokenizer, corpus, tokenized).equals(token_table(BYTE_LEVEL, corpus, expected))


def test_a_call_with_truncation_and_padding_leaves_later_tokens_whole():
    tokenizer = build_byte_level()
    expected = BYTE_LEVEL(TEXTS[0], add_special_tokens=False)["input_ids"]
    tokenizer.pad_token = "!"
    assert len(tokenizer(TEXTS[0], max_length=3, truncation=True, padding="max_length")["input_ids"]) == 3
    assert tokenizer.backend_tokenizer.truncation is not None
    assert encode_texts(tokenizer, [TEXTS[0]])[0].tolist() == expected


def test_a_document_that_its_tokens_do_not_spell_is_named():
    backend = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    with pytest.raises(BadInputError, match="corpus 'c', document '1': the tokenizer has no token for 'c'"):
        tokenize_corpus(wrap(backend), make_corpus("abba", "abc"))
    corpus = make_corpus(TEXTS[0], TEXTS[1])
    whole = tokenize_corpus(BYTE_LEVEL, corpus)
    cut = dataclasses.replace(whole, token_ids=(whole.token_ids[0], whole.token_ids[1][:-1]))
    with pytest.raises(BadInputError, match=r"corpus 'c', document '1': .* do not spell the whole document"):
        token_table(BYTE_LEVEL, corpus, cut)


@pytest.fixture
def offsets_out_of_order(monkeypatch):
    """Make the tokenizer return the offsets of texts with an é from the last token to the first."""

    class Backend:
        def __init__(self, tokenizer: Tokenizer) -> None:
            self._tokenizer = tokenizer
            self.token_to_id = tokenizer.token_to_id

        def encode(self, text: str, add_special_tokens: bool) -> SimpleNamespace:
            encoding = self._tokenizer.encode(text, add_special_tokens=add_special_tokens)
            return SimpleNamespace(
                ids=encoding.ids, offsets=encoding.offsets[::-1] if "é" in text else encoding.offsets
            )

    build = token_alignment.Tokenizer.from_str
    monkeypatch.setattr(token_alignment, "Tokenizer", SimpleNamespace(from_str=lambda text: Backend(build(text))))


def test_a_document_whose_tokens_have_no_spans_is_tokenized_without_rows_and_the_user_is_told(offsets_out_of_order):
    tokenizer, listener = build_normalising_word_level(), Listener()
    corpus = make_corpus("The cat", "the caf\u00e9 cat", "dogs the")
    with listening(listener):
        tokenized = tokenize_corpus(tokenizer, corpus)
    assert [len(ids) for ids in tokenized.token_ids] == [2, 3, 2]
    assert listener.notes[0] == (
        "corpus 'c': the tokenizer does not say where its tokens are in 1 of 3 documents, the first of which is '1'."
        " These documents are scored, but their tokens have no texts, and the corpus has no bits per byte"
    )
    rows = token_table(tokenizer, corpus, tokenized).to_pylist()
    assert [(row["document_id"], row["token_text"]) for row in rows] == [
        (0, "The"),
        (0, " cat"),
        (2, "dogs"),
        (2, " the"),
    ]


def test_bytes_that_are_unknown_to_the_tokenizer_are_counted_per_document_and_the_user_is_told():
    tokenizer = build_normalising_word_level()
    listener = Listener()
    with listening(listener):
        tokenized = tokenize_corpus(tokenizer, make_corpus("the cat", "the 東京 cat", "dogs"))
    assert tokenized.unknown_byte_counts == (0, 6, 4)
    (note,) = listener.notes
    assert note.startswith("corpus 'c': 10 of 25 bytes (40.0%) in 2 of 3 documents are unknown to tokenizer ")
    with listening(listener):
        tokenize_corpus(tokenizer, make_corpus("the cat " * 1000 + "dog"))
        tokenize_corpus(BYTE_LEVEL, make_corpus("the 東京 cat"))
    assert listener.notes == [note]


def test_the_user_is_told_of_words_in_context_whose_beginning_shares_a_token_with_the_context():
    """The tokens are characters, but "n d" is one token. In the second document, it holds "n" of the context."""
    characters = {character: index for index, character in enumerate("abcdeno \u2581")}
    tokenizer = Tokenizer(models.BPE({**characters, "n ": 9, "n d": 10}, [("n", " "), ("n ", "d")]))
    words = [WordInContext(("a", "b"), "de"), WordInContext(("a", "on"), "de"), WordInContext(("a",), "n")]
    corpus = Corpus("c", "", "", tuple(word.as_document(f"w{n}", "train") for n, word in enumerate(words)))
    listener = Listener()
    with listening(listener):
        tokenize_corpus(wrap(tokenizer), corpus)
        tokenize_corpus(BYTE_LEVEL, corpus)
    (note,) = listener.notes
    assert note.startswith("corpus 'c': in 1 of 3 documents, the first of which is 'w1', one token of this tokenizer")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(st.sampled_from("ab,é京👩"), min_size=1, max_size=4), min_size=2, max_size=6))
@pytest.mark.parametrize("tokenizer", [BYTE_LEVEL, PREFIX_SPACE, SENTENCEPIECE], ids=["byte-level", "prefix", "pieces"])
def test_the_tokens_after_the_first_byte_of_a_word_in_context_spell_the_word(tokenizer, words):
    document = WordInContext(tuple(words[:-1]), words[-1]).as_document("w", "train")
    corpus = Corpus("c", "", "", (document,))
    rows = token_table(tokenizer, corpus, tokenize_corpus(tokenizer, corpus)).to_pylist()
    begin, content = document.scored_from_byte, document.text.encode()
    if any(row["byte_start"] < begin < row["byte_end"] for row in rows):
        assert tokenizer is SENTENCEPIECE  # the only one that joins letters and the space after them
        return
    counted = [row for row in rows if row["byte_start"] >= begin]
    assert content[counted[0]["byte_start"] : counted[-1]["byte_end"]].decode() == f" {words[-1]}"
    assert {row["word_index"] for row in counted} == {len(words) - 1}
    assert all(row["word_index"] < len(words) - 1 for row in rows if row not in counted)


def test_no_column_of_the_tokens_may_be_null():
    assert not any(field.nullable for field in TOKEN_SCHEMA)


def test_a_directory_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(BadInputError, match="holds no tokenizer"):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"model": 3}', '{"version": "1.0", "model": {"type": "Pickle"}}'])
def test_a_broken_tokenizer_is_named(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "PreTrainedTokenizerFast"}')
    with pytest.raises(BadInputError, match="the tokenizer does not load"):
        load_tokenizer(tmp_path)


def test_the_declared_rules_say_whether_the_class_or_the_file_is_followed(tmp_path):
    build_byte_level().save_pretrained(tmp_path)
    path = tmp_path / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": "Qwen2Tokenizer"}))
    text = "cafe\u0301 1234567"
    of_class = AutoTokenizer.from_pretrained(tmp_path)(text, add_special_tokens=False)["input_ids"]
    of_file = Tokenizer.from_file(str(tmp_path / "tokenizer.json")).encode(text, add_special_tokens=False).ids
    assert of_class != of_file
    assert encode_texts(load_tokenizer(tmp_path, "transformers"), [text])[0].tolist() == of_class
    assert encode_texts(load_tokenizer(tmp_path, "file"), [text])[0].tolist() == of_file
