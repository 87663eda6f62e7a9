from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest
from transformers import AutoConfig, Gemma4Config, Gemma4TextConfig

from tests.support.architectures import build_random_model
from tests.support.paths import MIGRATIONS
from tests.support.tiny_configurations import configure_tiny
from trailhouse.errors import BadInputError
from trailhouse.models.checkpoints.checkpoint import Checkpoint
from trailhouse.models.checkpoints.model_config import (
    CONFIGURATION_LIMITS,
    read_config_of,
    read_count,
    read_model_record,
)
from trailhouse.models.checkpoints.suite import ModelDeclaration

DECLARATION = ModelDeclaration("base", "run", r"(\d+)", 512, 100, 32, None)


def describe(directory: Path):
    checkpoint = Checkpoint("ours", "ours/base", 1, 512, directory, "0" * 64, "0" * 64, "t", 1)
    return asdict(read_model_record(DECLARATION, checkpoint))


@pytest.mark.parametrize(
    ("name", "heads", "tied"),
    [
        ("gpt_neox", (2, 16), False),
        ("gpt2", (2, 16), True),
        ("opt", (2, 16), True),
        ("gemma2", (2, 16), True),
        ("mamba", (0, 0), True),
        ("mamba2", (0, 0), False),
        ("rwkv", (0, 0), False),
    ],
)
def test_a_model_is_described_from_its_configuration(tmp_path, name, heads, tied):
    model = build_random_model(name)
    model.config.save_pretrained(tmp_path)
    record = describe(tmp_path)
    assert record["architecture"] == name
    assert (record["head_count"], record["head_dimension"]) == heads
    assert (record["layer_count"], record["hidden_size"], record["vocabulary_size"]) == (2, 32, 97)
    sizes = {parameter.data_ptr(): parameter.numel() for parameter in model.parameters()}
    assert record["parameter_count"] == record["active_parameter_count"] == sum(sizes.values())
    assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) == tied


def test_embeddings_and_head_are_left_out_of_the_second_count(tmp_path):
    build_random_model("gpt2").config.save_pretrained(tmp_path)
    record = describe(tmp_path)
    attention = 32 * 96 + 96 + 32 * 32 + 32
    feed_forward = 2 * 32 * 128 + 128 + 32
    norms = 4 * 32
    expected = 2 * (attention + feed_forward + norms) + 2 * 32
    assert record["non_embedding_parameter_count"] == expected
    assert record["parameter_count"] == expected + 97 * 32 + 32 * 32  # the tied head counts once; 32 are the positions


@pytest.mark.parametrize("is_nested", [False, True])
def test_a_dimension_that_differs_between_layers_is_described_by_its_mean(tmp_path, is_nested):
    """In Gemma 4, the heads of the layers with global attention are wider."""
    config = Gemma4TextConfig(  # type: ignore[call-arg]  # global_head_dim is not in the type
        vocab_size=97, vocab_size_per_layer_input=97, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=16, global_head_dim=32, hidden_size_per_layer_input=8,
        layer_types=["sliding_attention", "full_attention"], max_position_embeddings=32,
    )  # fmt: skip
    (Gemma4Config(text_config=config) if is_nested else config).save_pretrained(tmp_path)
    record = describe(tmp_path)
    assert (record["head_count"], record["head_dimension"], record["layer_count"]) == (2, 24, 2)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"model_type": "vit"}',
        '{"model_type": "gpt_neox", "num_hidden_layers": 1000000000}',
        '{"model_type": "gpt_neox", "hidden_size": -3}',
        '{"model_type": "gpt_neox", "vocab_size": "many"}',
        '{"model_type": ["gpt_neox"]}',
    ],
)
def test_a_configuration_of_no_language_model_is_named(tmp_path, content):
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(BadInputError, match=r"config\.json: describes no"):
        describe(tmp_path)


