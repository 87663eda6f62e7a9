"""Options after a prompt with a beginning, compared with lm-evaluation-harness's definition of ``loglikelihood``."""

from __future__ import annotations

import numpy as np
import pytest

from tests.support.architectures import CONTEXT_LENGTH, build_random_model
from tests.support.beginning_tokenizers import BOS_ID, EOS_ID, FAMILIES, build_family_tokenizer
from tests.support.option_tasks import build_text_task, score_by_definition
from trailhouse.errors import BadInputError
from trailhouse.models.few_shot.encoded_tasks import TaskEncoder
from trailhouse.models.few_shot.evaluator import Evaluator, evaluation_record
from trailhouse.models.few_shot.option_encoding import encode_task
from trailhouse.models.few_shot.prompt import write_prompt
from trailhouse.models.scoring.scoring_settings import ScoringSettings
from trailhouse.models.texts.find_text_beginning import find_text_beginning
from trailhouse.models.texts.tokenizer import TokenizerFiles

EMPTY_PROMPT = {"question": "", "example_input_prefix": "", "example_output_prefix": ""}
OPTIONS = ("yes", "no", "why not")


def harness_loglikelihood(model, tokenizer, context: str, continuation: str) -> float:
    """Return the ``loglikelihood`` of lm-evaluation-harness. Its tokenizers add their default special tokens.

    An empty context is replaced by the prefix token (BOS, or else EOS). White space at the end of the context is moved
    to the continuation. The two are encoded together. The tokens after those of the context are the continuation.
    """
    if context == "":
        prefix = tokenizer.eos_token_id if tokenizer.bos_token_id is None else tokenizer.bos_token_id
        tokens, first_target = [prefix, *tokenizer.encode(continuation, add_special_tokens=False)], 1
    else:
        tokens = tokenizer.encode(context + continuation)
        first_target = len(tokenizer.encode(context.rstrip()))
    return score_by_definition(model, np.asarray(tokens), first_target)


def score(name: str, task, kind: str = "tokenizer"):
    model, tokenizer = build_random_model(name), build_family_tokenizer(name)
    token_ids = find_text_beginning(tokenizer, kind).token_ids
    settings = ScoringSettings(device="cpu", text_beginning_token_ids=token_ids)
    encoded = encode_task(tokenizer, task, 0, 0, CONTEXT_LENGTH, token_ids)
    return model, tokenizer, Evaluator(model, settings).score(encoded)


@pytest.mark.parametrize("name", FAMILIES)
def test_an_option_has_the_log_likelihood_of_the_harness(name):
    task = build_text_task(options=OPTIONS)
    model, tokenizer, scores = score(name, task)
    prompts = [write_prompt(task, item_id, (), 0) for item_id in range(len(task.items))]
    assert any(prompt != prompt.rstrip() for prompt in prompts)
    expected = [harness_loglikelihood(model, tokenizer, prompt, option) for prompt in prompts for option in OPTIONS]
    np.testing.assert_allclose(scores["log_prob_nats"], expected, atol=1e-4)
    unconditional = [harness_loglikelihood(model, tokenizer, "", f" {option}") for _ in prompts for option in OPTIONS]
    np.testing.assert_allclose(scores["unconditional_log_prob_nats"], unconditional, atol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_an_option_after_an_empty_prompt_has_the_log_likelihood_of_the_harness(name):
    model, tokenizer, scores = score(name, build_text_task(count=1, options=OPTIONS, **EMPTY_PROMPT))
    expected = [harness_loglikelihood(model, tokenizer, "", option) for option in OPTIONS]
    np.testing.assert_allclose(scores["log_prob_nats"], expected, atol=1e-4)
    np.testing.assert_allclose(scores["unconditional_log_prob_nats"], expected, atol=1e-4)
    assert scores["prompt_token_count"].to_pylist() == [1, 1, 1]


def test_a_beginning_of_several_tokens_is_not_scored():
    model, tokenizer = build_random_model("llama"), build_family_tokenizer("llama")
    beginning = (BOS_ID, EOS_ID)
    task = build_text_task(options=OPTIONS)
    encoded = encode_task(tokenizer, task, 0, 0, CONTEXT_LENGTH, beginning)
    scores = Evaluator(model, ScoringSettings(device="cpu", text_beginning_token_ids=beginning)).score(encoded)
    texts = [
        np.asarray([*beginning, *tokenizer.encode(text, add_special_tokens=False)])
        for text in (" yes", " no", " why not")
    ]
    expected = [score_by_definition(model, tokens, len(beginning)) for _ in task.items for tokens in texts]
    np.testing.assert_allclose(scores["unconditional_log_prob_nats"], expected, atol=1e-4)
    prompt = tokenizer.encode(write_prompt(task, 0, (), 0).rstrip(), add_special_tokens=False)
    assert scores["prompt_token_count"][0].as_py() == len(beginning) + len(prompt)


def test_without_a_beginning_options_are_encoded_as_always():
    """Only an option without a prompt is read after the start token."""
    tokenizer = build_family_tokenizer("llama")
    option = encode_task(tokenizer, build_text_task(), 0, 0, 100).items[0].options[0]
    assert option.token_ids.tolist() == tokenizer.encode("Q: why?\nA: yes", add_special_tokens=False)
    assert option.unconditional_token_ids.tolist() == tokenizer.encode(" yes")


def test_the_beginning_stays_when_a_prompt_is_cut_and_the_context_length_includes_it():
    tokenizer, task = build_family_tokenizer("llama"), build_text_task()
    whole = tokenizer.encode("Q: why?\nA: yes")
    item = encode_task(tokenizer, task, 0, 0, len(whole) - 4, (BOS_ID,)).items[0]
    assert item.truncated_token_count == 3
    assert item.options[0].token_ids.tolist() == [BOS_ID, *whole[4:]]
    # The text " yes" has 4 tokens. With a context length of 4, the model reads the beginning and the first 3 of them.
    only_option = encode_task(tokenizer, task, 0, 0, 4, (BOS_ID,)).items[0].options[0]
    assert (only_option.token_ids.tolist(), only_option.first_target) == ([BOS_ID, *whole[-4:]], 1)
    with pytest.raises(BadInputError, match="an option of 4 tokens does not fit"):
        encode_task(tokenizer, task, 0, 0, 3, (BOS_ID,))


def test_encoded_tasks_of_two_beginnings_are_kept_apart(tmp_path):
    build_family_tokenizer("llama").save_pretrained(tmp_path)
    encoder = TaskEncoder()
    files, task = TokenizerFiles(tmp_path), build_text_task()
    plain, begun = (encoder.encode(files, "tokenizer", task, 0, 0, 100, beginning) for beginning in ((), (BOS_ID,)))
    assert begun.items[0].options[0].token_ids.tolist() == [BOS_ID, *plain.items[0].options[0].token_ids]


def test_the_beginning_enters_the_evaluation_key_only_if_it_has_tokens():
    plain = evaluation_record(ScoringSettings())
    assert plain == {"evaluation_method": 1, "dtype": "float32", "context_length": None}
    settings = ScoringSettings(text_beginning_token_ids=(BOS_ID,))
    assert evaluation_record(settings) == {**plain, "text_beginning_token_ids": [BOS_ID]}
