"""The parts of a response: the source's answer, its two omissions, and the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from snippets.why_self_host.latency import (
    CLOUD_API,
    LOCAL_CPU,
    LOCAL_GPU,
    Deployment,
    Request,
    ResponseTime,
    estimate_response_time,
)
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

SOURCE_DEPLOYMENTS = [CLOUD_API, LOCAL_GPU, LOCAL_CPU]
LENGTHS = [20, 150, 500, 2_000]
HOUR_MS = 3_600_000.0
RANGES = [
    (Deployment, "network_ms", 0.0, HOUR_MS),
    (Deployment, "first_token_ms", 0.0, HOUR_MS),
    (Deployment, "output_tokens_per_s", SMALLEST, 1e6),
    (Deployment, "queue_ms", 0.0, HOUR_MS),
    (Deployment, "input_tokens_per_s", SMALLEST, 1e6),
    (Request, "input_tokens", 0, 10_000_000),
    (Request, "output_tokens", 1, 10_000_000),
]
VALID = {
    Deployment: CLOUD_API.model_dump(),
    Request: {"input_tokens": 1, "output_tokens": 1},
}

deployments = st.builds(
    Deployment,
    name=st.just("any"),
    network_ms=st.floats(0, 1e4),
    first_token_ms=st.floats(0, 1e4),
    output_tokens_per_s=st.floats(0.1, 1e4),
    queue_ms=st.floats(0, 1e4),
    input_tokens_per_s=st.none() | st.floats(1, 1e5),
)
requests = st.builds(Request, input_tokens=st.integers(0, 10**6), output_tokens=st.integers(1, 10**6))


@pytest.mark.parametrize("deployment", SOURCE_DEPLOYMENTS, ids=lambda d: str(d.name))
@pytest.mark.parametrize("output_tokens", LENGTHS)
def test_the_source_documents_answer_less_the_token_it_counts_twice(
    deployment: Deployment, output_tokens: int
) -> None:
    decode_of_source = output_tokens / deployment.output_tokens_per_s * 1000
    source_ms = deployment.network_ms + deployment.first_token_ms + decode_of_source
    one_token_ms = 1000 / deployment.output_tokens_per_s
    ours = estimate_response_time(deployment, Request(input_tokens=0, output_tokens=output_tokens))
    assert ours.total_ms == pytest.approx(source_ms - one_token_ms)


def test_five_hundred_tokens_from_the_cloud_take_ten_seconds() -> None:
    ours = estimate_response_time(CLOUD_API, Request(input_tokens=0, output_tokens=500))
    assert (ours.network_ms, ours.first_token_ms, ours.decode_ms) == (50, 200, 9_980)


def test_one_token_needs_no_decode() -> None:
    ours = estimate_response_time(LOCAL_CPU, Request(input_tokens=0, output_tokens=1))
    assert ours.decode_ms == 0


def test_the_prompt_is_prefilled_at_its_own_rate() -> None:
    deployment = Deployment(
        name="long prompts",
        network_ms=0,
        first_token_ms=100,
        output_tokens_per_s=50,
        input_tokens_per_s=1_000,
    )
    short = estimate_response_time(deployment, Request(output_tokens=1))
    long = estimate_response_time(deployment, Request(input_tokens=4_000, output_tokens=1))
    assert (short.first_token_ms, long.first_token_ms) == (100, 4_100)


def test_the_queue_is_counted() -> None:
    queued = CLOUD_API.model_copy(update={"queue_ms": 100.0})
    request = Request(input_tokens=0, output_tokens=20)
    plain = estimate_response_time(CLOUD_API, request).total_ms
    assert estimate_response_time(queued, request).total_ms == pytest.approx(plain + 100)


@given(deployments, requests)
def test_no_part_is_negative_and_the_parts_add_up(deployment: Deployment, request: Request) -> None:
    ours = estimate_response_time(deployment, request)
    parts = [ours.network_ms, ours.queue_ms, ours.first_token_ms, ours.decode_ms]
    assert min(parts) >= 0
    assert ours.total_ms == pytest.approx(sum(parts))
    shares = sum(ours.percent(part) for part in parts)
    assert shares == pytest.approx(100) or ours.total_ms == 0


@given(deployments, requests, st.integers(1, 10**6))
def test_more_tokens_never_take_less_time(deployment: Deployment, request: Request, more: int) -> None:
    before = estimate_response_time(deployment, request).total_ms
    for field in ("input_tokens", "output_tokens"):
        longer = request.model_copy(update={field: getattr(request, field) + more})
        assert estimate_response_time(deployment, longer).total_ms >= before


@given(deployments, requests, st.integers(1, 10**6))
def test_the_network_share_falls_with_the_length_of_the_answer(
    deployment: Deployment, request: Request, more: int
) -> None:
    longer = request.model_copy(update={"output_tokens": request.output_tokens + more})
    before = estimate_response_time(deployment, request)
    after = estimate_response_time(deployment, longer)
    assert after.percent(after.network_ms) <= before.percent(before.network_ms) + 1e-9


def test_the_share_of_an_answer_that_takes_no_time_is_zero() -> None:
    assert ResponseTime(network_ms=0, queue_ms=0, first_token_ms=0, decode_ms=0).percent(0) == 0


@pytest.mark.parametrize(("model", "field", "lowest", "highest"), RANGES)
def test_a_field_accepts_exactly_its_range(
    model: type[BaseModel], field: str, lowest: float, highest: float
) -> None:
    assert_accepts_exactly(model, VALID[model], field, lowest, highest)


def test_every_number_has_a_range_and_what_is_not_the_source_documents_has_a_default() -> None:
    ranged = [field for _, field, _, _ in RANGES]
    assert ["name", *ranged] == [*Deployment.model_fields, *Request.model_fields]
    assert defaults(Deployment) == {"queue_ms": 0, "input_tokens_per_s": None}
    assert defaults(Request) == {"input_tokens": 0}


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("first_token_ms", 1e9, "less than or equal to 3600000"),
        ("output_tokens_per_s", 0, "greater than 0"),
        ("queue_ms", -1, "greater than or equal to 0"),
    ],
)
def test_a_bad_deployment_is_told_what_is_allowed(field: str, value: float, allowed: str) -> None:
    with pytest.raises(ValidationError, match=allowed):
        Deployment.model_validate(VALID[Deployment] | {field: value})
