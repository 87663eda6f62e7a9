"""Decodings and samplings have names and records, and settings that cannot be used are refused in one line."""

import pytest

from trailhouse.errors import BadInputError
from trailhouse.models.sequences.decoding.configuration import PRESETS, Decoding, Sampling, find_preset


def test_the_presets_have_the_weights_of_the_paper():
    weights = {name: (preset.small_weight, preset.large_weight) for name, preset in PRESETS.items()}
    assert weights == {
        "ps-pl": (1, -1),
        "ps": (1, 0),
        "ps+pl": (1, 1),
        "pl": (0, 1),
        "pl-ps": (-1, 1),
        "contrastive": (-1, 1),
    }
    assert PRESETS["contrastive"].method == "contrastive"
    assert PRESETS["contrastive"].plausibility == 0.1


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_is_found_by_its_name_and_has_it(name):
    assert find_preset(name).name == name


def test_other_decodings_are_named_by_their_weights_or_their_plausibility():
    assert Decoding("interpolated", 0.5, -1).name == "λ=(0.5, -1)"
    assert Decoding("contrastive", -1, 1, 0.25).name == "contrastive 0.25"
    assert Sampling("greedy", 0.5, 3).name == "greedy"
    assert Sampling("nucleus", 0.95, 3).name == "nucleus 0.95"


def test_equal_decodings_have_equal_records_however_their_numbers_are_written():
    assert repr(Decoding("interpolated", 1, -0.0).as_record()) == repr(Decoding("interpolated", 1.0, 0).as_record())
    assert Decoding("interpolated", 1, 0, 0.3).as_record() == Decoding("interpolated", 1, 0).as_record()
    assert repr(Sampling("nucleus", 1).as_record()) == repr(Sampling("nucleus", 1.0).as_record())
    assert Sampling("greedy", 0.5, 3).as_record() == Sampling("greedy").as_record()


def test_all_that_changes_the_texts_changes_the_record():
    decodings = [*PRESETS.values(), Decoding("interpolated", 1, 0.5), Decoding("contrastive", -1, 1, 0.2)]
    assert len({repr(decoding.as_record()) for decoding in decodings}) == len(decodings)
    samplings = [Sampling("greedy"), Sampling("nucleus"), Sampling("nucleus", 0.8), Sampling("nucleus", 0.9, 1)]
    assert len({repr(sampling.as_record()) for sampling in samplings}) == len(samplings)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Decoding("interpolated", 1.5, 0), "λ = 1.5 is outside [-1, 1]"),
        (lambda: Decoding("interpolated", 1, -1.01), "λ = -1.01 is outside [-1, 1]"),
        (lambda: Decoding("interpolated", float("nan"), 1), "λ = nan is outside [-1, 1]"),
        (lambda: Decoding("interpolated", 0, 0), "none of them is positive"),
        (lambda: Decoding("interpolated", -1, -0.5), "none of them is positive"),
        (lambda: Decoding("contrastive", 1, -1), "contrastive decoding has the weights"),
        (lambda: Decoding("contrastive", -1, 1, 0), "plausibility 0 is outside (0, 1]"),
        (lambda: Decoding("added", 1, 1), "'added' is not known"),
        (lambda: Sampling("nucleus", 0), "top_p is 0"),
        (lambda: Sampling("nucleus", 1.1), "top_p is 1.1"),
        (lambda: Sampling("nucleus", float("nan")), "top_p is nan"),
        (lambda: Sampling("nucleus", 0.9, -1), "seed is -1"),
        (lambda: Sampling("beam"), "'beam' is not known"),
        (lambda: find_preset("ps-lp"), "did you mean ps-pl?"),
        (lambda: find_preset("contrast"), "did you mean contrastive?"),
        (lambda: find_preset(""), "the presets are ps-pl, ps, ps+pl, pl, pl-ps, contrastive"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_in_one_line(build, words):
    with pytest.raises(BadInputError) as caught:
        build()
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3
