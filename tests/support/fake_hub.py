"""A Hugging Face hub on loopback: the endpoints that huggingface_hub's client uses, over real HTTP.

    GET  /api/models/{repo}/refs                  branches and the commits they point at
    GET  /api/models/{repo}/tree/{revision}       files of a commit, with sizes, git identities and LFS hashes
    HEAD, GET /{repo}/resolve/{revision}/{file}   metadata, content, ranges; large files from a "CDN"

Tests choose faults (see ``Faults``), and find all requests in ``FakeHub.requests``.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from huggingface_hub import constants
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

# declares one model, in the repository owner/tiny
SUITE = """\
suite: public
description: On the hub
source: hub
models:
  - name: tiny
    location: owner/tiny
    step_pattern: 'step(?P<step>\\d+)'
    batch_tokens: 512
    planned_steps: 100
    context_length: 32
    final_revision: main
"""

PAGE_SIZE = 3
LFS_BYTES = 2048


@dataclass
class Faults:
    """Which requests fail, and how."""

    cut_after_bytes: int | None = None
    """Number of bytes after which the next download of a large file breaks off; None if it does not."""
    corrupt_downloads: int = 0
    """Number of the next downloads of large files in which one byte is changed."""
    unavailable_answers: int = 0
    """Number of the next requests that are answered with status 503."""
    is_gated: bool = False
    token: str = "hf_right"


@dataclass
class FakeHub:
    """The content of the hub as {repository: {branch: {file: content}}}, its faults, and the requests that it got."""

    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def cdn_url(self) -> str:
        """The address of this server under another host name, as the real hub serves large files from another host."""
        return self.url.replace("127.0.0.1", "localhost")

    def commits(self, repository: str) -> dict[str, dict[str, bytes]]:
        """Return the files of each commit by the commit's name. The name is a hash of the files."""
        return {name_commit(files): files for files in self.repositories[repository].values()}

    def downloaded(self) -> list[str]:
        """Return the names of the files whose content was sent."""
        return [path.rsplit("/", 1)[-1] for method, path in self.requests if method == "GET" and "/api/" not in path]


def name_commit(files: dict[str, bytes]) -> str:
    """Return 40 hexadecimal digits as the name of a commit with these files."""
    return hashlib.sha1(repr(sorted(files.items())).encode(), usedforsecurity=False).hexdigest()


def describe_file(name: str, content: bytes) -> dict[str, object]:
    """Return a file as the tree endpoint describes it."""
    git_identity = hashlib.sha1(f"blob {len(content)}\0".encode() + content, usedforsecurity=False).hexdigest()
    described: dict[str, object] = {"type": "file", "path": name, "size": len(content), "oid": git_identity}
    if is_large(name, content):
        sha256 = hashlib.sha256(content).hexdigest()
        described["lfs"] = {"oid": sha256, "size": len(content), "pointerSize": 134}
    return described


def is_large(name: str, content: bytes) -> bool:
    """Return whether a file is in large file storage (LFS)."""
    return name.endswith((".safetensors", ".bin")) or len(content) > 1 << 20


