"""A Hugging Face hub on loopback: the endpoints that huggingface_hub's client uses, over real HTTP.

    GET  /api/models/{repo}/refs                  branches and the commits they point at
    GET  /api/models/{repo}/tree/{revision}       files of a commit, with sizes, git identities and LFS hashes
    HEAD, GET /{repo}/resolve/{revision}/{file}   metadata, content, ranges; large files by way of a "CDN"

Faults are planted by the tests: see ``Faults``. What was asked is kept in ``requests``.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

# A suite of one model in the repository owner/tiny
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
    """What goes wrong."""

    cut_after_bytes: int | None = None
    """The next download of a large file is cut off after so many bytes."""
    corrupt_downloads: int = 0
    """So many downloads of large files come with one byte changed."""
    unavailable_answers: int = 0
    """So many requests are answered 503."""
    is_gated: bool = False
    token: str = "hf_right"


@dataclass
class FakeHub:
    """Repositories as {repository: {branch: {file: content}}}."""

    repositories: dict[str, dict[str, dict[str, bytes]]] = field(default_factory=dict)
    faults: Faults = field(default_factory=Faults)
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""

    @property
    def cdn_url(self) -> str:
        """The same server by another name: content comes from another host than the hub's."""
        return self.url.replace("127.0.0.1", "localhost")

    def commits(self, repository: str) -> dict[str, dict[str, bytes]]:
        """Content by commit; a commit's name is a hash of its content, so a moved branch has another."""
        return {name_commit(files): files for files in self.repositories[repository].values()}

    def downloaded(self) -> list[str]:
        """Names of the files whose content was sent."""
        return [path.rsplit("/", 1)[-1] for method, path in self.requests if method == "GET" and "/api/" not in path]


def name_commit(files: dict[str, bytes]) -> str:
    """Return 40 hexadecimal digits that stand for a content."""
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
    """Whether a file is kept in large file storage."""
    return name.endswith((".safetensors", ".bin")) or len(content) > 1 << 20


def build_application(hub: FakeHub) -> Starlette:
    """Return the hub as an ASGI application."""

    def refuse(request: Request) -> Response | None:
        hub.requests.append((request.method, request.url.path))
        if hub.faults.unavailable_answers > 0:
            hub.faults.unavailable_answers -= 1
            return JSONResponse({"error": "try later"}, 503)
        authorised = request.headers.get("authorization") == f"Bearer {hub.faults.token}"
        if hub.faults.is_gated and not authorised and "/api/" not in request.url.path:
            return JSONResponse({"error": "gated"}, 401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "gated"})
        if repository_of(request) not in hub.repositories:
            return JSONResponse({"error": "no"}, 404, {"X-Error-Code": "RepoNotFound", "X-Error-Message": "no"})
        return None

    def repository_of(request: Request) -> str:
        return f"{request.path_params['owner']}/{request.path_params['name']}"

    def find_commit(request: Request) -> tuple[str, dict[str, bytes]] | None:
        revision, repository = request.path_params["revision"], repository_of(request)
        branches = hub.repositories[repository]
        if revision in branches:
            return name_commit(branches[revision]), branches[revision]
        commits = hub.commits(repository)
        return (revision, commits[revision]) if revision in commits else None

    def no_revision() -> Response:
        return JSONResponse({"error": "no"}, 404, {"X-Error-Code": "RevisionNotFound", "X-Error-Message": "no"})

    async def show_refs(request: Request) -> Response:
        if refusal := refuse(request):
            return refusal
        branches = [
            {"name": name, "ref": f"refs/heads/{name}", "targetCommit": name_commit(files)}
            for name, files in hub.repositories[repository_of(request)].items()
        ]
        return JSONResponse({"branches": branches, "converts": [], "tags": []})

    async def show_tree(request: Request) -> Response:
        if refusal := refuse(request):
            return refusal
        found = find_commit(request)
        if found is None:
            return no_revision()
        files = [describe_file(name, content) for name, content in sorted(found[1].items()) if "/" not in name]
        start = int(request.query_params.get("cursor", 0))
        headers = {}
        if start + PAGE_SIZE < len(files):
            headers["Link"] = f'<{hub.url}{request.url.path}?cursor={start + PAGE_SIZE}>; rel="next"'
        return JSONResponse(files[start : start + PAGE_SIZE], headers=headers)

    async def resolve(request: Request) -> Response:
        if refusal := refuse(request):
            return refusal
        found = find_commit(request)
        if found is None:
            return no_revision()
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
                return Response(status_code=302, headers={**headers, "Location": f"{hub.cdn_url}/cdn/{sha256}"})
        if request.method == "HEAD":
            return Response(headers={**headers, "Content-Length": str(len(files[name]))})
        return send(request, files[name], headers, is_lfs="lfs" in described)

    async def serve_large(request: Request) -> Response:
        hub.requests.append((request.method, request.url.path))
        wanted = request.path_params["sha256"]
        contents = (
            content
            for branches in hub.repositories.values()
            for files in branches.values()
            for content in files.values()
        )
        content = next(content for content in contents if hashlib.sha256(content).hexdigest() == wanted)
        return send(request, content, {"ETag": f'"{wanted}"'}, is_lfs=True)

    def send(request: Request, content: bytes, headers: dict[str, str], *, is_lfs: bool) -> Response:
        start = int(request.headers["range"].removeprefix("bytes=").rstrip("-")) if "range" in request.headers else 0
        if is_lfs and hub.faults.corrupt_downloads > 0:
            hub.faults.corrupt_downloads -= 1
            content = content[:-1] + bytes([content[-1] ^ 1])
        headers |= {"Content-Length": str(len(content) - start), "Accept-Ranges": "bytes"}
        status = 200
        if start:
            status, headers["Content-Range"] = 206, f"bytes {start}-{len(content) - 1}/{len(content)}"
        cut = hub.faults.cut_after_bytes if is_lfs else None
        if cut is not None:
            hub.faults.cut_after_bytes = None
            return StreamingResponse(stream_and_break(content[start:], cut), status, headers)
        return Response(content[start:], status, headers)

    repository = "/{owner}/{name}"
    return Starlette(
        routes=[
            Route(f"/api/models{repository}/refs", show_refs),
            Route(f"/api/models{repository}/tree/{{revision}}", show_tree),
            Route(f"{repository}/resolve/{{revision}}/{{file:path}}", resolve, methods=["GET", "HEAD"]),
            Route("/cdn/{sha256}", serve_large),
        ]
    )


async def stream_and_break(content: bytes, cut: int) -> AsyncIterator[bytes]:
    """Send a part of what was promised, then break the connection."""
    yield content[:cut]
    await asyncio.sleep(0.05)
    raise ConnectionResetError("cut off by the test")


@contextmanager
def serve_hub(hub: FakeHub) -> Iterator[FakeHub]:
    """Serve the hub on a free port of the loopback interface."""
    configuration = uvicorn.Config(build_application(hub), port=0, log_level="critical", lifespan="off")
    server = uvicorn.Server(configuration)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.01)
    hub.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield hub
    finally:
        server.should_exit = True
        thread.join(10)
