"""What stands in for servers: transports that record, and sockets that answer what a test wants."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from snippets.hybrid.budget import BudgetSettings
from snippets.hybrid.endpoint import Endpoint
from snippets.hybrid.retries import RetrySettings
from snippets.hybrid.settings import Settings

LOCAL = Endpoint(url="http://127.0.0.1:1111/v1", model="small")
CLOUD = Endpoint.model_validate({"url": "https://cloud.example/v1", "model": "large", "key": "cloud-key"})
BUDGET = BudgetSettings(input_usd_per_million=1, output_usd_per_million=4)
MESSAGE = {"role": "assistant", "content": "answered"}
USAGE = {"prompt_tokens": 5, "completion_tokens": 7}


def settings(**changes: Any) -> Settings:
    """Both places, and one try each."""
    one = RetrySettings(tries=1)
    return Settings.model_validate(
        {"local": LOCAL, "cloud": CLOUD, "budget": BUDGET, "retries": one, **changes}
    )


def ask(text: str = "hello") -> list[dict[str, Any]]:
    """A request of one message."""
    return [{"role": "user", "content": text}]


def answered(request: httpx.Request) -> httpx.Response:
    """What an OpenAI-compatible server says to each of the router's requests."""
    if request.url.path == "/v1/models":
        return httpx.Response(200, json={"data": [{"id": "small"}]})
    if request.url.path == "/api/tags":
        return httpx.Response(404, json={})
    if json.loads(request.content).get("stream"):
        return events([{"choices": [{"delta": {"content": word}}]} for word in ("an", "swered")])
    return httpx.Response(200, json={"choices": [{"message": MESSAGE}], "usage": USAGE})


def events(pieces: Sequence[Any], done: bool = True) -> httpx.Response:
    """A stream of server-sent events."""
    lines = [f"data: {json.dumps(piece)}\n\n" for piece in pieces] + ["data: [DONE]\n\n"] * done
    return httpx.Response(
        200, headers={"content-type": "text/event-stream"}, stream=httpx.ByteStream("".join(lines).encode())
    )


class Recorder(httpx.BaseTransport):
    """A server that keeps what it was sent."""

    def __init__(self, answer: Callable[[httpx.Request], httpx.Response] = answered) -> None:
        self.answer = answer
        self.got: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.read()
        self.got.append(request)
        return self.answer(request)

    @property
    def chats(self) -> list[dict[str, Any]]:
        """The bodies of the chats among it."""
        return [json.loads(one.content) for one in self.got if one.url.path.endswith("/chat/completions")]

    def sent(self) -> bytes:
        """All of it, as bytes."""
        return b"".join(
            str(one.url).encode() + repr(one.headers.raw).encode() + one.content for one in self.got
        )


class Clock:
    """Time that moves when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@contextmanager
def server(
    answer: bytes | Callable[[socket.socket], None],
    tls: ssl.SSLContext | None = None,
    host: str = "127.0.0.1",
    read: Callable[[socket.socket], bytes] | None = None,
) -> Iterator[tuple[int, list[bytes]]]:
    """A socket on loopback that answers each connection with these bytes, or as a function does.

    read: takes the request off the connection; without it, the whole request is read.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    got: list[bytes] = []
    listening = socket.create_server((host, 0), family=family)
    listening.settimeout(0.05)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except TimeoutError:
                continue
            connection.settimeout(2)
            with suppress(OSError):
                if tls:
                    connection = tls.wrap_socket(connection, server_side=True)
                got.append((read or _request)(connection))
                if callable(answer):
                    answer(connection)
                else:
                    connection.sendall(answer)
            with suppress(OSError):
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listening.getsockname()[1], got
    finally:
        stop.set()
        thread.join(5)
        listening.close()


def _request(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65_536)
        if not piece:
            return data
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            while len(body) < int(line.split(b":")[1]):
                body += connection.recv(65_536)
    return head + b"\r\n\r\n" + body


def reply(body: bytes, status: str = "200 OK", kind: str = "application/json", more: str = "") -> bytes:
    """An HTTP answer, byte for byte."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def drip(data: bytes, every_s: float) -> Callable[[socket.socket], None]:
    """Send byte by byte, for as long as somebody listens."""

    def send(connection: socket.socket) -> None:
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(every_s)

    return send
