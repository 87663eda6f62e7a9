"""The colours of models on the page of a report, which may be light, dark or printed."""

from __future__ import annotations

from collections.abc import Sequence

from trailhouse.dashboards.colours import assign_model_colors
from trailhouse.dashboards.report.findings import Findings

WHITE_SHARE = 0.25  # how much white is mixed into a colour, so that dark colours are seen on a dark page


def assign_dark_colors(models: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the colour of every model on a dark page. ``models`` are those of ``assign_model_colors``.

    A suite has the hue that it has on a light page. Its shades are reversed and lightened, so that the largest model
    has the strongest contrast on both pages.
    """
    suites: dict[str, list[str]] = {}
    for suite_id, model_id in models:
        suites.setdefault(suite_id, []).append(model_id)
    reversed_models = [(suite_id, model_id) for suite_id, names in suites.items() for model_id in reversed(names)]
    return {model_id: lighten(color) for model_id, color in assign_model_colors(reversed_models).items()}


def lighten(color: str) -> str:
    """Return a colour with white mixed into it."""
    return "#" + "".join(f"{round(part + (255 - part) * WHITE_SHARE):02x}" for part in bytes.fromhex(color[1:]))


def name_variables(findings: Findings) -> dict[str, str]:
    """Return the CSS variable of every model's colour, by model."""
    return {model_id: f"--model-{index}" for index, model_id in enumerate(findings.names)}


def write_model_variables(findings: Findings) -> str:
    """Return the style that sets the variables: paper has the colours of a light page."""
    variables = name_variables(findings)
    light, dark = (
        " ".join(f"{variable}: {colors[model_id]};" for model_id, variable in variables.items())
        for colors in (findings.model_colors, findings.dark_model_colors)
    )
    return f":root {{ {light} }}\n@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"


def use_variables(part: object, findings: Findings) -> object:
    """Return a chart in which the variables stand in place of the models' colours."""
    variables = {findings.model_colors[model]: f"var({name})" for model, name in name_variables(findings).items()}

    def replace(value: object) -> object:
        if isinstance(value, dict):
            return {key: entry if key == "values" else replace(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [replace(entry) for entry in value]
        return variables.get(value, value) if isinstance(value, str) else value

    return replace(part)
