"""Bytes go to an allowed address and nowhere else, and a request ends in time, whatever the server does."""

from __future__ import annotations

import logging
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from typing import Any

import httpx
import pytest
import trustme

from snippets.hybrid.endpoint import LOOPBACK, Network
from snippets.hybrid.errors import HybridError, Kind
from snippets.hybrid.transport import Direct
from tests.hybrid.fakes import drip, reply, server

OK = reply(b'{"a": 1}')


def direct(seconds: float = 5, networks: Any = LOOPBACK, **rest: Any) -> Direct:
    return Direct(networks, seconds, time.monotonic, **rest)


def get(
    transport: Direct, port: int, host: str = "127.0.0.1", scheme: str = "http", content: bytes = b"body"
) -> httpx.Response:
    answer = transport.handle_request(
        httpx.Request("POST", f"{scheme}://{host}:{port}/v1/x?y", content=content)
    )
    answer.read()
    answer.close()
    return answer


def fails(kind: Kind, call: Callable[[], object]) -> HybridError:
    with pytest.raises(HybridError) as caught:
        call()
    assert caught.value.kind is kind
    assert caught.value.__context__ is None
    return caught.value


def test_what_is_asked_is_what_arrives() -> None:
    with server(OK) as (port, got):
        answer = get(direct(), port)
    assert (answer.status_code, answer.content) == (200, b'{"a": 1}')
    head, _, body = got[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /v1/x?y HTTP/1.1\r\n")
    assert body == b"body"


def test_an_ipv6_address_is_reached() -> None:
    with server(OK, host="::1") as (port, _):
        assert get(direct(), port, "[::1]").status_code == 200


@pytest.mark.parametrize(
    "networks", [(), (ip_network("10.0.0.0/8"),), (ip_network("::1/128"),), (ip_network("127.0.0.2/32"),)]
)
def test_an_address_that_is_not_allowed_is_not_connected(networks: tuple[Network, ...]) -> None:
    with server(OK) as (port, got):
        fails(Kind.ADDRESS, lambda: get(direct(networks=networks), port))
        time.sleep(0.05)
    assert got == []


def test_no_networks_means_any() -> None:
    with server(OK) as (port, _):
        assert get(direct(networks=None), port).status_code == 200


def lookups(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    asked: list[str] = []
    left = list(answers)

    def getaddrinfo(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        if host.startswith("127."):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))]
        asked.append(host)
        found = left.pop(0) if len(left) > 1 else left[0]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_is_looked_up_once_so_it_cannot_change_between(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = lookups(monkeypatch, ["127.0.0.1"], ["203.0.113.9"])
    with server(OK) as (port, got):
        assert get(direct(), port, "model.internal").status_code == 200
    assert asked == ["model.internal"]
    assert b"Host: model.internal" in got[0].replace(b"host:", b"Host:")


def test_where_nobody_listens_at_one_address_the_next_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    lookups(monkeypatch, ["127.0.0.3", "127.0.0.1"])
    with server(OK) as (port, got):
        assert get(direct(), port, "model.internal").status_code == 200
    assert len(got) == 1
    fails(Kind.CONNECT, lambda: get(direct(), port, "model.internal"))


@pytest.mark.parametrize(
    "addresses", [["203.0.113.9"], ["127.0.0.1", "203.0.113.9"], ["203.0.113.9", "127.0.0.1"]]
)
def test_all_that_a_name_stands_for_has_to_be_allowed(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    lookups(monkeypatch, addresses)
    with server(OK) as (port, got):
        fails(Kind.ADDRESS, lambda: get(direct(), port, "model.internal"))
    assert got == []


def test_a_name_that_is_not_known() -> None:
    fails(Kind.CONNECT, lambda: get(direct(), 1, "no-such-name.invalid"))


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    fails(Kind.CONNECT, lambda: get(direct(), port))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"])
def test_proxy_variables_are_not_read(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    with server(OK) as (port, got), server(OK) as (proxy, stolen):
        monkeypatch.setenv(variable, f"http://127.0.0.1:{proxy}")
        assert get(direct(), port).status_code == 200
    assert len(got) == 1
    assert stolen == []


@pytest.mark.parametrize(
    "status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"]
)
def test_redirects_are_not_followed(status: str) -> None:
    with server(OK) as (elsewhere, stolen):
        more = f"Location: http://127.0.0.1:{elsewhere}/v1/x\r\nSet-Cookie: a=b\r\n"
        with server(reply(b"", status, more=more)) as (port, _):
            answer = get(direct(), port)
    assert answer.status_code == int(status[:3])
    assert stolen == []


def test_a_cookie_is_not_kept() -> None:
    with server(reply(b"{}", more="Set-Cookie: session=1\r\n")) as (port, got):
        transport = direct()
        get(transport, port)
        get(transport, port)
    assert b"ookie" not in got[1]


def test_each_request_has_a_connection_of_its_own() -> None:
    with server(OK) as (port, got):
        transport = direct()
        for _ in range(3):
            get(transport, port)
    assert len(got) == 3


@contextmanager
def watched(answer: bytes) -> Iterator[int]:
    """A server that keeps its end of the connection open, and sees the other one close."""
    closed: list[bool] = []

    def wait(connection: socket.socket) -> None:
        connection.sendall(answer)
        closed.append(connection.recv(1) == b"")

    with server(wait) as (port, _):
        yield port
    assert closed == [True]


def test_a_connection_is_closed_when_its_answer_is_read() -> None:
    with watched(OK) as port:
        answer = get(direct(), port)
    assert answer.content == b'{"a": 1}'


def test_a_connection_is_closed_when_its_answer_is_left() -> None:
    with watched(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nx") as port:
        answer = direct().handle_request(httpx.Request("POST", f"http://127.0.0.1:{port}/"))
        answer.close()
    assert answer.is_closed


@pytest.mark.parametrize(
    "answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", b"no HTTP\r\n\r\n"]
)
def test_a_connection_is_closed_when_its_answer_fails(answer: bytes) -> None:
    with watched(answer) as port, pytest.raises(HybridError) as caught:
        get(direct(0.3), port)
    assert caught.value.kind in {Kind.TIMEOUT, Kind.CUT}


def timed(call: Callable[[], object], kind: Kind, most_s: float) -> None:
    start = time.monotonic()
    fails(kind, call)
    assert time.monotonic() - start < most_s


def test_a_server_that_says_nothing() -> None:
    def silent(connection: socket.socket) -> None:
        connection.recv(1)

    with server(silent) as (port, _):
        timed(lambda: get(direct(0.3), port), Kind.TIMEOUT, 1.5)


def test_a_server_that_drips_its_header() -> None:
    """Each byte comes in time; all of them would not."""
    with server(drip(OK, 0.05)) as (port, _):
        timed(lambda: get(direct(0.4), port), Kind.TIMEOUT, 1.5)


def test_a_server_that_drips_its_body() -> None:
    def body(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        drip(b"x" * 1_000, 0.05)(connection)

    with server(body) as (port, _):
        timed(lambda: get(direct(0.4), port), Kind.TIMEOUT, 1.5)


def test_a_server_that_reads_slowly() -> None:
    """There is always room for some more of the request, and never for all of it."""

    def sip(connection: socket.socket) -> bytes:
        while connection.recv(2**18):
            time.sleep(0.02)
        return b""

    with server(OK, read=sip) as (port, _):
        timed(lambda: get(direct(0.4), port, content=b"x" * 40_000_000), Kind.TIMEOUT, 1.5)


def test_time_that_is_used_up_before_it_begins() -> None:
    ticks = iter([0.0, 10.0, 20.0, 30.0, 40.0])
    with server(OK) as (port, got):
        transport = Direct(LOOPBACK, 5, lambda: next(ticks))
        fails(Kind.TIMEOUT, lambda: get(transport, port))
    assert got == []


def test_time_ends_with_the_last_moment() -> None:
    with server(OK) as (port, _):
        transport = Direct(LOOPBACK, 5, iter([0.0, 5.0]).__next__)
        fails(Kind.TIMEOUT, lambda: get(transport, port))
        transport = Direct(LOOPBACK, 5, iter([0.0, *[4.9] * 20]).__next__)
        assert get(transport, port).status_code == 200


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"this is not HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 200_000,
    ],
    ids=lambda data: repr(data[:40]),
)
def test_an_answer_that_breaks_off_or_is_none(answer: bytes) -> None:
    with server(answer) as (port, _):
        error = fails(Kind.CUT, lambda: get(direct(), port))
    assert "short" not in repr(error)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def context(authority: trustme.CA, name: str) -> ssl.SSLContext:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(name).configure_cert(tls)
    return tls


def test_a_certificate_has_to_match(
    authority: trustme.CA, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    lookups(monkeypatch, ["127.0.0.1"])
    with server(OK, context(authority, "model.internal")) as (port, got):
        assert get(direct(ca_file=str(file)), port, "model.internal", "https").status_code == 200
        fails(Kind.CERTIFICATE, lambda: get(direct(ca_file=str(file)), port, "other.internal", "https"))
        fails(Kind.CERTIFICATE, lambda: get(direct(), port, "model.internal", "https"))
    assert len(got) == 1


def test_a_server_without_tls_is_not_spoken_to_in_the_clear() -> None:
    with server(OK) as (port, got):
        fails(Kind.CONNECT, lambda: get(direct(), port, scheme="https"))
    assert all(b"body" not in one for one in got)


def test_what_was_sent_and_read_is_not_in_the_error() -> None:
    def cut(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\ncanary")

    with server(cut) as (port, _):
        error = fails(Kind.CUT, lambda: get(direct(), port))
    assert "canary" not in repr(vars(error)) + str(error)


def test_headers_of_an_answer_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with server(reply(b"{}", more="X-Echo: canary\r\n")) as (port, _):
        assert get(direct(), port).headers["x-echo"] == "canary"
    assert "canary" not in caplog.text
