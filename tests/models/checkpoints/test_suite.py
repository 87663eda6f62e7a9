from __future__ import annotations

import contextlib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.checkpoints.step_pattern import read_training_position
from trailhouse.models.checkpoints.suite import find_suite, list_suites, load_suite, packaged_suites_directory

FOLDER_SUITE = """\
suite: ours
description: Our own run
source: folder
models:
  - name: base
    location: runs/base
    batch_tokens: 1024
    planned_steps: 100
    context_length: 128
    seed: 3
"""


def write(tmp_path, text, name="ours.yaml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_folder_suite_is_read_with_its_location_beside_the_file(tmp_path):
    suite = load_suite(write(tmp_path, FOLDER_SUITE))
    assert (suite.suite_id, suite.source, suite.declaration) == ("ours", "folder", FOLDER_SUITE)
    model = suite.models[0]
    assert model.location == str(tmp_path / "runs" / "base")
    assert (model.batch_tokens, model.planned_steps, model.context_length, model.seed) == (1024, 100, 128, 3)


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("tokenizer", "{directory}/tokenizer"),
        ("./odd@place", "{directory}/odd@place"),
        ("/elsewhere/odd@place", "/elsewhere/odd@place"),
        ("owner/name@main", "owner/name@main"),
        ("gpt2@607a30d783dfa663caf39e06633721c8d4cfcd7e", "gpt2@607a30d783dfa663caf39e06633721c8d4cfcd7e"),
    ],
)
def test_a_tokenizer_is_a_directory_beside_the_file_or_a_revision_of_a_repository(tmp_path, declared, expected):
    fields = f"tokenizer: {declared}\n    tokenizer_rules: file"
    model = load_suite(write(tmp_path, FOLDER_SUITE.replace("seed: 3", fields))).models[0]
    assert model.tokenizer == expected.format(directory=tmp_path)
    assert model.tokenizer_rules == "file"
    plain = load_suite(write(tmp_path, FOLDER_SUITE)).models[0]
    assert (plain.tokenizer, plain.tokenizer_rules) == ("", None)


def test_what_stands_before_a_text_is_declared_for_all_models_or_for_one(tmp_path):
    assert load_suite(write(tmp_path, FOLDER_SUITE)).models[0].text_beginning == "tokenizer"
    shared = FOLDER_SUITE.replace("models:", "shared:\n  text_beginning: none\nmodels:")
    assert load_suite(write(tmp_path, shared)).models[0].text_beginning == "none"
    own = shared.replace("    seed: 3", "    text_beginning: eos")
    assert load_suite(write(tmp_path, own)).models[0].text_beginning == "eos"
    with pytest.raises(BadInputError, match=r"models\[0\].text_beginning"):
        load_suite(write(tmp_path, own.replace("eos", "start")))


PACKAGED = {
    "gpt-neo": 3,
    "miniature": 3,
    "miniature-families": 2,
    "miniature-parallel": 6,
    "miniature-parallel-reduced": 6,
    "miniature-reduced": 3,
    "olmo-2": 4,
    "opt": 8,
    "parc": 18,
    "polypythias": 45,
    "pythia": 10,
    "pythia-deduped": 10,
}


def test_the_packaged_suites_are_valid():
    suites = {suite.suite_id: suite for suite in list_suites([packaged_suites_directory()])}
    assert {name: len(suites[name].models) for name in PACKAGED} == PACKAGED


def test_pythia_has_154_checkpoints_and_its_known_damage():
    suite = load_suite(packaged_suites_directory() / "pythia.yaml")
    assert {len(model.expected_steps) for model in suite.models} == {154}
    assert {model.batch_tokens for model in suite.models} == {2**21}
    largest = suite.models[-1]
    assert (largest.model_name, largest.location) == ("12b", "EleutherAI/pythia-12b")
    assert [step for step in largest.expected_steps if largest.find_known_damage(step)] == [1, 50_000, 58_000]
    assert largest.find_known_damage(1) == "the same weights as step 0 in every model"


def test_pythia_2_8b_has_the_steps_that_serve_the_end_of_training_as_known_damage():
    """86 branches serve weights of the end of training. One is the last step itself; the other 85 are damaged."""
    models = {model.model_name: model for model in load_suite(packaged_suites_directory() / "pythia.yaml").models}
    damaged = [step for step in models["2.8b"].expected_steps if models["2.8b"].find_known_damage(step)]
    assert len(damaged) == 85
    early = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, *range(1000, 54_000, 1000)]
    later = [55, 60, 65, 70, 80, 90, 100, 103, 110, 120, 130, 140]
    of_the_last_step = [54, 56, 57, 58, 59, 61, 62, 63, 64]
    assert damaged == sorted([*early, *(1000 * step for step in (*later, *of_the_last_step))])
    assert models["2.8b"].find_known_damage(54_000) == "weights of the end of training, those of step 143000"
    assert [step for step in models["6.9b"].expected_steps if models["6.9b"].find_known_damage(step)] == [1]


