"""The colours of models on a dark page."""

from __future__ import annotations

from collections.abc import Sequence

from trailhouse.dashboards.colours import assign_model_colors

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
