"""vLLM's cache: what it printed, to the block; pages by hand; that more never fits less; what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.models import model
from snippets.data.vllm_loads import VllmLoad, read_vllm_loads, vllm_load
from snippets.hardware.vllm_cache import Kind, Serve, holds, kinds, longest_context, pool, request_pages
from tests.bounds import assert_accepts_exactly, defaults

GIB = 2**30
STATED = [
    one
    for one in read_vllm_loads().values()
    if one.model and one.kv_cache_gib and one.context_tokens and one.concurrency
]
VALID: dict[str, Any] = {"context_tokens": 8_192}


def serve(one: VllmLoad) -> Serve:
    assert one.context_tokens
    step = one.batched_tokens or 8_192
    return Serve(
        context_tokens=one.context_tokens,
        tensor_parallel=one.gpus,
        kv_cache=one.kv_cache,
        batched_tokens=step,
        sequences=min(one.sequences or 256, step),
    )


# --- truth ------------------------------------------------------------------------------------


@pytest.mark.parametrize("one", STATED, ids=lambda one: one.id)
def test_concurrency_is_what_vllm_printed(one: VllmLoad) -> None:
    assert one.model
    assert one.kv_cache_gib
    assert one.concurrency
    # The memory is printed to 0.01 GiB, and so is the concurrency: both may be half of that off.
    low, high = (
        holds(model(one.model), serve(one), int((one.kv_cache_gib + off) * GIB)) for off in (-0.006, 0.006)
    )
    assert low.concurrency - 0.006 <= one.concurrency <= high.concurrency + 0.006
    if one.blocks:
        assert low.blocks <= one.blocks <= high.blocks


def test_a_hybrid_to_the_token() -> None:
    one = vllm_load("vllm-qwen3.6-35b-a3b-nvfp4")
    assert one.model
    assert one.kv_cache_gib
    assert holds(model(one.model), serve(one), int(one.kv_cache_gib * GIB)).tokens == one.tokens


@pytest.mark.parametrize(
    ("kind", "blocks"),
    [("fp8", (75, 112, 126)), ("16-bit", (112,))],
)
def test_qwen3_8_printed_whole_blocks_of_the_layout_of_qwen3_6(kind: str, blocks: tuple[int, ...]) -> None:
    cut = pool(model("qwen3.6-27b"), Serve.model_validate({"context_tokens": 32_768, "kv_cache": kind}))
    names = {75: "eager", 112: "language-only", 126: "8-sequences"}
    for count in blocks:
        name = names[count] if kind == "fp8" else "bf16-kv"
        assert int(count / cut.request_blocks * 32_768) == vllm_load(f"vllm-qwen3.8-27b-{name}").tokens


def test_gemma_4_held_what_it_holds_since_0_21() -> None:
    # 50 GB, about, at the model's own context: 525,000 tokens, about.
    one = Serve(context_tokens=262_144, batched_tokens=2_048, sequences=256)
    assert holds(model("gemma-4-31b"), one, 50 * 10**9).tokens == pytest.approx(525_000, rel=0.05)


# --- pages, by hand ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "block_bytes", "request_blocks"),
    [
        ("llama-3.1-8b", {}, 16 * 32 * 8 * 128 * 2 * 2, 512),
        ("llama-3.1-8b", {"kv_cache": "fp8"}, 16 * 32 * 8 * 128 * 2, 512),
        ("llama-3.1-8b", {"block_tokens": 32}, 32 * 32 * 8 * 128 * 2 * 2, 256),
        ("llama-3.1-8b", {"tensor_parallel": 4}, 16 * 32 * 2 * 128 * 2 * 2, 512),
        ("llama-3.3-70b", {"tensor_parallel": 16}, 16 * 80 * 1 * 128 * 2 * 2, 512),
        ("deepseek-v3", {"tensor_parallel": 8}, 16 * 61 * 576 * 2, 512),
        ("deepseek-v3", {"kv_cache": "fp8"}, 16 * 61 * 576, 512),
        ("deepseek-v3.2", {"kv_cache": "fp8"}, 16 * 61 * 656, 512),
        # 21 of each kind; a window of 4,095 and a step of 8,192 are cut at the context
        ("gemma-2-9b", {}, 16 * 21 * 8 * 512 * 2, 512 + 513),
        # 10 full, 52 sliding in 6 groups
        ("gemma-3-27b", {"context_tokens": 65_536}, 16 * 10 * 16 * 256 * 2, 4_096 + 6 * 577),
        # the full layers' pages are half as large: 32 tokens
        ("gemma-4-31b", {}, 16 * 10 * 16 * 512 * 2, 256 + 5 * 513),
        # chunks of 8,192, and no block more
        ("llama-4-scout", {"context_tokens": 131_072}, 16 * 12 * 8 * 256 * 2, 8_192 + 3 * 1_024),
        # a state of 2,146,304 bytes: attention's block grows to 1,056 tokens
        ("qwen3.6-35b-a3b", {"context_tokens": 131_072}, 1_056 * 10 * 2_048, 125 + 3 * 2),
        ("qwen3.6-35b-a3b", {"prefix_caching": False}, 1_056 * 10 * 2_048, 8 + 3),
    ],
)
def test_blocks(name: str, changes: dict[str, Any], block_bytes: int, request_blocks: int) -> None:
    assert pool(model(name), Serve.model_validate(VALID | changes)) == (block_bytes, request_blocks)


def test_a_state_by_hand() -> None:
    found = {kind.name: kind for kind in kinds(model("nemotron-3-nano-30b-a3b"), Serve(context_tokens=8_192))}
    # 64 heads of 64, a state of 128, 8 groups, a convolution of 4
    assert found["mamba"].state_bytes == 4 * 64 * 64 * 128 + 2 * 3 * (64 * 64 + 2 * 8 * 128)
    assert found["full"].token_bytes == 2 * 2 * 256
    assert "none" not in found


def test_layers_that_share_keep_nothing() -> None:
    built = model("gemma-3n-e4b")
    kept = sum(kind.layers for kind in kinds(built, Serve(context_tokens=8_192)))
    assert kept == built.layers - built.kv_shared_layers < built.layers


def test_a_window_bounds_its_pages() -> None:
    wide = Kind("sliding", 10, 1_024)
    long = Serve(context_tokens=1_000_000, batched_tokens=1_024)
    assert request_pages(wide, 16 * 1_024, long, 1_025) == 2_048 // 16 + 1
    assert request_pages(wide, 16 * 1_024, long, 1_026) == 2_048 // 16 + 2


@pytest.mark.parametrize(
    ("mixers", "layers", "group"),
    # 4 and 3: groups of the commonest kind. 4 and 1, or 3 and 2, half as many again: of the rarest.
    [(("sliding", "full"), 7, 4), (("2 sliding", "full"), 5, 1), (("sliding", "full", "sliding"), 5, 2)],
)
def test_groups_are_of_the_commonest_kind_if_the_rarest_is_not_much_rarer(
    mixers: tuple[str, ...], layers: int, group: int
) -> None:
    built = model("gemma-3-27b").model_copy(update={"mixers": mixers, "layers": layers})
    page = 16 * 2 * 16 * 128 * 2  # tokens, keys and values, heads, numbers, bytes
    assert pool(built, Serve.model_validate(VALID)).block_bytes == group * page


# --- properties -------------------------------------------------------------------------------

names = st.sampled_from(["llama-3.1-8b", "gemma-3-27b", "deepseek-v3", "qwen3.6-27b", "granite-4.0-h-small"])


@given(names, st.integers(1, 32_000), st.integers(0, 1_000), st.integers(0, 40))
def test_more_memory_holds_no_fewer_and_a_longer_context_no_more(
    name: str, context: int, more_tokens: int, gib: int
) -> None:
    built = model(name)
    one = Serve(context_tokens=context)
    longer = Serve(context_tokens=context + more_tokens)
    assert holds(built, one, (gib + 1) * GIB).concurrency >= holds(built, one, gib * GIB).concurrency
    assert holds(built, longer, gib * GIB).concurrency <= holds(built, one, gib * GIB).concurrency


@given(names, st.integers(0, 20))
def test_the_longest_context_fits_and_one_token_more_does_not(name: str, gib: int) -> None:
    built = model(name)
    longest = longest_context(built, Serve(context_tokens=8_192), gib * GIB)
    if longest:
        assert holds(built, Serve(context_tokens=longest), gib * GIB).concurrency >= 1
    if longest < built.context_tokens:
        assert holds(built, Serve(context_tokens=longest + 1), gib * GIB).concurrency < 1


def test_no_memory_holds_nothing() -> None:
    for size in (0, -GIB):
        assert holds(model("llama-3.1-8b"), Serve(context_tokens=1), size) == (0, 0, 0)


# --- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("llama-3.1-8b", {"context_tokens": 131_073}, "context_tokens is 131,073; llama-3.1-8b has up to"),
        ("phi-4", {"tensor_parallel": 4}, "tensor_parallel 4 does not divide 10 KV heads"),
    ],
)
def test_what_does_not_suit_a_model(name: str, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        holds(model(name), Serve.model_validate(VALID | changes), GIB)


def test_a_model_without_layers_that_keep_anything_is_refused() -> None:
    built = model("llama-3.1-8b").model_copy(update={"mixers": ("none",)})
    with pytest.raises(ValueError, match=r"llama-3\.1-8b keeps nothing"):
        pool(built, Serve(context_tokens=8_192))


def test_pages_that_do_not_divide_are_refused() -> None:
    built = model("gemma-4-31b")
    assert built.full_attention
    odd = built.full_attention.model_copy(update={"kv_heads": 3})
    with pytest.raises(ValueError, match="vLLM needs one to divide the other"):
        pool(built.model_copy(update={"full_attention": odd}), Serve(context_tokens=8_192))


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("context_tokens", 1, 10**8),
        ("tensor_parallel", 1, 1_024),
        ("batched_tokens", 1_024, 1_000_000),
        ("block_tokens", 1, 1_024),
    ],
)
def test_bounds(field: str, lowest: int, highest: int) -> None:
    if field == "batched_tokens":
        with pytest.raises(ValidationError, match="batched_tokens is 1023; at least the 1024 sequences"):
            Serve.model_validate({**VALID, field: 1_023})
        assert_accepts_exactly(Serve, {**VALID, "sequences": 1}, field, 1, highest)
    else:
        assert_accepts_exactly(Serve, VALID, field, lowest, highest)


@pytest.mark.parametrize("sequences", [0, 100_001, 10**9])
def test_sequences_have_bounds(sequences: int) -> None:
    with pytest.raises(ValidationError, match="sequences"):
        Serve(context_tokens=1, batched_tokens=1_000_000, sequences=sequences)
    assert Serve(context_tokens=1, batched_tokens=1_000_000, sequences=100_000)


def test_defaults_are_vllms() -> None:
    assert defaults(Serve) == {
        "tensor_parallel": 1,
        "kv_cache": "16-bit",
        "batched_tokens": 8_192,
        "sequences": 1_024,
        "block_tokens": 16,
        "prefix_caching": True,
    }
