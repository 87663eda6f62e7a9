"""Samples files of lm-evaluation-harness: both formats, the options of an item, and errors in a line."""

import copy
import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.json_values import mutate_text
from trailhouse.errors import BadInputError
from trailhouse.warehouse.imports.lm_eval.sampled_tasks import begin_task
from trailhouse.warehouse.imports.lm_eval.samples_files import (
    SampledOption,
    SampleSettings,
    find_result_file,
    list_samples_files,
    read_sample_settings,
    read_samples,
)

SETTINGS = SampleSettings("piqa", "1", 2, 7, "multiple_choice", "Say it.\n", " ", "\n\n")
WITH_MUTUAL_INFORMATION = replace(SETTINGS, has_unconditional_requests=True)
PROMPT = "Say it.\nQ: one\nA: 1\n\nQ: two\nA: 2\n\nQ: three\nA:"
# A line as versions 0.4.3 and later write it. For the metric acc_mutual_info, each option is scored a second time,
# without the prompt. A task with several filters has one such line for each filter.
NEW = {
    "doc_id": 3,
    "target": "1",
    "arguments": {
        "gen_args_0": {"arg_0": PROMPT, "arg_1": " 3"},
        "gen_args_1": {"arg_0": PROMPT, "arg_1": " drei"},
        "gen_args_2": {"arg_0": "", "arg_1": " 3"},
        "gen_args_3": {"arg_0": "", "arg_1": " drei"},
    },
    "resps": [[["-1.5", "False"]], [["-0.25", "True"]], [["-4.0", "False"]], [["-8.0", "False"]]],
    "filter": "none",
    "acc": 1.0,
}
# A line as earlier versions write it
OLD = {
    "doc_id": 0,
    "target": 0,
    "arguments": [[PROMPT, " 3"], [PROMPT, " drei"]],
    "resps": [[[-1.5, False]], [[-0.25, True]]],
}


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_an_item_is_read_from_either_format_with_its_unconditional_scores(tmp_path):
    file = write(tmp_path / "new.jsonl", NEW, {**NEW, "filter": "other"})
    (new,) = read_samples(file, WITH_MUTUAL_INFORMATION)
    (old,) = read_samples(write(tmp_path / "old.jsonl", OLD), SETTINGS)
    assert (old.item_id, new.item_id, new.question) == (0, 3, "Q: three\nA:")
    assert new.options == (
        SampledOption("3", PROMPT, " 3", -1.5, -4.0, False),
        SampledOption("drei", PROMPT, " drei", -0.25, -8.0, True),
    )
    assert [(option.log_prob_nats, option.unconditional_log_prob_nats) for option in old.options] == [
        (-1.5, None),
        (-0.25, None),
    ]
    assert [option.is_correct for option in old.options] == [True, False]


@pytest.mark.parametrize(
    ("target", "right"),
    [("0", [0]), (1, [1]), ("drei", [1]), ("3", [0]), ("[0, 1]", [0, 1]), ([1], [1]), ("True", [1]), (False, [0])],
)
def test_a_target_is_an_ordinal_or_several_or_the_text_of_an_option(tmp_path, target, right):
    (item,) = read_samples(write(tmp_path / "s.jsonl", {**OLD, "target": target}), SETTINGS)
    assert [index for index, option in enumerate(item.options) if option.is_correct] == right


def test_options_within_the_prompt_are_told_apart_by_it(tmp_path):
    arguments = [["The cat, as the cat", " sat."], ["The cat, as the dog", " sat."]]
    file = write(tmp_path / "s.jsonl", {**OLD, "arguments": arguments})
    settings = SampleSettings("winogrande", "1", 0, 0, "multiple_choice", "", " ", "\n\n")
    (item,) = read_samples(file, settings)
    assert [option.text for option in item.options] == ["The cat, as the cat sat.", "The cat, as the dog sat."]
    assert [option.prompt for option in item.options] == ["The cat, as the cat", "The cat, as the dog"]
    assert [option.continuation for option in item.options] == [" sat.", " sat."]


