"""A cloud that records everything, and local servers that each fail in their own way; all on loopback.

with Cloud() as cloud, Local("redirect", cloud_url) as local: ...
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import trustme

LOOPBACK = "127.0.0.1"
SAID = "Good day."
BROKEN = b'data: {"choices": [{"delta": {"content": "Good"}}\n\ndata: \xff\xfe{[\n\nevent: ?\n\n'


def chat(model: str = "m") -> dict[str, Any]:
    """Answer in the form of OpenAI, with what a client of Ollama or Anthropic reads as well."""
    message = {"role": "assistant", "content": SAID}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


def events(model: str = "m") -> list[bytes]:
    """The same answer as server-sent events."""
    parts: list[dict[str, Any]] = [{"role": "assistant", "content": SAID}, {}]
    said = []
    for part in parts:
        choice = {"index": 0, "delta": part, "finish_reason": None if part else "stop"}
        one = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}
        said.append(b"data: " + json.dumps({**one, "choices": [choice]}).encode() + b"\n\n")
    return [*said, b"data: [DONE]\n\n"]


class Handler(BaseHTTPRequestHandler):
    """Reads a whole request, records it, and answers as its server says."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def body(self) -> bytes:
        """Read the body, in chunks or by length."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            parts = []
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def respond(self) -> None:
        """Record, then answer."""
        data = self.body()
        self.server.records.append(f"{self.requestline}\n{self.headers}".encode() + data)
        self.server.answer(self, data)

    do_GET = do_POST = do_PUT = do_HEAD = do_CONNECT = do_OPTIONS = respond  # noqa: N815

    def send(self, status: int, data: bytes, kind: str = "application/json", **headers: str) -> None:
        """Send one whole answer."""
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def begin(self) -> None:
        """Begin a stream."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True


class Server(ThreadingHTTPServer):
    """Listens on a free port of loopback while it is entered."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    records: list[bytes]

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), Handler)
        self.records = []
        self.closing = threading.Event()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what this is about."""

    def __enter__(self) -> Server:
        threading.Thread(target=self.serve_forever, args=(0.005,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self.shutdown()
        self.server_close()

    def answer(self, handler: Handler, data: bytes) -> None:
        """Answer as a healthy server of OpenAI's, Ollama's or Anthropic's interface does."""
        path = handler.path.split("?")[0]
        streams = b'"stream": true' in data or b'"stream":true' in data
        if handler.command == "CONNECT":
            handler.send(502, b"{}")
        elif path.endswith("/models"):
            handler.send(
                200, json.dumps({"object": "list", "data": [{"id": "m", "object": "model"}]}).encode()
            )
        elif path.endswith("/api/tags"):
            handler.send(200, b'{"models": [{"name": "m", "model": "m"}]}')
        elif path.endswith("/api/show"):
            handler.send(200, b'{"details": {"family": "llama"}, "model_info": {}}')
        elif path.endswith("/api/chat"):
            message = {"role": "assistant", "content": SAID}
            one = {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": True}
            handler.send(200, json.dumps(one).encode() + b"\n", "application/x-ndjson")
        elif path.endswith("/messages"):
            said = {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "stop_reason": "end_turn",
            }
            used = {"usage": {"input_tokens": 1, "output_tokens": 1}}
            handler.send(
                200, json.dumps({**said, **used, "content": [{"type": "text", "text": SAID}]}).encode()
            )
        elif streams:
            handler.begin()
            handler.wfile.writelines(events())
        elif handler.command == "POST":
            handler.send(200, json.dumps(chat()).encode())
        else:
            handler.send(404, b"{}")


class Cloud(Server):
    """Records each request to any host outside, by HTTP or by TLS, as a server and as a proxy."""

    def __init__(self) -> None:
        super().__init__()
        self.authority = trustme.CA()
        self.contexts: dict[str, ssl.SSLContext] = {}
        context = self.context("cloud.example")
        context.sni_callback = self.named
        self.secure = Server()
        self.secure.records = self.records
        self.secure.socket = context.wrap_socket(
            self.secure.socket, server_side=True, do_handshake_on_connect=False
        )

    def context(self, name: str) -> ssl.SSLContext:
        """Vouch for a name."""
        if name not in self.contexts:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.authority.issue_cert(name).configure_cert(context)
            self.contexts[name] = context
        return self.contexts[name]

    def named(self, connection: ssl.SSLObject, name: str | None, _: ssl.SSLContext) -> None:
        """Be whoever was asked for."""
        connection.context = self.context(name or "cloud.example")

    def __enter__(self) -> Cloud:
        super().__enter__()
        self.secure.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.secure.__exit__()
        super().__exit__()


class Local(Server):
    """Answers health checks, and fails at chats in the way of its fault."""

    STATUS: ClassVar[dict[str, int]] = {"400": 400, "500": 500}

    def __init__(self, fault: str, elsewhere: str, cloud_port: int = 0) -> None:
        super().__init__()
        self.fault, self.elsewhere, self.cloud_port = fault, elsewhere, cloud_port

    def answer(self, handler: Handler, data: bytes) -> None:
        """Fail where there is a chat to fail at."""
        fault = self.fault
        hosted = fault == "hosted model"
        if hosted and handler.path.endswith(("/api/tags", "/api/show")):
            remote = {"name": "m", "model": "m", "remote_host": "https://ollama.com:443", "remote_model": "m"}
            handler.send(200, json.dumps({**remote, "models": [remote]}).encode())
        elif handler.command != "POST" or handler.path.endswith("/api/show"):
            super().answer(handler, data)
        elif hosted:  # as Ollama does with what it has from elsewhere
            passed = http.client.HTTPConnection(LOOPBACK, self.cloud_port, timeout=5)
            passed.request("POST", handler.path, data, {"Content-Type": "application/json"})
            back = passed.getresponse()
            handler.send(back.status, back.read(), back.headers["Content-Type"])
            passed.close()
        elif fault == "redirect":
            handler.send(307, b"", Location=f"{self.elsewhere}{handler.path}")
        elif fault in self.STATUS:
            said = {"error": {"message": "no", "type": "invalid_request_error", "code": None, "param": None}}
            handler.send(self.STATUS[fault], json.dumps(said).encode())
        elif fault == "timeout":
            self.closing.wait(20)
        elif fault == "cut stream":
            handler.begin()
            handler.wfile.write(events()[0])
            handler.wfile.flush()
            time.sleep(0.05)
            reset(handler.connection)
        elif fault == "malformed stream":
            handler.begin()
            handler.wfile.write(BROKEN)
        else:
            super().answer(handler, data)


def reset(connection: socket.socket) -> None:
    """End a connection as a crash does."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """Hold a port of loopback at which nothing listens."""
    with socket.socket() as held:
        held.bind((LOOPBACK, 0))
        yield int(held.getsockname()[1])
