"""A request is sent again where that may help, and an outage is not met with more load."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import ValidationError

from snippets.hybrid.breaker import Breaker, BreakerSettings
from snippets.hybrid.errors import HybridError, Kind
from snippets.hybrid.retries import Retries, RetrySettings, ask
from tests.hybrid.fakes import Clock

SETTINGS = RetrySettings(tries=4, wait_s=0.5)


class Server:
    """Fails in the ways that are listed, then answers."""

    def __init__(self, *failures: HybridError) -> None:
        self.failures = list(failures)
        self.asked = 0

    def __call__(self) -> str:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def run(
    once: Callable[[], str],
    clock: Clock,
    settings: RetrySettings = SETTINGS,
    retries: Retries | None = None,
    breaker: Breaker | None = None,
    chance: float = 1,
) -> str:
    return ask(
        once,
        settings,
        retries or Retries(settings),
        breaker or Breaker(BreakerSettings()),
        clock,
        clock.sleep,
        lambda: chance,
    )


def passing(wait_s: int = 0) -> HybridError:
    return HybridError(Kind.STATUS, 503, wait_s)


def test_it_asks_again_with_longer_waits() -> None:
    clock, once = Clock(), Server(passing(), HybridError(Kind.CONNECT), passing())
    assert run(once, clock) == "answer"
    assert once.asked == 4
    assert clock.slept == [0.5, 1, 2]


def test_waits_are_random_from_nothing_to_the_most() -> None:
    for chance, slept in ((0, [0, 0, 0]), (0.5, [0.25, 0.5, 1])):
        clock = Clock()
        run(Server(passing(), passing(), passing()), clock, chance=chance)
        assert clock.slept == slept


def test_unless_told_the_chance_is_random() -> None:
    waits = []
    for _ in range(20):
        clock = Clock()
        ask(Server(passing()), SETTINGS, Retries(SETTINGS), Breaker(BreakerSettings()), clock, clock.sleep)
        waits += clock.slept
    assert len(set(waits)) > 10
    assert all(0 <= wait < 0.5 for wait in waits)


def test_the_server_is_given_the_time_that_it_asks_for() -> None:
    clock = Clock()
    run(Server(passing(10), passing()), clock, chance=0.5)
    assert clock.slept == [10.25, 0.5]


def test_a_wait_that_is_too_long_is_none_and_the_caller_is_told() -> None:
    clock, once, retries = Clock(), Server(passing(11)), Retries(RetrySettings(reserve=1, share=0))
    with pytest.raises(HybridError) as caught:
        run(once, clock, retries=retries)
    assert (caught.value.status, caught.value.wait_s) == (503, 11)
    assert (once.asked, clock.slept) == (1, [])
    assert retries.take()


def test_it_gives_up_with_the_last_failure() -> None:
    clock, once = Clock(), Server(passing(), passing(), passing(), HybridError(Kind.CUT), passing())
    with pytest.raises(HybridError) as caught:
        run(once, clock)
    assert (caught.value.kind, caught.value.status) == (Kind.CUT, None)
    assert once.asked == 4
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_what_would_fail_again_is_not_asked_again() -> None:
    clock, once = Clock(), Server(HybridError(Kind.STATUS, 400))
    with pytest.raises(HybridError, match="400"):
        run(once, clock)
    assert (once.asked, clock.slept) == (1, [])


def test_what_would_fail_again_does_not_open_the_breaker() -> None:
    breaker = Breaker(BreakerSettings(failures=1))
    with pytest.raises(HybridError, match="400"):
        run(Server(HybridError(Kind.STATUS, 400)), Clock(), breaker=breaker)
    assert breaker.closed(1_000)


@pytest.mark.parametrize("status", [400, 404, 422, 499])
def test_a_server_that_refuses_works_and_closes_the_breaker(status: int) -> None:
    breaker = Breaker(BreakerSettings(failures=2))
    breaker.failed(1_000)
    with pytest.raises(HybridError, match=str(status)):
        run(Server(HybridError(Kind.STATUS, status)), Clock(), breaker=breaker)
    breaker.failed(1_000)
    assert breaker.closed(1_000)


@pytest.mark.parametrize(
    "error",
    [
        HybridError(Kind.STATUS, 307),
        HybridError(Kind.STATUS, 399),
        HybridError(Kind.NOT_JSON),
        HybridError(Kind.CERTIFICATE),
    ],
)
def test_what_is_no_refusal_closes_no_breaker(error: HybridError) -> None:
    breaker = Breaker(BreakerSettings(failures=2))
    breaker.failed(1_000)
    with pytest.raises(HybridError):
        run(Server(error), Clock(), breaker=breaker)
    breaker.failed(1_000)
    assert not breaker.closed(1_000)


def test_that_something_came_is_no_success_yet() -> None:
    breaker = Breaker(BreakerSettings(failures=2))
    breaker.failed(1_000)
    assert run(Server(), Clock(), breaker=breaker) == "answer"
    breaker.failed(1_000)
    assert not breaker.closed(1_000)


def test_an_open_breaker_is_not_asked() -> None:
    breaker = Breaker(BreakerSettings(failures=1))
    breaker.failed(1_000)
    once = Server()
    with pytest.raises(HybridError) as caught:
        run(once, Clock(), breaker=breaker)
    assert (caught.value.kind, once.asked) == (Kind.OPEN, 0)


def test_a_breaker_that_opens_between_two_tries_ends_them() -> None:
    breaker, once = Breaker(BreakerSettings(failures=2)), Server(*[passing()] * 4)
    with pytest.raises(HybridError) as caught:
        run(once, Clock(), breaker=breaker)
    assert (caught.value.status, once.asked) == (503, 2)


def test_in_an_outage_retries_are_a_share_of_the_requests() -> None:
    settings = RetrySettings(tries=4, wait_s=0, share=0.2, reserve=6)
    retries, asked = Retries(settings), 0
    for _ in range(100):
        once = Server(*[passing()] * 4)
        with pytest.raises(HybridError):
            run(once, Clock(), settings, retries, Breaker(BreakerSettings(failures=10_000)))
        asked += once.asked
    # 100 requests, the saved ones, and a fifth of the rest; a part of one is left over.
    assert 100 + 6 + 18 <= asked <= 100 + 6 + 20


def test_no_more_are_saved_than_the_reserve() -> None:
    retries = Retries(RetrySettings(share=1, reserve=2))
    for _ in range(10):
        retries.earn()
    assert [retries.take() for _ in range(3)] == [True, True, False]


def test_a_part_of_a_retry_is_none() -> None:
    retries = Retries(RetrySettings(share=0.5, reserve=1))
    assert retries.take()
    retries.earn()
    assert not retries.take()
    retries.earn()
    assert retries.take()


def test_without_a_budget_there_is_no_second_try() -> None:
    settings = RetrySettings(share=0, reserve=0)
    once = Server(passing())
    with pytest.raises(HybridError, match="503"):
        run(once, Clock(), settings)
    assert once.asked == 1


def test_unless_told() -> None:
    settings = RetrySettings()
    assert (settings.tries, settings.wait_s, settings.share, settings.reserve) == (3, 0.2, 0.1, 10)
    assert settings.most_wait_s == 10


@pytest.mark.parametrize(
    "wrong",
    [
        {"tries": 0},
        {"tries": 11},
        {"wait_s": -1},
        {"wait_s": float("inf")},
        {"most_wait_s": float("inf")},
        {"most_wait_s": -1},
        {"share": -0.1},
        {"share": 1.1},
        {"reserve": -1},
        {"retry": 1},
    ],
)
def test_bounds(wrong: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        RetrySettings.model_validate(wrong)


def test_the_most_that_is_allowed() -> None:
    assert RetrySettings(tries=10, share=1, wait_s=0).tries == 10
    none = RetrySettings(tries=1, share=0, wait_s=0, most_wait_s=0, reserve=0)
    assert (none.wait_s, none.most_wait_s, none.reserve) == (0, 0, 0)
