"""``trailhouse corpus add`` reads files of several formats, folders and standard input."""

import io
import sys

import pytest


def read_texts(client, corpus_id):
    return client.query(
        "select document_name, text from raw_document where corpus_id = {corpus:String} order by document_id",
        parameters={"corpus": corpus_id},
    ).result_rows


def test_a_folder_of_several_formats_is_one_corpus(trailhouse, client, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("one")
    (folder / "b.csv").write_text("title,body\nsecond,two\n")
    (folder / "c.jsonl").write_text('{"title": "third", "body": "three"}\n')
    code, _, err = trailhouse(
        "corpus", "add", "texts", "--name", "c", "--text-column", "body", "--name-column", "title"
    )
    assert (code, err) == (0, "corpus c: 3 documents\n")
    assert read_texts(client, "c") == [("a.txt", "one"), ("second", "two"), ("third", "three")]


def test_a_column_that_is_found_is_named_and_one_that_is_not_there_lists_the_others(trailhouse, client, tmp_path):
    (tmp_path / "b.csv").write_text("name,content\nx,two\n")
    code, _, err = trailhouse("corpus", "add", "b.csv", "--name", "c")
    assert code == 0
    assert err.splitlines()[0] == "texts are read from the column content; --text-column names another"
    assert read_texts(client, "c") == [("b.csv:1", "two")]
    code, out, err = trailhouse("corpus", "add", "b.csv", "--name", "d", "--text-column", "body")
    assert (code, out) == (3, "")
    assert err == (
        "error: b.csv, column body: there is no such column; it has: name, content\n"
        "  hint: name the one that holds the texts with --text-column\n"
    )


@pytest.mark.parametrize(
    ("options", "content", "said", "texts"),
    [
        ((), b"one text\n", "one text", [("standard-input.txt", "one text\n")]),
        ((), b'{"text": "one", "id": "a"}\n', "JSONL", [("a", "one")]),
        (("--format", "csv"), b"id,text\na,one\n", "", [("a", "one")]),
    ],
)
def test_standard_input_is_read(options, content, said, texts, trailhouse, client, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    code, _, err = trailhouse("corpus", "add", "-", "--name", "c", *options)
    assert code == 0, err
    first = f"standard input is read as {said}; --format names another format\n" if said else ""
    assert err == f"{first}corpus c: 1 document\n"
    assert read_texts(client, "c") == texts


@pytest.mark.parametrize("arguments", [("-", "a.txt"), ("a.txt", "--format", "csv"), ("-", "--format", "xml")])
def test_mistakes_about_standard_input_are_named(arguments, trailhouse, tmp_path):
    (tmp_path / "a.txt").write_text("one")
    code, _, err = trailhouse("corpus", "add", *arguments, "--name", "c")
    assert code == 2
    assert err.startswith("error: ")
