"""Self-BLEU is the mean of sacrebleu's sentence BLEU of each text against all others."""

import numpy as np
import pytest
from sacrebleu.metrics import BLEU

from trailhouse.errors import BadInputError
from trailhouse.models.sequences.self_bleu import compute_self_bleu

FEW_WORDS = ("a", "b,", "c.", "don't", "e", "1,000")
MANY_WORDS = tuple(f"word{number}" for number in range(300))


def draw_texts(words, text_count, longest):
    generator = np.random.default_rng(5)
    return [" ".join(generator.choice(words, generator.integers(0, longest))) for _ in range(text_count)]


@pytest.mark.parametrize(("words", "longest"), [(FEW_WORDS, 12), (MANY_WORDS, 40)], ids=["alike", "unlike"])
def test_it_is_the_mean_over_a_loop_of_sacrebleu(words, longest):
    texts = [*draw_texts(words, 30, longest), "the same", "the same", " spaces  around ", "", "line\nbreak"]
    bleu = BLEU(effective_order=True)
    scores = [bleu.sentence_score(text, texts[:index] + texts[index + 1 :]).score for index, text in enumerate(texts)]
    assert min(np.mean(scores), 100 - np.mean(scores)) > 0
    assert compute_self_bleu(texts) == pytest.approx(np.mean(scores), rel=1e-12)


def test_equal_texts_resemble_each_other_entirely_and_others_hardly():
    assert compute_self_bleu(["one two three four five"] * 3) == pytest.approx(100)
    assert compute_self_bleu([f"{word} x{word} y{word} z{word}" for word in MANY_WORDS[:20]]) < 1


def test_a_single_text_is_refused():
    with pytest.raises(BadInputError, match="compares texts with each other, and there are 1"):
        compute_self_bleu(["alone"])
