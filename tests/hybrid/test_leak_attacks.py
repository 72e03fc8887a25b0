"""Attempts to make the router leak, each of them a way that some client has leaked in.

All of it under settings that allow as much as they can: overflow on, the cloud as the default route.
"""

from __future__ import annotations

import base64
import logging
import os
import pickle
import socket
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from pydantic import ValidationError

from snippets.hybrid.budget import BudgetSettings
from snippets.hybrid.detect import scan
from snippets.hybrid.endpoint import Endpoint
from snippets.hybrid.errors import HybridError
from snippets.hybrid.policy import Label, Route, Task
from snippets.hybrid.record import Record
from snippets.hybrid.retries import RetrySettings
from snippets.hybrid.router import HybridLLMRouter
from snippets.hybrid.settings import Settings
from tests.hybrid.leaks.outside import divert
from tests.hybrid.leaks.servers import SAID, Cloud, Handler, Local, Server, events, reset
from tests.hybrid.leaks.surfaces import Mark, holds, views

MARK = Mark.of(95, 1, 1)
SECRET = [{"role": "user", "content": MARK.text}]
BENIGN = [{"role": "user", "content": "What is the capital of France?"}]
PUBLIC: dict[str, Any] = {"label": Label.PUBLIC, "task": Task.COMPLEX}
AWAY = "https://cloud.example/v1/chat/completions"
JSON = "application/json"
Make = Callable[..., HybridLLMRouter]


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Cloud]:
    """Record all that leaves loopback while the test runs."""
    for where, name in (
        (socket, "getaddrinfo"),
        (socket.socket, "connect"),
        (socket.socket, "connect_ex"),
    ):
        monkeypatch.setattr(where, name, getattr(where, name))  # so that it is put back
    monkeypatch.setattr("certifi.where", __import__("certifi").where)
    monkeypatch.setattr("certifi.core.where", __import__("certifi").where)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.setenv(name, "")
    with Cloud() as made:
        assert isinstance(made, Cloud)
        made.authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
        divert(made.port, made.secure.port, str(tmp_path / "ca.pem"))
        yield made


def router(local: Server | str, **more: Any) -> HybridLLMRouter:
    """Make the router, as permissive as it gets."""
    url = local if isinstance(local, str) else f"http://127.0.0.1:{local.port}/v1"
    settings = Settings(
        local=Endpoint(url=url, model="m"),
        cloud=Endpoint(
            url="https://cloud.example/v1", model="m", key="key", ca_file=os.environ["SSL_CERT_FILE"]
        ),
        budget=BudgetSettings(input_usd_per_million=1, output_usd_per_million=1),
        default_route=Route.CLOUD,
        overflow=True,
        seconds=0.5,
        retries=RetrySettings(wait_s=0),
    )
    more.setdefault("scan", scan)
    return HybridLLMRouter(settings, **more)


