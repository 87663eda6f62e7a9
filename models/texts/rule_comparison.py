"""This module compares a tokenizer as transformers loads it with the rules that its tokenizer.json states.

For some classes, such as those of Gemma, Qwen2 and CodeGen, transformers reads only the vocabulary from tokenizer.json.
It uses the normalizer and the pre-tokenizer of the class instead of those in the file. The two may encode a text as
different tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from trailhouse.errors import BadInputError
from trailhouse.models.texts.tokenizer_rules import TokenizerRules
from trailhouse.models.texts.untrusted_tokenizers import TokenIds, encode_texts

FILE_NAME = "tokenizer.json"
# Texts on which tokenizers with different rules usually differ: words with and without capitals, contractions, digits,
# spaces, tabs and line ends, composed and decomposed accents, quotes, CJK, full-width letters, emoji, and code
PROBE_TEXTS = (
    "The parser's 12 naïve émigrés  saw 1234567 ÅNGSTRÖMS, didn't they? It'S",
    " a space before, “quotes”, cafe\u0301 and café, and two spaces after  ",
    "東京都に行く。 한국어 ﬁ \uff26\uff55\uff4c\uff4c\u00a0width ① Привет мир, γειά, שלום",
    "👩‍🚀 🙂🙂 (ok?!) 3.14 1,000 --- http://example.org/a_b",
    "def f(x):\n\n    return x + 1\r\n\tif  x == 10:\n\n\n  pass\n",
)


def load_with_file_rules(directory: Path) -> PreTrainedTokenizerBase:
    """Return the tokenizer of a directory with the rules of tokenizer.json, not those of its class in transformers.

    Raises BadInputError if the directory has no tokenizer.json. Also raises the errors of transformers.
    """
    if not (directory / FILE_NAME).is_file():
        raise BadInputError(
            f"{directory}: holds no tokenizer.json, whose rules the suite asks for",
            "copy it beside the other files of the tokenizer, or remove tokenizer_rules from the suite",
        )
    tokenizer = PreTrainedTokenizerFast.from_pretrained(directory, local_files_only=True)
    assert isinstance(tokenizer, PreTrainedTokenizerBase)
    return tokenizer


def refuse_different_rules(tokenizer: PreTrainedTokenizerBase, directory: Path, rules: TokenizerRules | None) -> None:
    """Refuse a tokenizer that encodes ``PROBE_TEXTS`` otherwise than the tokenizer.json in ``directory``.

    Nothing is compared if there is no tokenizer.json, or if ``rules`` is ``transformers``.

    Raises BadInputError, which names the first different token, if a text is encoded differently. Also raises the
    errors of ``encode_texts``.
    """
    path = directory / FILE_NAME
    if rules == "transformers" or not path.is_file():
        return
    of_file = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer.from_file(str(path))
    )
    try:
        found, expected = encode_texts(tokenizer, PROBE_TEXTS), encode_texts(of_file, PROBE_TEXTS)
    except BadInputError as error:
        raise BadInputError(f"{directory}: {error.message}", error.hint) from error
    for text, left, right in zip(PROBE_TEXTS, found, expected, strict=True):
        position = _find_first_difference(left, right)
        if position is not None:
            raise BadInputError(
                f"{directory}: {type(tokenizer).__name__} of transformers {version('transformers')} and tokenizer.json"
                f" encode {text!r} differently, first at token {position}:"
                f" {_name_token(tokenizer, left, position)} and {_name_token(of_file, right, position)}",
                "state in the suite which of the two encoded the training texts: `tokenizer_rules: transformers` or"
                " `tokenizer_rules: file`"
                if rules is None
                else "remove from tokenizer_config.json what changes the rules, such as fix_mistral_regex",
            )


def _find_first_difference(left: TokenIds, right: TokenIds) -> int | None:
    pairs = enumerate(zip_longest(left.tolist(), right.tolist()))
    return next((position for position, (one, other) in pairs if one != other), None)


def _name_token(tokenizer: PreTrainedTokenizerBase, token_ids: Sequence[int] | TokenIds, position: int) -> str:
    if position >= len(token_ids):
        return "no token"
    token_id = int(token_ids[position])
    return f"{tokenizer.convert_ids_to_tokens(token_id)!r} ({token_id})"
