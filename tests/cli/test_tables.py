"""Tables on the terminal show texts that nobody has vetted as text."""

import pyarrow as pa

from trailhouse.cli.console import print_table, say, to_csv

UNTRUSTED = "a\x1b[31m\u202e[bold]b"


def test_a_table_shows_invisible_characters_as_code_points(capfd):
    print_table(pa.table({"document_name": [UNTRUSTED], "size": [3]}))
    assert "a\\u{1b}[31m\\u{202e}[bold]b" in capfd.readouterr().out


def test_a_message_shows_invisible_characters_as_code_points(capfd):
    say(f"no document {UNTRUSTED}")
    assert "a\\u{1b}[31m\\u{202e}[bold]b" in capfd.readouterr().err


def test_written_values_are_unchanged():
    assert UNTRUSTED in to_csv(pa.table({"document_name": [UNTRUSTED]}))