def test_known_damage_of_a_model_and_of_the_suite_is_added_up(tmp_path):
    shared = "shared:\n  known_damage: [{steps: [1], problem: that of all}]\nmodels:"
    own = "    known_damage:\n      - {steps: [1, 5], problem: its own}\n"
    second = FOLDER_SUITE[FOLDER_SUITE.index("  - name") :].replace("base", "second")
    suite = load_suite(write(tmp_path, FOLDER_SUITE.replace("models:", shared) + own + second))
    damage = {model.model_name: [(one.steps, one.problem) for one in model.known_damage] for model in suite.models}
    assert damage == {"base": [((1, 5), "its own"), ((1,), "that of all")], "second": [((1,), "that of all")]}
    assert suite.models[0].find_known_damage(1) == "its own"


def test_a_mistake_in_the_known_damage_that_is_shared_is_named_with_its_line(tmp_path):
    shared = "shared:\n  known_damage: [{steps: [1]}]\nmodels:"
    own = "    known_damage:\n      - {steps: [5], problem: its own}\n"
    with pytest.raises(BadInputError, match=r"line 5, models\[0\].known_damage\[1\].problem: this field is missing"):
        load_suite(write(tmp_path, FOLDER_SUITE.replace("models:", shared) + own))


@pytest.mark.parametrize(
    ("suite", "model", "branch", "expected"),
    [
        ("pythia", "70m", "step143000", (143_000, 143_000 * 2**21)),
        ("pythia", "70m", "step143000-old", None),
        ("parc", "rwkv-seed5", "checkpoint-4000", (4000, 4000 * 2**19)),
        ("olmo-2", "7b", "stage1-step1000-tokens5B", (1000, 1000 * 2**22)),
        ("olmo-2", "7b", "stage1-step1000-tokens9B", (1000, 9_000_000_000)),  # the name's tokens count
        ("olmo-2", "7b", "stage2-ingredient1-step1000-tokens5B", None),
    ],
)
def test_branches_of_public_suites_are_read(suite, model, branch, expected):
    models = {one.model_name: one for one in load_suite(packaged_suites_directory() / f"{suite}.yaml").models}
    position = read_training_position(models[model].step_pattern, branch, models[model].batch_tokens)
    assert (None if position is None else (position.step, position.tokens_seen)) == expected


