"""The label of a text in SQL equals that in Python, on random texts and on every character."""

import random

from tests.support.paths import ROOT
from trailhouse.support.visible_text import LONGEST_LABEL, make_label

ALPHABET = [
    *"ab0#*<&\\'\"{} \t\r\n\0\x1b\x7f\x85\xad",
    *("\u200b", "\u200d", "\u200d", "\u202e", "\u2028", "\u2029", "\u2066", "\u20e3", "\ufe0e", "\ufe0f", "\ufeff"),
    *("👩", "💻", "🏽", "🏳", "❤", "⏎", "é", "漢", "ع", "\u3164", "\ue000", "\U000e0067", "\U0010ffff"),
]


def label_in_sql(warehouse, texts):
    """Return the labels of texts as the macro derives them."""
    warehouse.client.command("drop table if exists written_text")
    warehouse.client.command("create table written_text (number UInt32, text String) order by number")
    warehouse.client.insert("written_text", list(enumerate(texts)))
    query = 'select {{ visible_text("text") }} from written_text order by number'
    result = warehouse.dbt("compile", "--inline", query).results[0].node.compiled_code
    return [row[0] for row in warehouse.rows(result)]


def test_labels_of_random_texts_equal_those_of_the_python_rule(warehouse):
    generator = random.Random(7)
    texts = ["".join(generator.choices(ALPHABET, k=generator.randint(0, 40))) for _ in range(3000)]
    texts += ["".join(generator.choices(ALPHABET, k=generator.randint(90, 400))) for _ in range(500)]
    labels = label_in_sql(warehouse, texts)
    assert labels == [make_label(text) for text in texts]
    assert sum(label.endswith(" characters)") for label in labels) > 400


def test_the_label_of_every_character_equals_that_of_the_python_rule(warehouse):
    characters = [chr(number) for number in range(0x110000) if not 0xD800 <= number < 0xE000]
    characters = characters[:0x20000] + characters[0x20000::997]
    assert label_in_sql(warehouse, characters) == [make_label(character) for character in characters]


def test_both_rules_cut_at_the_same_length():
    macro = (ROOT / "dbt" / "macros" / "visible_text.sql").read_text()
    assert f"macro visible_text(column, longest_label={LONGEST_LABEL})" in macro
