"""Where an option begins among the tokens, and prompts that do not fit the context."""

from __future__ import annotations

import dataclasses
import json

import pytest
from tokenizers import Regex, normalizers
from transformers import PreTrainedTokenizerFast

from tests.support.option_tasks import build_text_task, build_tokenizer
from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.encoded_tasks import TaskEncoder
from trailhouse.models.few_shot.option_encoding import count_tokens, encode_task, find_start_token
from trailhouse.models.few_shot.prompt import draw_exemplars, write_prompt
from trailhouse.models.texts.tokenizer import TokenizerFiles


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return build_tokenizer()


def list_words(tokenizer, option) -> list[str]:
    return tokenizer.convert_ids_to_tokens(option.token_ids[option.first_target :].tolist())


def test_the_blank_before_an_option_belongs_to_its_first_token(tokenizer):
    encoded = encode_task(tokenizer, build_text_task(), 1, 0, 100)
    option = encoded.items[0].options[0]
    text = write_prompt(encoded.task, 0, draw_exemplars(encoded.task, 0, 1, 0), 0) + "yes"
    assert option.token_ids.tolist() == tokenizer(text)["input_ids"]
    assert list_words(tokenizer, option) == ["Ġyes"]
    assert tokenizer.convert_ids_to_tokens(option.unconditional_token_ids.tolist()) == ["<end>", "Ġyes"]


def test_an_option_that_merges_with_the_prompt_is_scored_with_what_it_merges_with(tokenizer):
    task = build_text_task(options=("t", "tt"), example_output_prefix=" no")
    option = encode_task(tokenizer, task, 0, 0, 100).items[0].options[0]
    assert list_words(tokenizer, option) == ["Ġnot"]
    assert option.token_count == 1


@pytest.mark.parametrize("prefix", ["\nA:", "\nA: ", " no"])
@pytest.mark.parametrize("option", ["x", "xx"])
def test_an_option_of_which_the_tokenizer_leaves_no_token_is_refused(tokenizer, prefix, option):
    """The tokenizer removes the letter x; only the end of the prompt would be left to score."""
    expected = f"task 't', item 0: the tokenizer leaves no token of the option '{option}'"
    with pytest.raises(BadInputError, match=expected):
        encode_task(tokenizer, build_text_task(options=("t", option), example_output_prefix=prefix), 0, 0, 100)
    encode_task(tokenizer, build_text_task(options=("t", "tt"), example_output_prefix=prefix), 0, 0, 100)


def test_an_option_that_would_be_the_end_of_the_prompt_is_refused(tokenizer):
    """The tokenizer leaves out yes, for which it has a token only after a blank or a line end."""
    with pytest.raises(BadInputError, match="item 0: the tokenizer leaves no token of the option 'yes'"):
        encode_task(tokenizer, build_text_task(example_output_prefix=" no"), 0, 0, 100)


def test_an_option_of_which_only_its_leading_blank_is_left_is_refused_and_a_blank_option_is_not():
    tokenizer = build_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace("x", "")
    task = build_text_task(options=(" yes", " x"), example_output_prefix=" no")
    with pytest.raises(BadInputError, match="item 0: the tokenizer leaves no token of the option ' x'"):
        encode_task(tokenizer, task, 0, 0, 100)
    counted = count_tokens(tokenizer, [("the cat", " yes"), ("the cat", " x"), ("the cat", " ")])
    assert [option_count > 0 for _, option_count in counted] == [True, False, True]


def test_an_option_that_vanishes_in_an_empty_prompt_is_refused(tokenizer):
    task = build_text_task(question="", options=("yes", "x"), example_input_prefix="", example_output_prefix="")
    with pytest.raises(BadInputError, match="item 0: the tokenizer leaves no token of the option 'x'"):
        encode_task(tokenizer, task, 0, 0, 100)


