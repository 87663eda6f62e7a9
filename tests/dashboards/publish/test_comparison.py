"""How the exports and permissions of a Superset are compared with the declarations. No Superset runs here."""

import json
from dataclasses import replace

import pytest
import yaml

from tests.support.paths import DBT_MODELS
from trailhouse.dashboards.bundle.bundle import ASSETS, compile_bundle
from trailhouse.dashboards.publish.access_file import Access
from trailhouse.dashboards.publish.normalised_assets import read_bundle
from trailhouse.dashboards.publish.rights import Rights, compare_rights
from trailhouse.dashboards.publish.row_level_security import build_rules

INSPECTOR = "dashboards/inspector.yaml"


@pytest.fixture(scope="module")
def files():
    return compile_bundle(ASSETS, DBT_MODELS, database_uri="clickhousedb://reader@warehouse/w", schema="w")


def renumber(dashboard: dict, number) -> dict:
    """Return the dashboard as exported by an installation in which its charts have other ids."""
    dashboard = json.loads(json.dumps(dashboard))
    for block in dashboard["position"].values():
        if isinstance(block, dict) and "chartId" in block.get("meta", {}):
            block["meta"]["chartId"] = number(block["meta"]["chartId"])
    metadata = dashboard["metadata"]
    scopes = [native["scope"] for native in metadata["native_filter_configuration"]]
    scopes += [entry["crossFilters"]["scope"] for entry in metadata["chart_configuration"].values()]
    for scope in scopes:
        scope["excluded"] = sorted(map(number, scope["excluded"]))
    metadata["chart_configuration"] = {
        str(number(int(key))): {**entry, "id": number(int(key))}
        for key, entry in metadata["chart_configuration"].items()
    }
    return dashboard


def read_content(files: dict, dashboard: dict):
    key = next(key for key in read_bundle({INSPECTOR: files[INSPECTOR]}))
    return read_bundle({**files, INSPECTOR: yaml.safe_dump(dashboard)})[key].content


def test_cross_filters_are_the_same_under_other_numbers_and_with_what_superset_adds(files):
    source = yaml.safe_load(files[INSPECTOR])
    exported = renumber(source, lambda number: 1000 - number)
    configuration = exported["metadata"]["chart_configuration"]
    for entry in configuration.values():
        entry["crossFilters"]["chartsInScope"] = [1, 2]
    (unscoped, *_) = {1000 - n for n in range(1, 10)} - set(map(int, configuration))
    configuration[str(unscoped)] = {"id": unscoped, "crossFilters": {"scope": "global", "chartsInScope": [1]}}
    configuration["77777"] = {"id": 77777, "crossFilters": {"scope": {"rootPath": ["ROOT_ID"], "excluded": [77777]}}}
    everything = {"scope": {"rootPath": ["ROOT_ID"], "excluded": []}, "chartsInScope": [1, 2]}
    exported["metadata"]["global_chart_configuration"] = everything
    assert read_content(files, exported) == read_content(files, source)


@pytest.mark.parametrize("change", ["one chart less is left alone", "scope gone", "all gone", "changed for all"])
def test_a_dashboard_that_differs_only_in_its_cross_filters_differs(files, change):
    source = yaml.safe_load(files[INSPECTOR])
    changed = renumber(source, lambda number: 1000 - number)
    metadata = changed["metadata"]
    key = next(iter(metadata["chart_configuration"]))
    if change == "one chart less is left alone":
        metadata["chart_configuration"][key]["crossFilters"]["scope"]["excluded"].pop()
    elif change == "scope gone":
        metadata["chart_configuration"][key]["crossFilters"]["scope"] = "global"
    elif change == "all gone":
        metadata["chart_configuration"] = {}
    else:
        metadata["global_chart_configuration"] = {"scope": {"rootPath": ["ROOT_ID"], "excluded": [int(key)]}}
    assert read_content(files, changed) != read_content(files, source)


ROLES = {"Stakeholder": frozenset({1, 2}), "Researcher": frozenset({1, 2, 3}), "Suites: partners": frozenset[int]()}
RULES = build_rules({10, 11, 12}, {10, 11}, Access({"partners": ("a", "b")}))
BASE = "Trailhouse suites: nobody else"


def test_equal_rights_do_not_differ():
    present = Rights(dict(reversed(ROLES.items())), {name: replace(rule) for name, rule in reversed(RULES.items())})
    assert compare_rights(present, Rights(ROLES, RULES)).count == 0


@pytest.mark.parametrize(
    ("roles", "rules", "kind", "name"),
    [
        ({**ROLES, "Stakeholder": frozenset({1, 2, 9})}, RULES, "changed", "role Stakeholder"),
        ({**ROLES, "Researcher": frozenset({1, 2})}, RULES, "changed", "role Researcher"),
        ({**ROLES, "Suites: old": frozenset()}, RULES, "superfluous", "role Suites: old"),
        ({name: ROLES[name] for name in list(ROLES)[:2]}, RULES, "missing", "role Suites: partners"),
        (ROLES, {name: rule for name, rule in RULES.items() if name != BASE}, "missing", f"rule {BASE}"),
        (ROLES, {**RULES, BASE: replace(RULES[BASE], clause="1 = 1")}, "changed", f"rule {BASE}"),
        (ROLES, {**RULES, BASE: replace(RULES[BASE], tables=frozenset({10}))}, "changed", f"rule {BASE}"),
        (ROLES, {**RULES, "Trailhouse suites: x": RULES[BASE]}, "superfluous", "rule Trailhouse suites: x"),
    ],
)
def test_a_right_changed_by_hand_is_named(roles, rules, kind, name):
    drift = compare_rights(Rights(roles, rules), Rights(ROLES, RULES))
    assert (getattr(drift, kind), drift.count) == ((name,), 1)


def test_groups_see_their_suites_and_tables_without_a_suite_are_closed_to_them():
    rules = {name.removeprefix("Trailhouse suites: "): rule for name, rule in RULES.items()}
    assert {name: (set(rule.tables), set(rule.roles), rule.clause) for name, rule in rules.items()} == {
        "nobody else": ({10, 11}, {"Admin", "Researcher", "Suites: partners"}, "1 = 0"),
        "tables of all suites": ({12}, {"Admin", "Researcher"}, "1 = 0"),
        "partners": ({10, 11}, {"Suites: partners"}, "suite_id in ('a', 'b')"),
    }
    assert build_rules({10}, {10}, Access({})) == {}
