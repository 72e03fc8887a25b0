"""The eleven guarantees, each by its number, and what else a caller relies on."""

from __future__ import annotations

import gc
import json
import logging
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

import snippets.hybrid
from snippets.hybrid.budget import BudgetSettings
from snippets.hybrid.errors import HybridError, Kind
from snippets.hybrid.policy import Label, Reason, Route, Task
from snippets.hybrid.record import Record
from snippets.hybrid.retries import RetrySettings
from snippets.hybrid.router import NOTHING, HybridLLMRouter, Run
from tests.hybrid.fakes import Clock, Recorder, answered, ask, events, settings
from tests.hybrid.way_out import ways_out

CANARY = "canary-9d27e1"  # nothing that a scan could find
FOUND = "FINDME"
PLACES = list(Label)


def scan(text: str) -> Mapping[str, int]:
    return {"secret": text.count(FOUND)} if FOUND in text else {}


class World:
    """A router between two servers that record, with its records."""

    def __init__(
        self,
        local: Callable[[httpx.Request], httpx.Response] = answered,
        cloud: Callable[[httpx.Request], httpx.Response] = answered,
        scanner: Callable[[str], Any] = scan,
        **changes: Any,
    ) -> None:
        self.local, self.cloud, self.clock = Recorder(local), Recorder(cloud), Clock()
        self.records: list[Record] = []
        self.router = HybridLLMRouter(
            settings(**changes),
            scanner,
            self.records.append,
            self.local,
            self.cloud,
            self.clock,
            self.clock.sleep,
            lambda: 1.0,
        )

    def chat(self, body: Any, **more: Any) -> str:
        return self.router.chat(body, **more).text

    def refused(self, body: Any, **more: Any) -> HybridError:
        with pytest.raises(HybridError) as caught:
            self.router.chat(body, **more)
        return caught.value


PUBLIC: dict[str, Any] = {"label": Label.PUBLIC, "task": Task.COMPLEX}


def fault(response: Callable[[], httpx.Response]) -> Callable[[httpx.Request], httpx.Response]:
    """A server that has the model, and answers chats with a fault."""

    def answer(request: httpx.Request) -> httpx.Response:
        return answered(request) if request.method == "GET" else response()

    return answer


def down() -> httpx.Response:
    raise HybridError(Kind.CONNECT)


def late() -> httpx.Response:
    raise HybridError(Kind.TIMEOUT)


class Cut(httpx.SyncByteStream):
    def __iter__(self) -> Iterator[bytes]:
        yield b'data: {"choices": [{"delta": {"content": "half"}}]}\n\n'
        raise HybridError(Kind.CUT)


def cut() -> httpx.Response:
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Cut())


ELSEWHERE = {"location": "https://cloud.example/v1/chat/completions"}
FAULTS: dict[str, Callable[[], httpx.Response]] = {
    "down": down,
    "late": late,
    "cut": cut,
    **{
        str(status): partial(httpx.Response, status, headers=ELSEWHERE, text=CANARY)
        for status in (301, 302, 307, 308, 400, 401, 404, 429, 500, 503)
    },
    "html": lambda: httpx.Response(200, html=f"<p>{CANARY}"),
    "junk": lambda: httpx.Response(200, json=[CANARY]),
    "malformed": lambda: httpx.Response(
        200, headers={"content-type": "text/event-stream"}, content=f"data: {CANARY}\n\n"
    ),
}


def test_public_data_does_reach_the_cloud() -> None:
    """The positive control of all that follows."""
    world = World()
    assert world.chat(ask(CANARY), **PUBLIC) == "answered"
    assert world.cloud.chats == [{"messages": ask(CANARY), "model": "large", "max_tokens": 1_024}]
    assert world.local.got == []
    assert "".join(p.get("content", "") for p in world.router.stream(ask(CANARY), **PUBLIC)) == "answered"
    assert len(world.cloud.chats) == 2


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("label", [Label.INTERNAL, Label.SENSITIVE])
def test_1_the_cloud_needs_the_label_public(label: Label, task: Task) -> None:
    world = World(default_route=Route.CLOUD, overflow=True)
    assert world.chat(ask(CANARY), label=label, task=task) == "answered"
    list(world.router.stream(ask(CANARY), label=label, task=task))
    assert world.cloud.got == []
    assert len(world.local.chats) == 2


