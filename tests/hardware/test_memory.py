import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snippets.data.machines import machine
from snippets.data.models import model
from snippets.hardware.compute import compute_bytes
from snippets.hardware.kv_cache import Context, kv_cache_bytes
from snippets.hardware.memory import (
    Plan,
    fits,
    holdings,
    largest,
    longest_context_tokens,
    margin_bytes,
    most_sequences,
    with_context,
)
from snippets.hardware.placement import Device, Offload, device
from snippets.hardware.weights import weights

GIB = 2**30
LLAMA = model("llama-3.1-8b")
FILE = weights(LLAMA, "Q4_K_M")
CARD = device(machine("rtx-4090"))


def plan(tokens: int = 8_192, devices: tuple[Device, ...] = (CARD,), **settings: object) -> Plan:
    context = Context.model_validate({"context_tokens": tokens, **settings})
    return Plan(LLAMA, FILE, context, devices)


def test_a_card_holds_weights_cache_buffer_and_driver() -> None:
    (held,) = holdings(plan())
    embedding = FILE.by_group()["embedding"]
    assert held.part.weights == FILE.bytes - embedding
    assert held.part.kv_cache == GIB
    assert held.compute_bytes == compute_bytes(LLAMA, Context(context_tokens=8_192))
    assert held.runtime_bytes == round(0.55 * GIB)
    assert held.used_bytes == (FILE.bytes - embedding + GIB + held.compute_bytes + held.runtime_bytes)
    assert held.margin_bytes == round(23.64 * GIB) - held.used_bytes


def test_every_card_has_a_buffer_and_a_driver_of_its_own() -> None:
    one = holdings(plan())
    two = holdings(plan(devices=(CARD, CARD)))
    both = sum(held.used_bytes for held in two)
    assert both == one[0].used_bytes + one[0].compute_bytes + one[0].runtime_bytes


def test_a_card_without_a_layer_has_no_buffer() -> None:
    idle = plan(devices=(CARD, CARD))._replace(offload=Offload(shares=(1, 0)))
    assert holdings(idle)[1].compute_bytes == 0


def test_the_tightest_card_decides() -> None:
    small = Device(name="small", visible_gib=2)
    unequal = plan(devices=(CARD, small))._replace(offload=Offload(shares=(1, 1)))
    tight = holdings(unequal)
    assert tight[0].margin_bytes > 0 > tight[1].margin_bytes == margin_bytes(unequal)
    assert not fits(unequal)


def test_unified_memory_holds_the_host_s_part_as_well() -> None:
    chip = Device(name="chip", visible_gib=12, runtime_gib=0, unified=True)
    (held,) = holdings(plan(devices=(chip,)))
    assert held.part.weights == FILE.bytes


def test_the_host_s_part_is_never_lost() -> None:
    chip = Device(name="chip", visible_gib=12, runtime_gib=0, unified=True)
    for devices in ((CARD, chip), (chip, CARD), (chip, chip)):
        found = holdings(plan(devices=devices)._replace(host_gib=64))
        assert sum(held.part.weights for held in found) == FILE.bytes
        assert [held.name for held in found] == [each.name for each in devices]


def test_no_search_leaves_what_a_context_can_be() -> None:
    long = model("llama-4-scout")
    roomy = (Device(name="x", visible_gib=20_000),)
    asked = Plan(long, weights(long, "Q4_K_M"), Context(context_tokens=8_192), roomy)
    each = long.context_tokens
    assert most_sequences(asked, each) <= 10**9 // each
    many = with_context(asked, sequences=128)
    assert longest_context_tokens(many) <= 10**9
    for tokens in (0, -5, 10**9 + 1):
        with pytest.raises(ValueError, match=rf"tokens is {tokens}; 1 to 1000000000"):
            most_sequences(asked, tokens)
    with pytest.raises(ValueError, match=r"context_tokens is 1000000000; at most 10485760, as trained"):
        most_sequences(asked, 10**9)


