"""The client of Superset's API, against a server of this file that answers as the API does."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import pytest

from trailhouse.dashboards.publish import client as client_module
from trailhouse.dashboards.publish.client import PublishingClient
from trailhouse.errors import BadInputError, UnreachableError, UsageError

PASSWORD = "right"


class ApiServer(ThreadingHTTPServer):
    """A stand-in for Superset: the requests that it got, and the answers that it gives."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Api)
        self.requests: list[tuple[str, str, dict, dict, bytes]] = []
        self.answers: dict[str, tuple] = {}
        self.logins = 0
        self.thing_count = 0


class Api(BaseHTTPRequestHandler):
    """Logs in, lists things in pages, and gives the answers of its server to all other addresses."""

    server: ApiServer

    def do_GET(self):
        self.handle_request()

    def do_POST(self):
        self.handle_request()

    def do_DELETE(self):
        self.handle_request()

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        address = urlsplit(self.path)
        self.server.requests.append((self.command, address.path, parse_qs(address.query), dict(self.headers), body))
        path = address.path.removeprefix("/api/v1/")
        if path == "security/login":
            self.log_in(json.loads(body))
        elif self.headers["Authorization"] != f"Bearer token {self.server.logins}":
            self.answer(401, {"msg": "Token has expired"})
        elif path == "security/csrf_token/":
            self.answer(200, {"result": "csrf"})
        elif path == "thing/":
            self.list_things(parse_qs(address.query)["q"][0])
        else:
            self.answer(*self.server.answers[path])

    def log_in(self, body):
        if body["password"] != PASSWORD:
            self.answer(401, {"message": "Not authorized"})
            return
        self.server.logins += 1
        self.answer(200, {"access_token": f"token {self.server.logins}"})

    def list_things(self, query):
        page, size = (int(part.partition(":")[2]) for part in query.strip("()").split(",")[:2])
        rows = [{"id": number} for number in range(self.server.thing_count)]
        self.answer(200, {"count": len(rows), "result": rows[page * size : (page + 1) * size]})

    def answer(self, status, content, content_type="application/json"):
        encoded = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(encoded)))
        if 300 <= status < 400:
            self.send_header("Location", "/login/")
        self.end_headers()
        self.wfile.write(encoded)

    def log_message(self, *_):
        pass


@contextmanager
def serve_api() -> Iterator[ApiServer]:
    server = ApiServer()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def api():
    with serve_api() as server:
        yield server


@pytest.fixture
def client(api):
    return PublishingClient(f"http://127.0.0.1:{api.server_port}", "admin", PASSWORD)


def test_every_request_carries_the_tokens_of_one_login(api, client):
    api.answers["answer/a"] = (200, {"result": 1})
    assert client.read("answer", "a") == client.read("answer/a") == {"result": 1}
    assert api.logins == 1
    headers = api.requests[-1][3]
    assert headers["X-CSRFToken"] == "csrf"
    assert headers["Referer"] == client.base_url


def test_a_session_whose_token_expired_logs_in_again(api, client):
    api.answers["answer/a"] = (200, {"result": 1})
    client.read("answer/a")
    api.logins = 7  # the token of login 1 is no longer accepted
    assert client.read("answer/a") == {"result": 1}
    assert api.logins == 8


def test_a_wrong_password_is_a_usage_error(api):
    client = PublishingClient(f"http://127.0.0.1:{api.server_port}", "admin", "wrong")
    with pytest.raises(UsageError, match="refused user 'admin'"):
        client.read("answer/a")


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 5])
def test_all_pages_of_a_list_are_read(api, client, monkeypatch, count):
    monkeypatch.setattr(client_module, "PAGE_SIZE", 2)
    api.thing_count = count
    assert client.read_all("thing", "id") == [{"id": number} for number in range(count)]
    queries = [query["q"][0] for _, path, query, _, _ in api.requests if path == "/api/v1/thing/"]
    assert queries == [f"(page:{page},page_size:2,columns:!(id))" for page in range(max(1, -(-count // 2)))]


def test_a_list_that_shrinks_while_it_is_read_ends(api, client, monkeypatch):
    monkeypatch.setattr(Api, "list_things", lambda self, _: self.answer(200, {"count": 3, "result": []}))
    assert client.read_all("thing") == []


@pytest.mark.parametrize(
    ("status", "content", "error", "reason"),
    [
        (400, {"message": "no such column"}, BadInputError, "no such column"),
        (422, {"message": {"name": ["taken"]}}, BadInputError, "{'name': ['taken']}"),
        (422, {"errors": [{"message": "a", "extra": {"b": 1}}, {"message": "c"}]}, BadInputError, "a {'b': 1}; c"),
        (404, {"other": "field"}, BadInputError, '{"other": "field"}'),
        (403, {"message": "Forbidden"}, UsageError, "Forbidden"),
        (499, {"message": "odd"}, BadInputError, "odd"),
        (500, {"message": "Fatal\n  error"}, UnreachableError, "Fatal error"),
        (400, {"message": "x" * 900}, BadInputError, "x" * 500),
    ],
)
def test_a_refusal_is_an_error_with_superset_s_reason(api, client, status, content, error, reason):
    api.answers["answer/a"] = (status, content)
    with pytest.raises(error) as raised:
        client.read("answer/a", query="(secret:1)")
    address = f"http://127.0.0.1:{api.server_port}/api/v1/answer/a"
    assert raised.value.message.endswith(f"GET {address} ({status}): {reason}")


@pytest.mark.parametrize(("status", "error"), [(302, UsageError), (503, UnreachableError), (404, BadInputError)])
def test_a_page_for_people_is_no_reason(api, client, status, error):
    api.answers["answer/a"] = (status, b"<html>log in</html>", "text/html; charset=utf-8")
    with pytest.raises(error, match="no reason given"):
        client.read("answer/a")


def test_a_superset_that_does_not_answer_is_unreachable(client):
    client.read_all("thing")  # now it is logged in
    with serve_api() as gone:
        url = f"http://127.0.0.1:{gone.server_port}"
    with pytest.raises(UnreachableError, match=f"Superset at {url} does not answer"):
        client.get(f"{url}/api/v1/thing/")
    with pytest.raises(UnreachableError, match=f"no Superset answers at {url}"):
        PublishingClient(url, "admin", PASSWORD).read("thing")


def test_assets_are_sent_and_fetched_as_a_zip(api, client):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("a.yaml", "b: c")
    api.answers["assets/export/"] = (200, archive.getvalue(), "application/zip")
    assert client.export_assets() == archive.getvalue()
    api.answers["assets/import/"] = (200, {"message": "OK"})
    client.import_assets(archive.getvalue())
    assert archive.getvalue() in api.requests[-1][4]
    assert b'name="bundle"' in api.requests[-1][4]
    api.answers["assets/import/"] = (200, {"message": "partly"})
    with pytest.raises(BadInputError, match="did not import the assets"):
        client.import_assets(archive.getvalue())