def test_an_option_that_vanishes_without_its_prompt_has_no_unconditional_score():
    tokenizer = build_tokenizer()
    tokenizer.backend_tokenizer.normalizer = normalizers.Replace(Regex("^t"), "")
    task = build_text_task(options=("t", "tt"), example_output_prefix=" no")
    vanishing, other = encode_task(tokenizer, task, 0, 0, 100).items[0].options
    assert list_words(tokenizer, vanishing) == ["Ġnot"]
    assert vanishing.unconditional_token_ids is None
    assert tokenizer.convert_ids_to_tokens(other.unconditional_token_ids.tolist()) == ["<end>", "t"]


def test_options_that_are_the_same_tokens_are_refused_unless_both_are_right_or_wrong(tokenizer):
    task = build_text_task(options=("yes", "no", "xno"))
    with pytest.raises(BadInputError, match=r"task 't', item 1: .* same tokens of the options 'no' and 'xno'"):
        encode_task(tokenizer, task, 0, 0, 100)
    both_wrong = dataclasses.replace(
        task, items=tuple(dataclasses.replace(item, target_scores=(1.0, 0.0, 0.0)) for item in task.items)
    )
    options = encode_task(tokenizer, both_wrong, 0, 0, 100).items[1].options
    assert options[1].token_ids.tolist() == options[2].token_ids.tolist()


def test_truncation_and_padding_stored_with_the_tokenizer_change_no_option(tokenizer, tmp_path):
    expected = encode_task(tokenizer, build_text_task(), 1, 0, 100)
    tokenizer.save_pretrained(tmp_path)
    content = json.loads((tmp_path / "tokenizer.json").read_text())
    content["truncation"] = {"direction": "Right", "max_length": 2, "strategy": "LongestFirst", "stride": 0}
    content["padding"] = {
        "strategy": {"Fixed": 40}, "direction": "Left", "pad_to_multiple_of": None,
        "pad_id": 0, "pad_type_id": 0, "pad_token": "<end>",
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(content))
    encoded = TaskEncoder().encode(TokenizerFiles(tmp_path), "tokenizer", build_text_task(), 1, 0, 100)
    for item, wanted in zip(encoded.items, expected.items, strict=True):
        for option, wanted_option in zip(item.options, wanted.options, strict=True):
            assert option.token_ids.tolist() == wanted_option.token_ids.tolist()
            assert option.first_target == wanted_option.first_target
            assert option.unconditional_token_ids.tolist() == wanted_option.unconditional_token_ids.tolist()


def test_an_empty_prompt_begins_with_the_token_that_begins_texts(tokenizer):
    task = build_text_task(question="", example_input_prefix="", example_output_prefix="")
    option = encode_task(tokenizer, task, 0, 0, 100).items[0].options[0]
    assert (option.token_ids.tolist(), option.first_target) == (tokenizer.convert_tokens_to_ids(["<end>", "yes"]), 1)
    without_end = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer)
    with pytest.raises(BadInputError, match="item 0"):
        encode_task(without_end, task, 0, 0, 100)


def test_a_text_begins_with_bos_or_else_with_eos(tokenizer):
    backend = tokenizer.backend_tokenizer
    both = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="Q", eos_token="<end>")
    assert find_start_token(both) == tokenizer.convert_tokens_to_ids("Q")
    assert find_start_token(tokenizer) == tokenizer.convert_tokens_to_ids("<end>") == 0
    assert find_start_token(PreTrainedTokenizerFast(tokenizer_object=backend)) is None


def test_prompts_that_are_too_long_lose_their_first_exemplars_and_then_their_beginning(tokenizer):
    """The items have different questions and answers; each expected prompt is written with the exemplars it keeps."""
    task = build_text_task(count=6)
    exemplar_ids = draw_exemplars(task, 0, 3, 0)
    assert len({task.items[index].input + task.items[index].answer for index in (0, *exemplar_ids)}) == 4

    def encode_with(count: int) -> list[list[int]]:
        prompt = write_prompt(task, 0, exemplar_ids[3 - count :], 0)
        return [tokenizer(prompt + option)["input_ids"] for option in task.items[0].options]

    expected = {count: encode_with(count) for count in range(4)}
    longest = {count: max(len(tokens) for tokens in texts) for count, texts in expected.items()}
    seen = set()
    for context_length in range(2, longest[3] + 2):
        item = encode_task(tokenizer, task, 3, 0, context_length).items[0]
        kept = max((count for count in range(4) if longest[count] <= context_length + 1), default=0)
        cut = max(0, longest[0] - (context_length + 1))
        assert (item.exemplar_count, item.truncated_token_count) == (kept, cut)
        assert [option.token_ids.tolist() for option in item.options] == [tokens[cut:] for tokens in expected[kept]]
        assert [list_words(tokenizer, option) for option in item.options] == [["Ġyes"], ["Ġno"]]
        seen.add((kept, cut > 0))
    assert seen == {(0, True), (0, False), (1, False), (2, False), (3, False)}


