"""Intervals of the shares of trend categories: their coverage in simulated corpora, at every start by itself."""

import numpy as np
import pyarrow as pa
import pytest

MODEL, CORPUS = "sim/m", "simulated"
KEYS = f"'{MODEL}' as model_id, '{CORPUS}' as corpus_id"
DOCUMENT_COUNT, LONGEST_DOCUMENT = 40, 800
STARTS = list(range(0, 100, 10))
CORPORA_PER_START = 400
# Shares fall with the start, as those of real models do. Documents differ more than those of real corpora.
SHARES = dict(zip(STARTS, np.geomspace(0.4, 0.01, len(STARTS)), strict=True))
CLUSTERING = 50  # the variance between documents is p (1 - p) / (CLUSTERING + 1)


def simulate_counts(generator: np.random.Generator, share: float) -> np.ndarray:
    """Return the tokens of every document that are upward and those that are not, of shape (corpora, documents, 2)."""
    shape = (CORPORA_PER_START, DOCUMENT_COUNT)
    lengths = generator.integers(20, LONGEST_DOCUMENT, shape)
    shares = generator.beta(share * CLUSTERING, (1 - share) * CLUSTERING, shape)
    upward = generator.binomial(lengths, shares)
    return np.stack([upward, lengths - upward], axis=2)


@pytest.fixture(scope="module")
def bounds(warehouse) -> dict[int, np.ndarray]:
    """Lower and upper bounds of the share of upward tokens by start, each of shape (corpora, 2).

    Each simulated corpus takes the place of a convention, so that all are derived at once.
    """
    warehouse.add_corpus(CORPUS, dict.fromkeys(range(DOCUMENT_COUNT), 1))
    warehouse.dbt("run", "--select", "+int_document_weight")
    warehouse.client.command(f"create table int_trend_fingerprint order by () as select {KEYS}, 7 as trend_fingerprint")
    for table in ("int_trend_document_count", "int_trend_variant_count"):
        warehouse.client.command(
            f"create table {table} order by () as select '' as convention_id, {KEYS}, 0::UInt8 as start_percent,"
            " 0::Int32 as document_id, '' as category, 0::Int64 as token_count, 7 as trend_fingerprint limit 0"
        )
    generator = np.random.default_rng(3)
    for start, share in SHARES.items():
        counts = simulate_counts(generator, share)
        corpora, documents, categories = (axis.ravel() for axis in np.indices(counts.shape))
        table = pa.table(
            {
                "convention_id": corpora.astype(str),
                "model_id": [MODEL] * counts.size,
                "corpus_id": [CORPUS] * counts.size,
                "start_percent": np.full(counts.size, start, np.uint8),
                "document_id": documents.astype(np.int32),
                "category": np.array(["upward", "other"])[categories],
                "token_count": counts.ravel(),
                "trend_fingerprint": np.full(counts.size, 7, np.uint8),
            }
        )
        warehouse.client.insert_arrow("int_trend_document_count", table)
    model = warehouse.dbt("compile", "--select", "int_trend_count_by_start").results[0].node
    derived = np.array(
        warehouse.rows(
            f"select start_percent, share_lower, share_upper from ({model.compiled_code}) where category = 'upward'"
        )
    )
    return {start: derived[derived[:, 0] == start, 1:] for start in STARTS}


@pytest.mark.parametrize("start", STARTS)
def test_intervals_of_a_share_cover_it_in_95_percent_of_simulated_corpora_at_every_start(bounds, start):
    assert bounds[start].shape == (CORPORA_PER_START, 2)
    covered = np.mean((bounds[start][:, 0] <= SHARES[start]) & (bounds[start][:, 1] >= SHARES[start]))
    # the standard error of a coverage of 95 percent is 1.1 percentage points over 400 corpora
    assert 0.92 <= covered <= 0.98


def test_intervals_of_all_starts_together_cover_the_share_in_93_to_97_percent(bounds):
    covered = [
        np.mean((bounds[start][:, 0] <= SHARES[start]) & (bounds[start][:, 1] >= SHARES[start])) for start in STARTS
    ]
    assert 0.93 <= np.mean(covered) <= 0.97


def test_intervals_that_ignore_documents_would_not_cover_the_share():
    """The simulated documents resemble real ones: a binomial interval covers the share far too rarely."""
    counts = simulate_counts(np.random.default_rng(4), 0.2)
    upward, total = counts[:, :, 0].sum(axis=1), counts.sum(axis=(1, 2))
    half_width = 1.96 * np.sqrt(upward / total * (1 - upward / total) / total)
    assert np.mean(abs(upward / total - 0.2) <= half_width) < 0.6