def test_the_record_has_the_columns_of_the_table(tmp_path):
    build_random_model("gpt_neox").config.save_pretrained(tmp_path)
    migration = MIGRATIONS / "0001_suites_models_checkpoints.sql"
    table = migration.read_text().split("create table raw_model (")[1].split("\n)")[0]
    columns = [line.split()[0] for line in table.strip().splitlines()]
    columns.insert(columns.index("parameter_count") + 1, "active_parameter_count")  # added by migration 62
    assert [*describe(tmp_path), "updated_at"] == columns
    assert json.dumps(describe(tmp_path))


def test_a_size_of_every_layer_may_be_stated_in_a_list(tmp_path):
    configure_tiny("gemma3n_text").save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["intermediate_size"] == [64] * 4
    assert describe(tmp_path)["layer_count"] == 4


def test_an_absurd_size_in_a_list_is_refused(tmp_path):
    configuration = json.loads(configure_tiny("gemma3n_text").to_json_string())
    (tmp_path / "config.json").write_text(json.dumps({**configuration, "intermediate_size": [64, 64, 64, 1 << 40]}))
    with pytest.raises(BadInputError, match="intermediate_size is"):
        describe(tmp_path)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"hidden_size": 32.5}, "hidden_size is 32.5"),
        ({"vocab_size": (1 << 26) + 1}, "vocab_size is 67108865"),
        ({"max_position_embeddings": -2}, "max_position_embeddings is -2"),
        ({"n_positions": -1}, "n_positions is -1"),
        ({"max_position_embeddings": -1}, None),
        ({"max_position_embeddings": 1 << 26}, None),
        ({"vocab_size": 1}, None),
    ],
)
def test_a_size_is_refused_outside_its_limits(tmp_path, changes, problem):
    content = {**json.loads(configure_tiny("gpt_neox").to_json_string()), **changes}
    (tmp_path / "config.json").write_text(json.dumps(content))
    if problem is None:
        assert read_config_of(tmp_path).model_type == "gpt_neox"
    else:
        with pytest.raises(BadInputError, match=problem):
            read_config_of(tmp_path)


def test_no_limit_is_below_the_size_of_the_largest_known_models():
    """Sizes of Llama 3.1 405B, of Gemma 3 and of GPT-3; the limits are powers of two but for the number of layers."""
    known = {"hidden_size": 16_384, "num_hidden_layers": 126, "vocab_size": 262_208, "intermediate_size": 53_248}
    known |= {"num_attention_heads": 128, "n_embd": 12_288, "n_layer": 96, "n_head": 96, "num_experts": 512}
    assert all(CONFIGURATION_LIMITS[name] > 10 * size for name, size in known.items())
    assert all(limit.bit_count() == 1 for limit in CONFIGURATION_LIMITS.values())


@pytest.mark.parametrize(
    ("entry", "expected"), [(7, 7), (1, 1), (0, None), (-1, None), (None, None), ("7", None), (7.0, None)]
)
def test_a_count_is_a_positive_whole_number(entry, expected):
    assert read_count(SimpleNamespace(own_count=entry), "own_count") == expected
    assert read_count(SimpleNamespace(), "own_count") is None


def test_a_count_that_differs_between_layers_is_the_mean_of_those_that_state_one():
    layers = [SimpleNamespace(width=width) for width in (4, 9, 0, None)]
    config = SimpleNamespace(per_layer_attributes=("width",), per_layer_config=layers, width=99, depth=5)
    assert (read_count(config, "width"), read_count(config, "depth")) == (6, 5)


def test_a_configuration_is_read_without_the_network(tmp_path, monkeypatch):
    configure_tiny("gpt_neox").save_pretrained(tmp_path)
    seen = []
    read = AutoConfig.from_pretrained

    def note_options(path: Path, **options: bool):
        seen.append(options)
        return read(path)

    monkeypatch.setattr(AutoConfig, "from_pretrained", note_options)
    assert read_config_of(tmp_path).hidden_size == 32
    assert seen == [{"local_files_only": True, "trust_remote_code": False}]


def test_a_model_without_one_width_is_refused(tmp_path):
    configure_tiny("blt").save_pretrained(tmp_path)
    with pytest.raises(BadInputError, match="blt states no hidden_size or num_hidden_layers"):
        describe(tmp_path)