def test_an_option_that_fills_the_context_needs_one_token_of_the_prompt(tokenizer):
    task = build_text_task(options=("yes yes yes yes", "no"))
    item = encode_task(tokenizer, task, 0, 0, 4).items[0]
    assert [option.first_target for option in item.options] == [1, 1]
    assert item.options[0].token_count == 4
    with pytest.raises(BadInputError, match="item 0: an option of 4 tokens does not fit"):
        encode_task(tokenizer, task, 0, 0, 3)


def test_counts_are_those_of_the_encoded_options(tokenizer):
    task = build_text_task(options=("yes", "no yes", "t", "not"))
    encoded = encode_task(tokenizer, task, 1, 0, 100)
    prompts = [write_prompt(task, item_id, draw_exemplars(task, item_id, 1, 0), 0) for item_id in range(4)]
    requests = [(prompt, option) for prompt in prompts for option in task.items[0].options]
    options = [option for item in encoded.items for option in item.options]
    assert count_tokens(tokenizer, requests) == [(option.first_target, option.token_count) for option in options]
    assert len({option.token_count for option in options}) > 1


def test_an_option_of_which_the_tokenizer_leaves_no_token_has_no_length(tokenizer):
    requests = [("Q: why?\nA:", " yes"), ("Q: why?\nA:", "x"), ("Q: why?\nA: ", "x")]
    assert [count for _, count in count_tokens(tokenizer, requests)] == [1, 0, 0]


def test_the_largest_token_id_is_looked_for_in_all_options_with_and_without_prompt(tokenizer):
    encoded = encode_task(tokenizer, build_text_task(), 0, 0, 100)
    option = encoded.items[2].options[1]
    larger = [
        dataclasses.replace(option, token_ids=option.token_ids + 500),
        dataclasses.replace(option, unconditional_token_ids=option.unconditional_token_ids + 500),
    ]
    for changed in larger:
        item = dataclasses.replace(encoded.items[2], options=(encoded.items[2].options[0], changed))
        task = dataclasses.replace(encoded, items=(*encoded.items[:2], item, encoded.items[3]))
        assert task.largest_token_id >= 500 > encoded.largest_token_id


def test_an_encoder_keeps_what_differs_apart_and_encodes_nothing_twice(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    encoder = TaskEncoder()
    task, other = build_text_task(count=6), build_text_task(count=5)
    wanted = [
        (task, 2, 0, 100), (task, 2, 1, 100), (task, 1, 0, 100), (task, 2, 0, 20), (other, 2, 0, 100),
    ]  # fmt: skip
    encoded = [encoder.encode(TokenizerFiles(tmp_path), "tokenizer", *arguments) for arguments in wanted]
    for result, arguments in zip(encoded, wanted, strict=True):
        expected = encode_task(tokenizer, *arguments)
        assert (result.task, result.shot_count, result.seed) == (expected.task, expected.shot_count, expected.seed)
        for item, expected_item in zip(result.items, expected.items, strict=True):
            tokens = [option.token_ids.tolist() for option in item.options]
            assert tokens == [option.token_ids.tolist() for option in expected_item.options]
    assert len({str([o.token_ids.tolist() for i in r.items for o in i.options]) for r in encoded}) == len(wanted)
    assert encoder.encode(TokenizerFiles(tmp_path), "tokenizer", *wanted[1]) is encoded[1]
