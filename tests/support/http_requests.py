"""HTTP requests, well-formed and mutated."""

from __future__ import annotations

import base64
import contextlib
import random
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import quote

import h11


def seed_requests(user: str, password: str) -> list[bytes]:
    """Return well-formed requests of every kind, to be mutated."""
    credentials = base64.b64encode(f"{user}:{password}".encode())
    head = b"Host: localhost\r\nAuthorization: Basic " + credentials + b"\r\n"
    return [
        b"GET /ping HTTP/1.1\r\n" + head + b"\r\n",
        b"GET /?query=SELECT%201 HTTP/1.1\r\n" + head + b"\r\n",
        b"POST /?query=SELECT HTTP/1.1\r\n" + head + b"Content-Length: 2\r\n\r\n 1",
        b"POST / HTTP/1.1\r\n" + head + b"Transfer-Encoding: chunked\r\n\r\n8\r\nSELECT 1\r\n0\r\n\r\n",
        b"POST /?decompress=1&session_id=f HTTP/1.1\r\n" + head + b"Content-Length: 5\r\n\r\n\x00\xff\x82ab",
        b"POST / HTTP/1.1\r\n" + head + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
        b"POST / HTTP/1.1\r\n" + head + b"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 70\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="query"\r\n\r\nSELECT 1\r\n--x--\r\n',
        b"HEAD /?max_threads=1&param_a=b HTTP/1.0\r\n" + head + b"\r\n",
    ]


def mutate(request: bytes, generator: random.Random) -> bytes:
    """Return the request with one to six changes: bytes replaced, removed, inserted or repeated."""
    data = bytearray(request)
    for _ in range(generator.randint(1, 6)):
        position = generator.randrange(len(data))
        match generator.randrange(5):
            case 0:
                data[position] = generator.randrange(256)
            case 1:
                del data[position : position + generator.randint(1, 20)]
            case 2:
                data[position:position] = generator.randbytes(generator.randint(1, 20))
            case 3:
                data[position:position] = data[position : position + generator.randint(1, 40)]
            case _:
                data[position:position] = generator.choice(
                    [b"\r\n", b"%00", b"&", b"'", b"\x00", b": ", b"\r\n\r\n", b"-1"]
                )
        if not data:
            return request
    return bytes(data)


def mutate_around_credentials(request: bytes, generator: random.Random) -> bytes:
    """Mutate the request before or after its credentials. They stay valid, so the server does not refuse it at once."""
    start = request.index(b"Authorization: ")
    end = request.index(b"\r\n", start) + 2
    before, credentials, after = request[:start], request[start:end], request[end:]
    if generator.random() < 0.5:
        return mutate(before, generator) + credentials + after
    return before + credentials + mutate(after, generator)


def mutate_content(request: bytes, generator: random.Random) -> bytes:
    """Mutate the URL or the body, and keep the request well-formed HTTP."""
    head, _, body = request.partition(b"\r\n\r\n")
    length = b"Content-Length: %d" % len(body)
    if length in head and generator.random() < 0.7:
        body = mutate(body, generator)
        return head.replace(length, b"Content-Length: %d" % len(body)) + b"\r\n\r\n" + body
    method, target, rest = request.split(b" ", 2)
    return b" ".join([method, quote(mutate(target, generator), safe="/?&=%+:").encode(), rest])


@dataclass
class FuzzReport:
    """Results of mutated requests: the slowest request, how many connections stayed usable, and what went wrong."""

    slowest_seconds: float = 0.0
    slowest_request: bytes = b""
    in_step_count: int = 0
    problems: list[str] = field(default_factory=list)


def send_mutated(address: tuple[str, int], seeds: list[bytes], generator: random.Random, count: int) -> FuzzReport:
    """Send ``count`` mutated requests, each on its own connection, and report on them."""
    report = FuzzReport()
    for number in range(count):
        change = (mutate, mutate_content, mutate_around_credentials, mutate_content)[number % 4]
        request = change(generator.choice(seeds), generator)
        seconds = send_request(address, request, seeds, report, generator.randrange(10**6, 10**7))
        if seconds > report.slowest_seconds:
            report.slowest_seconds, report.slowest_request = seconds, request
    return report


def send_request(
    address: tuple[str, int], request: bytes, seeds: list[bytes], report: FuzzReport, number: int = 42
) -> float:
    """Send one mutated request, then a query whose answer is ``number``; return the seconds that both took.

    The query is sent only if h11, which is not the server's parser, reads the bytes as exactly one request, and if
    the server keeps the connection open. Otherwise it is unknown which answer belongs to which request, and the
    client closes its side of the connection.
    """
    query = query_number(seeds[2], number)
    started = time.monotonic()
    with socket.create_connection(address, timeout=30) as connection:
        try:
            if (events := read_single_request(request)) is None:
                _send_and_close(connection, request)
            else:
                _send_and_query(connection, request, events, query, report)
        except (TimeoutError, h11.RemoteProtocolError) as error:
            report.problems.append(f"{error!r} after {request!r}")
    return time.monotonic() - started


def query_number(seed: bytes, number: int) -> bytes:
    """Return a request whose answer is the number, made from the third of ``seed_requests``."""
    return seed.replace(b"Content-Length: 2", b"Content-Length: 8").removesuffix(b" 1") + b" %d" % number


def read_single_request(data: bytes) -> list[h11.Event] | None:
    """Return h11's events for the bytes if they are exactly one request that keeps the connection open, else None."""
    parser = h11.Connection(h11.SERVER)
    parser.receive_data(data)
    events: list[h11.Event] = []
    try:
        while not events or not isinstance(events[-1], h11.EndOfMessage):
            event = parser.next_event()
            if not isinstance(event, h11.Event):
                return None
            events.append(event)
    except h11.RemoteProtocolError:
        return None
    is_last = bool(parser.trailing_data[0]) or parser.their_state is not h11.DONE
    return None if is_last else events


def _send_and_close(connection: socket.socket, request: bytes) -> None:
    with contextlib.suppress(ConnectionError):
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def _send_and_query(
    connection: socket.socket, request: bytes, events: list[h11.Event], query: bytes, report: FuzzReport
) -> None:
    client = h11.Connection(h11.CLIENT)
    for event in events:
        client.send(event)
    connection.sendall(request)
    _receive(connection, client)
    if client.their_state is not h11.DONE:
        return
    report.in_step_count += 1
    if client.trailing_data[0]:
        report.problems.append(f"a second answer, {client.trailing_data[0]!r}, to {request!r}")
        return
    client.start_next_cycle()
    for event in read_single_request(query) or []:
        client.send(event)
    connection.sendall(query)
    answer = _receive(connection, client)
    expected = query.rpartition(b" ")[2] + b"\n"
    if answer != expected:
        report.problems.append(f"out of step, {answer!r} instead of {expected!r}, after {request!r}")


def _receive(connection: socket.socket, client: h11.Connection) -> bytes:
    """Return the body of the next answer; empty if the connection ended without one."""
    body = b""
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            try:
                client.receive_data(connection.recv(65536))
            except ConnectionError:
                return body
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed) or event is h11.PAUSED:
            return body
