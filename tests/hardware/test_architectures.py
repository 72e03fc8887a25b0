"""Architectures: each family of the data has one of llama.cpp's names, and each name its norms."""

from __future__ import annotations

import pytest

from snippets.data.models import model, read_models
from snippets.hardware.architectures import BESIDE, FAMILIES, NORMS, ROTATED, gguf_architecture


@pytest.mark.parametrize(
    ("name", "architecture"),
    [
        ("llama-3.1-8b", "llama"),
        ("mixtral-8x7b", "llama"),
        ("qwen3-8b", "qwen3"),
        ("qwen3-30b-a3b", "qwen3moe"),
        ("qwen3.6-27b", "qwen35"),
        ("qwen3.6-35b-a3b", "qwen35moe"),
        ("deepseek-v3", "deepseek2"),
        ("deepseek-v3.2", "deepseek32"),
        ("kimi-k2", "deepseek2"),
        ("gemma-3n-e4b", "gemma3n"),
        ("lfm2-1.2b", "lfm2"),
        ("lfm2-8b-a1b", "lfm2moe"),
        ("glm-5.3", "glm-dsa"),
        ("phi-4", "phi3"),
    ],
)
def test_a_model_is_of_the_architecture_that_llama_cpp_loads_it_as(name: str, architecture: str) -> None:
    assert gguf_architecture(model(name)) == architecture


def test_every_family_of_the_data_is_known_and_no_other() -> None:
    assert {*FAMILIES} == {built.family for built in read_models().values()}


def test_every_architecture_of_a_family_has_its_norms_and_no_other_has() -> None:
    assert {*NORMS} - {"deepseek32"} == {name for names in FAMILIES.values() for name in names}


def test_factors_of_rotation_are_in_files_of_known_families() -> None:
    assert {*FAMILIES} >= ROTATED


def test_gemma_4_has_three_more_norms_where_a_dense_block_stands_beside_experts() -> None:
    assert len({*BESIDE}) == 3
    assert not {*BESIDE} & {*NORMS["gemma4"]}


def test_a_family_that_is_not_known_is_refused_by_name() -> None:
    unknown = model("qwen3-8b").model_copy(update={"family": "Qwen4"})
    with pytest.raises(ValueError, match=r"family 'Qwen4' is not of .*Qwen3, .*SmolLM3"):
        gguf_architecture(unknown)
