"""Published starts of vLLM: what each states, that its figures agree with each other, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.machines import read_machines
from snippets.data.models import read_models
from snippets.data.records import UnknownNameError
from snippets.data.vllm_loads import Prediction, VllmLoad, read_vllm_loads, vllm_load
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

RECORDS = [*read_vllm_loads().values()]
PROFILED = [one for one in RECORDS if one.engine_version == "0.19.0"]
VALID: dict[str, Any] = {
    "id": "a",
    "sources": ["a"],
    "as_of": "2026-11-24",
    "checkpoint": "a/b",
    "gpus": 1,
    "weights_gib": 1,
}
PREDICTED = {"weights_gib": 1, "kv_cache_gib": 1, "concurrency": 1}


# --- what the sources state -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "weights_gib", "kv_cache_gib", "concurrency"),
    [
        ("vllm-llama-3.1-8b-bf16", 14.99, 58.11, 58.11),
        ("vllm-gemma-3-27b-bf16", 51.45, 19.53, 4.46),
        ("vllm-qwen3-30b-a3b-bf16", 56.88, 15.41, 20.54),
        ("vllm-llama-3.1-8b-29k", 14.9888, 2.89, 0.82),
        ("vllm-qwen3.6-35b-a3b-nvfp4", None, 5.98, 4.33),
    ],
)
def test_a_record_says_what_its_source_says(
    name: str, weights_gib: float | None, kv_cache_gib: float, concurrency: float
) -> None:
    one = vllm_load(name)
    assert (one.weights_gib, one.kv_cache_gib, one.concurrency) == (weights_gib, kv_cache_gib, concurrency)


@pytest.mark.parametrize("one", PROFILED, ids=lambda one: one.id)
def test_the_parts_of_a_profiled_start_add_up_to_what_was_allowed(one: VllmLoad) -> None:
    parts = (one.weights_gib, one.activation_gib, one.non_torch_gib, one.kv_cache_gib)
    assert one.visible_memory_gib
    assert one.gpu_memory_utilization
    allowed = one.visible_memory_gib * one.gpu_memory_utilization
    assert sum(part or 0 for part in parts) == pytest.approx(allowed, abs=0.03)


WINDOWED = ("gemma-2", "gemma-3", "gpt-oss")


@pytest.mark.parametrize("one", RECORDS, ids=lambda one: one.id)
def test_tokens_are_concurrency_times_the_context(one: VllmLoad) -> None:
    if not (one.tokens and one.concurrency and one.context_tokens):
        return
    times = one.tokens / one.context_tokens
    if one in PROFILED and one.model and one.model.startswith(WINDOWED):
        # 0.19 divided the blocks by the groups there, without the window's one block more.
        assert one.concurrency <= times <= one.concurrency * 513 / 512 + 0.011
    else:
        assert times == pytest.approx(one.concurrency, abs=0.011)


def test_starts_that_vllm_refused_are_among_them() -> None:
    assert sum(not one.starts for one in RECORDS) == 4
    assert all(one.concurrency is None or one.concurrency < 1 for one in RECORDS if not one.starts)


# --- names ------------------------------------------------------------------------------------


def test_every_machine_and_every_model_is_a_record() -> None:
    assert {one.machine for one in RECORDS if one.machine} <= read_machines().keys()
    assert {one.model for one in RECORDS if one.model} <= read_models().keys()


def test_a_footnote_names_what_was_started() -> None:
    assert vllm_load("vllm-llama-3.1-8b-bf16-tp2").name == (
        "meta-llama/Llama-3.1-8B-Instruct on 2 h100-sxm, vLLM 0.19.0"
    )
    assert VllmLoad.model_validate(VALID).name == "a/b on 1 GPUs, vLLM"


def test_a_name_is_never_guessed() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown load 'llama-3\.1-8b-bf16'; nearest: vllm-llama"):
        vllm_load("llama-3.1-8b-bf16")


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["weights_gib", "activation_gib", "kv_cache_gib", "visible_memory_gib"])
def test_bounds_of_memory(field: str) -> None:
    assert_accepts_exactly(VllmLoad, VALID, field, SMALLEST, 1_000)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("gpus", 1, 1_000),
        ("gpu_memory_utilization", SMALLEST, 1.0),
        ("context_tokens", 1, 10**8),
        ("concurrency", SMALLEST, 1e6),
    ],
)
def test_bounds(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(VllmLoad, VALID, field, lowest, highest)


def test_what_may_be_left_out() -> None:
    assert defaults(Prediction) == {}
    given = {name: value for name, value in defaults(VllmLoad).items() if value is not None}
    assert given == {"kv_cache": "16-bit", "sees": False, "starts": True, "note": ""}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"weights_gib": None}, "nothing is measured"),
        ({"kv_cache": "q8_0"}, "kv_cache"),
        ({"model": "Llama 3.3"}, "model"),
        ({"planner": {**PREDICTED, "weights_gib": 0}}, "planner"),
        ({"memory_gb": 1}, "memory_gb"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        VllmLoad.model_validate({**VALID, **changes})
