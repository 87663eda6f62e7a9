"""Forms that are too large are refused with 413, and the connection stays usable."""

from __future__ import annotations

import gzip

import pytest

from trailhouse.server.http import multipart_form as form


def assert_refused(http, answer) -> None:
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (413, "161"), answer.text
    assert http.post("/", content="SELECT 6 * 7").text == "42\n"


def test_forms_have_a_limited_number_of_fields_and_files(http):
    fields = {f"param_p{number}": (None, "1") for number in range(form.MAX_FIELDS)}
    query = {"query": "SELECT {p7:Int8}"}
    assert http.post("/", params=query, files=fields).text == "1\n"
    assert_refused(http, http.post("/", params=query, files={**fields, "param_more": (None, "1")}))
    files = {f"t{number}": ("t", b"1") for number in range(form.MAX_FILES + 1)}
    assert_refused(http, http.post("/", params=query, files=files))


def test_the_fields_of_a_form_have_a_limited_size(http):
    query = {"query": "SELECT {p0:String} = {p1:String}"}
    field = (None, "x" * (form.MAX_FIELD_BYTES - 1))
    assert http.post("/", params=query, files={"param_p0": field, "param_p1": field}).text == "1\n"
    most = form.MAX_FIELDS_BYTES // form.MAX_FIELD_BYTES
    assert_refused(http, http.post("/", files={f"param_p{number}": field for number in range(most + 1)}))
    assert_refused(http, http.post("/", params=query, files={"param_p0": (None, "x" * (form.MAX_FIELD_BYTES + 1))}))


@pytest.mark.parametrize("excess", [0, 1])
def test_external_tables_have_a_limited_size(http, excess):
    size = form.MAX_FILES_BYTES + excess
    head = b'--b\r\nContent-Disposition: form-data; name="rows"; filename="rows"\r\n\r\n'
    rows = (b"x" * 1023 + b"\n") * (size // 1024) + b"x" * (size % 1024)
    body = gzip.compress(head + rows + b"\r\n--b--\r\n", compresslevel=1)
    answer = http.post(
        "/",
        params={"query": "SELECT count() FROM rows", "rows_structure": "a String"},
        headers={"Content-Type": "multipart/form-data; boundary=b", "Content-Encoding": "gzip"},
        content=body,
    )
    if excess == 0:
        assert answer.text == f"{size // 1024}\n"
    else:
        assert_refused(http, answer)