def test_tokens_alone_give_the_nearest_step():
    position = read_training_position(r"tokens(?P<tokens_millions>\d+)M", "tokens21M", 2**21)
    assert (position.step, position.tokens_seen) == (10, 21_000_000)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("suite: ours\n", "", "line 1, suite: this field is missing"),
        ("source: folder", "source: floppy", "line 3, source: 'floppy' is not known"),
        ("    seed: 3", "    sede: 3", r"line 10, models\[0\].sede: this field is not known"),
        ("batch_tokens: 1024", "batch_tokens: many", r"line 7, models\[0\].batch_tokens: a whole number"),
        ("batch_tokens: 1024", "batch_tokens: 0", r"line 7, models\[0\].batch_tokens: a whole number of at least 1"),
        ("batch_tokens: 1024", "batch_tokens: 1e400", r"line 7, models\[0\].batch_tokens: a whole number"),
        ("    planned_steps: 100\n", "", r"line 5, models\[0\].planned_steps: this field is missing"),
        ("name: base", "name: ../base", r"line 5, models\[0\].name: '../base' is no name"),
        ("location: runs/base", "location: [runs]", r"line 6, models\[0\].location: a text is expected"),
        ("seed: 3", "step_pattern: 'step-('", r"line 10, models\[0\].step_pattern: no regular expression"),
        ("seed: 3", "step_pattern: 'step-'", r"line 10, models\[0\].step_pattern: has no group"),
        ("seed: 3", "seed: 3\n    seed: 4", r"line 11, models\[0\].seed: this field occurs twice"),
        ("description: Our own run", "description: [", "line 4: not valid YAML"),
        ("models:\n  - name", "models:\n    name", "line 5, models: a list is expected"),
        ("suite: ours", "suite: 12", "line 1, suite: a text is expected"),
        ("seed: 3", "step_pattern: '(?P<steps>x)'", r"line 10, models\[0\].step_pattern: has a group called 'steps'"),
        ("seed: 3", "allow_pickle: maybe", r"line 10, models\[0\].allow_pickle: true or false"),
        ("seed: 3", "expected_steps: [{from: 9, to: 3, every: 1}]", r"line 10, models\[0\].expected_steps\[0\].to: a"),
        ("seed: 3", "expected_steps: [1, x]", r"line 10, models\[0\].expected_steps\[1\]: a whole number"),
        (
            "seed: 3",
            "known_damage: [{steps: [1]}]",
            r"line 10, models\[0\].known_damage\[0\].problem: this field is missing",
        ),
        ("seed: 3", "final_revision: main", r"line 10, models\[0\].final_revision: this field is not known"),
        ("seed: 3", "tokenizer: a/b/c@main", r"line 10, models\[0\].tokenizer: 'a/b/c@main' is no revision of a hub"),
        ("seed: 3", "tokenizer: owner/name@", r"line 10, models\[0\].tokenizer: 'owner/name@' is no revision of a hub"),
        ("seed: 3", "tokenizer_rules: mine", r"line 10, models\[0\].tokenizer_rules: 'mine' is not known"),
        ("models:", "shared: {name: x}\nmodels:", "line 4, shared.name: this field is not known"),
    ],
)
def test_a_mistake_is_named_with_its_file_line_and_field(tmp_path, old, new, expected):
    assert old in FOLDER_SUITE
    with pytest.raises(BadInputError, match=rf"ours\.yaml, {expected}") as caught:
        load_suite(write(tmp_path, FOLDER_SUITE.replace(old, new)))
    assert caught.value.hint


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe", b"- a\n- b\n", b"? [a]\n: b\n", b"\x00", b"[" * 100_000, b"a: *b"]
)
def test_a_file_that_is_no_declaration_is_refused(tmp_path, content):
    with pytest.raises(BadInputError, match=r"ours\.yaml"):
        load_suite(write(tmp_path, content))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(FOLDER_SUITE)), st.integers(0, 20), st.text(max_size=8))
def test_no_mutation_of_a_suite_gives_anything_but_a_suite_or_a_named_mistake(
    tmp_path_factory, position, removed, inserted
):
    mutated = FOLDER_SUITE[:position] + inserted + FOLDER_SUITE[position + removed :]
    path = tmp_path_factory.mktemp("suite") / "ours.yaml"
    path.write_bytes(mutated.encode("utf-8", "surrogatepass"))
    with contextlib.suppress(BadInputError):
        load_suite(path)


def test_two_models_of_one_name_are_refused(tmp_path):
    model = FOLDER_SUITE[FOLDER_SUITE.index("  - name") :]
    with pytest.raises(BadInputError, match="two models are called 'base'"):
        load_suite(write(tmp_path, FOLDER_SUITE + model))


def test_two_files_that_declare_one_suite_are_refused(tmp_path):
    write(tmp_path, FOLDER_SUITE)
    write(tmp_path, FOLDER_SUITE, "theirs.yaml")
    with pytest.raises(BadInputError, match="both declare the suite 'ours'"):
        list_suites([tmp_path])


def test_a_suite_is_found_by_name_or_by_path(tmp_path):
    path = write(tmp_path, FOLDER_SUITE)
    directories = [packaged_suites_directory(), tmp_path, tmp_path / "missing"]
    assert find_suite("ours", directories) == find_suite(str(path), []) == load_suite(path)


def test_a_name_that_is_not_declared_is_answered_with_those_that_are(tmp_path):
    write(tmp_path, FOLDER_SUITE)
    with pytest.raises(UsageError, match=r"no suite called 'theirs'.*declared are: ours"):
        find_suite("theirs", [tmp_path])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInputError, match=r"gone\.yaml: cannot be read"):
        load_suite(tmp_path / "gone.yaml")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("planned_steps", 1201, "is not the last of checkpoint_steps"),
        ("head_count", 5, "does not divide hidden_size"),
        ("batch_tokens", 500, "is no multiple of context_length"),
    ],
)
def test_a_miniature_suite_must_agree_with_itself(tmp_path, field, value, expected):
    declaration = yaml.safe_load((packaged_suites_directory() / "miniature.yaml").read_text())
    declaration["models"][0][field] = value
    with pytest.raises(BadInputError, match=rf"models\[0\]\.{field}: {expected}"):
        load_suite(write(tmp_path, yaml.safe_dump(declaration)))
