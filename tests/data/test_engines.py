"""Engines: as each one's documentation says, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.engines import Engine, Format, Hardware, engine, read_engines
from snippets.data.records import UnknownNameError

VALID: dict[str, Any] = {
    "id": "a",
    "sources": ["a"],
    "as_of": "2026-11-25",
    "engine": "A",
    "runs": [{"format": "gguf", "hardware": ["cpu"]}],
}


@pytest.mark.parametrize(
    ("name", "kind", "hardware"),
    [
        ("engine-llama.cpp", "gguf", {"nvidia", "amd", "intel", "apple", "cpu"}),
        # vLLM's table of version 0.15.1, which is the last to print a cross where a method does not run.
        ("engine-vllm", "awq", {"nvidia", "intel", "cpu"}),
        ("engine-vllm", "gptq", {"nvidia", "intel", "cpu"}),
        ("engine-vllm", "fp8", {"nvidia", "amd"}),
        ("engine-vllm", "bitsandbytes", {"nvidia"}),
        ("engine-vllm", "gguf", {"nvidia", "amd"}),
        ("engine-sglang", "gguf", {"nvidia"}),
        ("engine-sglang", "mxfp4", {"nvidia", "amd"}),
        ("engine-tensorrt-llm", "nvfp4", {"nvidia"}),
        ("engine-exllamav3", "exl3", {"nvidia"}),
    ],
)
def test_hardware_is_that_of_the_source(name: str, kind: Format, hardware: set[Hardware]) -> None:
    found = {one.format: set(one.hardware) for one in engine(name).runs}
    assert found[kind] == hardware


@pytest.mark.parametrize("one", read_engines().values(), ids=lambda one: one.id)
def test_what_ages_expires(one: Engine) -> None:
    assert one.expires


def test_a_footnote_names_the_engine() -> None:
    assert engine("engine-mlx").name == "MLX, formats and hardware"


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UnknownNameError, match="engine-vllm"):
        engine("engine-vlm")


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        ([], "at least 1"),
        ([{"format": "gguf", "hardware": []}], "at least 1"),
        ([{"format": "ggml", "hardware": ["cpu"]}], "Input should be 'safetensors'"),
        ([{"format": "gguf", "hardware": ["tpu"]}], "Input should be 'nvidia'"),
        ([{"format": "gguf", "hardware": ["cpu", "cpu"]}], "gguf: hardware stands twice"),
        ([{"format": "gguf", "hardware": ["cpu"]}] * 2, "a format stands twice"),
    ],
)
def test_what_cannot_be_is_refused(runs: list[dict[str, Any]], message: str) -> None:
    assert Engine.model_validate(VALID).engine == "A"
    with pytest.raises(ValidationError, match=message):
        Engine.model_validate(VALID | {"runs": runs})