def test_1_without_a_label_it_stays() -> None:
    world = World(default_route=Route.CLOUD, overflow=True)
    world.chat(ask(CANARY), task=Task.COMPLEX)
    assert world.cloud.got == []
    assert world.records[0].reason is Reason.NOT_PUBLIC


@pytest.mark.parametrize("label", ["public", "PUBLIC", None, True, 1, Task.COMPLEX])
def test_1_what_is_no_label_is_an_error(label: Any) -> None:
    world = World()
    with pytest.raises(TypeError, match="label: not a Label"):
        world.router.chat(ask(CANARY), label=label)
    with pytest.raises(TypeError, match="task: not a Task"):
        world.router.chat(ask(CANARY), task=label if label is not Task.COMPLEX else None)  # type: ignore[arg-type]  # a caller's mistake
    assert world.cloud.got == world.local.got == []


def test_2_the_bytes_that_were_scanned_are_those_that_are_sent() -> None:
    seen: list[str] = []

    def remember(text: str) -> Mapping[str, int]:
        seen.append(text)
        return {}

    world = World(scanner=remember)
    body = {"messages": ask("hello"), "metadata": {"a": "one", "b": [2]}, "user": "me"}
    world.router.chat(body, **PUBLIC)
    sent = world.cloud.chats[0]
    for leaf in ("hello", "one", "2", "me", "large", "a", "metadata", "1024"):
        assert leaf in seen
    assert sent == {**body, "model": "large", "max_tokens": 1_024}


def test_2_a_request_that_changes_while_it_is_scanned_is_sent_as_it_was_scanned() -> None:
    body: dict[str, Any] = {"messages": ask("hello")}

    def change(_: str) -> Mapping[str, int]:
        body["messages"][0]["content"] = FOUND
        return {}

    world = World(scanner=change)
    world.router.chat(body, **PUBLIC)
    assert FOUND not in world.cloud.sent().decode()


@given(st.sampled_from(["tools", "metadata", "user", "stop", "response_format"]), st.text(max_size=5))
def test_3_the_whole_request_is_looked_at(field: str, around: str) -> None:
    world = World()
    world.router.chat({"messages": ask(), field: [{around: around + FOUND + around}]}, **PUBLIC)
    assert world.cloud.got == []
    assert world.records[0].reason is Reason.FOUND
    assert world.records[0].found["secret"] >= 1


@pytest.mark.parametrize("part", ["image_url", "file", "input_audio"])
def test_3_what_cannot_be_read_stays(part: str) -> None:
    world = World(overflow=True)
    world.chat([{"role": "user", "content": [{"type": part, part: {"data": "aaaa"}}]}], **PUBLIC)
    assert world.cloud.got == []
    assert world.records[0].found == {"unknown part": 1}


def fails_on(number: int, error: BaseException) -> Callable[[str], Mapping[str, int]]:
    calls = iter(range(10_000))

    def scanner(_: str) -> Mapping[str, int]:
        if next(calls) == number:
            raise error
        return {}

    return scanner


@pytest.mark.parametrize("number", [0, 1, 5])
@pytest.mark.parametrize("error", [RuntimeError(CANARY), TimeoutError(), MemoryError(), RecursionError()])
def test_4_a_scanner_that_fails_keeps_it_here(number: int, error: Exception) -> None:
    world = World(scanner=fails_on(number, error))
    assert world.chat(ask(CANARY), **PUBLIC) == "answered"
    assert world.cloud.got == []
    assert world.records[0].reason is Reason.NOT_SCANNED


