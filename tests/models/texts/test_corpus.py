from __future__ import annotations

import contextlib
import hashlib
import io
import json

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.message_listener import Listener
from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.texts import corpus_files
from trailhouse.models.texts.corpus import Corpus, Document, corpus_record, document_table, read_corpus
from trailhouse.models.texts.standard_input import read_corpus_from_stream
from trailhouse.models.texts.text_columns import TextColumns
from trailhouse.support.progress import listening


def read_names_and_texts(*paths):
    return [(document.document_name, document.text) for document in read_corpus("c", list(paths)).documents]


def test_text_files_are_a_document_each_and_directories_are_walked_in_order(tmp_path):
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "two.txt").write_text("second\n")
    (tmp_path / "a.txt").write_bytes(b"\xef\xbb\xbfna\xc3\xafve")
    (tmp_path / "notes.md").write_text("not read")
    assert read_names_and_texts(tmp_path) == [("a.txt", "naïve"), ("two.txt", "second\n")]


def test_generated_texts_are_marked_in_every_row(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    tables = [document_table(read_corpus("c", [tmp_path], **given)) for given in ({}, {"kind": "generated"})]
    assert [table["kind"].to_pylist() for table in tables] == [["human"], ["generated"]]


def test_jsonl_rows_are_named_by_their_id_or_their_row(tmp_path):
    path = tmp_path / "d.jsonl"
    path.write_text('{"text": "one", "id": "x"}\n\n{"text": "two\\u2028", "more": 1}\n{"text": "three", "id": 7}\n')
    assert read_names_and_texts(path) == [("x", "one"), ("d.jsonl:3", "two\u2028"), ("7", "three")]


def test_csv_rows_are_named_by_their_id_or_their_row(tmp_path):
    path = tmp_path / "d.csv"
    long = "x" * 200_000
    path.write_bytes(b"\xef\xbb\xbf" + f'id,text\nx,"one, ""two""\nlines"\n\n,na\u00efve\n7,{long}\n'.encode())
    assert read_names_and_texts(path) == [("x", 'one, "two"\nlines'), ("d.csv:2", "na\u00efve"), ("7", long)]


def write_rows(directory, rows):
    """Write the same rows as JSONL, Parquet and CSV; returns the paths by their endings."""
    table = pa.Table.from_pylist(rows)
    paths = {ending: directory / f"d.{ending}" for ending in ("jsonl", "parquet", "csv")}
    paths["jsonl"].write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(table, paths["parquet"])
    pa.csv.write_csv(table, paths["csv"])
    return paths


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv"])
def test_texts_and_names_are_read_from_the_named_columns(tmp_path, ending):
    rows = [{"text": "wrong", "body": "one", "url": "a"}, {"text": "wrong", "body": "two", "url": "b"}]
    path = write_rows(tmp_path, rows)[ending]
    documents = read_corpus("c", [path], columns=TextColumns("body", "url")).documents
    assert [(one.document_name, one.text) for one in documents] == [("a", "one"), ("b", "two")]
    for columns in (TextColumns("bdy"), TextColumns("body", "ur")):
        with pytest.raises(BadInputError, match=r"there is no such (column|field); it has: text, body, url"):
            read_corpus("c", [path], columns=columns)


@pytest.mark.parametrize("ending", ["jsonl", "parquet", "csv"])
def test_texts_are_looked_for_in_text_then_content_then_document_and_the_user_is_told(tmp_path, ending):
    for columns, told in (
        (("document", "content", "text"), []),
        (("document", "content"), ["texts are read from the column content; --text-column names another"]),
        (("document", "other"), ["texts are read from the column document; --text-column names another"]),
    ):
        path = write_rows(tmp_path, [{name: f"in {name}" for name in columns}])[ending]
        with listening(messages := Listener()):
            (document,) = read_corpus("c", [path]).documents
        expected = next(name for name in ("text", "content", "document") if name in columns)
        assert (document.text, messages.notes) == (f"in {expected}", told)


@pytest.mark.parametrize(
    ("content", "file_format", "expected"),
    [
        (b"one\ntwo", None, [("standard-input.txt", "one\ntwo")]),
        (b'\n{"text": "one"}\n', None, [("standard-input.jsonl:2", "one")]),
        (b'{"text": "one"}', "txt", [("standard-input.txt", '{"text": "one"}')]),
        (b"text\none\ntwo\n", "csv", [("standard-input.csv:1", "one"), ("standard-input.csv:2", "two")]),
    ],
)
def test_standard_input_is_a_text_or_jsonl_or_what_the_user_says(content, file_format, expected):
    corpus = read_corpus_from_stream("c", io.BytesIO(content), file_format)
    assert [(document.document_name, document.text) for document in corpus.documents] == expected
    assert corpus.source == "standard input"


def test_parquet_is_read_from_standard_input():
    stream = io.BytesIO()
    pq.write_table(pa.table({"text": ["one"]}), stream)
    stream.seek(0)
    (document,) = read_corpus_from_stream("c", stream).documents
    assert document.text == "one"


def test_a_mistake_in_standard_input_is_named_without_a_path():
    with pytest.raises(BadInputError, match=r"^standard input, row 2, text: this field is missing"):
        read_corpus_from_stream("c", io.BytesIO(b'{"text": "a"}\n{"txt": "b"}'))


def test_endings_of_files_are_read_in_any_case(tmp_path):
    (tmp_path / "A.TXT").write_text("one")
    (tmp_path / "b.Jsonl").write_bytes(b'\xef\xbb\xbf{"text": "two", "id": null}')
    assert read_names_and_texts(tmp_path) == [("A.TXT", "one"), ("b.Jsonl:1", "two")]
    assert not any(field.nullable for field in document_table(read_corpus("c", [tmp_path])).schema)


def test_large_files_are_read_in_parts(tmp_path, monkeypatch):
    """The rows keep their numbers."""
    monkeypatch.setattr(corpus_files, "PARQUET_BATCH_ROWS", 2)
    texts = [f"text {index}" for index in range(5)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "d.parquet")
    assert read_names_and_texts(tmp_path) == [(f"d.parquet:{index + 1}", text) for index, text in enumerate(texts)]
    pq.write_table(pa.table({"text": [*texts, None]}), tmp_path / "d.parquet")
    with pytest.raises(BadInputError, match="row 6, text: is null"):
        read_names_and_texts(tmp_path)


def test_parquet_rows_are_named_by_their_id_or_their_row(tmp_path):
    pq.write_table(pa.table({"text": ["one", "two"], "other": [1, 2]}), tmp_path / "d.parquet")
    pq.write_table(pa.table({"id": [5, None], "text": pa.array(["a", "b"], pa.large_string())}), tmp_path / "e.parquet")
    assert read_names_and_texts(tmp_path) == [
        ("d.parquet:1", "one"),
        ("d.parquet:2", "two"),
        ("5", "a"),
        ("e.parquet:2", "b"),
    ]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("d.txt", b"one\n\xff", "line 2: not UTF-8"),
        ("d.txt", b" \n", "the document is empty"),
        ("d.jsonl", b"", "holds no documents"),
        ("d.jsonl", b'{"text": "a"}\n{"text": "', "row 2: not a JSON object"),
        ("d.jsonl", b'{"text": "a"}\n["text"]', "row 2: not a JSON object"),
        ("d.jsonl", b'{"text": "a"}\n{"txt": "b"}', "row 2, text: this field is missing"),
        ("d.jsonl", b'{"text": 3}', "row 1, text: is not text"),
        ("d.jsonl", b'{"text": ""}', "row 1, text: the document is empty"),
        ("d.jsonl", b'{"text": "\\ud83d"}', "row 1, text: holds half a surrogate pair"),
        ("d.jsonl", b'{"text": "a", "id": [1]}', "row 1, id: is neither text nor a number"),
        ("d.jsonl", b'{"text": "a", "id": true}', "row 1, id: is neither text nor a number"),
        ("d.jsonl", b'{"text": "a", "id": 1.5}', "row 1, id: is neither text nor a number"),
        ("d.jsonl", b'{"text": "a", "id": " "}', "row 1, id: the document is empty"),
        ("d.jsonl", b"  \n\n", "holds no documents"),
        ("d.txt", b"\xff", "line 1: not UTF-8"),
        ("d.jsonl", b'{"text": "a"}\n\xff', "row 2: not UTF-8"),
        ("d.jsonl", b"[" * 100_000, "row 1: not a JSON object"),
        ("d.parquet", b"PAR1 no", "cannot be read as Parquet"),
        ("d.tsv", b"text\na", "files of this kind are not read"),
        ("d.csv", b"", "column text: there is no such column, nor content or document; it has: none"),
        ("d.csv", b"txt,id\na,1\n", "no such column, nor content or document; it has: txt, id"),
        ("d.csv", b"text,id\n", "holds no documents"),
        ("d.csv", b"text,text\na,b\n", "two columns are called text"),
        ("d.csv", b"text,id\na,1\nb\n", "row 2: has 1 cells, and the header has 2"),
        ("d.csv", b"text\na\n\n \n", "row 2, text: the document is empty"),
        ("d.csv", b"text\na\nb\n\xff\n", "row 3: not UTF-8"),
        ("d.csv", b"t\xff\na\n", "header: not UTF-8"),
        ("d.csv", b'text\na\n"b', "after row 1: cannot be read as CSV"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_row(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInputError, match=f"{name}.*{expected}") as caught:
        read_corpus("c", [tmp_path / name])
    assert caught.value.hint


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (pa.table({"txt": ["a"]}), "column text: there is no such column"),
        (pa.table({"text": [1]}), "column text: holds int64, not text"),
        (pa.table({"text": pa.array([], pa.string())}), "holds no documents"),
        (pa.table({"text": ["a", None]}), "row 2, text: is null"),
        (pa.table({"text": ["a", " "]}), "row 2, text: the document is empty"),
    ],
)
def test_a_mistake_in_parquet_is_named_with_its_column_and_row(tmp_path, table, expected):
    pq.write_table(table, tmp_path / "d.parquet")
    with pytest.raises(BadInputError, match=rf"d\.parquet, .*{expected}|d\.parquet: {expected}"):
        read_corpus("c", [tmp_path / "d.parquet"])