@pytest.mark.parametrize("texts", ["ab", "abc", "abcd"])
def test_options_of_a_task_whose_prompts_are_empty_are_no_unconditional_requests(tmp_path, texts):
    arguments = [["", f" {text}"] for text in texts]
    answers = [[[-float(number), False]] for number in range(len(texts))]
    (item,) = read_samples(write(tmp_path / "s.jsonl", {**OLD, "arguments": arguments, "resps": answers}), SETTINGS)
    assert [(option.text, option.log_prob_nats, option.unconditional_log_prob_nats) for option in item.options] == [
        (text, -float(number), None) for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize("prompts", [[PROMPT] * 4, ["", "", "", PROMPT], [PROMPT, PROMPT, ""]])
def test_a_task_with_mutual_information_without_its_unconditional_requests_is_refused(tmp_path, prompts):
    arguments = [[prompt, f" {number}"] for number, prompt in enumerate(prompts)]
    file = write(tmp_path / "s.jsonl", {**OLD, "arguments": arguments, "resps": [[[-1, False]]] * len(prompts)})
    with pytest.raises(BadInputError, match=r"line 1, field arguments: the task has the metric acc_mutual_info"):
        read_samples(file, WITH_MUTUAL_INFORMATION)


def test_tasks_of_other_kinds_hold_no_items(tmp_path):
    file = write(tmp_path / "s.jsonl", {**OLD, "arguments": [[PROMPT, {"until": ["\n"]}]], "resps": [["text"]]})
    for output_type in ("generate_until", None):
        assert read_samples(file, SampleSettings("x", "1", 0, 0, output_type, "", " ", "\n\n")) == []


def change(line: dict, name: str, value: object) -> dict:
    changed = copy.deepcopy(line)
    changed[name] = value
    return changed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ([], "an object is expected here"),
        (change(OLD, "doc_id", -1), "field doc_id: -1 is not an integer from 0"),
        (change(OLD, "doc_id", None), "field doc_id: is missing"),
        (change(NEW, "doc_id", 9), "field doc_id: document 9 is there twice"),
        (change(OLD, "target", "2"), "field target: '2' is neither the index nor the text of one of 2 options"),
        (change(OLD, "target", {}), "field target: "),
        (change(OLD, "target", []), "field target: "),
        (change(OLD, "target", [0, 2]), "field target: "),
        (change(OLD, "target", -1), "field target: "),
        (change(OLD, "target", "0.5"), "field target: "),
        (change(OLD, "doc_id", 2**31), "is not an integer from 0 to 2147483647"),
        (change(OLD, "arguments", [[PROMPT, " 3"]]) | {"resps": [[[-1, 0]]]}, "there are fewer than two options"),
        (change(OLD, "arguments", [["\ud800", " 3"], [PROMPT, " 2"]]), "field arguments[0][0]: contains half"),
        (change(OLD, "resps", [[], [[-1, False]]]), "field resps[0]: is empty"),
        (change(OLD, "resps", [[[]], [[-1, False]]]), "field resps[0][0]: is empty"),
        (change(OLD, "resps", [[["-inf", "False"]], [[-1, False]]]), "field resps[0][0][0]: is not finite"),
        (change(OLD, "arguments", 3), "field arguments: an array is expected"),
        (change(OLD, "arguments", [[PROMPT, " 3"]]), "field resps: 2 answers to 1 requests"),
        (change(OLD, "arguments", [[PROMPT], [PROMPT]]), "field arguments[0]: a prompt and an option are expected"),
        (change(OLD, "arguments", [[PROMPT, 1], [PROMPT, " 2"]]), "field arguments[0][1]: int is not text"),
        (change(OLD, "arguments", [[PROMPT, "\ud800"], [PROMPT, " 2"]]), "field arguments[0][1]: contains half"),
        (change(NEW, "arguments", {"gen_args_0": {"arg_0": 1, "arg_1": ""}}), "field arguments.gen_args_0.arg_0: int"),
        (change(OLD, "resps", [[[-1.5, False]], []]), "field resps[1]: is empty"),
        (change(OLD, "resps", [[["low", "False"]], [[-1, False]]]), "field resps[0][0][0]: 'low' is not a number"),
        (change(OLD, "resps", [[["nan", "False"]], [[-1, False]]]), "field resps[0][0][0]: is not finite"),
    ],
)
def test_a_mistake_is_reported_with_its_file_line_and_field(tmp_path, line, message):
    file = write(tmp_path / "s.jsonl", {**NEW, "doc_id": 9}, line)
    with pytest.raises(BadInputError) as refusal:
        read_samples(file, SETTINGS)
    assert refusal.value.message.startswith(f"{file}, line 2")
    assert message in refusal.value.message


