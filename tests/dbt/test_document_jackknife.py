"""Intervals over documents by the jackknife: their coverage in simulations, and their agreement with the bootstrap."""

import numpy as np
import pytest

CORPORA = 2000


def simulate(document_count: int, seed: int, *, is_skewed: bool = False) -> list[tuple[int, int, float, int]]:
    """Rows (corpus, document, sum of the losses, tokens).

    Documents have 1 to 40 tokens and means of their own, which are normal or, where ``is_skewed``, gamma
    distributed. The mean over all documents is 3.
    """
    generator = np.random.default_rng(seed)
    lengths = generator.integers(1, 41, size=(CORPORA, document_count))
    means = 2 + (generator.gamma(2, 0.5, lengths.shape) if is_skewed else generator.normal(1, 1, lengths.shape))
    sums = lengths * means + np.sqrt(lengths) * generator.normal(size=lengths.shape)
    return [
        (corpus, document, sums[corpus, document], int(lengths[corpus, document]))
        for corpus in range(CORPORA)
        for document in range(document_count)
    ]


@pytest.fixture(scope="module")
def bounds_of(warehouse):
    """Return a function that inserts simulated rows and returns the two bounds of each corpus, by the macros."""
    arguments = "'mean', jackknife_standard_error('sums'), 'length(sums)', effective_document_count('sums')"
    source = f"""
        select {{{{ document_jackknife_bound({arguments}, 'lower') }}}},
            {{{{ document_jackknife_bound({arguments}, 'upper') }}}}
        from (
            select corpus, {{{{ sums_by_document("x", "n") }}}} as sums, sum(x) / sum(n) as mean
            from (
                select corpus, {{{{ document_block("document_id", var("jackknife_blocks")) }}}} as document_block,
                    sum(value) as x, sum(length) as n
                from simulated
                group by corpus, document_block
            )
            group by corpus
            order by corpus
        )
    """.replace("'", chr(34))
    query = str(warehouse.dbt("compile", "--inline", source).results[0].node.compiled_code)
    warehouse.client.command(
        "create table simulated (corpus UInt32, document_id UInt32, value Float64, length Int64) order by corpus"
    )

    def find_bounds(rows):
        warehouse.client.command("truncate table simulated")
        warehouse.client.insert("simulated", rows)
        return warehouse.rows(query)

    return find_bounds


@pytest.mark.parametrize(
    ("document_count", "is_skewed"), [(10, False), (20, False), (50, False), (200, False), (20, True), (200, True)]
)
def test_intervals_cover_the_mean_in_95_percent_of_simulated_corpora(bounds_of, document_count, is_skewed):
    """With 200 documents, each of 64 groups stands for three or four of them."""
    bounds = np.array(bounds_of(simulate(document_count, document_count, is_skewed=is_skewed)))
    assert 0.93 <= np.mean((bounds[:, 0] <= 3) & (bounds[:, 1] >= 3)) <= 0.97


def test_intervals_are_those_of_the_bootstrap_over_documents(bounds_of):
    document_count = 60
    rows = [row for row in simulate(document_count, 1) if row[0] < 40]
    generator = np.random.default_rng(2)
    weights = generator.poisson(1, size=(4000, document_count))
    widths = []
    for corpus, (low, high) in enumerate(bounds_of(rows)):
        sums, lengths = np.array([row[2:] for row in rows if row[0] == corpus]).T
        replicates = (weights @ sums) / (weights @ lengths)
        ends = np.quantile(replicates, [0.025, 0.975])
        assert (low, high) == pytest.approx(ends, abs=0.15 * (high - low))
        widths.append((high - low) / np.subtract(*ends[::-1]))
    assert np.mean(widths) == pytest.approx(1, abs=0.04)


def test_fewer_than_ten_documents_give_no_interval(bounds_of):
    rows = [row for row in simulate(10, 3) if row[0] < 2 and not (row[0] == 1 and row[1] == 9)]
    kept, lacking = bounds_of(rows)
    assert None not in kept
    assert lacking == (None, None)
