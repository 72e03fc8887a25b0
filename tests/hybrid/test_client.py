"""An answer is read with bounds, and what is no answer is a typed error without its content."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.hybrid.client import Said, chat, events, get, request, stream
from snippets.hybrid.errors import HybridError, Kind
from tests.hybrid.fakes import CLOUD, LOCAL, MESSAGE, USAGE, Recorder
from tests.hybrid.fakes import events as event_stream

CANARY = "canary-5e1"
GOOD = {"choices": [{"message": MESSAGE}], "usage": USAGE}


def server(answer: httpx.Response | Callable[[], httpx.Response]) -> Recorder:
    return Recorder(lambda _: answer() if callable(answer) else answer)


def json_answer(value: Any) -> httpx.Response:
    return httpx.Response(200, json=value)


def ask(answer: httpx.Response, most: int = 10_000) -> Said:
    return chat(server(answer), request(LOCAL, b"{}"), most)


def pieces(answer: httpx.Response, most: int = 10_000) -> list[Said]:
    return list(stream(server(answer), request(LOCAL, b"{}"), most))


def fails(kind: Kind, call: Callable[[], object], status: int | None = None) -> None:
    with pytest.raises(HybridError) as caught:
        call()
    assert (caught.value.kind, caught.value.status) == (kind, status)
    assert caught.value.__context__ is None
    assert CANARY not in repr(caught.value)


def test_a_request_has_these_headers_and_no_other() -> None:
    asked = request(CLOUD, b"body", "permit")
    assert dict(asked.headers) == {
        "host": "cloud.example",
        "content-type": "application/json",
        "accept-encoding": "identity",
        "connection": "close",
        "authorization": "Bearer cloud-key",
        "content-length": "4",
    }
    assert (asked.method, str(asked.url), asked.content) == ("POST", CLOUD.chat_url, b"body")
    assert asked.extensions["permit"] == "permit"
    assert "authorization" not in request(LOCAL, b"body").headers


def test_a_whole_answer() -> None:
    assert ask(json_answer(GOOD)) == Said(MESSAGE, 5, 7)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 0, "completion_tokens": 2**31 - 1}, (0, 2**31 - 1)),
        ({"prompt_tokens": -1, "completion_tokens": 2**31}, (None, None)),
        ({"prompt_tokens": True, "completion_tokens": 1.5}, (None, None)),
        ({"prompt_tokens": "5"}, (None, None)),
        ([], (None, None)),
        (None, (None, None)),
    ],
)
def test_counts_of_tokens_are_counts_or_nothing(usage: Any, counts: tuple[int | None, int | None]) -> None:
    said = ask(json_answer({**GOOD, "usage": usage}))
    assert (said.input_tokens, said.output_tokens) == counts


@pytest.mark.parametrize("status", [201, 204, 301, 307, 400, 401, 404, 429, 500, 503])
def test_every_status_but_200_is_a_failure(status: int) -> None:
    answer = httpx.Response(status, text=CANARY, headers={"location": f"http://{CANARY}/"})
    fails(Kind.STATUS, lambda: ask(answer), status)
    assert answer.is_closed


@pytest.mark.parametrize(
    ("said", "wait_s"),
    [
        *(("0", 0), ("7", 7), ("999999", 999_999), ("1000000", 0), ("-1", 0), ("1.5", 0), ("", 0)),
        *(("Wed, 25 Nov 2026 12:00:00 GMT", 0), ("٣", 0), (f"7{CANARY}", 0), ("7\n", 0)),
    ],
)
def test_a_server_says_in_seconds_when_to_come_again(said: str, wait_s: int) -> None:
    answer = httpx.Response(429, headers=[(b"retry-after", said.encode())])
    with pytest.raises(HybridError) as caught:
        ask(answer)
    assert (caught.value.status, caught.value.wait_s) == (429, wait_s)
    assert caught.value.args == (Kind.STATUS, 429, wait_s)


def test_a_server_need_not_say_when_to_come_again() -> None:
    with pytest.raises(HybridError) as caught:
        ask(httpx.Response(503))
    assert caught.value.wait_s == 0


@pytest.mark.parametrize("kind", ["text/html", "text/plain", "", "application/jsonp", "text/event-stream"])
def test_html_is_no_answer(kind: str) -> None:
    answer = httpx.Response(200, content=json.dumps(GOOD), headers={"content-type": kind})
    fails(Kind.NOT_JSON, lambda: ask(answer))
    assert answer.is_closed


def test_json_with_a_charset_is() -> None:
    kind = {"content-type": "application/json; charset=utf-8"}
    assert ask(httpx.Response(200, content=json.dumps(GOOD), headers=kind)).message == MESSAGE


def test_what_is_packed_is_not_unpacked() -> None:
    kind = {"content-type": "application/json", "content-encoding": "gzip"}
    fails(Kind.NOT_JSON, lambda: ask(httpx.Response(200, stream=httpx.ByteStream(b"x"), headers=kind)))


@pytest.mark.parametrize(
    "body",
    [
        f'{{"choices": "{CANARY}',
        f'"{CANARY}"',
        "[]",
        "{}",
        "null",
        '{"choices": {}}',
        '{"choices": {"a": 1}}',
        '{"choices": "x"}',
        '{"choices": []}',
        '{"choices": ["x"]}',
        '{"choices": [{}]}',
        '{"choices": [{"message": "x"}]}',
        '{"choices": [{"message": null}]}',
        "[" * 100_000,
        '{"a": ' * 20_000,
        "\x00",
        "",
    ],
    ids=lambda text: text[:30],
)
def test_an_answer_of_another_shape(body: str) -> None:
    answer = httpx.Response(200, content=body, headers={"content-type": "application/json"})
    fails(Kind.MALFORMED, lambda: ask(answer, 10**6))


@given(st.binary(max_size=300))
def test_any_bytes_are_an_answer_or_a_failure(body: bytes) -> None:
    def answer(kind: str) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(body), headers={"content-type": kind})

    with pytest.raises(HybridError):
        ask(answer("application/json"))
    try:
        pieces(answer("text/event-stream"))
    except HybridError:
        return
    assert b"[DONE]" in body


def test_an_answer_is_bounded() -> None:
    body = json.dumps(GOOD).encode()
    kind = {"content-type": "application/json"}
    assert ask(httpx.Response(200, content=body, headers=kind), len(body)).message == MESSAGE
    fails(Kind.TOO_LARGE, lambda: ask(httpx.Response(200, content=body, headers=kind), len(body) - 1))


class Endless(httpx.SyncByteStream):
    """A stream that does not end, and says how much was taken of it."""

    def __init__(self, piece: bytes) -> None:
        self.piece = piece
        self.taken = 0
        self.closed = False

    def __iter__(self) -> Any:
        while True:
            self.taken += len(self.piece)
            yield self.piece

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    "piece", [b"x", b"data: {}\n\n"[:6], b": keep-alive\n\n", b'data: {"choices": []}\n\n']
)
def test_an_endless_stream_is_left(piece: bytes) -> None:
    for kind, call in (("application/json", ask), ("text/event-stream", pieces)):
        endless = Endless(piece)
        answer = httpx.Response(200, stream=endless, headers={"content-type": kind})
        fails(Kind.TOO_LARGE, lambda: call(answer, 1_000))  # noqa: B023 (called at once)
        assert endless.taken <= 1_000 + len(piece)
        assert endless.closed


def test_a_stream_in_pieces_with_its_count_of_tokens() -> None:
    said = pieces(
        event_stream(
            [
                {"choices": [{"delta": {"role": "assistant"}}]},
                {"choices": [{"delta": {"content": "a"}}]},
                {"choices": [], "usage": USAGE},
            ]
        )
    )
    assert said == [Said({"role": "assistant"}), Said({"content": "a"}), Said({}, 5, 7)]


def raw(text: str | bytes) -> httpx.Response:
    data = text.encode() if isinstance(text, str) else text
    return httpx.Response(200, stream=httpx.ByteStream(data), headers={"content-type": "text/event-stream"})


@pytest.mark.parametrize(
    "text",
    [
        'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: [DONE]\n',
        'data:{"choices": [{"delta": {"content": "a"}}]}\r\n\r\ndata:[DONE]\r\n',
        ": comment\nevent: x\nid: 1\nretry: 5\n"
        'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: [DONE]\n',
    ],
)
def test_the_ways_in_which_events_may_be_written(text: str) -> None:
    assert [one.message for one in pieces(raw(text))] == [{"content": "a"}]


@pytest.mark.parametrize(
    "text", ["", 'data: {"choices": [{"delta": {}}]}\n\n', "data: [DON", "data: [DONE]", ": hello\n\n"]
)
def test_a_stream_without_its_end_is_cut(text: str) -> None:
    fails(Kind.CUT, lambda: pieces(raw(text)))


def test_what_comes_after_the_end_is_not_read() -> None:
    assert pieces(raw(f"data: [DONE]\n\ndata: {CANARY}\n\n")) == []


@pytest.mark.parametrize(
    "text",
    [
        f"data: {CANARY}\n\n",
        "data: []\n\n",
        "data: {}\n\n",
        'data: {"choices": [{}]}\n\n',
        'data: {"choices": [{"delta": "x"}]}\n\n',
        f"<html>{CANARY}</html>\n",
        f"{CANARY}: x\n",
    ],
)
def test_events_of_another_shape(text: str) -> None:
    fails(Kind.MALFORMED, lambda: pieces(raw(text + "data: [DONE]\n")))


@given(st.lists(st.integers(1, 7)))
def test_events_do_not_depend_on_how_they_are_cut(cuts: list[int]) -> None:
    data = 'data: {"a": "ü"}\n\ndata: 2\n\n: x\n\ndata: 3\n'.encode()
    parts, at = [], 0
    for cut in cuts:
        parts.append(data[at : at + cut])
        at += cut
    parts.append(data[at:])

    class Parts(httpx.SyncByteStream):
        def __iter__(self) -> Any:
            return iter(parts)

    answer = httpx.Response(200, stream=Parts())
    assert list(events(answer, 10_000)) == ['{"a": "ü"}'.encode(), b"2", b"3"]


def test_getting_an_object() -> None:
    recorder = server(json_answer({"a": 1}))
    assert get(recorder, CLOUD, "https://cloud.example/x", 100) == {"a": 1}
    assert (recorder.got[0].method, str(recorder.got[0].url)) == ("GET", "https://cloud.example/x")
    assert recorder.got[0].headers["authorization"] == "Bearer cloud-key"
    fails(Kind.STATUS, lambda: get(server(httpx.Response(302)), CLOUD, "https://cloud.example/x", 100), 302)


@pytest.mark.parametrize("kind", ["text/html", "application/json"])
def test_what_is_refused_is_closed(kind: str) -> None:
    endless = Endless(b"x")
    status = 200 if kind == "text/html" else 500
    with pytest.raises(HybridError):
        ask(httpx.Response(status, stream=endless, headers={"content-type": kind}))
    assert endless.closed
    assert endless.taken == 0


def test_a_stream_is_bounded_to_the_byte() -> None:
    text = "data: [DONE]\n"
    assert pieces(raw(text), len(text)) == []
    fails(Kind.TOO_LARGE, lambda: pieces(raw(text), len(text) - 1))


@pytest.mark.timeout(60)
def test_a_long_line_in_small_pieces_is_put_together_once() -> None:
    """A million pieces take a second; to copy what came before at each of them, minutes."""
    sent = b"data: " + b"x" * 1_000_000

    def drip() -> Iterator[bytes]:
        yield from (sent[at : at + 1] for at in range(len(sent)))

    answer = httpx.Response(200, content=drip(), headers={"content-type": "text/event-stream"})
    fails(Kind.CUT, lambda: pieces(answer, 10**7))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ReadTimeout(CANARY), Kind.TIMEOUT),
        (httpx.PoolTimeout(CANARY), Kind.TIMEOUT),
        (httpx.ConnectError(CANARY), Kind.CONNECT),
        (httpx.ReadError(CANARY), Kind.CUT),
        (ValueError(CANARY), Kind.CUT),
        (HybridError(Kind.CERTIFICATE), Kind.CERTIFICATE),
    ],
)
def test_what_a_transport_raises_is_named(error: Exception, kind: Kind) -> None:
    def raises(_: httpx.Request) -> httpx.Response:
        raise error

    fails(kind, lambda: chat(Recorder(raises), request(LOCAL, b"{}"), 10))

    def breaks() -> Iterator[bytes]:
        yield b"{"
        raise error

    for call, media in ((ask, "application/json"), (pieces, "text/event-stream")):
        answer = httpx.Response(200, content=breaks(), headers={"content-type": media})
        fails(kind, partial(call, answer))
        assert answer.is_closed


def test_media_types_ignore_case() -> None:
    answer = httpx.Response(
        200, content=json.dumps(GOOD), headers={"content-type": "Application/JSON; charset=utf-8"}
    )
    assert ask(answer).message == MESSAGE
