"""This module rounds log-probabilities to integers.

The rounding halves the compressed size of the warehouse's largest column.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

INT32_RANGE = np.iinfo(np.int32)


def quantise_log_probs(log_prob_nats: npt.NDArray[np.float32], quanta_per_nat: int) -> npt.NDArray[np.int32]:
    """Return log-probabilities as integer multiples of ``1 / quanta_per_nat`` nats.

    If ``quanta_per_nat`` is 0, the integers are the bits of the float32 values, and nothing is rounded. Otherwise,
    integers outside the range of Int32 are clipped to it. With 10,000 quanta per nat, the lowest value is about
    -214,748 nats.
    """
    values = np.asarray(log_prob_nats, dtype=np.float32)
    if quanta_per_nat == 0:
        return values.view(np.int32).copy()
    quanta = np.rint(values.astype(np.float64) * quanta_per_nat)
    return np.clip(quanta, INT32_RANGE.min, INT32_RANGE.max).astype(np.int32)


def restore_log_probs(log_prob_quanta: npt.NDArray[np.int32], quanta_per_nat: int) -> npt.NDArray[np.float32]:
    """Return log-probabilities in nats. This is the inverse of ``quantise_log_probs``, except for rounding."""
    quanta = np.asarray(log_prob_quanta, dtype=np.int32)
    if quanta_per_nat == 0:
        return quanta.view(np.float32).copy()
    return (quanta / quanta_per_nat).astype(np.float32)
