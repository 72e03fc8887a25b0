"""The KV cache: equal to the engine's for every model of the data, and what it refuses, refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.layers import Attention, Delta, Mamba, Parallel, ShortConv
from snippets.data.models import Model, model, read_models
from snippets.hardware.kv_cache import (
    CacheType,
    Context,
    cells,
    kv_cache,
    kv_cache_bytes,
    layer_rows,
    longest_context_tokens,
    padded,
    row_bytes,
)
from tests.bounds import assert_accepts_exactly, defaults
from tests.hardware.engine import Cache, EngineError, missing
from tests.hardware.loads import CASES, SETTINGS, loads

MIB = 2**20
# Phi-4's layers have few tensors, by which the engine counts the nodes that its graph may have, and with
# both sides quantized and slots apart there are more: it aborts, after it has allocated the cache.
ABORTS = {("phi-4", "apart")}

needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")
contexts = st.builds(
    Context,
    context_tokens=st.integers(1, 200_000),
    sequences=st.integers(1, 8),
    unified=st.booleans(),
    ubatch_tokens=st.integers(1, 2_048),
    key_type=st.just("q8_0"),
    value_type=st.just("q8_0"),
    swa_full=st.booleans(),
)
models = st.sampled_from([*read_models().values()])


def context(tokens: int, **changes: Any) -> Context:
    return Context(context_tokens=tokens, **changes)


def kept(name: str, asked: Context) -> float:
    return kv_cache_bytes(model(name), asked) / MIB


# --- known values -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "key_type", "mib"),
    [
        ("llama-3.1-8b", "f16", 16_384),
        ("llama-3.1-8b", "q8_0", 8_704),
        ("llama-3.3-70b", "f16", 40_960),
        ("gemma-3-27b", "f16", 10_864),
        ("qwen3.5-27b", "f16", 8_192),
        ("deepseek-v3", "f16", 8_784),
        ("deepseek-v3", "q8_0", 4_666.5),
    ],
)
def test_a_cache_of_131072_tokens(name: str, key_type: CacheType, mib: float) -> None:
    assert kept(name, context(131_072, key_type=key_type, value_type=key_type)) == mib


@pytest.mark.parametrize(
    ("kind", "bytes_of_256"),
    [
        ("f32", 1_024),
        ("f16", 512),
        ("bf16", 512),
        ("q8_0", 272),
        ("q5_1", 192),
        ("q5_0", 176),
        ("q4_1", 160),
        ("q4_0", 144),
        ("iq4_nl", 144),
    ],
)
def test_a_row_of_256_numbers(kind: CacheType, bytes_of_256: int) -> None:
    assert row_bytes(256, kind, 128) == bytes_of_256


@pytest.mark.parametrize(("tokens", "up"), [(1, 256), (256, 256), (257, 512), (131_072, 131_072)])
def test_cells_are_counted_in_steps_of_256(tokens: int, up: int) -> None:
    assert padded(tokens) == cells(context(tokens)) == up


@pytest.mark.parametrize(
    ("asked", "window", "room"),
    [
        (context(131_072), 1_024, 1_536),  # 1,024 + 512
        (context(131_072), 1_000, 1_536),  # 1,512, and up
        (context(131_072, ubatch_tokens=2_048), 1_024, 3_072),
        (context(131_072, batch_tokens=256), 1_024, 1_280),
        (context(131_072, sequences=4), 1_024, 4_608),
        (context(131_072, sequences=4, unified=False), 1_024, 1_536),
        (context(131_072, swa_full=True), 1_024, 131_072),
        (context(1_000), 1_024, 1_024),
        (context(4_000, sequences=3, unified=False), 1_024, 1_536),
    ],
)
def test_cells_of_a_window(asked: Context, window: int, room: int) -> None:
    assert cells(asked, window) == room


def test_slots_apart_round_the_context_up() -> None:
    # 10,000 is 10,240 cells, a third of it 3,413, and that is 3,584.
    assert cells(context(10_000, sequences=3, unified=False)) == 3_584


# --- layers -----------------------------------------------------------------------------------


def kinds(name: str, asked: Context) -> dict[str, int]:
    found: dict[str, int] = {}
    for layer in kv_cache(model(name), asked):
        found[layer.kind] = found.get(layer.kind, 0) + 1
    return found


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("llama-3.1-8b", {"full": 32}),
        ("gemma-3-27b", {"full": 10, "sliding": 52}),
        ("gemma-3n-e4b", {"full": 4, "sliding": 16}),
        ("llama-4-scout", {"full": 12, "chunked": 36}),
        ("qwen3.5-27b", {"full": 16}),
        ("deepseek-v3", {"latent": 61}),
        ("deepseek-v3.2", {"latent": 61, "indexer": 61}),
        ("glm-5.3", {"latent": 78, "indexer": 21}),
        ("minimax-m3", {"full": 3, "sparse": 57, "indexer": 57}),
        ("kimi-linear-48b-a3b", {"latent": 7}),
        ("falcon-h1-0.5b", {"parallel": 36}),
        ("lfm2-1.2b", {"full": 6}),
    ],
)
def test_which_layers_keep_what(name: str, layers: dict[str, int]) -> None:
    assert kinds(name, context(4_096)) == layers


def test_an_indexer_of_blocks_has_room_for_a_key_and_a_value_of_one_head() -> None:
    assert layer_rows(model("minimax-m3"), 3, context(1, key_type="q8_0")) == {
        "sparse": (4 * 136, 4 * 128 * 2),
        "indexer": (136, 128 * 2),
    }


def test_layers_are_counted_from_0() -> None:
    assert [layer.layer for layer in kv_cache(model("qwen3.5-27b"), context(1))][:2] == [3, 7]


def test_without_flash_attention_values_are_as_wide_as_the_widest_layers() -> None:
    built = model("gemma-4-31b")
    on, off = (
        {layer.kind: layer for layer in kv_cache(built, context(300, flash_attention=flash))}
        for flash in (True, False)
    )
    assert on["full"].value_bytes < on["sliding"].value_bytes
    assert off["full"].value_bytes == off["sliding"].value_bytes == on["sliding"].value_bytes
    assert off["full"].key_bytes == on["full"].key_bytes


def test_attention_beside_a_state_keeps_its_keys() -> None:
    attention = Attention(heads=8, kv_heads=2, key_head_dim=64, value_head_dim=32)
    mamba = Mamba(heads=8, head_dim=64, state_size=16, groups=1, conv_kernel=4)
    built = model("llama-3.2-1b").model_copy(
        update={"mixers": ("parallel",), "parallel": Parallel(attention=attention, mamba=mamba)}
    )
    assert layer_rows(built, 0, context(1)) == {"parallel": (2 * 64 * 2, 2 * 32 * 2)}


@pytest.mark.parametrize(
    ("kind", "part"),
    [("conv", ShortConv(conv_kernel=3)), ("delta", Delta(heads=2, head_dim=64, conv_kernel=4))],
)
def test_a_layer_with_a_state_keeps_no_keys(kind: str, part: Any) -> None:
    built = model("llama-3.2-1b").model_copy(update={"mixers": (kind,), kind: part})
    assert kv_cache(built, context(1)) == ()


def test_a_layer_of_an_unknown_kind_is_refused_by_name() -> None:
    class Strange(Model):
        def mixer_of(self, index: int) -> Any:
            return f"strange {index}"

    built = Strange.model_validate(model("llama-3.2-1b").model_dump())
    with pytest.raises(ValueError, match="layer 0 is full: unknown here"):
        kv_cache(built, context(1))


# --- what always holds ------------------------------------------------------------------------


@given(models, contexts, st.integers(0, 10_000))
def test_a_cache_never_shrinks_with_the_context(built: Model, asked: Context, more: int) -> None:
    longer = asked.model_copy(update={"context_tokens": asked.context_tokens + more})
    assert kv_cache_bytes(built, asked) <= kv_cache_bytes(built, longer)


@given(models, contexts)
def test_a_window_takes_no_more_than_the_whole_context(built: Model, asked: Context) -> None:
    whole = asked.model_copy(update={"swa_full": True})
    assert 0 < kv_cache_bytes(built, asked) <= kv_cache_bytes(built, whole)


@given(models, contexts)
def test_all_layers_together_are_the_cache(built: Model, asked: Context) -> None:
    layers = kv_cache(built, asked)
    assert sum(layer.key_bytes + layer.value_bytes for layer in layers) == kv_cache_bytes(built, asked)


@given(st.integers(1, 100_000), st.integers(1, 8))
def test_slots_apart_take_what_as_many_servers_with_one_would(each: int, sequences: int) -> None:
    built = model("gemma-3-4b")
    alone = kv_cache_bytes(built, context(padded(each)))
    apart = context(sequences * padded(each), sequences=sequences, unified=False)
    assert kv_cache_bytes(built, apart) == sequences * alone


# --- what fits --------------------------------------------------------------------------------


@given(models, contexts, st.integers(0, 10**11))
def test_the_longest_context_fits_and_256_tokens_more_do_not(built: Model, asked: Context, room: int) -> None:
    tokens = longest_context_tokens(built, asked, room)
    most = built.context_tokens * asked.sequences
    assert 0 <= tokens <= most
    for length, fits in ((tokens, True), (tokens + 256, False)):
        if 0 < length <= most:
            longer = asked.model_copy(update={"context_tokens": length})
            assert (kv_cache_bytes(built, longer) <= room) == fits


def test_the_longest_context_of_known_room() -> None:
    built = model("llama-3.1-8b")  # 128 KiB a token
    assert longest_context_tokens(built, context(1), 2**30) == 8_192
    assert longest_context_tokens(built, context(1), 2**30 - 1) == 8_192 - 256
    assert longest_context_tokens(built, context(1), 2**30 + 1) == 8_192
    assert longest_context_tokens(built, context(1), 0) == 0
    assert longest_context_tokens(built, context(1), 2**60) == 131_072
    assert longest_context_tokens(built, context(1, sequences=2), 2**60) == 2 * 131_072


def test_a_trained_length_that_is_no_multiple_of_256_is_reached() -> None:
    built = model("llama-3.1-8b").model_copy(update={"context_tokens": 8_100})
    assert longest_context_tokens(built, context(1), 2**30) == 8_100
    assert longest_context_tokens(built, context(1), 2**30 - 1) == 8_192 - 256


def test_less_than_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room_bytes is -1; 0 or more"):
        longest_context_tokens(model("llama-3.1-8b"), context(1), -1)


# --- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "highest"),
    [
        ("context_tokens", 10**9),
        ("sequences", 256),
        ("batch_tokens", 10**6),
        ("ubatch_tokens", 10**6),
    ],
)
def test_bounds(field: str, highest: int) -> None:
    assert_accepts_exactly(Context, {"context_tokens": 1}, field, 1, highest)


def test_defaults_are_those_of_the_engine() -> None:
    assert defaults(Context) == {
        "sequences": 1,
        "unified": True,
        "batch_tokens": 2_048,
        "ubatch_tokens": 512,
        "key_type": "f16",
        "value_type": "f16",
        "flash_attention": True,
        "swa_full": False,
    }


@pytest.mark.parametrize("kind", ["q8_0", "iq4_nl"])
def test_quantized_values_need_flash_attention(kind: str) -> None:
    with pytest.raises(ValidationError, match=f"value_type {kind} needs flash_attention"):
        context(1, value_type=kind, flash_attention=False)
    assert context(1, key_type=kind, value_type="bf16", flash_attention=False).key_type == kind


def test_latent_attention_has_one_type() -> None:
    with pytest.raises(ValueError, match="one cache type, not q8_0 and f16"):
        kv_cache(model("deepseek-v3"), context(1, key_type="q8_0"))


def test_a_head_that_blocks_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="q8_0 has blocks of 32, and a head has 80"):
        row_bytes(8 * 80, "q8_0", 80)
    assert row_bytes(8 * 80, "f16", 80) == 1_280


@pytest.mark.parametrize("changes", [{"key_type": "q6_k"}, {"parallel": 4}, {"context_tokens": 1.5}])
def test_what_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        Context.model_validate({"context_tokens": 1, **changes})


# --- the engine itself, last: a wrong constant is found above in less time ----------------------


def as_printed(built: Model, asked: Context) -> list[tuple[Any, ...]]:
    """The caches that the engine would say: one for the whole context, one for windows, one for indexers."""
    rows = kv_cache(built, asked)
    found = []
    for kinds in (("full", "sparse", "latent", "parallel"), ("sliding", "chunked"), ("indexer",)):
        layers = [row for row in rows if row.kind in kinds]
        if layers:
            found.append(
                (
                    {row.cells for row in layers},
                    len(layers),
                    sum(row.key_bytes for row in layers) / MIB,
                    sum(row.value_bytes for row in layers) / MIB,
                )
            )
    return found


def printed(cache: Cache) -> tuple[Any, ...]:
    # Two decimals of a number that has 24 bits.
    return (
        {cache.cells},
        cache.layers,
        pytest.approx(cache.key_mib, rel=1e-7, abs=0.0051),
        pytest.approx(cache.value_mib, rel=1e-7, abs=0.0051),
    )


@needs_engine
@pytest.mark.parametrize(("name", "said"), CASES)
def test_cells_layers_keys_and_values_are_those_that_the_engine_prints(name: str, said: str) -> None:
    answer = loads()[name, said]
    if (name, said) in ABORTS:
        assert isinstance(answer, EngineError)
        assert "fatal error" in answer.reason
        return
    if isinstance(answer, Exception):
        raise answer
    assert as_printed(model(name), SETTINGS[said]) == [printed(cache) for cache in answer.caches]


@needs_engine
@pytest.mark.parametrize("name", read_models())
def test_context_and_ubatch_are_rounded_as_the_engine_rounds_them(name: str) -> None:
    answer = loads()[name, "plain"]
    if isinstance(answer, Exception):
        raise answer
    asked = SETTINGS["plain"]
    assert answer.context_tokens_per_sequence == cells(asked)
    assert answer.ubatch_tokens == asked.computed_tokens