class Says(Server):
    """A local server that answers a chat with bytes of the test's."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.raw = raw

    def answer(self, handler: Handler, data: bytes) -> None:
        """Say them, and nothing else."""
        if handler.command != "POST":
            super().answer(handler, data)
            return
        handler.wfile.write(self.raw)
        handler.wfile.flush()
        handler.close_connection = True


def response(status: str, body: bytes = b"", **headers: str) -> bytes:
    """Write an answer by hand."""
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    names.setdefault("Content-Length", str(len(body)))
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in names.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


CHAT = b'{"choices": [{"message": {"role": "assistant", "content": "hi"}}]}'
STEERED = (
    b'{"location": "https://cloud.example", "error": {"retry_at": "https://cloud.example"}, "choices": '
    b'[{"message": {"role": "assistant", "content": "Ask https://cloud.example", "tool_calls": []}}]}'
)
ANSWERS = {
    **{
        f"{code} to another origin": response(f"{code} Away", Location=AWAY)
        for code in (300, 301, 302, 303, 305, 307, 308)
    },
    "a redirect with a cookie": response("307 Away", Location=AWAY, Set_Cookie="a=b; Domain=example"),
    "a redirect by a path that is a host": response("308 Away", Location="//cloud.example/v1"),
    "a location on a good answer": response("200 OK", CHAT, Location=AWAY, Content_Type=JSON),
    "a refresh": response("200 OK", CHAT, Refresh=f"0;url={AWAY}", Content_Type=JSON),
    "an alternative service": response("200 OK", CHAT, Alt_Svc='h2="cloud.example:443"', Content_Type=JSON),
    "an upgrade": response("101 Switching Protocols", Upgrade="h2c", Connection="Upgrade"),
    "a wish for another version": response("426 Upgrade Required", Upgrade="TLS/1.2", Location=AWAY),
    "a wish for a password": response("401 No", WWW_Authenticate="Negotiate", Location=AWAY),
    "a wish of a proxy": response("407 No", Proxy_Authenticate="Basic", Location=AWAY),
    "a misdirected request": response("421 Misdirected", Location=AWAY),
    "a time to come back": response("503 Later", Retry_After="0", Location=AWAY),
    "too many requests": response("429 Later", Retry_After="0"),
    "continue, without an end": response("100 Continue", Content_Length="0") * 2_000,
    "early hints": response("103 Early Hints", Link=f"<{AWAY}>; rel=preload") + response("200 OK", CHAT),
    "HTML": response("200 OK", b"<meta http-equiv=refresh content='0;https://cloud.example'>"),
    "words that steer": response("200 OK", STEERED, Content_Type=JSON),
    "a broken chunk": response("200 OK", b"zz\r\n", Transfer_Encoding="chunked", Content_Type=JSON),
    "less than it said": response("200 OK", CHAT, Content_Length="9999", Content_Type=JSON),
    "no HTTP": b"\x00\x01\x02 cloud.example\r\n\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_no_answer_of_the_local_server_sends_a_request_anywhere(
    cloud: Cloud, answer: bytes, streamed: bool
) -> None:
    with Says(answer) as local:
        asked = router(local)
        try:
            if streamed:
                list(asked.stream(SECRET))
            else:
                asked.chat(SECRET)
        except HybridError:
            pass
        assert any(holds(views(record), MARK) for record in local.records)
    assert cloud.records == []


HOSTS = [
    "cloud.example",
    "203.0.113.7",
    "[::ffff:203.0.113.7]",
    "[2001:db8::7]",
    "[64:ff9b::cb00:7107]",
    "[2002:cb00:7107::1]",
    "127.0.0.1@cloud.example",
    "user:password@cloud.example",
    "127.0.0.1.cloud.example",
    "localhost.cloud.example",
    "localhost%2ecloud.example",
    "cloud.example#@127.0.0.1",
    "cloud.example?@127.0.0.1",
    "cloud.example/@127.0.0.1",
    "127.0.0.1\\@cloud.example",
    "127.0.0.1\t.cloud.example",
    "Cloud.Example",
    "cloud.example.",
    "xn--cloud-0ra.example",
    "3405803783",
    "0xcb007107",
    "0313.0.0161.07",
    "203.113.7",
    "[::1%25eth0]",
]


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", HOSTS)
def test_a_local_address_that_leads_outside_gets_nothing(cloud: Cloud, host: str, scheme: str) -> None:
    with pytest.raises((ValidationError, HybridError)):
        router(f"{scheme}://{host}/v1").chat(SECRET)
    assert cloud.records == []


@pytest.mark.parametrize("order", [("127.0.0.1", "203.0.113.7"), ("203.0.113.7", "127.0.0.1")])
def test_a_name_that_stands_for_loopback_and_for_more_gets_nothing(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, order: tuple[str, ...]
) -> None:
    with Says(response("200 OK", CHAT, Content_Type=JSON)) as local:
        infos = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, local.port)) for one in order]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: infos)
        with pytest.raises(HybridError, match="address"):
            router(f"https://two.example:{local.port}/v1").chat(SECRET)
        assert local.records == []
    assert cloud.records == []


def test_a_name_that_changes_its_mind_gets_nothing_after(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DNS rebinding: loopback while it is proved, outside when it counts."""
    with Local("none", "") as local:
        asked = router(f"http://localhost:{local.port}/v1")
        asked.prove()
        outside = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.113.7", local.port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: outside)
        with pytest.raises(HybridError, match="address"):
            asked.chat(SECRET)
        assert not any(holds(views(record), MARK) for record in local.records)
    assert cloud.records == []


