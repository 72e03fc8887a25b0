"""The configurations of the page, run for real on loopback: nginx, Caddy, and what stands behind them."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import trustme

from tests.pages.collect import ROOT
from tests.pages.tools import need, tool

FOLDER = ROOT / "snippets" / "operate" / "serve_a_team"
NAME = "llm.example"
ALICE, BOB, NEXT, ENGINE = ("a" * 48, "b" * 48, "c" * 48, "e" * 48)
KINDS = ("nginx", "caddy")


class Answer(NamedTuple):
    """What came back, and when its first and last pieces of a body did."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    first_s: float
    last_s: float


class Proxy(NamedTuple):
    """One that runs."""

    kind: str
    folder: Path
    port: int
    plain_port: int
    metrics_port: int
    trust: ssl.SSLContext
    process: subprocess.Popen[bytes]

    def connect(self, name: str = NAME, seconds: float = 10) -> ssl.SSLSocket:
        plain = socket.create_connection(("127.0.0.1", self.port), timeout=seconds)
        return self.trust.wrap_socket(plain, server_hostname=name)

    def ask(
        self,
        line: str,
        key: str | None = ALICE,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request line as it stands, and read until the other side closes."""
        with self.connect() as it:
            with suppress(OSError):  # who refuses a body need not read it
                it.sendall(request(line, key, body, headers))
            return receive(it)

    def log(self) -> str:
        file = self.folder / "log"
        return file.read_text() if file.exists() else ""

    def everything_said(self) -> str:
        return self.log() + (self.folder / "said").read_text()

    def keys(self, *pairs: tuple[str, str]) -> None:
        """Write the file of keys as the page does."""
        write_keys(self.folder, *pairs)

    def reload(self) -> None:
        if self.kind == "nginx":
            self.process.send_signal(signal.SIGHUP)
            time.sleep(0.3)
        else:
            command = [tool("caddy"), "reload", "--config", "Caddyfile", "--force"]
            subprocess.run(command, cwd=self.folder, check=True, capture_output=True, timeout=10)


def request(line: str, key: str | None, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
    fields = {"Host": NAME, "Connection": "close"}
    if key is not None:
        fields["Authorization"] = f"Bearer {key}"
    if body:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(body))}
    fields |= headers or {}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{line} HTTP/1.1\r\n{head}\r\n".encode() + body


def receive(it: socket.socket) -> Answer:
    began = time.monotonic()
    data, first = b"", 0.0
    while True:
        try:
            piece = it.recv(65_536)
        except (ConnectionResetError, ssl.SSLEOFError):
            break
        if not piece:
            break
        data += piece
        if not first and data.partition(b"\r\n\r\n")[2]:
            first = time.monotonic() - began
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    status = int(lines[0].split()[1]) if lines[0] else 0
    fields = dict(line.lower().split(": ", 1) for line in lines[1:])
    return Answer(status, fields, body, first, time.monotonic() - began)


def free_port() -> int:
    with socket.socket() as it:
        it.bind(("127.0.0.1", 0))
        return int(it.getsockname()[1])


def write_keys(folder: Path, *pairs: tuple[str, str]) -> None:
    nginx = "".join(f'"~^Bearer {key}$" {name};\n' for key, name in pairs)
    caddy = "".join(f'"Bearer {key}" {name}\n' for key, name in pairs)
    (folder / "llm" / "keys.map").write_text(nginx)
    (folder / "llm" / "keys.caddy").write_text(caddy)


def configured(kind: str, folder: Path, ports: tuple[int, int, int, int], changes: Mapping[str, str]) -> str:
    """The page's configuration; what has to differ on loopback is here, and each of it stood there."""
    upstream, tls, plain, metrics = ports
    text = (FOLDER / ("nginx.conf" if kind == "nginx" else "Caddyfile")).read_text()
    swaps = {
        "nginx": {
            "user www-data;": f"pid {folder}/pid; daemon off;",
            "127.0.0.1:8080": f"127.0.0.1:{upstream}",
            "listen 443 ssl": f"listen 127.0.0.1:{tls} ssl",
            "listen 80 ": f"listen 127.0.0.1:{plain} ",
            "/var/log/nginx/llm.log": f"{folder}/log",
            "worker_processes auto": "worker_processes 1",
            "  server_tokens off;": f"  server_tokens off;\n{temporary(folder)}",
        },
        "caddy": {
            "admin unix//run/caddy/admin.sock": f"default_bind 127.0.0.1\nadmin unix/{folder}/admin.sock",
            "127.0.0.1:8080": f"127.0.0.1:{upstream}",
            "https_port 443": f"https_port {tls}",
            "http_port 80": f"http_port {plain}",
            "127.0.0.1:2020": f"127.0.0.1:{metrics}",
            "/var/log/caddy/llm.log": f"{folder}/log",
        },
    }[kind]
    for old, new in {**swaps, **changes}.items():
        assert old in text, f"{old!r} is not in the configuration any more"
        text = text.replace(old, new)
    return text


def temporary(folder: Path) -> str:
    names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return "".join(f"  {name}_temp_path {folder}/{name};\n" for name in names)


@contextmanager
def running(
    kind: str, folder: Path, upstream: int, changes: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """A proxy in front of a port; ended in any case."""
    authority = files_beside(folder)
    ports = (upstream, free_port(), free_port(), free_port())
    text = configured(kind, folder, ports, changes or {})
    file = folder / ("nginx.conf" if kind == "nginx" else "Caddyfile")
    file.write_text(text)
    command = {
        "nginx": lambda: [need("nginx"), "-e", "stderr", "-p", str(folder), "-c", str(file)],
        "caddy": lambda: [tool("caddy"), "run", "--config", str(file)],
    }[kind]()
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with started(command, folder, folder, ports[1]) as process:
        yield Proxy(kind, folder, *ports[1:], trust, process)


def files_beside(folder: Path) -> trustme.CA:
    """The files in llm: a certificate, and the keys."""
    (folder / "llm").mkdir(parents=True)
    authority = trustme.CA()
    issued = authority.issue_cert(NAME)
    issued.private_key_pem.write_to_path(folder / "llm" / "cert.key")
    for pem in issued.cert_chain_pems:
        pem.write_to_path(folder / "llm" / "cert.pem", append=True)
    write_keys(folder, (ALICE, "alice"), (BOB, "bob"))
    (folder / "llm" / "engine-key.conf").write_text(f'proxy_set_header Authorization "Bearer {ENGINE}";\n')
    (folder / "llm" / "engine-key.caddy").write_text(f'header_up Authorization "Bearer {ENGINE}"\n')
    return authority


@contextmanager
def started(command: list[str], folder: Path, working: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that has this working directory and listens; what it says is in a file of the folder."""
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(command, cwd=working, stdout=said, stderr=said, env=home)
        try:
            wait(port, folder, process)
            yield process
        finally:
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def wait(port: int, folder: Path, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        if process.poll() is not None:
            break
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"it does not listen: {(folder / 'said').read_text()}")


class Recorder(ThreadingHTTPServer):
    """An upstream that remembers what reached it and answers slowly, piece by piece."""

    daemon_threads = True
    pieces = 4
    pause_s = 0.0

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.most = self.now = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorder

    def answer(self) -> None:
        it = self.server
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with it.lock:
            it.seen.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}))
            it.now += 1
            it.most = max(it.most, it.now)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for number in range(it.pieces):
            if number:
                time.sleep(it.pause_s)
            piece = f"data: {json.dumps(number)}\n\n".encode()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        with it.lock:
            it.now -= 1
        self.wfile.write(b"0\r\n\r\n")

    do_GET = do_POST = answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@contextmanager
def recording(pause_s: float = 0) -> Iterator[Recorder]:
    server = Recorder()
    server.pause_s = pause_s
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


@contextmanager
def llama(path: Path) -> Iterator[int]:
    """llama.cpp's server with its doors as they are by default, and a key."""
    library: Any = import_module("xllamacpp")
    asked = library.CommonParams()
    asked.model.path = str(path)
    asked.hostnames = ["127.0.0.1"]
    asked.port = 0
    asked.api_keys = [ENGINE]
    asked.n_parallel = 2
    asked.n_ctx = 1_024
    asked.cpuparams.n_threads = 1
    asked.verbosity = 0
    asked.embedding = True
    asked.pooling_type = library.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    asked.warmup = False
    server = library.Server(asked)
    yield int(str(server.listening_address).rsplit(":", 1)[1])
    del server
