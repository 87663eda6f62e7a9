"""The p-values of trends, compared with those of scipy down to 1e-30."""

import jinja2
import numpy as np
import pytest
from scipy import stats

from tests.support.paths import ROOT
from trailhouse.warehouse.connection import connect

MACROS = ROOT / "dbt" / "macros" / "student_t_p_value.sql"
DEGREES_OF_FREEDOM = (0.7, 1, 1.5, 2, 3, 3.3, 4, 5, 8, 13, 16, 17, 34.5, 75, 152, 500)


@pytest.fixture
def find_p_values(empty_address):
    """Return a function that computes p-values by the macro in the warehouse.

    It takes a list of (r, 1 - r^2, degrees of freedom).
    """
    expression = jinja2.Template(MACROS.read_text()).module.student_t_p_value("r", "u", "nu")

    def find(correlations, residual_shares, degrees_of_freedom) -> np.ndarray:
        with connect(empty_address, needs_database=False) as client:
            rows = client.query(
                f"select {expression} from (select arrayJoin(arrayZip({{r:Array(Float64)}}, {{u:Array(Float64)}},"
                " {nu:Array(Float64)})) as row, row.1 as r, row.2 as u, row.3 as nu)"
                " settings short_circuit_function_evaluation = 'disable'",
                parameters={"r": list(correlations), "u": list(residual_shares), "nu": list(degrees_of_freedom)},
            ).result_rows
        return np.array([p_value for (p_value,) in rows])

    return find


def test_p_values_down_to_the_smallest_are_relatively_exact(find_p_values):
    wanted = [10.0**-exponent for exponent in (0.001, 0.1, 1, 2, 4, 7, 7.9, 8, 8.1, 9, 12, 15, 16, 20, 25, 30)]
    places = [(nu, p) for nu in DEGREES_OF_FREEDOM for p in wanted]
    degrees = np.array([nu for nu, _ in places])
    t = stats.t.isf(np.array([p for _, p in places]) / 2, degrees)
    residual_shares = degrees / (degrees + t**2)
    correlations = np.abs(t) / np.sqrt(degrees + t**2)
    got = find_p_values(correlations.tolist(), residual_shares.tolist(), degrees.tolist())
    np.testing.assert_allclose(got, 2 * stats.t.sf(t, degrees), rtol=1e-9)


def test_no_correlation_and_a_perfect_one_have_the_p_values_one_and_nought(find_p_values):
    assert find_p_values([0.0, 0.0, 1.0, 1.0], [1.0, 1.0, 0.0, 0.0], [5, 8, 5, 8]) == pytest.approx(
        [1, 1, 0, 0], abs=1e-100
    )
