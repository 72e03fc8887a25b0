"""The page's nginx and Caddy, run for real: the list is answered with a key, and nothing else is."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from snippets.data.small_model import read_small_model
from snippets.data.small_tokenizer import read_tokenizer
from snippets.model_formats.convert import build
from snippets.model_formats.gguf_writer import write_gguf
from snippets.operate import unit_policy
from tests.operate.proxies import (
    ALICE,
    BOB,
    ENGINE,
    FOLDER,
    KINDS,
    NAME,
    NEXT,
    Proxy,
    Recorder,
    configured,
    files_beside,
    free_port,
    llama,
    receive,
    recording,
    request,
    running,
    started,
)
from tests.pages.tools import tool

pytestmark = pytest.mark.skipif(
    "WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set: mutants are judged by what is quick"
)
CHAT = json.dumps({"messages": [{"role": "user", "content": "CANARY-CONTENT"}], "max_tokens": 4}).encode()
PROMPT = json.dumps({"prompt": "CANARY-CONTENT", "max_tokens": 4}).encode()
TEXT = json.dumps({"input": "CANARY-CONTENT"}).encode()
LISTED = {
    "GET /health": b"",
    "GET /v1/models": b"",
    "POST /v1/completions": PROMPT,
    "POST /v1/chat/completions": CHAT,
    "POST /v1/embeddings": TEXT,
}
# What engines open, ways around a list, and methods that the list does not have.
CLOSED = [
    *("/", "/props", "/slots", "/metrics", "/completion", "/tokenize", "/lora-adapters", "/v1", "/v1/"),
    *("/invocations", "/pause", "/update_weights", "/load", "/sleep", "/collective_rpc", "/api/tags"),
    *("//v1/models", "/v1//models", "/v1/models/", "/./v1/models", "/v1/../props", "/v1/../v1/models"),
    *("/props/../v1/models", "/v1/models/../../props", "/v1/%6dodels", "/v1%2fmodels", "/%2e%2e/props"),
    *("/V1/models", "/v1/MODELS", "/v1/models?x=1", "/v1/models?", "/v1/models;x", "/v1/models%00"),
    *("/v1/models%0a", "/v1/models%20", "/health/", "/v1/health", "/v1/modelsx", "/x/v1/models"),
]
METHODS = [
    "POST /v1/models",
    "DELETE /v1/models",
    "GET /v1/chat/completions",
    "PUT /v1/completions",
    "OPTIONS /v1/models",
    "HEAD /health",
    "TRACE /health",
    "get /v1/models",
    "PURGE /health",
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    path = tmp_path_factory.mktemp("engine") / "small.gguf"
    with path.open("wb") as file:
        write_gguf(file, *build(read_small_model(), read_tokenizer(), "small"))
    with llama(path) as port:
        yield port


@pytest.fixture(scope="module", params=KINDS)
def proxy(
    request: pytest.FixtureRequest, engine: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    changes = {"rate=60r/m": "rate=100r/s"} if request.param == "nginx" else {}
    folder = tmp_path_factory.mktemp(request.param) / "etc"
    with running(request.param, folder, engine, changes) as it:
        yield it


@pytest.mark.parametrize("line", LISTED)
def test_what_is_listed_is_answered_by_the_engine(proxy: Proxy, line: str) -> None:
    answer = proxy.ask(line, body=LISTED[line])
    assert answer.status == 200, answer.body
    assert b"{" in answer.body
    assert answer.headers["strict-transport-security"] == "max-age=31536000"


@pytest.mark.parametrize("path", CLOSED)
def test_nothing_else_is(proxy: Proxy, path: str) -> None:
    for method in ("GET", "POST"):
        body = PROMPT if method == "POST" else b""
        assert proxy.ask(f"{method} {path}", body=body).status in {400, 404}, method


@pytest.mark.parametrize("line", METHODS)
def test_a_method_is_listed_with_its_path(proxy: Proxy, line: str) -> None:
    assert proxy.ask(line).status in {400, 404, 405}


@pytest.mark.parametrize(
    "key", [None, "", "x", "a" * 47, "a" * 49, "A" * 48, "a" * 48 + " " + "b" * 48, ENGINE]
)
def test_without_a_key_each_path_gets_the_same_answer(proxy: Proxy, key: str | None) -> None:
    answers = [proxy.ask(line, key) for line in ("GET /v1/models", "GET /props", "POST /nothing")]
    assert {(answer.status, answer.body) for answer in answers} == {(401, b'{"error": "a key is needed"}')}
    shapes = [{name: text for name, text in answer.headers.items() if name != "date"} for answer in answers]
    assert shapes[0] == shapes[1] == shapes[2]


def test_a_key_comes_once_and_as_bearer(proxy: Proxy) -> None:
    for value in (ALICE, f"Basic {ALICE}", f"bearer {ALICE}", f"Bearer  {ALICE}", f"Bearer {ALICE}, x"):
        assert proxy.ask("GET /v1/models", None, headers={"Authorization": value}).status == 401, value
    assert proxy.ask("GET /v1/models", None, headers={"X-Api-Key": ALICE}).status == 401


def test_a_body_has_a_limit(proxy: Proxy) -> None:
    long = json.dumps({"prompt": "x" * (1 << 20)}).encode()
    assert proxy.ask("POST /v1/completions", body=long).status == 413
    short = json.dumps({"prompt": "x", "max_tokens": 1, "user": "x" * ((1 << 20) - 100)}).encode()
    assert proxy.ask("POST /v1/completions", body=short).status == 200


def test_a_stranger_does_not_learn_the_limit(proxy: Proxy) -> None:
    assert proxy.ask("POST /v1/completions", "x", body=b"x" * (1 << 21)).status == 401


def test_a_stream_of_the_engine_comes_piece_by_piece(proxy: Proxy) -> None:
    body = json.dumps({"prompt": "And", "max_tokens": 300, "stream": True, "ignore_eos": True}).encode()
    answer = proxy.ask("POST /v1/completions", body=body)
    assert answer.status == 200
    assert answer.body.count(b"data: ") > 100
    assert answer.first_s < answer.last_s / 2, (answer.first_s, answer.last_s)


def test_in_the_clear_there_is_a_redirect_and_none_for_a_key(proxy: Proxy) -> None:
    for key, status in ((None, 301), (ALICE, 403)):
        with socket.create_connection(("127.0.0.1", proxy.plain_port), timeout=5) as it:
            it.sendall(request("GET /v1/models", key, b""))
            answer = receive(it)
        assert answer.status == status
        assert answer.headers.get("location") == (None if key else f"https://{NAME}/v1/models")


def test_tls_is_of_today_and_for_one_name(proxy: Proxy) -> None:
    with pytest.raises(ssl.SSLError):
        proxy.connect("other.example")
    with proxy.connect() as it:
        assert it.version() == "TLSv1.3"
    stranger = ssl.create_default_context()
    plain = socket.create_connection(("127.0.0.1", proxy.port), timeout=5)
    with plain, pytest.raises(ssl.SSLCertVerificationError):
        stranger.wrap_socket(plain, server_hostname=NAME)


def test_what_is_logged_has_names_and_sizes_and_neither_keys_nor_content(proxy: Proxy) -> None:
    proxy.ask("POST /v1/chat/completions", body=CHAT, headers={"X-Note": "CANARY-HEADER"})
    proxy.ask("GET /v1/models?CANARY-QUERY")
    proxy.ask("GET /CANARY-PATH", "CANARY-KEY")
    proxy.ask("POST /v1/completions?CANARY-QUERY", body=b"CANARY-CONTENT" * 100_000)
    time.sleep(0.2)
    log = [json.loads(line) for line in proxy.log().splitlines()]
    assert any((e["client"], e["route"], e["status"]) == ("alice", "/v1/chat/completions", 200) for e in log)
    assert {401, 404, 413} <= {entry["status"] for entry in log}
    said = proxy.everything_said()
    assert all(secret not in said for secret in ("CANARY", ALICE, BOB, ENGINE))


@pytest.fixture(params=KINDS)
def slow(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Proxy, Recorder]]:
    """In front of an upstream with a quarter of a second between its pieces."""
    changes = {
        "nginx": {"client_header_timeout 10s": "client_header_timeout 1s"},
        "caddy": {
            "read_header 10s": "read_header 1s",
            "unhealthy_request_count 16": "unhealthy_request_count 3",
        },
    }[request.param]
    with (
        recording(0.25) as upstream,
        running(request.param, tmp_path / "etc", upstream.server_address[1], changes) as it,
    ):
        yield it, upstream


def test_pieces_are_passed_on_as_they_come_and_headers_are_not(slow: tuple[Proxy, Recorder]) -> None:
    proxy, upstream = slow
    noise = {
        "Cookie": "x",
        "X-Forwarded-For": "1.2.3.4",
        "X-HTTP-Method-Override": "DELETE",
        "X-Original-URL": "/props",
        "Forwarded": "for=1.2.3.4",
    }
    answer = proxy.ask("POST /v1/completions", body=PROMPT, headers=noise)
    assert answer.status == 200
    assert answer.last_s > 0.7
    assert answer.first_s < answer.last_s / 2
    assert not [name for name in answer.headers if name.startswith("access-control")]
    ((method, path, headers),) = upstream.seen
    assert (method, path) == ("POST", "/v1/completions")
    assert headers["authorization"] == f"Bearer {ENGINE}"
    assert headers["content-type"] == "application/json"
    passed = set(headers) - {"host", "authorization", "content-type", "content-length", "connection"}
    assert passed <= {"x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "user-agent", "via"}
    assert not set(noise.values()) & set(headers.values())


def test_more_than_a_share_at_once_is_refused_with_429(slow: tuple[Proxy, Recorder]) -> None:
    proxy, upstream = slow
    statuses = at_once(proxy, ALICE, 7)
    allowed = {"nginx": 4, "caddy": 3}[proxy.kind]
    assert sorted(statuses) == [200] * allowed + [429] * (7 - allowed)
    assert upstream.most == allowed
    assert proxy.ask("GET /health", BOB).status == 200


def at_once(proxy: Proxy, key: str, many: int) -> list[int]:
    statuses: list[int] = []
    started = count()

    def one() -> None:
        next(started)
        statuses.append(proxy.ask("GET /health", key).status)

    threads = [threading.Thread(target=one) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


def test_who_does_not_finish_asking_is_cut_off(slow: tuple[Proxy, Recorder]) -> None:
    proxy, _ = slow
    with proxy.connect() as it:
        it.sendall(b"GET /health HTTP/1.1\r\nHost:")
        began = time.monotonic()
        answer = receive(it)
    assert time.monotonic() - began < 3
    assert answer.status in {0, 400, 408}


def test_a_key_is_replaced_without_cutting_a_stream(slow: tuple[Proxy, Recorder]) -> None:
    proxy, upstream = slow
    with proxy.connect() as it:
        it.sendall(request("POST /v1/completions", ALICE, PROMPT))
        time.sleep(0.3)
        proxy.keys((ALICE, "alice"), (NEXT, "alice"), (BOB, "bob"))
        proxy.reload()
        streamed = receive(it)
    assert streamed.status == 200
    upstream.pause_s = 0
    assert streamed.body.count(b"data: ") == 4
    assert [proxy.ask("GET /health", key).status for key in (ALICE, NEXT, BOB)] == [200, 200, 200]
    proxy.keys((NEXT, "alice"), (BOB, "bob"))
    proxy.reload()
    assert [proxy.ask("GET /health", key).status for key in (ALICE, NEXT, BOB)] == [401, 200, 200]


def test_nginx_has_a_rate_for_each_user(tmp_path: Path) -> None:
    with recording() as upstream, running("nginx", tmp_path / "etc", upstream.server_address[1]) as it:
        statuses = [it.ask("GET /health").status for _ in range(26)]
        assert statuses[:21] == [200] * 21
        assert 429 in statuses[21:23]
        assert it.ask("GET /health", BOB).status == 200


@pytest.mark.parametrize("kind", KINDS)
def test_an_engine_that_is_down_is_an_error_and_no_other_path(kind: str, tmp_path: Path) -> None:
    with recording() as upstream:
        port = upstream.server_address[1]
    with running(kind, tmp_path / "etc", port) as it:
        assert it.ask("POST /v1/completions", body=PROMPT).status in {502, 503}
        assert "CANARY" not in it.everything_said()


def test_caddy_starts_where_the_page_puts_it_as_systemd_starts_it(tmp_path: Path) -> None:
    """The package's unit starts `caddy run --config /etc/caddy/Caddyfile` in /; the rest is in llm.conf."""
    unit = unit_policy.parse_service((FOLDER / "llm.conf").read_text())
    for key, parent in (("RuntimeDirectory", "run"), ("LogsDirectory", "var/log")):
        for name in unit.get(key, ()):
            (tmp_path / parent / name).mkdir(parents=True)
    etc = tmp_path / "etc" / "caddy"
    authority = files_beside(etc)
    ports = (free_port(), free_port(), free_port(), free_port())
    back = {
        f"{etc}/admin.sock": f"{tmp_path}/run/caddy/admin.sock",
        f"{etc}/log": f"{tmp_path}/var/log/caddy/log",
    }
    (etc / "Caddyfile").write_text(configured("caddy", etc, ports, back))
    working = tmp_path / unit["WorkingDirectory"][-1][1:] if "WorkingDirectory" in unit else Path("/")
    command = [tool("caddy"), "run", "--config", str(etc / "Caddyfile")]
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    with started(command, etc, working, ports[1]) as process:
        it = Proxy("caddy", etc, *ports[1:], trust, process)
        assert it.ask("GET /health", None).status == 401
        reload = ["caddy", "reload", "--config", str(etc / "Caddyfile"), "--force"]
        subprocess.run([tool("caddy"), *reload[1:]], cwd="/", check=True, capture_output=True, timeout=10)
    assert (tmp_path / "var/log/caddy/log").exists()


