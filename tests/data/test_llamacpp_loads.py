"""Logs of llama.cpp: what the sources print, and parts that add up."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.layers import Attention, Latent
from snippets.data.llamacpp_loads import Buffer, LlamacppLoad, llamacpp_load, read_llamacpp_loads
from snippets.data.models import model
from snippets.data.records import UnknownNameError
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

RECORDS = [*read_llamacpp_loads().values()]
VALID: dict[str, Any] = {
    "id": "a",
    "sources": ["a"],
    "as_of": "2026-11-24",
    "named": "A",
    "engine": "llama.cpp",
    "file_type": "F16",
    "file_gib": 1,
    "bits_per_weight": 16,
    "layers": 1,
    "kv_heads": 1,
    "key_head_dim": 1,
    "value_head_dim": 1,
    "context_tokens": 1,
    "key_type": "f16",
    "key_mib": 0,
    "value_mib": 0,
}


# --- what the sources state -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "keys", "values"),
    [
        ("load-qwen3-235b-a22b-437", 3_196, 6_016),
        ("load-deepseek-v3-258-5", 5_468.55, 0),
        ("load-deepseek-v3-394", 1_098, 976),
        ("load-gemma-3-27b-334", 7_936, 7_936),
        ("load-llama-2-70b-f16-3090-6-v2", 80, 80),
        ("load-llama-nemotron-ultra-377", 816, 432),
    ],
)
def test_a_log_says_what_its_source_says(name: str, keys: float, values: float) -> None:
    found = llamacpp_load(name)
    assert (found.key_mib, found.value_mib) == (keys, values)


def test_there_are_as_many_of_each_engine_as_were_read() -> None:
    engines = [record.engine for record in RECORDS]
    assert (engines.count("ik_llama.cpp"), engines.count("llama.cpp")) == (23, 10)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.id)
def test_buffers_of_weights_hold_the_file(record: LlamacppLoad) -> None:
    if record.model_buffers:
        # A mapped file counts with all that lies between its tensors, those of the GPU too.
        total_gib = sum(buffer.mib for buffer in record.model_buffers) / 1_024
        assert 0.99 < total_gib / record.file_gib < 1.4


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.id)
def test_the_shape_is_that_of_the_model_it_names(record: LlamacppLoad) -> None:
    if record.model is None:
        return
    built = model(record.model)
    assert record.layers == built.layers
    part = built.mixer_of(0)
    if isinstance(part, Latent):
        assert record.latent_dim == part.key_value_rank + part.rope_head_dim
        assert record.key_head_dim == part.nope_head_dim + part.rope_head_dim
    else:
        assert isinstance(part, Attention)
        assert (record.kv_heads, record.key_head_dim) == (part.kv_heads, part.key_head_dim)
    assert record.value_head_dim == part.value_head_dim


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.id)
def test_a_log_without_values_keeps_a_latent(record: LlamacppLoad) -> None:
    assert (record.value_type is None) == (record.value_mib == 0)
    if record.value_mib == 0:
        assert record.latent_cached


def test_the_id_of_a_log_begins_with_load() -> None:
    assert {record.id.partition("-")[0] for record in RECORDS} == {"load"}


# --- names ------------------------------------------------------------------------------------


def test_a_footnote_names_what_was_loaded() -> None:
    assert llamacpp_load("load-deepseek-v3-394").name == (
        "Deepseek-V3-0324, Q2_K - Medium, 16384 tokens, llama.cpp of May 2025"
    )
    assert LlamacppLoad.model_validate(VALID).name == "A, F16, 1 tokens, llama.cpp"


def test_a_name_is_never_guessed() -> None:
    with pytest.raises(UnknownNameError, match="unknown log 'load-kimi-k2'; nearest: load-kimi-k2-616"):
        llamacpp_load("load-kimi-k2")


# --- bounds -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("file_gib", SMALLEST, 1e5),
        ("bits_per_weight", SMALLEST, 64),
        ("latent_dim", 0, 100_000),
        ("context_tokens", 1, 10**8),
        ("key_mib", 0, 1e7),
        ("value_mib", 0, 1e7),
    ],
)
def test_bounds(field: str, lowest: float, highest: float) -> None:
    assert_accepts_exactly(LlamacppLoad, VALID, field, lowest, highest)


@pytest.mark.parametrize("field", ["batch_tokens", "ubatch_tokens"])
def test_bounds_of_a_batch(field: str) -> None:
    assert_accepts_exactly(LlamacppLoad, VALID, field, 1, 10**6)


def test_bounds_of_a_buffer() -> None:
    assert_accepts_exactly(Buffer, {"place": "CPU", "mib": 1}, "mib", 0, 1e7)


def test_what_may_be_left_out() -> None:
    assert defaults(LlamacppLoad) == {
        "expires": None,
        "model": None,
        "engine_version": None,
        "latent_dim": 0,
        "latent_cached": False,
        "batch_tokens": None,
        "ubatch_tokens": None,
        "flash_attention": None,
        "value_type": None,
        "devices": (),
        "model_buffers": (),
        "compute_buffers": (),
        "note": "",
    }


@pytest.mark.parametrize("changes", [{"engine": "vLLM"}, {"model": "Llama 3"}, {"named": " "}, {"kv_mib": 1}])
def test_what_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        LlamacppLoad.model_validate({**VALID, **changes})
