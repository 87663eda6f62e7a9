"""What the viewer of a passage is given: the texts, the checkpoints and the log-probabilities, packed into JSON.

Log-probabilities are rounded to a hundredth of a nat. The difference of each from the one at the checkpoint before is
stored as a 16-bit integer, all low bytes before all high bytes, compressed by zlib: most differences are small.
"""

from __future__ import annotations

import base64
import json
import zlib
from typing import Any

import numpy as np
import numpy.typing as npt

from trailhouse.dashboards.passages.passage import Passage
from trailhouse.dashboards.passages.passage_history import PassageHistory, Reading
from trailhouse.support.visible_text import make_label, make_visible

QUANTA_PER_NAT = 100
MISSING = -32768
"""Stands for a token without a score."""
LARGEST_BYTES = 4_000_000
"""Largest size of the log-probabilities. A longer passage is shown at fewer checkpoints."""
MOST_TOKENS = 20_000
"""Number of tokens after which a document is cut, because a browser lays out no longer ones in reasonable time."""
CATEGORY_CODES = {None: "-", "other": "o", "stagnated": "s", "upward": "u", "downward": "d"}


def describe_history(
    history: PassageHistory, *, largest_bytes: int = LARGEST_BYTES, most_tokens: int = MOST_TOKENS
) -> dict[str, Any]:
    """Return what the viewer shows: the first ``most_tokens`` tokens of the document.

    If the log-probabilities exceed ``largest_bytes``, fewer checkpoints are kept.
    """
    packed, every = pack_within(history.readings, largest_bytes, most_tokens)
    tokenizers = list(dict.fromkeys(reading.tokenizer_id for reading in history.readings))
    first = {reading.tokenizer_id: reading.passage for reading in reversed(history.readings)}
    names = name_models(history.readings)
    return {
        "chosen": next(
            index
            for index, reading in enumerate(history.readings)
            if reading.passage.model_id == history.passage.model_id
        ),
        "everyCheckpoint": every,
        "startPercent": history.passage.start_percent,
        "convention": make_label(history.passage.convention_id),
        "tokenizers": [describe_tokens(first[tokenizer], most_tokens) for tokenizer in tokenizers],
        "models": [
            {
                "name": name,
                "color": reading.color,
                "tokenizer": tokenizers.index(reading.tokenizer_id),
                "categories": "".join(CATEGORY_CODES[token.category] for token in reading.passage.tokens[:most_tokens]),
                **describe_checkpoints(reading, every),
                "logProbs": log_probs,
            }
            for reading, name, log_probs in zip(history.readings, names, packed, strict=True)
        ],
    }


def describe_tokens(passage: Passage, most_tokens: int = MOST_TOKENS) -> dict[str, Any]:
    """Return the visible texts of a passage's first tokens and their bytes in the document."""
    kept = passage.tokens[:most_tokens]
    return {
        "texts": [make_visible(token.text, line_break="⏎\n") for token in kept],
        "labels": {index: make_label(token.text) for index, token in enumerate(kept) if needs_label(token.text)},
        "positions": [token.position for token in kept],
        "starts": [token.byte_start for token in kept],
        "ends": [token.byte_end for token in kept],
        "tokenCount": len(passage.tokens),
    }


def needs_label(text: str) -> bool:
    """Return whether the label of a token differs from the text that is shown in the passage."""
    return make_label(text) != make_visible(text, line_break="⏎\n")


def describe_checkpoints(reading: Reading, every: int) -> dict[str, Any]:
    """Return the checkpoints that are kept, as one list per quantity."""
    kept = [reading.checkpoints[index] for index in keep_checkpoints(len(reading.checkpoints), every)]
    return {
        "checkpointCount": len(reading.checkpoints),
        "steps": [checkpoint.step for checkpoint in kept],
        "tokensSeen": [checkpoint.tokens_seen for checkpoint in kept],
        "perplexities": [round_significantly(checkpoint.perplexity) for checkpoint in kept],
        "bitsPerByte": [
            None if checkpoint.bits_per_byte is None else round_significantly(checkpoint.bits_per_byte)
            for checkpoint in kept
        ],
    }


def name_models(readings: tuple[Reading, ...]) -> list[str]:
    """Return the names of the models, without the suite if all are of one suite."""
    ids = [make_label(reading.passage.model_id) for reading in readings]
    suites = {name.partition("/")[0] for name in ids}
    return ids if len(suites) > 1 else [name.partition("/")[2] or name for name in ids]


def pack_within(
    readings: tuple[Reading, ...], largest_bytes: int, most_tokens: int = MOST_TOKENS
) -> tuple[list[str], int]:
    """Pack the log-probabilities of every n-th checkpoint, where n is about the least number with which they fit.

    Returns the packed log-probabilities of each reading, and n. If even the first and the last checkpoint do not fit,
    they are packed all the same.
    """
    every = 1
    while True:
        packed = [pack_log_probs(reading.log_probs_nats[:most_tokens], every) for reading in readings]
        size = sum(map(len, packed))
        most_checkpoints = max(len(reading.checkpoints) for reading in readings)
        if size <= largest_bytes or every >= most_checkpoints - 1:
            return packed, every
        every = max(every + 1, min(most_checkpoints - 1, every * size // largest_bytes))


def keep_checkpoints(count: int, every: int) -> list[int]:
    """Return the indices of every n-th checkpoint. The first and the last are always kept."""
    return sorted({*range(0, count, every), count - 1}) if count else []


def pack_log_probs(log_probs_nats: npt.NDArray[np.float32], every: int) -> str:
    """Pack the log-probabilities of every n-th checkpoint into Base64. Values below -327.67 nats become -327.67."""
    kept = log_probs_nats[:, keep_checkpoints(log_probs_nats.shape[1], every)].astype(np.float64)
    rounded = np.clip(np.rint(kept * QUANTA_PER_NAT), MISSING + 1, -MISSING - 1)
    quanta = np.where(np.isnan(kept), MISSING, rounded).astype(np.int16)
    steps = np.diff(quanta, axis=1, prepend=np.int16(0)).astype("<i2")  # wraps around, and so does the sum
    planes = steps.reshape(-1, 1).view(np.uint8).T
    return base64.b64encode(zlib.compress(planes.tobytes(), 6)).decode()


def round_significantly(value: float) -> float:
    """Round a number to six significant digits."""
    return float(f"{value:.6g}")


def write_json(value: object) -> str:
    """Write a value as JSON that can stand in a script element: no text in it can end the element."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