class Endpoints:
    """The answers of a hub to requests, with its faults."""

    def __init__(self, hub: FakeHub) -> None:
        self._hub = hub

    async def show_refs(self, request: Request) -> Response:
        """Answer with the branches of a repository."""
        if refusal := self._refuse(request):
            return refusal
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": name_commit(files)}
            for name, files in self._hub.repositories[repository_of(request)].items()
        ]
        return JSONResponse({"branches": branches, "converts": [], "tags": []})

    async def show_tree(self, request: Request) -> Response:
        """Answer with one page of the files of a revision."""
        if refusal := self._refuse(request):
            return refusal
        found = self._find_commit(request)
        if found is None:
            return refuse_revision()
        files = [describe_file(name, content) for name, content in sorted(found[1].items()) if "/" not in name]
        start = int(request.query_params.get("cursor", 0))
        headers = {}
        if start + PAGE_SIZE < len(files):
            headers["Link"] = f'<{self._hub.url}{request.url.path}?cursor={start + PAGE_SIZE}>; rel="next"'
        return JSONResponse(files[start : start + PAGE_SIZE], headers=headers)

    async def resolve(self, request: Request) -> Response:
        """Answer with the metadata or the content of a file; the metadata of a large file redirect to the CDN."""
        if refusal := self._refuse(request):
            return refusal
        found = self._find_commit(request)
        if found is None:
            return refuse_revision()
        commit, files = found
        name = request.path_params["file"]
        if name not in files:
            return JSONResponse({"error": "no"}, 404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        described = describe_file(name, files[name])
        headers = {"X-Repo-Commit": commit, "ETag": f'"{described["oid"]}"'}
        if "lfs" in described:
            sha256 = hashlib.sha256(files[name]).hexdigest()
            headers |= {"X-Linked-Etag": f'"{sha256}"', "X-Linked-Size": str(len(files[name]))}
            if request.method == "HEAD":
                return Response(status_code=302, headers={**headers, "Location": f"{self._hub.cdn_url}/cdn/{sha256}"})
        if request.method == "HEAD":
            return Response(headers={**headers, "Content-Length": str(len(files[name]))})
        return self._send(request, files[name], headers, is_lfs="lfs" in described)

    async def serve_large(self, request: Request) -> Response:
        """Answer with the content of the large file whose hash is in the URL."""
        self._hub.requests.append((request.method, request.url.path))
        wanted = request.path_params["sha256"]
        contents = (
            content
            for branches in self._hub.repositories.values()
            for files in branches.values()
            for content in files.values()
        )
        content = next(content for content in contents if hashlib.sha256(content).hexdigest() == wanted)
        return self._send(request, content, {"ETag": f'"{wanted}"'}, is_lfs=True)

    def _refuse(self, request: Request) -> Response | None:
        """Record a request; return a refusal if a fault asks for one or the repository does not exist."""
        faults = self._hub.faults
        self._hub.requests.append((request.method, request.url.path))
        if faults.unavailable_answers > 0:
            faults.unavailable_answers -= 1
            return JSONResponse({"error": "try later"}, 503)
        authorised = request.headers.get("authorization") == f"Bearer {faults.token}"
        if faults.is_gated and not authorised and "/api/" not in request.url.path:
            return JSONResponse({"error": "gated"}, 401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
        if repository_of(request) not in self._hub.repositories:
            return JSONResponse({"error": "no"}, 404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "no"})
        return None

    def _find_commit(self, request: Request) -> tuple[str, dict[str, bytes]] | None:
        """Return the commit that the request names by branch or hash, and its files; None if it does not exist."""
        revision, repository = request.path_params["revision"], repository_of(request)
        branches = self._hub.repositories[repository]
        if revision in branches:
            return name_commit(branches[revision]), branches[revision]
        commits = self._hub.commits(repository)
        return (revision, commits[revision]) if revision in commits else None

    def _send(self, request: Request, content: bytes, headers: dict[str, str], *, is_lfs: bool) -> Response:
        """Answer with the requested range of a content, changed or cut off if a fault asks for it."""
        faults = self._hub.faults
        start = int(request.headers["range"].removeprefix("bytes=").rstrip("-")) if "range" in request.headers else 0
        if is_lfs and faults.corrupt_downloads > 0:
            faults.corrupt_downloads -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        headers |= {"Content-Length": str(len(content) - start), "Accept-Ranges": "bytes"}
        status = 200
        if start:
            status, headers["Content-Range"] = 206, f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = faults.cut_after_bytes if is_lfs else None
        if cut is not None:
            faults.cut_after_bytes = None
            return StreamingResponse(stream_and_break(content[start:], cut), status, headers)
        return Response(content[start:], status, headers)


def repository_of(request: Request) -> str:
    return f"{request.path_params['owner']}/{request.path_params['name']}"


def refuse_revision() -> Response:
    return JSONResponse({"error": "no"}, 404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "no"})


def build_application(hub: FakeHub) -> Starlette:
    """Return the hub as an ASGI application."""
    endpoints, repository = Endpoints(hub), "/{owner}/{name}"
    return Starlette(
        routes=[
            Route(f"/api/models{repository}/refs", endpoints.show_refs),
            Route(f"/api/models{repository}/tree/{{revision}}", endpoints.show_tree),
            Route(f"{repository}/resolve/{{revision}}/{{file:path}}", endpoints.resolve, methods=["GET", "HEAD"]),
            Route("/cdn/{sha256}", endpoints.serve_large),
        ]
    )


async def stream_and_break(content: bytes, cut: int) -> AsyncIterator[bytes]:
    """Yield the first ``cut`` bytes of a content, then break the connection."""
    yield content[:cut]
    await asyncio.sleep(0.05)
    raise ConnectionResetError("cut off by the test")


@contextmanager
def serve_hub(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve the hub on a free port of the loopback interface, even if HF_HUB_OFFLINE=1 is set (as on clusters)."""
    configuration = uvicorn.Config(build_application(hub), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    hub.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    was_offline, constants.HF_HUB_OFFLINE = constants.HF_HUB_OFFLINE, False
    try:
        yield hub
    finally:
        constants.HF_HUB_OFFLINE = was_offline
        server.should_exit = True
        thread.join(10)
