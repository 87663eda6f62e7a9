"""superset-client made safe: every status is checked, every request has a time limit, TLS verification always stays.

superset-client 1.0 resends a request with ``verify=False`` after a token ran out, insists on OAuth's https even on
the loopback interface, and its ``assets.import_file`` opens the wrong path and answers False for a missing file. Its
addresses, login and CSRF token are used; its session is replaced by ours, and files are sent by ours.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import requests
from supersetapiclient.client import SupersetClient
from supersetapiclient.exceptions import BadRequestError, ComplexBadRequestError

from trailhouse.errors import BadInputError, TrailhouseError, UnreachableError, UsageError

REQUEST_SECONDS = 180
PAGE_SIZE = 100


class CheckedSession(requests.Session):
    """A session that logs in again when its token ran out, and turns every failure into one line and a hint."""

    def __init__(self, log_in: Callable[[], dict[str, str]]) -> None:
        super().__init__()
        self.log_in = log_in

    def request(self, method: str | bytes, url: str | bytes, *args: Any, **kwargs: Any) -> requests.Response:  # noqa: ANN401
        """Send one request; the answer is one of success.

        Raises UnreachableError, UsageError (refused credentials) or BadInputError (Superset refused what was sent).
        """
        kwargs.setdefault("timeout", REQUEST_SECONDS)
        kwargs.setdefault("allow_redirects", False)  # the API never redirects, a login page does
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
    """An administrator at one Superset."""

    @cached_property
    def session(self) -> CheckedSession:
        """The session of every request, logged in."""
        session = CheckedSession(self.log_in)
        session.headers.update(self.log_in())
        session.headers.update({"X-CSRFToken": self.csrf_token(session), "Referer": self.base_url})
        return session

    def log_in(self) -> dict[str, str]:
        """Headers of a fresh token.

        Raises UsageError where Superset refuses the user, UnreachableError where nothing answers.
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

    def address(self, *parts: str) -> str:
        """URL of a part of the API."""
        return "/".join([str(self.base_url), *parts])

    def read(self, *parts: str, query: str | None = None) -> Any:  # noqa: ANN401  # JSON
        """The JSON that the API has there; ``query`` is in Rison."""
        return self.session.get(self.address(*parts), params=None if query is None else {"q": query}).json()

    def read_all(self, resource: str, columns: str = "") -> list[dict[str, Any]]:
        """Every row of a list, page by page."""
        selected = f",columns:!({columns})" if columns else ""
        rows: list[dict[str, Any]] = []
        for page in range(1_000_000):
            answer = self.read(resource, "", query=f"(page:{page},page_size:{PAGE_SIZE}{selected})")
            rows += answer["result"]
            if len(rows) >= answer["count"] or not answer["result"]:
                return rows
        raise AssertionError("unreachable")

    def import_assets(self, archive: bytes) -> None:
        """Send a ZIP of assets; what is there with the same UUID is overwritten, all or nothing."""
        answer = self.session.post(
            self.assets.import_url, files={"bundle": ("assets.zip", archive, "application/zip")}
        ).json()
        if answer.get("message") != "OK":
            raise BadInputError(f"Superset did not import the assets: {answer}", "see the log of Superset")

    def export_assets(self) -> bytes:
        """A ZIP of everything that Superset holds."""
        return bytes(self.session.get(self.assets.export_url).content)


def check_response(response: requests.Response) -> requests.Response:
    """The response if it is one of success; else the error that says what Superset said."""
    if response.ok and not response.is_redirect:
        return response
    place = f"{response.request.method} {response.url.partition('?')[0]}"
    raise refuse(response.status_code, place, read_reason(response))


def refuse(status: int, place: str, reason: str) -> TrailhouseError:
    """The error for a status."""
    if status in (requests.codes.unauthorized, requests.codes.forbidden) or 300 <= status < 400:
        return UsageError(f"Superset refused {place} ({status}): {reason}", "publish as an administrator of Superset")
    if status >= 500:
        return UnreachableError(f"Superset failed at {place} ({status}): {reason}", "see the log of Superset")
    return BadInputError(f"Superset refused {place} ({status}): {reason}", "correct the asset it names")


def read_reason(response: requests.Response) -> str:
    """What Superset says about a failure, in one line of at most 500 characters."""
    try:
        answer = response.json()
    except requests.JSONDecodeError:
        return "no reason given"  # a page for people
    if errors := answer.get("errors"):
        reason = "; ".join(f"{error.get('message')} {error.get('extra', '')}" for error in errors)
    else:
        reason = str(answer.get("message", answer))
    return " ".join(reason.split())[:500]


def _origin(url: str | bytes) -> str:
    text = url.decode() if isinstance(url, bytes) else url
    return "/".join(text.split("/")[:3])
