"""A corpus whose documents are single tokens has nothing to score, because a document's first token is not scored."""

from __future__ import annotations

import json


def test_a_corpus_of_one_token_documents_is_refused_in_one_line(make_tiny_suite, trailhouse, client, tmp_path):
    suite = make_tiny_suite("ones", [10, 20])
    (tmp_path / "ones.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in ("a", "b", "c")))
    assert trailhouse("corpus", "add", "ones.jsonl", "--name", "ones")[0] == 0
    code, out, err = trailhouse("score", str(suite.declaration), "--corpus", "ones")
    assert (code, out) == (3, "")
    error, hint = err.strip().splitlines()
    assert error.startswith("error: corpus 'ones': none of its 3 documents has more than one token under tokenizer ")
    assert error.endswith(", and the first token of a document is not scored")
    assert hint == "  hint: add documents of at least two tokens"
    for table in ("raw_token_score", "raw_score_ledger"):
        assert client.query(f"select count() from {table}").result_rows == [(0,)]
