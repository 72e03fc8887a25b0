"""The gate sends what it gave a permit for, once, there, and nothing else."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from snippets.hybrid.client import request
from snippets.hybrid.errors import HybridError, Kind
from snippets.hybrid.gate import Gate, Permit
from snippets.hybrid.policy import Label
from snippets.hybrid.surface import seal
from tests.hybrid.fakes import CLOUD, Recorder, ask

BODY = seal({"messages": ask()})


def nothing(_: str) -> Mapping[str, int]:
    return {}


def gate(scan: Any = nothing) -> tuple[Gate, Recorder]:
    recorder = Recorder()
    return Gate(recorder, CLOUD.chat_url, scan), recorder


def refused(gate: Gate, asked: httpx.Request) -> None:
    with pytest.raises(HybridError) as caught:
        gate.handle_request(asked)
    assert caught.value.kind is Kind.REFUSED


def test_what_has_a_permit_is_sent() -> None:
    """The positive control: public data does reach the cloud."""
    out, cloud = gate()
    answer = out.handle_request(request(CLOUD, BODY, out.permit(BODY, Label.PUBLIC)))
    assert answer.status_code == 200
    assert [one.content for one in cloud.got] == [BODY]
    assert cloud.got[0].url == CLOUD.chat_url
    assert cloud.got[0].headers["authorization"] == "Bearer cloud-key"


@pytest.mark.parametrize("label", [Label.INTERNAL, Label.SENSITIVE, "public", None, True])
def test_what_is_not_labeled_public_gets_no_permit(label: Any) -> None:
    """With a text in which no scan could find anything."""
    out, _ = gate()
    with pytest.raises(HybridError) as caught:
        out.permit(BODY, label)
    assert caught.value.kind is Kind.REFUSED


def test_what_is_found_gets_no_permit() -> None:
    out, _ = gate(lambda text: {"x": 1} if text == "hello" else {})
    with pytest.raises(HybridError):
        out.permit(BODY, Label.PUBLIC)


@pytest.mark.parametrize(
    "error", [RuntimeError("hello"), TimeoutError(), MemoryError(), HybridError(Kind.CUT)]
)
def test_a_scan_that_fails_gives_no_permit_and_no_trace(error: Exception) -> None:
    def broken(_: str) -> Mapping[str, int]:
        raise error

    out, _ = gate(broken)
    with pytest.raises(HybridError) as caught:
        out.permit(BODY, Label.PUBLIC)
    assert caught.value.kind is Kind.REFUSED
    assert caught.value.__context__ is None


def test_bytes_that_are_not_json_get_no_permit() -> None:
    out, _ = gate()
    for body in (b"", b"hello", b"\xff", b"[1]", b'{"messages": [], "messages": []}'):
        with pytest.raises(HybridError):
            out.permit(body, Label.PUBLIC)


def test_without_a_permit_nothing_is_sent() -> None:
    out, cloud = gate()
    made_up: list[object] = [None, True, "permit", ("1", "2", "3"), []]
    for permit in made_up:
        refused(out, request(CLOUD, BODY, permit))
    assert cloud.got == []


def test_a_permit_is_good_once() -> None:
    out, cloud = gate()
    permit = out.permit(BODY, Label.PUBLIC)
    out.handle_request(request(CLOUD, BODY, permit))
    refused(out, request(CLOUD, BODY, permit))
    refused(out, request(CLOUD, BODY, pickle.loads(pickle.dumps(permit))))  # noqa: S301
    assert len(cloud.got) == 1


def test_a_permit_is_good_for_its_bytes_alone() -> None:
    out, cloud = gate()
    permit = out.permit(BODY, Label.PUBLIC)
    for body in (BODY + b" ", BODY[:-1], b"", seal({"messages": ask("other")})):
        refused(out, request(CLOUD, body, permit))
    assert cloud.got == []
    out.handle_request(request(CLOUD, BODY, permit))  # an attempt with other bytes does not use it up
    assert len(cloud.got) == 1


def test_a_permit_is_good_for_its_address_alone() -> None:
    out, cloud = gate()
    permit = out.permit(BODY, Label.PUBLIC)
    for url in ("https://evil.example/v1", "http://cloud.example/v1", "https://cloud.example:444/v1"):
        refused(out, request(CLOUD.model_copy(update={"url": url}), BODY, permit))
    for method in ("GET", "PUT"):
        asked = httpx.Request(method, CLOUD.chat_url, content=BODY, extensions={"permit": permit})
        refused(out, asked)
    assert cloud.got == []


def test_a_permit_cannot_be_made_up_or_altered() -> None:
    out, cloud = gate()
    other, _ = gate()
    given = out.permit(BODY, Label.PUBLIC)
    forged = seal({"messages": ask("a secret")})
    made = other.permit(forged, Label.PUBLIC)
    refused(out, request(CLOUD, forged, made))
    refused(out, request(CLOUD, forged, given._replace(sha256=made.sha256)))
    refused(out, request(CLOUD, forged, Permit(given.number, made.sha256, given.url)))
    refused(out, request(CLOUD, BODY, given._replace(number="0" * 32)))
    assert cloud.got == []


def test_permits_differ() -> None:
    out, _ = gate()
    numbers = {out.permit(BODY, Label.PUBLIC).number for _ in range(100)}
    assert len(numbers) == 100
    assert {len(number) for number in numbers} == {32}


def test_headers_that_are_not_known_are_not_sent() -> None:
    out, cloud = gate()
    asked = request(CLOUD, BODY, out.permit(BODY, Label.PUBLIC))
    asked.headers.update({"X-Secret": "canary", "Cookie": "canary", "Referer": "canary", "accept": "*/*"})
    out.handle_request(asked)
    assert b"canary" not in cloud.sent()
    assert set(cloud.got[0].headers) == {
        *("host", "content-type", "content-length", "authorization", "accept"),
        *("accept-encoding", "connection"),
    }


def test_host_and_length_are_those_of_what_is_sent() -> None:
    out, cloud = gate()
    asked = request(CLOUD, BODY, out.permit(BODY, Label.PUBLIC))
    asked.headers.update({"host": "evil.example", "content-length": "1"})
    out.handle_request(asked)
    assert cloud.got[0].headers["host"] == "cloud.example"
    assert cloud.got[0].headers["content-length"] == str(len(BODY))


def test_content_may_come_in_pieces_and_is_judged_whole() -> None:
    out, cloud = gate()
    permit = out.permit(BODY, Label.PUBLIC)
    asked = httpx.Request(
        "POST", CLOUD.chat_url, content=iter([BODY[:5], BODY[5:]]), extensions={"permit": permit}
    )
    out.handle_request(asked)
    assert cloud.got[0].content == BODY