@pytest.mark.parametrize(
    ("shots", "prompt", "description", "delimiter", "question"),
    [
        (1, "D\n\nfirst\n\nlast", "D", "\n\n", "last"),
        (1, "D last", "D ", "", "last"),
        (0, "D first\n\nlast", "D ", "\n\n", "first\n\nlast"),
        (0, "first D", "D", "\n\n", "first D"),
    ],
)
def test_a_question_is_a_prompt_without_exemplars_and_description(
    tmp_path, shots, prompt, description, delimiter, question
):
    settings = SampleSettings("t", "1", shots, 0, "multiple_choice", description, " ", delimiter)
    line = {**OLD, "arguments": [[prompt, " 3"], [prompt, "drei"]]}
    (item,) = read_samples(write(tmp_path / "s.jsonl", line), settings)
    assert (item.question, [option.text for option in item.options]) == (question, ["3", "drei"])


@pytest.mark.parametrize(
    ("arguments", "count"),
    [([["p", " a"], ["p", " b"]], 1), ([["p", " a"]], 0), ([["p", " a"], ["p", {}]], 0), ([["p"], ["p", " b"]], 0)],
)
def test_without_an_output_type_a_task_whose_requests_have_options_is_multiple_choice(tmp_path, arguments, count):
    settings = SampleSettings("t", "1", 0, 0, None, "", " ", "\n\n")
    assert len(read_samples(write(tmp_path / "s.jsonl", {**OLD, "arguments": arguments}), settings)) == count


def test_the_largest_item_id_is_read_and_items_come_in_order(tmp_path):
    lines = [{**OLD, "doc_id": number} for number in (2**31 - 1, 0, 7)]
    items = read_samples(write(tmp_path / "s.jsonl", *lines), SETTINGS)
    assert [(item.item_id, item.line.line) for item in items] == [(0, 2), (7, 3), (2**31 - 1, 1)]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\n{,}\n", "line 2: not JSON"), (b"{}\n\xff", "line 1, field arguments"), (b"\n\n", "contains no samples")],
)
def test_a_file_that_is_no_samples_file_is_named(tmp_path, content, message):
    file = tmp_path / "s.jsonl"
    file.write_bytes(content)
    with pytest.raises(BadInputError, match=message):
        read_samples(file, SETTINGS)


def test_mutated_samples_are_read_or_refused_and_never_crash(tmp_path):
    source = random.Random(3)
    file, refusals = tmp_path / "mutated.jsonl", []
    for index in range(1000):
        file.write_bytes(mutate_text(OLD if index % 2 else NEW, index, source))
        try:
            items = read_samples(file, SETTINGS)
            begin_task(SETTINGS, items)
        except BadInputError as refusal:
            refusals.append(refusal.message)
        else:
            assert all(len(item.options) >= 2 and item.question.encode() is not None for item in items)
    assert 300 < len(refusals) < 950
    assert [message for message in refusals if not message.startswith(str(file)) or "\n" in message] == []