def test_missing_and_empty_paths_are_named(tmp_path):
    with pytest.raises(BadInputError, match="there is no such file"):
        read_corpus("c", [tmp_path / "gone.txt"])
    with pytest.raises(BadInputError, match=r"holds no \.txt"):
        read_corpus("c", [tmp_path])
    with pytest.raises(UsageError):
        read_corpus("c", [])


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_no_jsonl_file_gives_anything_but_documents_or_a_named_mistake(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("corpus") / "d.jsonl"
    path.write_bytes(content)
    with contextlib.suppress(BadInputError):
        read_corpus("c", [path])


def test_the_document_table_holds_the_rows_of_raw_document():
    corpus = Corpus("c", "", "", (Document("a", "naïve"), Document("b", "x", "generated", '{"seed": 1}', 5)))
    rows = document_table(corpus).to_pylist()
    assert [row["scored_from_position"] for row in rows] == [0, 5]
    assert rows[1] == {
        "corpus_id": "c",
        "document_id": 1,
        "document_name": "b",
        "text": "x",
        "document_sha256": hashlib.sha256(b"x").hexdigest(),
        "kind": "generated",
        "provenance": '{"seed": 1}',
        "scored_from_position": 5,
        "token_ids": [],
        "tokenizer_id": "",
        "scored_from_byte": 0,
    }
    assert json.loads(rows[0]["provenance"]) == {}
    assert corpus_record(corpus)["byte_count"] == 7
    assert corpus_record(corpus)["document_count"] == 2


def test_the_identity_of_a_corpus_follows_texts_order_and_prompts_and_nothing_else():
    one, two = Document("a", "one"), Document("b", "two")

    def identify(*documents, name="c"):
        return Corpus(name, "", "", documents).corpus_sha256

    assert identify(one, two) == identify(Document("z", "one"), two, name="d")
    assert len({identify(one, two), identify(two, one), identify(one), identify(Document("", "onetwo"))}) == 4
    assert identify(one) != identify(Document("a", "one", scored_from_position=3))
    exact = [
        Document("a", "one", token_ids=(1, 2), tokenizer_id="t"),
        Document("a", "one", token_ids=(3,), tokenizer_id="t"),
        Document("a", "one", token_ids=(1, 2), tokenizer_id="u"),
        Document("a", "one", token_ids=(1, 2), tokenizer_id="t", scored_from_byte=1),
    ]
    assert len({identify(one), *map(identify, exact)}) == 5


def test_the_identity_of_words_in_context_follows_where_the_word_begins_and_its_split():
    def identify(**fields):
        return Corpus("c", "", "", (Document("a", "one two", **fields),)).corpus_sha256

    word = {"kind": "word-in-context", "scored_from_byte": 3}
    splits = [identify(**word, provenance=json.dumps({"split": split})) for split in ("train", "test")]
    assert len({identify(), identify(**word), *splits}) == 4


def test_corpora_of_earlier_versions_keep_their_identity():
    corpus = Corpus("c", "", "", (Document("a", "one"), Document("b", "two", scored_from_position=5)))
    lines = [f"{hashlib.sha256(text).hexdigest()} {position}\n" for text, position in ((b"one", 0), (b"two", 5))]
    assert corpus.corpus_sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("column", ["id", "text"])
def test_a_parquet_row_that_is_not_utf8_is_named(tmp_path, column):
    bad = pa.array([b"good", b"\xff bad"]).view(pa.string())
    good = pa.array(["one", "two"])
    table = pa.table({"id": bad if column == "id" else good, "text": bad if column == "text" else good})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(BadInputError, match=rf"a\.parquet, row 2, {column}: cannot be read"):
        read_corpus("c", [tmp_path / "a.parquet"])
