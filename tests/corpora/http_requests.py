"""HTTP requests, well-formed and mutated."""

from __future__ import annotations

import base64
import random
import socket
import time


def seed_requests(user: str, password: str) -> list[bytes]:
    """Well-formed requests of every kind, to be mutated."""
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
    """One to six changes: bytes replaced, removed, inserted, repeated."""
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


def send_mutated(address: tuple[str, int], seeds: list[bytes], generator: random.Random, count: int) -> float:
    """Send ``count`` mutated requests, a connection each; returns the seconds the slowest answer took."""
    slowest = 0.0
    for _ in range(count):
        with socket.create_connection(address, timeout=30) as connection:
            connection.sendall(mutate(generator.choice(seeds), generator))
            connection.shutdown(socket.SHUT_WR)
            started = time.monotonic()
            try:
                while connection.recv(65536):
                    pass
            except ConnectionError:
                pass
            slowest = max(slowest, time.monotonic() - started)
    return slowest