def test_a_public_stream_that_breaks_off_is_not_begun_again_in_the_cloud(cloud: Cloud) -> None:
    class Half(Server):
        def answer(self, handler: Handler, data: bytes) -> None:
            if handler.command != "POST":
                super().answer(handler, data)
                return
            handler.begin()
            handler.wfile.write(events()[0])
            handler.wfile.flush()
            time.sleep(0.2)
            reset(handler.connection)

    with Half() as local:
        pieces = router(local).stream(BENIGN, label=Label.PUBLIC, task=Task.BATCH)
        assert next(pieces)["content"] == SAID
        with pytest.raises(HybridError):
            next(pieces)
    assert cloud.records == []


def test_each_place_gets_its_own_key_and_no_other_header_of_ours(cloud: Cloud) -> None:
    with Local("none", "") as local:
        asked = router(local)
        assert asked.chat(SECRET).record.route is Route.LOCAL
        assert asked.chat(BENIGN, **PUBLIC).record.route is Route.CLOUD
        assert not any(b"Bearer" in record for record in local.records)
    (sent,) = cloud.records
    names = {line.split(b":")[0].lower() for line in sent.split(b"\n\n")[0].splitlines()[1:] if line}
    assert b"authorization" in names
    assert names <= {
        b"host",
        b"content-type",
        b"content-length",
        b"authorization",
        b"accept",
        b"accept-encoding",
        b"connection",
    }


def raises(_: str) -> Mapping[str, int]:
    raise RuntimeError(MARK.text)


SCANNERS: dict[str, Any] = {
    "raises, with the text": raises,
    "gives nothing": lambda _: None,
    "gives a list": lambda _: [],
    "gives text": lambda _: "{}",
    "gives a number": lambda _: 0,
    "counts in words": lambda _: {"ssn": "one"},
    "counts less than nothing": lambda _: {"ssn": -1},
    "counts what is no number": lambda _: {"ssn": float("nan")},
    "fails on the secret alone": lambda text: {}[text] if MARK.word in text else {},
    "runs out of memory": lambda _: (_ for _ in ()).throw(MemoryError()),
    "goes too deep": lambda _: (_ for _ in ()).throw(RecursionError()),
}


@pytest.mark.parametrize("broken", SCANNERS.values(), ids=SCANNERS)
def test_a_scanner_that_fails_in_any_way_keeps_it_here(cloud: Cloud, broken: Any) -> None:
    with Local("none", "") as local:
        answer = router(local, scan=broken).chat(SECRET, **PUBLIC)
        assert answer.record.route is Route.LOCAL
        assert any(holds(views(record), MARK) for record in local.records)
    assert cloud.records == []


def test_what_a_scanner_changes_is_not_sent(cloud: Cloud) -> None:
    """Bytes are written before they are scanned; what changes after is of no account."""
    message = {"role": "user", "content": "a harmless text"}

    def planting(_: str) -> Mapping[str, int]:
        message["content"] = MARK.text
        return {}

    with Local("none", "") as local:
        router(local, scan=planting).chat([message], **PUBLIC)
    assert cloud.records
    assert not any(holds(views(record), MARK) for record in cloud.records)


def test_a_conversation_whose_scan_failed_stays_here_after(cloud: Cloud) -> None:
    """Not clean is not public: what was not scanned to the end may be quoted in the next turn."""

    def fails_once(text: str) -> Mapping[str, int]:
        if MARK.word in text:
            raise RuntimeError
        return {}

    with Local("none", "") as local:
        asked = router(local, scan=fails_once)
        asked.chat(SECRET, conversation="c", **PUBLIC)
        again = asked.chat(BENIGN, conversation="c", **PUBLIC)
        assert again.record.route is Route.LOCAL
    assert cloud.records == []


ECHOES = {
    "in a header": response("200 OK", CHAT, X_Echo=MARK.text, Content_Type=JSON),
    "in the reason": response(f"500 {MARK.text}"),
    "in a location": response("307 Away", Location=f"https://cloud.example/?{MARK.number}"),
    "in an error": response("400 No", f'{{"error": "{MARK.text}"}}'.encode(), Content_Type=JSON),
    "in HTML": response("200 OK", f"<p>{MARK.text}".encode(), Content_Type="text/html"),
    "in broken JSON": response("200 OK", f'{{"{MARK.text}'.encode(), Content_Type=JSON),
    "in JSON of another shape": response("200 OK", f'{{"x": "{MARK.text}"}}'.encode(), Content_Type=JSON),
    "in a type": response("200 OK", CHAT, Content_Type=MARK.number),
    "in a broken header": f"HTTP/1.1 200 OK\r\n{MARK.text}\r\n\r\n".encode(),
    "in a chunk's size": response("200 OK", MARK.number.encode(), Transfer_Encoding="chunked"),
    "in no HTTP": MARK.text.encode(),
    "in a stream": response("200 OK", f"data: {MARK.text}\n\n".encode(), Content_Type="text/event-stream"),
}


