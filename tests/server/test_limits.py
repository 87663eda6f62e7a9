"""What is too large is refused with 413 while it arrives, and the connection stays usable."""

from __future__ import annotations

import gzip
import random

import cramjam
import pytest

from trailhouse.server.http import form
from trailhouse.server.http.compression import MAX_SNAPPY_BYTES


def assert_refused(http, answer) -> None:
    assert (answer.status_code, answer.headers["X-ClickHouse-Exception-Code"]) == (413, "161"), answer.text
    assert http.post("/", content="SELECT 6 * 7").text == "42\n"


@pytest.mark.parametrize(
    "body",
    [
        random.Random(1).randbytes(MAX_SNAPPY_BYTES + (4 << 20)),  # no snappy, but that shows at its end only
        bytes(cramjam.snappy.compress_raw(b"0" * (MAX_SNAPPY_BYTES + 1))),
    ],
    ids=["sent", "expanded"],
)
def test_a_snappy_body_has_a_limit(http, body):
    assert_refused(http, http.post("/", content=body, headers={"Content-Encoding": "snappy"}))


@pytest.mark.parametrize(("accept", "chosen"), [("snappy", None), ("snappy, gzip;q=0.5", "gzip")])
@pytest.mark.parametrize("waits", ["0", "1"])
def test_a_large_result_is_not_collected_for_snappy(http, accept, chosen, waits):
    options = {"enable_http_compression": "1", "wait_end_of_query": waits}
    query = f"SELECT repeat('x', 1023) FROM numbers({(MAX_SNAPPY_BYTES >> 10) + 1})"
    answer = http.post("/", params=options, headers={"Accept-Encoding": accept}, content=query)
    assert answer.headers.get("Content-Encoding") == chosen
    assert answer.content == (b"x" * 1023 + b"\n") * ((MAX_SNAPPY_BYTES >> 10) + 1)


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
