"""Intervals from the bootstrap over documents: their weights and their coverage, against scipy and simulation."""

import numpy as np
import pytest
from scipy import stats

REPLICATES = 1000


@pytest.fixture(scope="module")
def weights(warehouse) -> np.ndarray:
    """Weights of 200 documents, of shape (documents, replicates), as dbt derives them."""
    warehouse.add_corpus("many", dict.fromkeys(range(200), 1))
    warehouse.dbt("run", "--select", "+int_document_weight")
    return np.array([row[0] for row in warehouse.rows("select weights from int_document_weight order by document_id")])


def test_weights_are_poisson_distributed_and_independent_between_documents(weights):
    assert weights.shape == (200, REPLICATES)
    observed = np.bincount(np.minimum(weights.ravel(), 5), minlength=6)
    expected = np.append(stats.poisson.pmf(range(5), 1), stats.poisson.sf(4, 1)) * weights.size
    assert stats.chisquare(observed, expected).pvalue > 1e-3
    correlations = np.corrcoef(weights)[np.triu_indices(200, 1)]
    assert abs(correlations.mean()) < 3e-3
    assert correlations.std() == pytest.approx(REPLICATES**-0.5, rel=0.05)


@pytest.mark.parametrize("document_count", [10, 20, 50, 200])
def test_intervals_of_a_mean_over_tokens_cover_it_in_95_percent_of_simulated_corpora(
    warehouse, weights, document_count
):
    """Documents have 1 to 40 tokens and means of their own, so intervals over tokens would be too narrow."""
    corpora = 1000
    generator = np.random.default_rng(document_count)
    chosen = generator.permuted(np.tile(np.arange(200), (corpora, 1)), axis=1)[:, :document_count]
    lengths = generator.integers(1, 41, size=chosen.shape)
    sums = lengths * generator.normal(0, 1, size=chosen.shape) + np.sqrt(lengths) * generator.normal(size=chosen.shape)
    rows = [
        (corpus, document, sums[corpus, i], lengths[corpus, i])
        for corpus in range(corpora)
        for i, document in enumerate(chosen[corpus].tolist())
    ]
    warehouse.client.command("drop table if exists simulated")
    warehouse.client.command(
        "create table simulated (corpus UInt32, document_id UInt32, total Float64, tokens Float64) order by corpus"
    )
    warehouse.client.insert("simulated", rows)
    bounds = np.array(warehouse.rows(compile_bounds(warehouse)))
    covered = np.mean((bounds[:, 0] <= 0) & (bounds[:, 1] >= 0))
    assert 0.93 <= covered <= 0.97


def compile_bounds(warehouse) -> str:
    """Return the query of both bounds for each simulated corpus, with the macros of the project filled in."""
    source = """
        select {{ bootstrap_bound("replicates", "lower", "document_count") }},
               {{ bootstrap_bound("replicates", "upper", "document_count") }}
        from (
            select
                count() as document_count,
                arrayMap(
                    (total, tokens) -> total / tokens,
                    {{ weighted_document_sums("total") }},
                    {{ weighted_document_sums("tokens") }}
                ) as replicates
            from simulated
            join int_document_weight using (document_id)
            group by corpus
        )
    """
    result = warehouse.dbt("compile", "--inline", source)
    return str(result.results[0].node.compiled_code)
