"""Two rates from two measurements: they give back what they are made of, and promise too much elsewhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.serving import read_serving, serving
from snippets.why_self_host.throughput import Rates, Throughput, predicted_tokens_per_s, rates
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

VALID = {"input_tokens": 1, "output_tokens": 1, "output_tokens_per_s": 1}
BOTH = {"input_tokens_per_s": 1, "output_tokens_per_s": 1}
EVEN, READS = (1_000, 1_000), (2_048, 128)

lengths = st.floats(1, 1e5)
found = st.builds(Rates, input_tokens_per_s=st.floats(1, 1e6), output_tokens_per_s=st.floats(1, 1e6))


def served(replica: Rates, tokens_in: float, tokens_out: float) -> Throughput:
    """What a replica with these rates would be measured at."""
    asked = Throughput(input_tokens=tokens_in, output_tokens=tokens_out, output_tokens_per_s=1)
    speed = predicted_tokens_per_s(replica, asked)
    return asked.model_copy(update={"output_tokens_per_s": speed})


def shapes(name: str) -> dict[tuple[float, float], Throughput]:
    return {
        (row.input_tokens, row.output_tokens): Throughput.model_validate(row.model_dump())
        for row in serving(name).requests
    }


PAIR = shapes("serving-llama-3.3-70b-2-h100-sxm-fp8")
BOTH_ROWS = [name for name in read_serving() if {EVEN, READS} <= shapes(name).keys()]


# --- the published pair -----------------------------------------------------------------------


def test_a_pair_of_h100_reads_13_960_or_writes_6_018_tokens_a_second() -> None:
    two = rates(PAIR[EVEN], PAIR[READS])
    assert two.input_tokens_per_s == pytest.approx(13_960, abs=0.5)
    assert two.output_tokens_per_s == pytest.approx(6_018, abs=0.5)


def test_a_request_takes_its_tokens_by_the_rate_of_the_replica() -> None:
    assert Throughput(input_tokens=9, output_tokens=100, output_tokens_per_s=50).seconds == 2


def test_a_replica_that_reads_and_writes_equally_fast() -> None:
    # 30 tokens at 10 a second are 3 s, in which 10 are written
    even = Rates(input_tokens_per_s=10, output_tokens_per_s=10)
    asked = Throughput(input_tokens=20, output_tokens=10, output_tokens_per_s=1)
    assert predicted_tokens_per_s(even, asked) == pytest.approx(10 / 3)


def test_long_contexts_are_promised_too_much() -> None:
    two = rates(PAIR[EVEN], PAIR[READS])
    long = PAIR[20_000, 2_000]
    assert predicted_tokens_per_s(two, long) / long.output_tokens_per_s == pytest.approx(2.59, abs=0.01)


@pytest.mark.parametrize("name", BOTH_ROWS)
def test_on_every_measurement_the_longest_context_is_promised_most(name: str) -> None:
    rows = shapes(name)
    two = rates(rows.pop(EVEN), rows.pop(READS))
    off = {
        row.input_tokens + row.output_tokens: predicted_tokens_per_s(two, row) / row.output_tokens_per_s
        for row in rows.values()
    }
    assert off[max(off)] > 1.3
    assert off[max(off)] > off[min(off)]


def test_enough_measurements_are_judged() -> None:
    assert len(BOTH_ROWS) >= 20


# --- properties -------------------------------------------------------------------------------


@given(found, lengths, st.floats(0.5, 0.99))
def test_rates_are_found_again_from_what_they_serve(replica: Rates, length: float, share: float) -> None:
    reads = served(replica, length * share, length * (1 - share))
    writes = served(replica, length * (1 - share) / 2, length)
    again = rates(reads, writes)
    assert again.input_tokens_per_s == pytest.approx(replica.input_tokens_per_s, rel=1e-4)
    assert again.output_tokens_per_s == pytest.approx(replica.output_tokens_per_s, rel=1e-4)


@given(found, lengths, lengths, st.floats(2, 100))
def test_requests_twice_as_long_are_served_at_the_same_speed(
    replica: Rates, tokens_in: float, tokens_out: float, times: float
) -> None:
    one = served(replica, tokens_in, tokens_out)
    longer = served(replica, tokens_in * times, tokens_out * times)
    assert longer.output_tokens_per_s == pytest.approx(one.output_tokens_per_s)


@given(found, lengths, lengths, st.floats(1.01, 100))
def test_reading_more_leaves_less_for_writing(
    replica: Rates, tokens_in: float, tokens_out: float, times: float
) -> None:
    one = served(replica, tokens_in, tokens_out)
    more = served(replica, tokens_in * times, tokens_out)
    assert more.output_tokens_per_s <= one.output_tokens_per_s <= replica.output_tokens_per_s * (1 + 1e-9)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 2, 1_000])
def test_two_rows_of_one_mix_do_not_tell_reading_from_writing(times: float) -> None:
    one = Throughput(input_tokens=300, output_tokens=100, output_tokens_per_s=10)
    other = Throughput(input_tokens=300 * times, output_tokens=100 * times, output_tokens_per_s=11)
    with pytest.raises(ValueError, match="both have the same mix of tokens"):
        rates(one, other)


def test_rows_that_no_rates_explain_are_refused() -> None:
    # ten times the prompt, and ten times as fast
    slow = Throughput(input_tokens=100, output_tokens=100, output_tokens_per_s=10)
    fast = Throughput(input_tokens=1_000, output_tokens=100, output_tokens_per_s=100)
    with pytest.raises(ValueError, match="no rates fit 10 s and 1 s a request"):
        rates(slow, fast)


@pytest.mark.parametrize("field", VALID)
def test_bounds_of_a_measurement(field: str) -> None:
    assert_accepts_exactly(Throughput, VALID, field, SMALLEST, 1e8)


@pytest.mark.parametrize("field", BOTH)
def test_bounds_of_the_rates(field: str) -> None:
    assert_accepts_exactly(Rates, BOTH, field, SMALLEST, 1e8)


def test_nothing_has_a_default() -> None:
    assert defaults(Throughput) == {}
    assert defaults(Rates) == {}
