"""The parts of a response: the source's answer, its two omissions, and the edges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.why_self_host.latency import (
    CLOUD_API,
    LOCAL_CPU,
    LOCAL_GPU,
    Deployment,
    Request,
    estimate_response_time,
)

SOURCE_DEPLOYMENTS = [CLOUD_API, LOCAL_GPU, LOCAL_CPU]
LENGTHS = [20, 150, 500, 2_000]

deployments = st.builds(
    Deployment,
    name=st.just("any"),
    network_ms=st.floats(0, 1e4),
    first_token_ms=st.floats(0, 1e4),
    output_tokens_per_s=st.floats(0.1, 1e4),
    queue_ms=st.floats(0, 1e4),
    input_tokens_per_s=st.none() | st.floats(1, 1e5),
    short_prompt_tokens=st.integers(0, 10_000),
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


def test_prompt_tokens_beyond_the_short_prompt_are_prefilled() -> None:
    deployment = Deployment(
        name="long prompts",
        network_ms=0,
        first_token_ms=100,
        output_tokens_per_s=50,
        input_tokens_per_s=1_000,
        short_prompt_tokens=500,
    )
    short = estimate_response_time(deployment, Request(input_tokens=500, output_tokens=1))
    long = estimate_response_time(deployment, Request(input_tokens=4_500, output_tokens=1))
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


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("network_ms", -1, "greater than or equal to 0"),
        ("network_ms", float("nan"), "finite number"),
        ("first_token_ms", float("inf"), "finite number"),
        ("first_token_ms", 1e9, "less than or equal to 3600000"),
        ("output_tokens_per_s", 0, "greater than 0"),
        ("output_tokens_per_s", 1e30, "less than or equal to 1000000"),
        ("input_tokens_per_s", 0, "greater than 0"),
        ("queue_ms", -1, "greater than or equal to 0"),
    ],
)
def test_a_bad_deployment_names_the_field_and_what_is_allowed(field: str, value: float, allowed: str) -> None:
    with pytest.raises(ValidationError) as failure:
        Deployment.model_validate(CLOUD_API.model_dump() | {field: value})
    (error,) = failure.value.errors()
    assert error["loc"] == (field,)
    assert allowed in error["msg"]


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("input_tokens", -1, "greater than or equal to 0"),
        ("input_tokens", 10**30, "less than or equal to 10000000"),
        ("output_tokens", 0, "greater than or equal to 1"),
        ("output_tokens", float("nan"), "finite number"),
    ],
)
def test_a_bad_request_names_the_field_and_what_is_allowed(field: str, value: float, allowed: str) -> None:
    with pytest.raises(ValidationError) as failure:
        Request.model_validate({"input_tokens": 1, "output_tokens": 1, field: value})
    (error,) = failure.value.errors()
    assert error["loc"] == (field,)
    assert allowed in error["msg"]