def test_4_a_scanner_that_fails_at_the_gate_keeps_it_here() -> None:
    """It passed when it was decided, and fails when it is checked again."""
    first = World()
    count = 0

    def counting(_: str) -> Mapping[str, int]:
        nonlocal count
        count += 1
        return {}

    counter = World(scanner=counting)
    counter.chat(ask(CANARY), **PUBLIC)
    world = World(scanner=fails_on(count // 2, RuntimeError(CANARY)))
    assert world.chat(ask(CANARY), **PUBLIC) == "answered"
    assert world.cloud.got == first.cloud.got == []
    assert (world.records[0].route, world.records[0].reason) == (Route.LOCAL, Reason.CLOUD_FAILED)


@pytest.mark.parametrize("junk", [None, 1, "text", ["a"], {"a": "b"}, {1: 1}])
def test_4_a_scanner_that_answers_junk_keeps_it_here(junk: Any) -> None:
    world = World(scanner=lambda _: junk)
    world.chat(ask(CANARY), **PUBLIC)
    assert world.cloud.got == []


@pytest.mark.parametrize("label", [Label.INTERNAL, Label.SENSITIVE])
@pytest.mark.parametrize("name", FAULTS)
def test_5_there_is_no_fallback_for_what_is_not_public(name: str, label: Label) -> None:
    world = World(
        fault(FAULTS[name]), overflow=True, default_route=Route.CLOUD, retries=RetrySettings(wait_s=0)
    )
    error = world.refused(ask(CANARY), label=label, task=Task.COMPLEX)
    with pytest.raises(HybridError):
        list(world.router.stream(ask(CANARY), label=label, task=Task.COMPLEX))
    assert world.cloud.got == []
    assert CANARY not in repr(error)
    assert [record.route for record in world.records] == [Route.LOCAL, Route.LOCAL]
    assert world.records[0].outcome == error.kind.value


def test_5_public_data_stays_too_unless_overflow_is_set() -> None:
    world = World(fault(down))
    world.refused(ask(), label=Label.PUBLIC)
    assert world.cloud.got == []
    world = World(fault(down), overflow=True)
    assert world.chat(ask(), label=Label.PUBLIC) == "answered"
    assert (world.records[0].route, world.records[0].reason) == (Route.CLOUD, Reason.LOCAL_FAILED)
    world.refused(ask(FOUND), label=Label.PUBLIC)
    assert len(world.cloud.chats) == 1


def test_5_a_stream_that_has_begun_does_not_begin_elsewhere() -> None:
    world = World(fault(cut), overflow=True, retries=RetrySettings(wait_s=0))
    pieces = world.router.stream(ask(), label=Label.PUBLIC)
    assert next(pieces) == {"content": "half"}
    with pytest.raises(HybridError, match="broke off"):
        next(pieces)
    assert world.cloud.got == []
    assert len(world.local.chats) == 1


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"])
def test_6_a_local_model_that_passes_on_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")

    def ollama(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/tags":
            row = {"name": "small", "remote_host": "https://ollama.com"}
            return httpx.Response(200, json={"models": [row]})
        return answered(request)

    world = World(ollama, overflow=True)
    error = world.refused(ask(CANARY), label=Label.SENSITIVE)
    assert error.kind is Kind.CLOUD_MODEL
    assert world.local.chats == []
    with pytest.raises(HybridError):
        world.router.prove()


def test_6_it_is_proved_before_the_first_use_and_once() -> None:
    world = World()
    for _ in range(3):
        world.chat(ask())
    assert [one.method for one in world.local.got] == ["GET", "GET", "POST", "POST", "POST"]


def test_6_a_proof_that_failed_is_asked_for_again() -> None:
    answers = iter([httpx.Response(503), httpx.Response(503)])

    def slow_start(request: httpx.Request) -> httpx.Response:
        return next(answers, None) or answered(request)

    world = World(slow_start)
    world.refused(ask())
    world.refused(ask())
    assert world.chat(ask()) == "answered"


def test_8_a_conversation_does_not_become_public_again() -> None:
    world = World()
    world.chat(ask(CANARY), label=Label.INTERNAL, conversation="c")
    world.chat(ask(), **PUBLIC, conversation="c")
    assert world.cloud.got == []
    assert world.records[-1].reason is Reason.TAINTED
    world.chat(ask(), **PUBLIC, conversation="d")
    world.chat(ask(), **PUBLIC)
    assert len(world.cloud.chats) == 2


@pytest.mark.parametrize("body", [ask(FOUND), [{"role": "user", "content": [{"type": "file"}]}]])
def test_8_what_was_found_taints_a_conversation(body: Any) -> None:
    world = World()
    world.chat(body, **PUBLIC, conversation="c")
    world.chat(ask(), **PUBLIC, conversation="c")
    assert world.cloud.got == []


def test_8_a_scan_that_failed_taints_a_conversation() -> None:
    world = World(scanner=fails_on(0, RuntimeError()))
    world.chat(ask(), **PUBLIC, conversation="c")
    world.chat(ask(), **PUBLIC, conversation="c")
    assert world.cloud.got == []


def test_8_a_conversation_that_is_tainted_while_another_request_waits() -> None:
    """Decided for the cloud; before the second try, the same conversation turns out not to be public."""
    tries: list[bytes] = []

    def overloaded(request: httpx.Request) -> httpx.Response:
        tries.append(request.content)
        world.chat(ask(), label=Label.INTERNAL, conversation="c")
        return httpx.Response(503)

    world = World(cloud=overloaded, retries=RetrySettings(wait_s=0))
    assert world.chat(ask(CANARY), **PUBLIC, conversation="c") == "answered"
    assert len(tries) == 1
    assert world.records[-1].reason is Reason.CLOUD_FAILED


def everything(error: BaseException) -> str:
    """All that a log could take from an error."""
    chain, seen = [error], []
    while chain:
        one = chain.pop()
        seen.append("".join(traceback.format_exception_only(one)) + repr(one) + repr(vars(one)))
        chain += [other for other in (one.__cause__, one.__context__) if other]
    return "".join(seen) + repr(pickle.dumps(error))


@pytest.mark.parametrize("name", FAULTS)
def test_9_no_sink_gets_content(name: str, caplog: pytest.LogCaptureFixture, capsys: Any) -> None:
    caplog.set_level(logging.DEBUG)
    world = World(fault(FAULTS[name]), cloud=fault(FAULTS[name]), retries=RetrySettings(wait_s=0))
    for more in (PUBLIC, {"label": Label.SENSITIVE, "conversation": CANARY}):
        error = world.refused(ask(CANARY), **more)
        assert CANARY not in everything(error)
        with pytest.raises(HybridError) as caught:
            list(world.router.stream(ask(CANARY), **more))
        assert CANARY not in everything(caught.value)
    gc.collect()
    kept = [record.model_dump_json() for record in world.records] + [repr(vars(world.router))]
    assert CANARY not in "".join(kept) + caplog.text + repr(capsys.readouterr())
    assert len(world.records) == 4


def test_9_a_record_says_category_and_count() -> None:
    world = World()
    world.chat(ask(f"{FOUND} {FOUND} {CANARY}"), **PUBLIC)
    assert world.records[0].found == {"secret": 2}


def test_11_there_is_no_second_way_out() -> None:
    assert ways_out(Path(*snippets.hybrid.__path__)) == []


@pytest.mark.parametrize(
    "code",
    [
        "import httpx\nhttpx.get('http://x')",
        "from httpx import Client",
        "import httpx as h",
        "from snippets.hybrid import transport",
        "from snippets.hybrid.transport import Direct",
        "import snippets.hybrid.transport",
        "from .transport import Direct",
        "from importlib import import_module\nimport_module('socket')",
        "__import__('socket')",
        "eval('1')",
        "import _socket",
        "import smtplib",
        "import urllib.request",
        "import urllib3",
        "import multiprocessing.connection",
        "import os",
        "import subprocess",
        "import asyncio",
        "import ctypes",
        "import xllamacpp",
    ],
)
def test_11_a_second_way_out_is_seen(code: str, tmp_path: Path) -> None:
    (tmp_path / "second.py").write_text(code, encoding="utf-8")
    (tmp_path / "client.py").write_text(code, encoding="utf-8")
    assert {line.partition(":")[0] for line in ways_out(tmp_path)} == {"client", "second"}


# --- what else a caller relies on -----------------------------------------------------------------
def test_a_failing_cloud_sends_it_home() -> None:
    for response in FAULTS.values():
        world = World(cloud=fault(response))
        assert world.chat(ask(), **PUBLIC) == "answered"
        assert (world.records[0].route, world.records[0].reason) == (Route.LOCAL, Reason.CLOUD_FAILED)
        assert world.records[0].tries == 2


def test_when_both_fail_the_last_error_is_raised() -> None:
    world = World(fault(FAULTS["500"]), cloud=fault(FAULTS["429"]), overflow=True)
    assert world.refused(ask(), **PUBLIC).status == 500
    assert (len(world.local.chats), len(world.cloud.chats)) == (1, 1)


def test_no_cloud_at_all() -> None:
    only = HybridLLMRouter(settings(cloud=None, budget=None), scan, local=Recorder())
    answer = only.chat(ask(), **PUBLIC)
    assert (answer.record.route, answer.record.reason) == (Route.LOCAL, Reason.ABSENT)


def test_a_budget_alone_is_no_cloud() -> None:
    only = HybridLLMRouter(settings(cloud=None), scan, local=Recorder())
    assert only.chat(ask(), **PUBLIC).record.reason is Reason.ABSENT


@pytest.mark.parametrize("route", [Route.LOCAL, Route.CLOUD])
def test_what_is_public_and_neither_complex_nor_a_batch_goes_by_the_default(route: Route) -> None:
    world = World(default_route=route)
    world.chat(ask(), label=Label.PUBLIC)
    assert (world.records[0].route, world.records[0].reason) == (route, Reason.DEFAULT)


def test_a_breaker_opens_and_the_cloud_is_left_alone() -> None:
    world = World(cloud=fault(FAULTS["503"]), breaker={"failures": 2, "open_s": 30})
    for _ in range(4):
        world.chat(ask(), **PUBLIC)
    assert len(world.cloud.chats) == 2
    assert [record.reason for record in world.records[2:]] == [Reason.BROKEN] * 2
    world.clock.now += 30
    world.chat(ask(), **PUBLIC)
    assert len(world.cloud.chats) == 3


def test_retries_wait_and_each_gets_a_permit_of_its_own() -> None:
    answers = iter([httpx.Response(503), httpx.Response(429)])
    world = World(cloud=lambda request: next(answers, None) or answered(request), retries=RetrySettings())
    assert world.chat(ask(), **PUBLIC) == "answered"
    assert (len(world.cloud.chats), world.records[0].tries) == (3, 3)
    assert world.clock.slept == [0.2, 0.4]


def test_a_server_that_says_when_to_come_again_is_waited_for_and_the_caller_is_told() -> None:
    busy = httpx.Response(429, headers={"retry-after": "7"})
    world = World(local=fault(lambda: busy), retries=RetrySettings(tries=2))
    error = world.refused(ask())
    assert (error.status, error.wait_s) == (429, 7)
    assert world.clock.slept == [7.2]


def test_a_request_that_the_cloud_refuses_shuts_no_door() -> None:
    answers = iter([httpx.Response(503)] * 2 + [httpx.Response(400)])
    world = World(
        cloud=lambda request: next(answers, None) or answered(request), breaker={"failures": 2, "open_s": 30}
    )
    for _ in range(2):
        world.chat(ask(), **PUBLIC)
    world.clock.now += 30
    world.chat(ask(), **PUBLIC)
    world.chat(ask(), **PUBLIC)
    assert len(world.cloud.chats) == 4
    assert world.records[-1].route is Route.CLOUD


PRICES = BudgetSettings(input_usd_per_million=1_000, output_usd_per_million=2_000, most_usd=100)


def test_the_cost_is_what_the_server_counted() -> None:
    world = World(budget=PRICES)
    world.chat(ask(), **PUBLIC)
    record = world.records[0]
    assert record.spent
    assert (record.spent.input_tokens, record.spent.output_tokens) == (5, 7)
    assert record.usd == pytest.approx((5 * 1_000 + 7 * 2_000) / 1e6)


def test_a_stream_is_paid_for_too() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    stream = [{"choices": [{"delta": {"content": "a"}}]}, {"choices": [], "usage": usage}]
    world = World(cloud=lambda _: events(stream), budget=PRICES)
    assert list(world.router.stream(ask(), **PUBLIC)) == [{"content": "a"}]
    assert world.records[0].usd == pytest.approx((3 * 1_000 + 2 * 2_000) / 1e6)
    assert world.records[0].outcome == "answered"


def test_what_may_have_been_paid_for_is_booked_at_the_most() -> None:
    world = World(cloud=fault(late), budget=PRICES)
    body = {"messages": ask(), "max_tokens": 10}
    world.chat(body, **PUBLIC)
    size = len(json.dumps({**body, "model": "large"}, ensure_ascii=False))
    assert world.records[0].usd == pytest.approx((size * 1_000 + 10 * 2_000) / 1e6)


def test_what_was_refused_costs_nothing() -> None:
    world = World(cloud=fault(FAULTS["400"]), budget=PRICES)
    world.chat(ask(), **PUBLIC)
    assert world.records[0].usd == 0


def test_when_the_budget_is_spent_requests_stay() -> None:
    body = {"messages": ask(), "max_tokens": 400}
    tight = BudgetSettings(input_usd_per_million=0, output_usd_per_million=0, most_tokens=500)
    world = World(budget=tight)
    world.chat(body, **PUBLIC)
    world.chat({**body, "max_tokens": 499}, **PUBLIC)
    assert [record.reason for record in world.records] == [Reason.COMPLEX, Reason.SPENT]


def test_a_caller_that_stops_reading_is_recorded() -> None:
    world = World()
    pieces = world.router.stream(ask(), label=Label.SENSITIVE)
    next(pieces)
    pieces.close()
    assert world.records[0].outcome == "the caller stopped reading"


class Endless(httpx.SyncByteStream):
    """An answer that goes on, and knows whether its connection is closed."""

    closed = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            yield b'data: {"choices": [{"delta": {"content": "more"}}]}\n\n'

    def close(self) -> None:
        self.closed = True


def test_when_a_caller_stops_reading_the_server_is_told_before_the_record_is_kept() -> None:
    stream = Endless()
    answer = httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=stream)
    closed: list[bool] = []
    router = HybridLLMRouter(
        settings(), scan, lambda _: closed.append(stream.closed), Recorder(fault(lambda: answer))
    )
    pieces = router.stream(ask())
    assert next(pieces) == {"content": "more"}
    pieces.close()
    assert closed == [True]


def test_a_stream_that_nobody_reads_sends_nothing() -> None:
    world = World()
    world.router.stream(ask(), **PUBLIC)
    assert world.cloud.got == world.local.got == []


def test_a_stream_of_nothing_is_an_answer_of_nothing() -> None:
    world = World(local=fault(lambda: events([])))
    assert list(world.router.stream(ask())) == []
    assert world.records[0].outcome == "answered"


def test_time_is_measured() -> None:
    def slow() -> httpx.Response:
        world.clock.now += 3
        return httpx.Response(200, json={"choices": [{"message": {}}]})

    world = World(local=fault(slow))
    world.chat(ask())
    assert world.records[0].seconds == pytest.approx(3)


def test_a_router_needs_no_sink() -> None:
    router = HybridLLMRouter(settings(), scan, local=Recorder())
    assert router.chat(ask()).record.outcome == "answered"


@pytest.mark.parametrize("body", [ask("\ud800"), {"messages": ask(), "x": float("nan")}])
def test_what_cannot_be_written_goes_nowhere(body: Any) -> None:
    world = World(overflow=True)
    assert world.refused(body, **PUBLIC).kind is Kind.BAD_REQUEST
    assert world.local.got == world.cloud.got == []


def test_ten_megabytes_go_nowhere() -> None:
    world = World(overflow=True)
    assert world.refused(ask("x" * 10_000_000), **PUBLIC).kind is Kind.TOO_LONG
    assert world.local.got == world.cloud.got == []


def test_a_budget_that_runs_out_between_two_tries_ends_them() -> None:
    tight = BudgetSettings(input_usd_per_million=0, output_usd_per_million=0, most_tokens=600)
    world = World(cloud=fault(FAULTS["503"]), budget=tight, retries=RetrySettings(wait_s=0))
    assert world.chat({"messages": ask(), "max_tokens": 400}, **PUBLIC) == "answered"
    assert len(world.cloud.chats) == 1


def test_what_was_held_back_and_not_used_is_free_again() -> None:
    tight = BudgetSettings(input_usd_per_million=0, output_usd_per_million=0, most_tokens=600)
    world = World(budget=tight)
    for _ in range(3):
        world.chat({"messages": ask(), "max_tokens": 400}, **PUBLIC)
    assert len(world.cloud.chats) == 3


def test_a_server_that_counts_only_the_prompt() -> None:
    answer = {"choices": [{"message": {}}], "usage": {"prompt_tokens": 5}}
    world = World(
        cloud=fault(lambda: httpx.Response(200, json=answer)),
        budget={"input_usd_per_million": 1_000, "output_usd_per_million": 2_000, "most_usd": 100},
    )
    world.chat(ask(), **PUBLIC)
    assert world.records[0].spent is None
    most = len(world.cloud.got[-1].content) * 1_000 + 1_024 * 2_000
    assert world.records[0].usd == pytest.approx(most / 1e6)  # what is not known is taken for the most


@pytest.mark.parametrize(
    "body",
    [
        ask("x" * 2**20),
        ask("\ud800"),
        [*ask(), {"role": "user", "content": float("nan")}],
        {"messages": ask(), "max_tokens": 0},
        {"messages": ask(), "model": "another"},
    ],
)
def test_8_a_request_that_cannot_be_sent_taints_its_conversation(body: Any) -> None:
    for label in (Label.SENSITIVE, Label.PUBLIC):
        world = World()
        with pytest.raises((HybridError, ValueError)):
            world.router.chat(body, label=label, conversation="c")
        world.chat(ask(), **PUBLIC, conversation="c")
        assert world.records[-1].reason is Reason.TAINTED
        assert world.cloud.got == []


def test_a_request_that_cannot_be_sent_leaves_a_record() -> None:
    world = World()
    assert world.refused(ask("x" * 2**20), label=Label.SENSITIVE).kind is Kind.TOO_LONG
    (record,) = world.records
    assert (record.outcome, record.label, record.tries) == (Kind.TOO_LONG, Label.SENSITIVE, 0)
    assert (record.route, record.usd) == (Route.REFUSE, 0)


def test_8_what_taints_while_it_is_scanned_at_the_door_keeps_it_home() -> None:
    scans = 0

    def taints(_: str) -> Mapping[str, int]:
        nonlocal scans
        scans += 1
        if scans > every:
            world.router._conversations.taint("c")
        return {}

    every = 10**9
    world = World(scanner=taints)
    world.chat(ask(), **PUBLIC, conversation="other")
    every, scans = scans - 1, 0  # the last text that is scanned before the request would be sent
    world = World(scanner=taints)
    world.chat(ask(), **PUBLIC, conversation="c")
    assert world.cloud.got == []
    assert world.records[0].route is Route.LOCAL


RAISED: list[Callable[[httpx.Request], Exception]] = [
    lambda request: httpx.ReadTimeout(CANARY, request=request),
    lambda request: httpx.ConnectError(CANARY, request=request),
    lambda request: httpx.ReadError(CANARY, request=request),
    lambda request: RuntimeError(CANARY, request),
]


@pytest.mark.parametrize("raised", RAISED)
def test_9_what_a_given_transport_raises_is_named_and_dropped(
    raised: Callable[[httpx.Request], Exception],
) -> None:
    def fails(request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return answered(request)
        raise raised(request)

    world = World(local=fails)
    error = world.refused(ask(CANARY), label=Label.SENSITIVE)
    assert error.kind in {Kind.TIMEOUT, Kind.CONNECT, Kind.CUT}
    assert CANARY not in "".join(traceback.format_exception(error))
    assert (error.__cause__, error.__context__) == (None, None)
    assert (len(world.records), world.cloud.got) == (1, [])


@pytest.mark.parametrize("raised", RAISED)
def test_a_transport_that_raises_is_a_cloud_that_fails(raised: Callable[[httpx.Request], Exception]) -> None:
    def fails(request: httpx.Request) -> httpx.Response:
        raise raised(request)

    world = World(cloud=fails, breaker={"failures": 2, "open_s": 30})
    for _ in range(3):
        assert world.chat(ask(), **PUBLIC) == "answered"
    assert [record.reason for record in world.records] == [*[Reason.CLOUD_FAILED] * 2, Reason.BROKEN]


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_that_is_whole_closes_the_breaker(streamed: bool) -> None:
    answers = iter([503, 200, 503, 200, 503, 200])
    world = World(
        cloud=lambda request: answered(request) if next(answers) == 200 else httpx.Response(503),
        breaker={"failures": 2, "open_s": 30},
    )
    for _ in range(6):
        if streamed:
            list(world.router.stream(ask(), **PUBLIC))
        else:
            world.chat(ask(), **PUBLIC)
    assert [record.route for record in world.records] == [Route.LOCAL, Route.CLOUD] * 3


def test_streams_that_break_off_open_the_breaker() -> None:
    half = [{"choices": [{"delta": {"content": "half"}}]}]
    world = World(
        local=lambda request: events(half) if request.method == "POST" else answered(request),
        cloud=lambda _: events(half, done=False),
        breaker={"failures": 2, "open_s": 30},
    )
    for _ in range(2):
        with pytest.raises(HybridError):
            list(world.router.stream(ask(), **PUBLIC))
    list(world.router.stream(ask(), **PUBLIC))
    assert world.records[-1].reason is Reason.BROKEN


def test_a_batch_waits_for_the_local_model() -> None:
    world = World(fault(FAULTS["500"]), overflow=True)
    assert world.refused(ask(), label=Label.PUBLIC, task=Task.BATCH).status == 500
    assert world.cloud.got == []


def test_a_budget_that_is_spent_leaves_no_permit() -> None:
    world = World(budget={"input_usd_per_million": 1, "output_usd_per_million": 1, "most_tokens": 0})
    run = world.router._begin(ask(), Label.PUBLIC, Task.COMPLEX, None, False)
    far = world.router._far
    assert far
    with pytest.raises(HybridError, match="spent"):
        world.router._ask_cloud(run, lambda *_: None)
    assert far[1]._given == set()


def test_9_a_request_on_its_way_does_not_show_itself() -> None:
    run = Run(Label.PUBLIC, Task.DEFAULT, CANARY, 0, CANARY.encode(), CANARY.encode(), NOTHING)
    assert CANARY not in repr(run)


class Real(BaseHTTPRequestHandler):
    """A real server of the API, on loopback."""

    def do_GET(self) -> None:
        self.say({"data": [{"id": "small"}]} if self.path == "/v1/models" else {"models": []})

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.say({"choices": [{"message": {"content": f"port {self.server.server_port}"}}]})  # type: ignore[attr-defined]  # typed as any server

    def say(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


def test_without_transports_it_uses_the_network() -> None:
    with HTTPServer(("127.0.0.1", 0), Real) as here, HTTPServer(("127.0.0.1", 0), Real) as there:
        for one in (here, there):
            threading.Thread(target=one.serve_forever, args=(0.02,), daemon=True).start()
        ends = [{"url": f"http://127.0.0.1:{one.server_port}/v1", "model": "small"} for one in (here, there)]
        router = HybridLLMRouter(settings(local=ends[0], cloud=ends[1]), scan)
        assert router.chat(ask()).text == f"port {here.server_port}"
        assert router.chat(ask(), **PUBLIC).text == f"port {there.server_port}"
        for one in (here, there):
            one.shutdown()


def test_a_try_that_was_free_does_not_make_the_next_one_free() -> None:
    """Refused first, then answered without a count of tokens: that is booked at the most."""
    answers = iter([httpx.Response(429)])
    uncounted: dict[str, Any] = {"choices": [{"message": {}}]}
    world = World(
        cloud=fault(lambda: next(answers, None) or httpx.Response(200, json=uncounted)),
        budget=PRICES,
        retries=RetrySettings(wait_s=0),
    )
    world.chat({"messages": ask(), "max_tokens": 10}, **PUBLIC)
    assert world.records[0].usd > 10 * 2_000 / 1e6
    assert world.records[0].spent is None