def test_a_stop_waits_for_the_longest_answer() -> None:
    """Caddy's package gives answers under way 5 s; the proxy gives the engine more than that."""
    unit = unit_policy.parse_service((FOLDER / "llm.conf").read_text())
    [answer] = re.findall(r"response_header_timeout (\d+)s", (FOLDER / "Caddyfile").read_text())
    assert int(unit["TimeoutStopSec"][0]) > int(answer)


def test_metrics_are_on_loopback_alone_and_nobody_is_asked_for_a_key_there(tmp_path: Path) -> None:
    files_beside(tmp_path / "etc")
    (tmp_path / "etc" / "Caddyfile").write_text((FOLDER / "Caddyfile").read_text())
    done = subprocess.run(
        [tool("caddy"), "adapt", "--config", "Caddyfile"],
        cwd=tmp_path / "etc",
        capture_output=True,
        text=True,
        check=True,
    )
    servers = json.loads(done.stdout)["apps"]["http"]["servers"]
    shown = {name: it["listen"] for name, it in servers.items() if '"metrics"' in json.dumps(it["routes"])}
    assert shown == {"metrics": ["127.0.0.1:2020"]}


def test_caddy_counts_what_became_of_each_request(slow: tuple[Proxy, Recorder]) -> None:
    """Refused for load is 429 to the caller and 503 in the count: it is among the failures."""
    proxy, _ = slow
    if proxy.kind == "nginx":
        pytest.skip("nginx has no such count")
    assert proxy.ask("GET /health", "x").status == 401
    assert proxy.ask("GET /nothing").status == 404
    assert sorted(at_once(proxy, ALICE, 5)) == [200] * 3 + [429] * 2
    count_of = counted(proxy)
    assert count_of == {"401": 1, "404": 1, "200": 3, "503": 2}


def counted(proxy: Proxy) -> dict[str, int]:
    """How many of each status the rules would see."""
    with urllib.request.urlopen(f"http://127.0.0.1:{proxy.metrics_port}/metrics", timeout=5) as it:
        text = it.read().decode()
    rows = re.findall(r"^caddy_http_request_duration_seconds_count\{(.*)\} (\d+)$", text, re.M)
    found: dict[str, int] = {}
    for labels, number in rows:
        if 'server="metrics"' not in labels:
            [code] = re.findall(r'code="(\d+)"', labels)
            found[code] = found.get(code, 0) + int(number)
    return found
