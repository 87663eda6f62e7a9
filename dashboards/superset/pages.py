"""Pages that Superset serves in another way for Trailhouse: the first page, refused pages, and stored colours.

Superset's configuration loads this file in Superset's Python environment, so it uses no other module of Trailhouse. The
logo and the mark of Trailhouse lie in ``static``. In ``templates`` lie the page that replaces a refused page, and
``tail_js_custom_extra.html``, which Superset includes at the end of every page.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, redirect, render_template, request, url_for
from flask_login import current_user
from jinja2 import ChoiceLoader, FileSystemLoader

FIRST_DASHBOARD = "overview"
"""The last part of the address of the dashboard that users see first."""
LOGO_PATH = "/trailhouse/logo.svg"
MARK_PATH = "/trailhouse/mark.svg"
WAITING_PATH = "/trailhouse/waiting.svg"
# Superset's own first page lists what a user opened last and made, which is nothing for most users.
_HOME_PAGES = frozenset({"SupersetIndexView.index", "Superset.welcome"})
_COLOURS_PATH = re.compile(r"/api/v1/dashboard/(\d+)/colors")
_EXPLANATIONS = {
    403: ("This page is not open to you", "Your role does not include it."),
    404: ("There is no such page", "Its address is mistyped, or it was removed."),
}

_DIRECTORY = Path(__file__).parent
BLUEPRINT = Blueprint("trailhouse", __name__, static_folder=_DIRECTORY / "static", static_url_path="/trailhouse")


def adapt_app(app: Flask) -> None:
    """Register the templates and the functions of this module with Superset's Flask app."""
    app.jinja_loader = ChoiceLoader([FileSystemLoader(_DIRECTORY / "templates"), app.jinja_loader])
    app.before_request(open_first_dashboard)
    app.before_request(keep_published_colours)
    app.after_request(explain_refusal)


def open_first_dashboard() -> Any:  # noqa: ANN401  # Flask's answer, or None
    """Send users from Superset's own first page to the first dashboard. Return None for any other page."""
    if request.endpoint not in _HOME_PAGES:
        return None
    return redirect(url_for("Superset.dashboard", dashboard_id_or_slug=FIRST_DASHBOARD))


def keep_published_colours() -> Any:  # noqa: ANN401  # Flask's answer, or None
    """Accept the colours that a browser wants to store for a published dashboard, but do not store them.

    Superset's pages send the colours of all labels that more than one chart has shown, whoever opens them. Superset
    refuses this to most users, and the page fails. The colours of a published dashboard are published with it.
    """
    found = _COLOURS_PATH.fullmatch(request.path)
    if request.method != "PUT" or found is None or not current_user.is_authenticated:
        return None
    from superset.extensions import db
    from superset.models.dashboard import Dashboard

    dashboard = db.session.get(Dashboard, int(found.group(1)))
    return jsonify(result=[]) if dashboard is not None and dashboard.is_managed_externally else None


def explain_refusal(response: Response) -> Response:
    """Replace a refusal by a page for people if a browser asked for a page. Programs get Superset's JSON unchanged."""
    explanation = _EXPLANATIONS.get(response.status_code)
    is_for_people = "text/html" in request.headers.get("Accept", "") and not request.path.startswith("/api/")
    if explanation is None or not is_for_people:
        return response
    title, reason = explanation
    response.direct_passthrough = False
    logout = current_app.appbuilder.get_url_for_logout
    response.set_data(
        render_template("refused.html", title=title, reason=reason, user=current_user, mark=MARK_PATH, logout=logout)
    )
    response.mimetype = "text/html"
    return response
