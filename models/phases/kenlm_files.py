"""This module scores words with n-gram models that KenLM made, in ARPA or binary files (Heafield 2011)."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trailhouse.errors import BadInputError, UsageError
from trailhouse.models.phases.ngram_provider import NgramScore

NATS_PER_DECIMAL_DIGIT = math.log(10)


class KenlmFiles:
    """Files of n-gram models of different orders. Every file scores the order that it was made for.

    The lower orders of a file are not used: they are smoothed for backing off, and are no models of these orders.

    Raises UsageError if the library kenlm is not installed or no file is given. Raises BadInputError if a file cannot
    be read, or if two files have the same order.
    """

    name = "kenlm"
    smoothing = "kneser_ney"

    def __init__(self, paths: Sequence[Path]) -> None:
        if not paths:
            raise UsageError("the provider kenlm needs a file", "name it: --arpa FILE")
        try:
            import kenlm
        except ImportError as error:
            raise UsageError("the library kenlm is not installed", "run `pip install 'trailhouse[kenlm]'`") from error
        config = kenlm.Config()
        config.show_progress, config.arpa_complain = False, kenlm.ARPALoadComplain.NONE  # both print to the terminal
        self._models: dict[int, Any] = {}
        self.inputs: Mapping[str, object] = {}
        for path in paths:
            try:
                with path.open("rb") as file:
                    content_sha256 = hashlib.file_digest(file, "sha256").hexdigest()
                model = kenlm.Model(str(path), config)
            except (OSError, RuntimeError) as error:
                problem = (str(error).splitlines() or ["no message"])[0]
                raise BadInputError(
                    f"{path}: cannot be read as a KenLM model: {problem}", "make it with lmplz"
                ) from error
            if model.order in self._models:
                raise BadInputError(
                    f"{path}: is the second file of order {model.order}", "name one file for each order"
                )
            self._models[model.order] = model
            self.inputs = {**self.inputs, f"order_{model.order}": content_sha256}
        self.orders = sorted(self._models)

    def score(self, words: Sequence[str]) -> Mapping[int, Sequence[NgramScore]]:
        """Return the scores of the words of one text, by order. The beginning of the text is the first context."""
        text = " ".join(words)
        return {
            order: [
                NgramScore(log10_prob * NATS_PER_DECIMAL_DIGIT, 0 if is_unknown else length)
                for log10_prob, length, is_unknown in model.full_scores(text, bos=True, eos=False)
            ]
            for order, model in self._models.items()
        }
