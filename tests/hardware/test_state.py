"""Recurrent states: equal to the engine's for every model that has one, whatever the context."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.layers import Attention, Delta, Mamba, Parallel, ShortConv
from snippets.data.models import Model, model, read_models
from snippets.hardware.kv_cache import Context, kv_cache_bytes
from snippets.hardware.state import context_bytes, most_sequences, state, state_bytes
from tests.hardware.engine import missing
from tests.hardware.loads import CASES, SETTINGS, loads

MIB = 2**20
STATEFUL = [name for name, built in read_models().items() if state(built)]
STATEFUL_CASES = [(name, said) for name, said in CASES if name in STATEFUL]
ONE = Context(context_tokens=1)

needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")


def built_of(kind: str, part: Any) -> Model:
    return model("llama-3.2-1b").model_copy(update={"mixers": (kind,), kind: part})


# --- known values -----------------------------------------------------------------------------


def test_qwen_as_in_a_published_log() -> None:
    # 598.50 MiB for 4 sequences of Qwen3.6-27B
    assert state_bytes(model("qwen3.6-27b"), Context(context_tokens=1, sequences=4)) == 598.5 * MIB


@pytest.mark.parametrize(
    ("kind", "part", "conv", "held"),
    [
        # 3 · (512 + 2 · 2 · 16), 512 · 16
        ("mamba", Mamba(heads=8, head_dim=64, state_size=16, groups=2, conv_kernel=4), 1_728, 8_192),
        # 3 · 3 · 128, 128 · 64
        ("delta", Delta(heads=2, head_dim=64, conv_kernel=4), 1_152, 8_192),
        # 2 · 2,048 of the model
        ("conv", ShortConv(conv_kernel=3), 4_096, 0),
    ],
)
def test_numbers_of_a_layer(kind: str, part: Any, conv: int, held: int) -> None:
    layers = state(built_of(kind, part))
    assert len(layers) == 16
    assert [layer.layer for layer in layers] == [*range(16)]
    assert {layer.kind for layer in layers} == {kind}
    assert {(layer.conv_bytes, layer.state_bytes) for layer in layers} == {(4 * conv, 4 * held)}
    assert layers[0].bytes == 4 * (conv + held)


def test_mamba_beside_attention_is_as_it_is_alone() -> None:
    mamba = Mamba(heads=8, head_dim=64, state_size=16, groups=2, conv_kernel=4)
    attention = Attention(heads=8, kv_heads=2, key_head_dim=64, value_head_dim=64)
    both = built_of("parallel", Parallel(attention=attention, mamba=mamba))
    assert state_bytes(both, ONE) == state_bytes(built_of("mamba", mamba), ONE)
    assert context_bytes(both, ONE) == kv_cache_bytes(both, ONE) + state_bytes(both, ONE)
    assert kv_cache_bytes(both, ONE) > 0


def test_a_state_without_last_inputs_counts() -> None:
    alone = Mamba(heads=8, head_dim=64, state_size=16, groups=2, conv_kernel=1)
    assert state_bytes(built_of("mamba", alone), ONE) == 16 * 4 * 8_192


def test_a_layer_of_an_unknown_kind_is_refused_by_name() -> None:
    class Strange(Model):
        def mixer_of(self, index: int) -> Any:
            return f"strange {index}"

    built = Strange.model_validate(model("llama-3.2-1b").model_dump())
    with pytest.raises(ValueError, match="layer 0 is full: unknown here"):
        state(built)


# --- what always holds ------------------------------------------------------------------------


@given(st.sampled_from(STATEFUL), st.integers(1, 10**6), st.integers(1, 256))
def test_it_grows_with_sequences_and_not_with_tokens(name: str, tokens: int, sequences: int) -> None:
    built = model(name)
    asked = Context(context_tokens=tokens, sequences=sequences)
    assert state_bytes(built, asked) == sequences * state_bytes(built, ONE)


@given(
    st.sampled_from([*read_models()]),
    st.integers(1, 100_000),
    st.integers(0, 10**11),
    st.booleans(),
)
def test_the_most_sequences_fit_and_one_more_does_not(
    name: str, tokens: int, room: int, unified: bool
) -> None:
    built = model(name)
    asked = Context(context_tokens=1, unified=unified)
    most = most_sequences(built, asked, tokens, room)
    assert 0 <= most <= 256
    for count, fits in ((most, True), (most + 1, False)):
        if 0 < count <= 256:
            some = Context(context_tokens=count * tokens, sequences=count, unified=unified)
            assert (context_bytes(built, some) <= room) == fits


def test_the_most_sequences_of_known_room() -> None:
    built = model("qwen3.6-27b")
    one = 149.625 * MIB + 64 * 1_024 * 4_096  # a state, and 64 KiB for each of 4,096 tokens
    assert most_sequences(built, ONE, 4_096, round(3 * one)) == 3
    assert most_sequences(built, ONE, 4_096, round(3 * one) - 1) == 2
    assert most_sequences(built, ONE, 4_096, 0) == 0
    assert most_sequences(built, ONE, 4_096, 2**60) == 256


def test_the_types_of_the_cache_hold_for_sequences_too() -> None:
    built = model("llama-3.1-8b")
    small = Context(context_tokens=1, key_type="q8_0", value_type="q8_0")
    assert most_sequences(built, ONE, 8_192, 17 * 2**30) == 17
    assert most_sequences(built, small, 8_192, 17 * 2**30) == 32


def test_less_than_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="room_bytes is -1; 0 or more"):
        most_sequences(model("llama-3.1-8b"), ONE, 1, -1)


# --- the engine itself, last: a wrong constant is found above in less time ----------------------


@needs_engine
@pytest.mark.parametrize(("name", "said"), STATEFUL_CASES)
def test_last_inputs_and_state_are_those_that_the_engine_prints(name: str, said: str) -> None:
    answer = loads()[name, said]
    if isinstance(answer, Exception):
        raise answer
    (found,) = answer.states
    sequences = SETTINGS[said].sequences
    layers = state(model(name))
    assert found.cells == sequences
    conv = sequences * sum(layer.conv_bytes for layer in layers) / MIB
    held = sequences * sum(layer.state_bytes for layer in layers) / MIB
    assert conv == pytest.approx(found.conv_mib, abs=0.0051)
    assert held == pytest.approx(found.state_mib, abs=0.0051)


@needs_engine
@pytest.mark.parametrize("name", [name for name in read_models() if name not in STATEFUL])
def test_other_models_have_none(name: str) -> None:
    answer = loads()[name, "plain"]
    if isinstance(answer, Exception):
        raise answer
    assert answer.states == ()
