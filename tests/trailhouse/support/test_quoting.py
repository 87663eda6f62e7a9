"""Names and values as SQL text."""

import pytest

from trailhouse.support.quoting import quote_identifier, quote_literal


@pytest.mark.parametrize(
    ("value", "literal"),
    [("plain", "'plain'"), ("it's", r"'it\'s'"), ("a\\", r"'a\\'"), ("\\'", r"'\\\''"), ("\0", r"'\0'"), (7, "7")],
)
def test_a_literal_is_escaped(value, literal):
    assert quote_literal(value) == literal


def test_an_identifier_is_escaped_and_its_parts_are_joined():
    assert quote_identifier("a`b", "c\\", "d\0") == r"`a\`b`.`c\\`.`d\0`"


def test_the_engine_reads_a_literal_back_as_the_value(client):
    for value in ("it's", "\\", "a\0b", "\\0", "`", "\n\t"):
        assert client.query(f"select {quote_literal(value)}").result_rows == [(value,)]
