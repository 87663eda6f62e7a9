"""Small tokenizers that put the same special tokens around a text as the tokenizers of real model families."""

from __future__ import annotations

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from tests.support.architectures import VOCABULARY_SIZE

BOS_ID, EOS_ID = 1, 2
CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,:;?!'-ĠĊ"
# By model family: the special tokens of the tokenizer, and the template by which it puts them around a text, if any
FAMILIES = {
    "gpt_neox": ({"bos_token": "</s>", "eos_token": "</s>"}, None),
    "opt": ({"bos_token": "</s>", "eos_token": "</s>"}, "</s> $A"),
    "llama": ({"bos_token": "<s>", "eos_token": "</s>"}, "<s> $A"),
    "gemma2": ({"bos_token": "<s>", "eos_token": "</s>"}, "<s> $A"),
    "qwen2": ({"eos_token": "</s>"}, None),
}


def build_family_tokenizer(name: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer of characters with the special tokens of a model family."""
    tokens, template = FAMILIES[name]
    return build_tokenizer(template, **tokens)


def build_tokenizer(template: str | None, **tokens: str) -> PreTrainedTokenizerFast:
    """Return a tokenizer of characters that puts special tokens around a text as the template says."""
    vocabulary = {token: index for index, token in enumerate(["<unk>", "<s>", "</s>", *CHARACTERS])}
    assert len(vocabulary) <= VOCABULARY_SIZE
    backend = Tokenizer(models.BPE(vocabulary, []))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    if template is not None:
        backend.post_processor = processors.TemplateProcessing(
            single=template, special_tokens=[("<s>", BOS_ID), ("</s>", EOS_ID)]
        )
    return PreTrainedTokenizerFast(tokenizer_object=backend, **tokens)
