from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trailhouse.models.scoring.quantisation import quantise_log_probs, restore_log_probs

LOG_PROBS = arrays(np.float32, st.integers(0, 20), elements=st.floats(-50, 0, width=32))


@given(LOG_PROBS)
def test_zero_quanta_per_nat_keep_every_bit(values):
    restored = restore_log_probs(quantise_log_probs(values, 0), 0)
    assert restored.tobytes() == values.tobytes()


@given(LOG_PROBS)
def test_rounding_errs_by_half_a_quantum_at_most(values):
    for quanta_per_nat in (1_000, 10_000):
        restored = restore_log_probs(quantise_log_probs(values, quanta_per_nat), quanta_per_nat)
        assert np.all(np.abs(restored - values) <= 0.5 / quanta_per_nat + 4e-6)  # float32 spacing at 50: 3.8e-6


def test_values_outside_the_range_become_its_ends():
    quanta = quantise_log_probs(np.asarray([-1e30, -214_748.5, 1e30], np.float32), 10_000)
    assert quanta.tolist() == [-(2**31), -(2**31), 2**31 - 1]
