"""The same request is written for here and for there, with what the settings say of each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from snippets.hybrid.bodies import bodies
from snippets.hybrid.errors import HybridError, Kind
from tests.hybrid.fakes import ask, settings


def written(body: Any, streamed: bool = False, **changes: Any) -> tuple[Any, Any, int]:
    home, out, limit = bodies(body, settings(**changes), streamed)
    return json.loads(home), json.loads(out or b"null"), limit


def test_each_place_gets_its_model_and_the_cloud_a_limit() -> None:
    home, out, limit = written(ask())
    assert home == {"messages": ask(), "model": "small"}
    assert out == {"messages": ask(), "model": "large", "max_tokens": 1_024}
    assert limit == 1_024


def test_without_a_cloud_nothing_is_written_for_it() -> None:
    _, out, _ = written(ask(), cloud=None, budget=None)
    assert out is None


def test_a_stream_asks_for_the_count_of_tokens() -> None:
    for body in written(ask(), streamed=True)[:2]:
        assert body["stream"] is True
        assert body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("asked", "limit"),
    [
        ({"max_tokens": 5}, 5),
        ({"max_completion_tokens": 6}, 6),
        ({"max_tokens": 1, "max_completion_tokens": 10**6}, 10**6),
        ({"max_tokens": 10**6, "max_completion_tokens": 1}, 10**6),
    ],
)
def test_a_limit_that_was_asked_for_is_kept(asked: dict[str, int], limit: int) -> None:
    body = {"messages": ask(), **asked}
    assert written(body) == ({**body, "model": "small"}, {**body, "model": "large"}, limit)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "5", True, None])
@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_that_is_none(name: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match="max_completion_tokens or max_tokens: a whole number"):
        written({"messages": ask(), name: wrong})


@pytest.mark.parametrize("name", ["model", "stream", "stream_options"])
def test_what_the_router_sets_is_not_the_callers(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name}: the router sets it"):
        written({"messages": ask(), name: "x"})


def test_a_prompt_of_ten_megabytes_is_not_sent() -> None:
    with pytest.raises(HybridError) as caught:
        written(ask("x" * 10_000_000))
    assert caught.value.kind is Kind.TOO_LONG


def test_the_longest_request() -> None:
    home, _, _ = bodies(ask(), settings(), False)
    assert bodies(ask(), settings(most_body_bytes=len(home)), False)[0] == home
    with pytest.raises(HybridError):
        bodies(ask(), settings(most_body_bytes=len(home) - 1), False)


def test_the_callers_request_is_left_as_it_was() -> None:
    body = {"messages": ask()}
    written(body, streamed=True)
    assert body == {"messages": ask()}
