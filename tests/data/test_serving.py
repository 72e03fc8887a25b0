"""Published measurements of serving: what each states, that it is plausible, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.machines import read_machines
from snippets.data.models import read_models
from snippets.data.records import UnknownNameError
from snippets.data.serving import Requests, Serving, read_serving, serving
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

RECORDS = [*read_serving().values()]
QUEUED = [one for one in RECORDS if one.load == "all at once"]
ROW = {"input_tokens": 1, "output_tokens": 1, "output_tokens_per_s": 1}
VALID: dict[str, Any] = {
    "id": "a",
    "sources": ["a"],
    "as_of": "2026-11-24",
    "model": "a",
    "machine": "b",
    "gpus": 1,
    "weights": "fp8",
    "engine": "vLLM",
    "load": "all at once",
    "requests": [ROW],
}
LIMITED = {**VALID, "load": "some at a time", "concurrency": 1}


def speed(name: str, tokens_in: float, tokens_out: float) -> float:
    rows = {(row.input_tokens, row.output_tokens): row for row in serving(name).requests}
    return rows[tokens_in, tokens_out].output_tokens_per_s


# --- what the sources state -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "tokens_in", "tokens_out", "tokens_per_s"),
    [
        ("serving-llama-3.3-70b-2-h100-sxm-fp8", 1000, 1000, 4_205),
        ("serving-llama-3.3-70b-2-h100-sxm-fp8", 20_000, 2_000, 437),
        ("serving-llama-4-maverick-8-b200-fp4", 128, 128, 124_323),
        ("serving-llama-3.1-8b-1-l40s-fp8", 2048, 2048, 2_225.27),
        # 2,000 input tokens; 500 requests wrote 49,059 tokens
        ("serving-gpt-oss-120b-2-h100-sxm-mxfp4", 1_998.24, 98.12, 1_595.22),
        # printed as 4,685 a second and GPU, on four
        ("serving-gpt-oss-120b-4-h100-sxm-fp8", 1000, 1000, 4 * 4_685),
        ("serving-qwen3.6-27b-1-rtx-4090-int4", 2000, 2000, 127.7),
    ],
)
def test_a_row_says_what_its_source_says(
    name: str, tokens_in: float, tokens_out: float, tokens_per_s: float
) -> None:
    assert speed(name, tokens_in, tokens_out) == tokens_per_s


@pytest.mark.parametrize("one", QUEUED, ids=lambda one: one.id)
def test_longer_answers_to_the_same_prompt_take_more_of_the_replica(one: Serving) -> None:
    by_prompt: dict[float, list[Requests]] = {}
    for row in one.requests:
        by_prompt.setdefault(row.input_tokens, []).append(row)
    for rows in by_prompt.values():
        rows.sort(key=lambda row: row.output_tokens)
        seconds = [row.output_tokens / row.output_tokens_per_s for row in rows]
        assert seconds == sorted(seconds)


@pytest.mark.parametrize("one", QUEUED, ids=lambda one: one.id)
def test_longer_prompts_of_the_same_answer_take_more_of_the_replica(one: Serving) -> None:
    by_answer: dict[float, list[Requests]] = {}
    for row in one.requests:
        by_answer.setdefault(row.output_tokens, []).append(row)
    for rows in by_answer.values():
        rows.sort(key=lambda row: row.input_tokens)
        speeds = [row.output_tokens_per_s for row in rows]
        assert speeds == sorted(speeds, reverse=True)


def test_one_user_alone_gets_less_than_all_together() -> None:
    alone = speed("serving-qwen3.6-27b-1-rtx-4090-int4-alone", 2000, 2000)
    assert alone < speed("serving-qwen3.6-27b-1-rtx-4090-int4", 2000, 2000)


@pytest.mark.parametrize("machine", ["h100", "h200"])
def test_what_was_measured_twice_agrees_within_a_tenth(machine: str) -> None:
    name = f"serving-llama-3.1-8b-1-{machine}-sxm-fp8"
    for row in serving(f"{name}-again").requests:
        again = speed(name, row.input_tokens, row.output_tokens)
        assert again == pytest.approx(row.output_tokens_per_s, rel=0.1)


def test_no_measurement_stands_twice() -> None:
    seen = {
        (one.model, one.machine, one.gpus, one.weights, one.engine_version, one.concurrency)
        for one in RECORDS
    }
    assert len(seen) == len(RECORDS)


# --- names ------------------------------------------------------------------------------------


def test_every_machine_is_a_record() -> None:
    assert {one.machine for one in RECORDS} <= read_machines().keys()


def test_every_model_is_a_record() -> None:
    assert {one.model for one in RECORDS} <= read_models().keys()


@pytest.mark.parametrize("one", RECORDS, ids=lambda one: one.id)
def test_the_id_of_a_record_names_model_machine_and_gpus(one: Serving) -> None:
    assert one.id.startswith(f"serving-{one.model}-{one.gpus}-{one.machine}")


def test_a_footnote_names_what_was_measured() -> None:
    assert serving("serving-llama-3.3-70b-2-h100-sxm-fp8").name == (
        "llama-3.3-70b, fp8, on 2 h100-sxm, TensorRT-LLM 1.0"
    )
    assert Serving.model_validate(VALID).name == "a, fp8, on 1 b, vLLM"


@pytest.mark.parametrize("near", ["llama-3.3-70b-2-h100-sxm-fp8", "serving-Llama-3.3-70B-2-H100-SXM-FP8"])
def test_a_name_is_never_guessed(near: str) -> None:
    with pytest.raises(
        UnknownNameError, match=rf"unknown measurement '{near}'; nearest: serving-llama-3\.3-70b"
    ):
        serving(near)


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["input_tokens", "output_tokens", "output_tokens_per_s"])
def test_bounds_of_a_row(field: str) -> None:
    assert_accepts_exactly(Requests, ROW, field, SMALLEST, 1e7)


def test_bounds_of_a_record() -> None:
    assert_accepts_exactly(Serving, VALID, "gpus", 1, 1_000)
    assert_accepts_exactly(Serving, LIMITED, "concurrency", 1, 1_000_000)


def test_what_may_be_left_out() -> None:
    assert defaults(Requests) == {}
    assert defaults(Serving) == {"expires": None, "engine_version": None, "concurrency": None, "note": ""}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"requests": []}, "requests"),
        ({"requests": [ROW, {**ROW, "output_tokens_per_s": 2}]}, "a shape stands twice"),
        ({"load": "busy"}, "load"),
        ({"load": "some at a time"}, "load is 'some at a time' with concurrency None"),
        ({"concurrency": 4}, "load is 'all at once' with concurrency 4"),
        ({"weights": " "}, "weights"),
        ({"model": "Llama 3.3"}, "model"),
        ({"tokens_per_s": 1}, "tokens_per_s"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Serving.model_validate({**VALID, **changes})
