"""The bar at the top of every page: its question, links to the other dashboards and the colours of the models.

The links keep the suite, the corpus and the model that are chosen on the page, except for published suites, which other
pages do not show.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from html import escape

from trailhouse.dashboards.bundle.dashboard_declaration import Chart, Folder
from trailhouse.dashboards.bundle.marts import Mart

BAR_KEY = "bar"
KEPT = ("suite_id", "corpus_id", "model_id")
COLUMNS = ("suite_id", "model_id", "model_name", "parameter_count")


def add_bars(folders: list[Folder], marts: Mapping[str, Mart]) -> list[Folder]:
    """Return the dashboards with a bar as their first chart, if the marts of the bars exist."""
    if any(folder.dashboard.bar_mart not in marts for folder in folders):
        return folders
    return [
        dataclasses.replace(folder, charts={BAR_KEY: make_bar(folder, folders, marts), **folder.charts})
        for folder in folders
    ]


def make_bar(folder: Folder, folders: list[Folder], marts: Mapping[str, Mart]) -> Chart:
    """Return the bar of one dashboard. The models are ordered by size."""
    columns = marts[folder.dashboard.bar_mart].columns
    links = " ".join(write_link(folder, other, marts) for other in folders)
    if "is_published" in columns:
        plain = " ".join(write_link(folder, other, marts, keeps_nothing=True) for other in folders)
        links = f"{{{{#if is_published}}}}{plain}{{{{else}}}}{links}{{{{/if}}}}"
    template = (
        f'<div class="bare trailhouse-bar"><span class="question">{escape(folder.dashboard.description)}</span>'
        f'<span class="links">{{{{#each data}}}}{{{{#if @first}}}}{links}{{{{/if}}}}{{{{/each}}}}</span>'
        '<span class="models">{{#each data}}<span class="model"><span class="swatch" title="{{model_id}}"></span>'
        "{{model_name}}</span>{{/each}}</span></div>"
    )
    return Chart(
        title="Where you are",
        explanation="The question of this page, links to the other pages, and the colour of every model by size.",
        mart=folder.dashboard.bar_mart,
        kind="template",
        columns=(*COLUMNS, *(("is_published",) if "is_published" in columns else ())),
        where=("is_named",) if "is_named" in columns else (),
        order=("parameter_count asc", "model_id asc"),
        row_limit=60,
        template=template,
        is_bare=True,
        height=6,
    )


def write_link(folder: Folder, other: Folder, marts: Mapping[str, Mart], *, keeps_nothing: bool = False) -> str:
    """Return the link from one dashboard to another as HTML with a link of ``links``; the page itself is no link."""
    if other.name == folder.name:
        return f"<strong>{escape(other.dashboard.title)}</strong>"
    kept = "" if keeps_nothing else " ".join(column for column in KEPT if keeps(folder, other, column, marts))
    return f'<a href="[[{f"{other.name} {kept}".strip()}]]">{escape(other.dashboard.title)}</a>'


def keeps(folder: Folder, other: Folder, column: str, marts: Mapping[str, Mart]) -> bool:
    """Return whether a link keeps the choice of a column: a model is kept only if both pages show a single model.

    A column is kept only if the bars of both pages have it: the corpora of another mart are other corpora.
    """
    if any(column not in marts[page.dashboard.bar_mart].columns for page in (folder, other)):
        return False
    choices = [[native for native in page.dashboard.filters if native.column == column] for page in (folder, other)]
    if column == "model_id":
        return all(natives and not natives[0].is_multiple for natives in choices)
    return bool(choices[1])