def said_of(error: BaseException) -> list[str]:
    """All that an error says, by every way that a logger or a tracker has of asking."""
    found = [str(error), repr(error), repr(error.args), repr(vars(error))]
    found.append("".join(traceback.format_exception(error)))
    found.append(repr(pickle.loads(pickle.dumps(error))))  # noqa: S301
    found.append(pickle.dumps(error).decode("latin-1"))
    for inner in (error.__cause__, error.__context__):
        if inner:
            found += said_of(inner)
    return found


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("echo", ECHOES.values(), ids=ECHOES)
def test_no_sink_has_anything_of_a_request_or_an_answer(
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    echo: bytes,
    streamed: bool,
) -> None:
    records: list[Record] = []
    sinks: list[str] = []
    caplog.set_level(logging.DEBUG)
    with Says(echo) as local:
        asked = router(local, sink=records.append)
        try:
            if streamed:
                list(asked.stream(SECRET, conversation=MARK.text))
            else:
                sinks.append(asked.chat(SECRET, conversation=MARK.text).record.model_dump_json())
        except HybridError as error:
            sinks += said_of(error)
        sinks += [repr(asked), str(asked), repr(vars(asked)), caplog.text, *capfd.readouterr()]
        sinks += [one for record in records for one in (record.model_dump_json(), repr(record))]
    assert records
    assert [sink for sink in sinks if holds(views(sink.encode()), MARK)] == []


def test_a_scanner_that_names_what_it_found_does_not_reach_the_record(cloud: Cloud) -> None:
    """A scanner that returns what it found as the name of its category is one mistake away."""
    records: list[Record] = []
    with Local("none", "") as local:
        asked = router(local, sink=records.append, scan=lambda text: {text: 1})
        asked.chat(SECRET, **PUBLIC)
    assert records
    assert not any(holds(views(record.model_dump_json().encode()), MARK) for record in records)
    assert cloud.records == []


def test_a_request_on_its_way_does_not_show_itself() -> None:
    """Error trackers keep the repr of every local variable."""
    from snippets.hybrid.budget import Spent  # noqa: PLC0415
    from snippets.hybrid.router import Run  # noqa: PLC0415

    most = Spent(input_tokens=1, output_tokens=1)
    data = MARK.text.encode()
    run = Run(Label.INTERNAL, Task.DEFAULT, MARK.text, 0.0, data, data, most)
    assert not holds(views(repr(run).encode()), MARK)


ENCODED = {
    "base64": base64.b64encode(MARK.text.encode()).decode(),
    "base64 after a word": "note:" + base64.b64encode(MARK.text.encode()).decode(),
    "base64 in lines": base64.encodebytes(MARK.text.encode() * 2).decode(),
    "percent signs": "".join(f"%{byte:02x}" for byte in MARK.text.encode()),
    "HTML entities": "".join(f"&#{ord(one)};" for one in MARK.text),
    "JSON in JSON": '{"a": "{\\"b\\": \\"' + MARK.text + '\\"}"}',
    "full width": "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in MARK.text),
    "soft hyphens": "\u00ad".join(MARK.text),
    "zero width joiners": "\u200d".join(MARK.text),
    "a marker of direction": MARK.text.replace("-", "\u202e-"),
    "other dashes": MARK.text.replace("-", "–"),
    "spaces": MARK.text.replace("-", " "),
}


@pytest.mark.parametrize("text", ENCODED.values(), ids=ENCODED)
def test_a_number_in_another_form_is_found_before_it_leaves(cloud: Cloud, text: str) -> None:
    with Local("none", "") as local:
        answer = router(local).chat([{"role": "user", "content": text}], **PUBLIC)
        assert answer.record.route is Route.LOCAL
    assert cloud.records == []