def test_the_host_is_asked_where_its_memory_is_given() -> None:
    asked = plan()._replace(host_gib=1)
    _card, host = holdings(asked)
    assert (host.name, host.part.weights) == ("host", FILE.by_group()["embedding"])
    assert host.compute_bytes == 0  # it keeps no layer
    assert not fits(asked._replace(offload=Offload(gpu_layers=3)))  # 30 layers do not go into 1 GiB
    alone = Plan(LLAMA, FILE, Context(context_tokens=8_192), (), host_gib=8)
    (only,) = holdings(alone)
    assert only.used_bytes == FILE.bytes + GIB + compute_bytes(LLAMA, alone.context)


def test_what_fits_to_the_byte_fits_and_one_less_does_not() -> None:
    need = holdings(plan())[0].used_bytes
    assert fits(plan(devices=(Device(name="x", visible_gib=need / GIB),)))
    assert not fits(plan(devices=(Device(name="x", visible_gib=(need - 8) / GIB),)))


def test_the_longest_context_fits_and_the_next_does_not() -> None:
    tokens = longest_context_tokens(plan(devices=(Device(name="x", visible_gib=8),)))
    assert 8_192 < tokens < LLAMA.context_tokens
    for more, expected in ((0, True), (256, False)):
        assert fits(plan(tokens + more, (Device(name="x", visible_gib=8),))) is expected


def test_no_context_is_longer_than_the_model_was_trained_for() -> None:
    roomy = (Device(name="x", visible_gib=500),)
    assert longest_context_tokens(plan(devices=roomy)) == LLAMA.context_tokens
    assert longest_context_tokens(plan(devices=roomy, sequences=3)) == 3 * LLAMA.context_tokens
    assert longest_context_tokens(plan(devices=(Device(name="x", visible_gib=4),))) == 0


def test_most_sequences_fit_and_one_more_does_not() -> None:
    count = most_sequences(plan(), 4_096)
    assert 1 < count < 256
    for more, expected in ((0, True), (1, False)):
        sequences = count + more
        assert fits(plan(4_096 * sequences, sequences=sequences)) is expected
    roomy = plan(devices=(Device(name="x", visible_gib=2_000),))
    assert most_sequences(roomy, 4_096) == 256
    assert most_sequences(plan(devices=(Device(name="x", visible_gib=4),)), 4_096) == 0


@settings(deadline=None, max_examples=40)
@given(
    name=st.sampled_from(["llama-3.1-8b", "gemma-3-27b", "deepseek-v2-lite", "qwen3.6-35b-a3b"]),
    tokens=st.integers(256, 16_384),
    more=st.integers(0, 16_384),
    sequences=st.integers(1, 4),
)
def test_a_longer_context_never_takes_less(name: str, tokens: int, more: int, sequences: int) -> None:
    built = model(name)
    file = weights(built, "Q4_K_M")
    context = Context(context_tokens=tokens, sequences=sequences)
    short = Plan(built, file, context, (CARD,))
    long = with_context(short, context_tokens=tokens + more)
    assert margin_bytes(long) <= margin_bytes(short)


def test_largest_halves_its_way() -> None:
    for edge in range(12):
        assert largest(edge.__ge__, 10) == min(edge, 10)


def test_a_smaller_cache_leaves_more_room() -> None:
    small = with_context(plan(), key_type="q8_0", value_type="q8_0")
    assert kv_cache_bytes(LLAMA, small.context) < GIB
    assert small.context.context_tokens == 8_192


def test_bad_input_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"context_tokens is 131328; at most 131072, as trained"):
        holdings(plan(131_328))
    with pytest.raises(ValueError, match=r"no device, and no host_gib"):
        fits(plan(devices=()))
    with pytest.raises(ValueError, match=r"sequences"):
        with_context(plan(), sequences=0)
    with pytest.raises(ValueError, match=r"sequences"):
        with_context(plan(), sequences=10**9)
