"""An error says what kind it is, and nothing that came from outside."""

from __future__ import annotations

import pickle

import pytest

from snippets.hybrid.errors import HybridError, Kind


def test_it_reads_as_a_sentence_with_its_status() -> None:
    assert str(HybridError(Kind.CUT)) == "the answer broke off"
    assert str(HybridError(Kind.STATUS, 503)) == "an HTTP status that is no answer: 503"


@pytest.mark.parametrize("kind", Kind)
def test_some_kinds_pass(kind: Kind) -> None:
    assert HybridError(kind).passing == (kind in {Kind.CONNECT, Kind.TIMEOUT, Kind.CUT})


@pytest.mark.parametrize(
    ("status", "passes"),
    [
        *((400, False), (401, False), (407, False), (408, True), (409, False), (429, True), (430, False)),
        *((499, False), (500, True), (503, True), (301, False), (204, False)),
    ],
)
def test_some_statuses_pass(status: int, passes: bool) -> None:
    assert HybridError(Kind.STATUS, status).passing == passes


@pytest.mark.parametrize("kind", Kind)
def test_what_was_not_sent_costs_nothing(kind: Kind) -> None:
    unsent = {Kind.REFUSED, Kind.ADDRESS, Kind.CONNECT, Kind.CERTIFICATE}
    assert HybridError(kind).free == (kind in unsent)


@pytest.mark.parametrize(
    ("status", "free"),
    [
        *((status, True) for status in (400, 401, 403, 404, 413, 422, 429)),
        *((status, False) for status in (200, 201, 202, 206, 307, 402, 405, 408, 412, 414, 421, 423, 499)),
        *((500, False), (503, False)),
    ],
)
def test_what_a_server_refused_costs_nothing(status: int, free: bool) -> None:
    assert HybridError(Kind.STATUS, status).free == free


def test_it_can_be_sent_to_another_process() -> None:
    sent = HybridError(Kind.STATUS, 418, 7)
    back = pickle.loads(pickle.dumps(sent))  # noqa: S301 - our own bytes
    assert (back.kind, back.status, back.wait_s, str(back)) == (Kind.STATUS, 418, 7, str(sent))


@pytest.mark.parametrize(
    ("status", "works"),
    [(399, False), (400, True), (404, True), (408, False), (429, False), (499, True), (500, False)],
)
def test_a_server_that_refuses_a_request_works(status: int, works: bool) -> None:
    assert HybridError(Kind.STATUS, status).works == works


@pytest.mark.parametrize("kind", Kind)
def test_without_a_status_nothing_is_known_to_work(kind: Kind) -> None:
    assert not HybridError(kind).works
