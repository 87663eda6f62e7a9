"""A client of Superset's API for publishing. It extends the package superset-client.

The package provides the URLs, the login, the CSRF token, the reading of errors and the deletion of assets. This module
replaces two parts of the package:

- The session. When its token has expired, the session of superset-client resends a request with ``verify=False``. It
  also refuses http on the loopback interface. The session in this module logs in again when its token has expired,
  checks every answer, and limits the time of every request except the login.
- The function ``assets.import_file``, which opens only the base name of a path and returns False for a missing file.
  In this module, ``import_assets`` sends bytes instead of a file.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from supersetapiclient.base import raise_for_status
from supersetapiclient.client import SupersetClient
from supersetapiclient.exceptions import BadRequestError, ComplexBadRequestError

from trailhouse.errors import BadInputError, TrailhouseError, UnreachableError, UsageError

REQUEST_SECONDS = 180
PAGE_SIZE = 100
REASON_CHARACTERS = 500

Row = dict[str, Any]
"""A JSON object of Superset's API, with the API's own keys."""


class CheckedSession(requests.Session):
    """A session that returns only successful answers. It logs in again when its token has expired."""

    def __init__(self, log_in: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self.log_in = log_in

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Send one request and return the answer.

        Raises UnreachableError if Superset does not answer or fails (status 500 or higher), UsageError if Superset
        refuses the user, and BadInputError if Superset refuses the content of the request.
        """
        kwargs.setdefault("timeout", REQUEST_SECONDS)
        kwargs["allow_redirects"] = False  # the API never redirects; a redirect leads to the login page
        try:
            response = super().request(method, url, *args, **kwargs)
            if response.status_code == requests.codes.unauthorized:
                self.headers.update(self.log_in())
                response = super().request(method, url, *args, **kwargs)
        except requests.RequestException as error:
            raise UnreachableError(
                f"Superset at {_origin(url)} does not answer: {type(error).__name__}",
                "run `trailhouse dashboards start`",
            ) from error
        return check_response(response)


class PublishingClient(SupersetClient):  # type: ignore[misc]  # the package has no types
    """A client of one Superset. It logs in as an administrator at its first request."""

    @cached_property
    def session(self) -> CheckedSession:
        """The session that sends all requests."""
        session = CheckedSession(self.log_in)
        session.headers.update(self.log_in())
        session.headers.update({"X-CSRFToken": self.csrf_token(session), "Referer": self.base_url})
        return session

    def log_in(self) -> dict[str, str]:
        """Log in and return the headers that carry the token.

        Raises UsageError if Superset refuses the user, and UnreachableError if Superset does not answer.
        """
        try:
            token = self.authenticate()["access_token"]
        except (BadRequestError, ComplexBadRequestError, requests.HTTPError) as error:
            raise UsageError(
                f"Superset at {self.host} refused user {self.username!r}",
                "set TRAILHOUSE_SUPERSET_USER and TRAILHOUSE_SUPERSET_PASSWORD",
            ) from error
        except (requests.RequestException, KeyError) as error:
            raise UnreachableError(
                f"no Superset answers at {self.host}: {type(error).__name__}", "run `trailhouse dashboards start`"
            ) from error
        return {"Authorization": f"Bearer {token}"}

    def find_url(self, *parts: object) -> str:
        """Return the URL of a resource of the API: ``find_url("chart", 7)`` is the URL of chart 7."""
        return str(self.join_urls(self.base_url, *parts))

    def read(self, *parts: object, query: str | None = None) -> Row:
        """Return a resource of the API as a JSON object. ``query`` is the URL parameter ``q``, written in Rison."""
        answer: Row = self.get(self.find_url(*parts), params=None if query is None else {"q": query}).json()
        return answer

    def read_all(self, resource: str, columns: str = "") -> list[Row]:
        """Read a list of the API page by page, and return all its rows. ``columns`` are separated by commas."""
        selected = f",columns:!({columns})" if columns else ""
        rows: list[Row] = []
        for page in count():
            answer = self.read(resource, "", query=f"(page:{page},page_size:{PAGE_SIZE}{selected})")
            rows += answer["result"]
            if len(rows) >= answer["count"] or not answer["result"]:
                break
        return rows

    def import_assets(self, archive: bytes) -> None:
        """Send a ZIP of assets. Superset imports all or none, and overwrites assets with the same UUID."""
        files = {"bundle": ("assets.zip", archive, "application/zip")}
        answer = self.post(self.assets.import_url, files=files).json()
        if answer.get("message") != "OK":
            raise BadInputError(f"Superset did not import the assets: {answer}", "see the log of Superset")

    def export_assets(self) -> bytes:
        """Return a ZIP of all assets that Superset has."""
        with TemporaryDirectory() as directory:
            archive = Path(directory) / "assets.zip"
            self.assets.export(archive)
            return archive.read_bytes()


def check_response(response: requests.Response) -> requests.Response:
    """Return the response if it is successful.

    If the response is not successful, raises the error that fits its HTTP status, with the reason that Superset gives.
    """
    try:
        raise_for_status(response)
    except BadRequestError as error:
        reason = str(error.message)
    except ComplexBadRequestError as error:
        reason = "; ".join(f"{part.get('message')} {part.get('extra', '')}" for part in error.errors)
    except requests.HTTPError:
        is_page = "html" in response.headers.get("Content-Type", "html")
        reason = "no reason given" if is_page else response.text
    else:
        if not response.is_redirect:
            return response
        reason = "no reason given"
    request = f"{response.request.method} {response.url.partition('?')[0]}"
    raise choose_error(response.status_code, request, " ".join(reason.split())[:REASON_CHARACTERS])


def choose_error(status: int, request: str, reason: str) -> TrailhouseError:
    """Return the error that fits the HTTP status of a request that failed."""
    if status in (requests.codes.unauthorized, requests.codes.forbidden) or 300 <= status < 400:
        return UsageError(f"Superset refused {request} ({status}): {reason}", "publish as an administrator of Superset")
    if status >= 500:
        return UnreachableError(f"Superset failed at {request} ({status}): {reason}", "see the log of Superset")
    return BadInputError(f"Superset refused {request} ({status}): {reason}", "correct the asset that it names")


def _origin(url: str | bytes) -> str:
    text = url.decode() if isinstance(url, bytes) else url
    return "/".join(text.split("/")[:3])
