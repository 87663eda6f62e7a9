"""Texts that nobody has vetted are shown whole and hide nothing."""

import unicodedata

import pytest

from trailhouse.support.visible_text import LONGEST_LABEL, make_label, make_visible


@pytest.mark.parametrize(
    "text",
    ["né 漢字 עברית", "👩‍💻", "👩🏽‍🚀", "🏳️‍🌈", "❤️", "👨‍👩‍👧‍👦 ok", "1️⃣", "🙂‍↔️", "a<b>&amp;"],
)
def test_words_and_emoji_stay_whole(text):
    assert make_visible(text) == make_label(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\u202eb", "a\\u{202e}b"),
        ("a\u200db", "a\\u{200d}b"),
        ("👩\u200d", "👩\\u{200d}"),
        ("\u200d👩", "\\u{200d}👩"),
        ("a\ufe0f", "a\\u{fe0f}"),
        ("\x1b[31m\x00", "\\u{1b}[31m\\u{0}"),
        ("\u3164\u115f", "\\u{3164}\\u{115f}"),
        ("🏴\U000e0067\U000e007f", "🏴\\u{e0067}\\u{e007f}"),
        ("\ud800", "\\u{d800}"),
        ("a\tb", "a⇥b"),
    ],
)
def test_an_invisible_character_is_shown_as_its_code_point(text, shown):
    assert make_visible(text) == make_label(text) == shown


def test_a_line_break_stays_in_a_text_and_is_an_arrow_in_a_label():
    assert make_visible("a\r\nb\rc\u2028d\n") == "a\nb\nc\nd\n"
    assert make_label("a\r\nb\rc\u2028d\n") == "a⏎b⏎c⏎d⏎"


def test_no_control_or_format_character_is_left_alone():
    # Signs that enclose numbers, in Arabic, Syriac and Kaithi, are format characters that have a shape
    signs = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
    for number in range(0x110000):
        character = chr(number)
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") and number not in signs:
            assert make_label(character) != character, hex(number)


def test_a_long_label_is_cut_and_its_length_stated():
    assert make_label("x" * LONGEST_LABEL) == "x" * LONGEST_LABEL
    assert make_label("x" * 3000) == "x" * LONGEST_LABEL + "… (3000 characters)"
    assert make_label("\u202e" * 3000) == "\\u{202e}" * (LONGEST_LABEL // 8) + "… (3000 characters)"
    assert make_label("👩\u200d" * 3000).endswith("… (6000 characters)")