def test_samples_belong_to_the_results_of_the_same_run(tmp_path):
    stamps = ("2024-06-01T12-34-56.789012", "2024-07-01T12-34-56.789012")
    results = [write(tmp_path / f"results_{stamp}.json", {}) for stamp in stamps]
    samples = [write(tmp_path / f"samples_{task}_{stamps[1]}.jsonl", OLD) for task in ("arc_easy", "easy", "gone")]
    (tmp_path / "undated").mkdir()
    undated = write(tmp_path / "undated" / "results.json", {})
    old_style = write(tmp_path / "undated" / "pretrained__x_piqa.jsonl", OLD)
    assert list_samples_files(results[0], ["arc_easy", "easy"]) == {}
    assert list_samples_files(results[1], ["arc_easy", "easy"]) == {samples[0]: "arc_easy", samples[1]: "easy"}
    assert list_samples_files(undated, ["piqa"]) == {old_style: "piqa"}
    assert [find_result_file(file) for file in (samples[0], old_style)] == [results[1], undated]
    aside = write(tmp_path / "undated" / "a.json", {})
    assert find_result_file(old_style) == undated
    undated.unlink()
    assert find_result_file(old_style) == aside
    results[1].unlink()
    assert find_result_file(samples[0]) is None


@pytest.mark.parametrize(
    ("shots", "stated", "seed"),
    [(1, 5, 5), (1, -(2**31) + 1, -(2**31) + 1), (1, 2**31 - 1, 2**31 - 1), (0, 5, 0), (1, None, 0), (1, "none", 0)],
)
def test_the_seed_of_the_exemplars_counts_only_if_there_are_some(tmp_path, shots, stated, seed):
    content = {"n-shot": {"t": shots}, "config": {"fewshot_seed": stated}}
    assert read_sample_settings(write(tmp_path / "r.json", content), "t").seed == seed


@pytest.mark.parametrize("stated", [2**31, -(2**31)])
def test_a_seed_that_does_not_fit_its_column_is_refused(tmp_path, stated):
    content = {"n-shot": {"t": 1}, "config": {"fewshot_seed": stated}}
    with pytest.raises(BadInputError, match=r"fewshot_seed: .* is not an integer from"):
        read_sample_settings(write(tmp_path / "r.json", content), "t")


@pytest.mark.parametrize(
    ("results", "config", "is_stated"),
    [
        ({"acc,none": 0.5, "acc_mutual_info,none": 0.5}, {}, True),
        ({"acc_mutual_info": 0.5}, {}, True),
        ({"acc,none": 0.5}, {"metric_list": [{"metric": "acc"}, {"metric": "acc_mutual_info"}]}, True),
        ({"acc,none": 0.5}, {"metric_list": [{"metric": "acc"}]}, False),
        ({"acc_norm,none": 0.5}, {"metric_list": "acc_mutual_info"}, False),
    ],
)
def test_the_metrics_of_a_task_say_whether_it_has_unconditional_requests(tmp_path, results, config, is_stated):
    file = write(
        tmp_path / "r.json", {"results": {"t": results, "u": {"acc_mutual_info": 1}}, "configs": {"t": config}}
    )
    assert read_sample_settings(file, "t").has_unconditional_requests == is_stated


def test_the_result_file_says_how_a_task_was_asked(tmp_path):
    config = {"output_type": "multiple_choice", "target_delimiter": "", "fewshot_delimiter": "\n", "description": "D"}
    content = {
        "results": {},
        "configs": {"piqa": {**config, "num_fewshot": 3}},
        "versions": {"piqa": 2.0},
        "config": {"fewshot_seed": 1234},
    }
    file = write(tmp_path / "r.json", content)
    assert read_sample_settings(file, "piqa") == SampleSettings("piqa", "2", 3, 1234, "multiple_choice", "D", "", "\n")
    assert read_sample_settings(file, "arc") == SampleSettings("arc", "", 0, 0, None, "", " ", "\n\n")
