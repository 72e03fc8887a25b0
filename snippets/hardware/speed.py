"""How many tokens a second does a model reach?"""

# --8<-- [start:imports]
from typing import Literal, NamedTuple

from pydantic import Field

from snippets.data.layers import (
    Attention,
    Latent,
    Parallel,
)
from snippets.data.machines import (
    DataType,
    Machine,
)
from snippets.data.models import Architecture
from snippets.data.parameters import parameters
from snippets.data.stack import MIXERS
from snippets.hardware.roofline import (
    Cache,
    Frozen,
    Prompt,
    Roof,
    Share,
    Step,
    Weights,
    decode_seconds,
    prefill_seconds,
)
from snippets.hardware.state import state

# --8<-- [end:imports]


# --8<-- [start:caches]
def attention_cache(
    part: Attention, bits: float, window: int | None
) -> Cache:
    """Keys and values of one layer with heads."""
    width = part.key_head_dim + part.value_head_dim
    return Cache(
        bytes_per_token=(
            part.kv_heads * width * bits / 8
        ),
        flop_per_pair=2 * part.heads * width,
        window_tokens=window,
    )


def latent_cache(
    part: Latent, bits: float
) -> Cache:
    """One latent and one position key a token.

    An indexer has it look at selected tokens.
    """
    rank = part.key_value_rank
    width = rank + part.rope_head_dim
    index = part.indexer
    return Cache(
        bytes_per_token=width * bits / 8,
        flop_per_pair=2
        * part.heads
        * (width + rank),
        window_tokens=(
            index.selected_tokens if index else None
        ),
    )


def seen_tokens(
    built: Architecture, kind: str, part: Attention
) -> int | None:
    """How many tokens a layer looks at; None: all.

    A sparse layer looks at the blocks it selects.
    """
    if kind in {"sliding", "chunked"}:
        return built.window_tokens
    if kind == "sparse" and part.blocks:
        return (
            part.blocks.block_tokens
            * part.blocks.selected_blocks
        )
    return None


def caches(
    built: Architecture, bits: float
) -> tuple[tuple[Cache, ...], float]:
    """What every layer reads, and state beside.

    A layer that shares keys reads them again.
    Raises ValueError for a kind not known here.
    """
    found: dict[Cache, int] = {}
    for index, kind in enumerate(
        built.layer_mixers
    ):
        if kind not in MIXERS:
            raise ValueError(
                f"layer {index}: {kind} is not of "
                f"{', '.join(MIXERS)}"
            )
        part = built.mixer_of(index)
        if isinstance(part, Parallel):
            part = part.attention
        if isinstance(part, Attention):
            one = attention_cache(
                part,
                bits,
                seen_tokens(built, kind, part),
            )
        elif isinstance(part, Latent):
            one = latent_cache(part, bits)
        else:
            continue
        found[one] = found.get(one, 0) + 1
    return tuple(
        Cache(
            bytes_per_token=one.bytes_per_token
            * count,
            flop_per_pair=one.flop_per_pair * count,
            window_tokens=one.window_tokens,
        )
        for one, count in found.items()
    ), sum(one.bytes for one in state(built))


# --8<-- [end:caches]


# --8<-- [start:weights]
def model_weights(
    built: Architecture,
    weight_bytes: float,
    expert_bits_per_weight: float | None = None,
    cache_bits: float = 16,
) -> Weights:
    """Split a file's bytes by how they are read.

    weight_bytes: of the whole file
    expert_bits_per_weight: None, as all others
    Raises ValueError for no bytes, and if experts
    need more.
    """
    if weight_bytes <= 0:
        raise ValueError(
            f"weight_bytes is {weight_bytes:g}; it "
            "has to be above 0"
        )
    count = parameters(built)
    part = built.experts
    used = part.active / part.experts if part else 1
    idle = count.total - count.active
    idle -= count.looked_up
    # Where all are used, none is apart.
    routed = idle / (1 - used) if used < 1 else 0
    bits = expert_bits_per_weight
    if bits is None:
        bits = 8 * weight_bytes / count.total
    experts = routed * bits / 8
    rest = weight_bytes - experts
    if rest <= 0:
        raise ValueError(
            f"experts alone take {experts:,.0f} "
            f"bytes of {weight_bytes:,.0f}"
        )
    read = 1 - count.looked_up / (
        count.total - routed
    )
    parts, state = caches(built, cache_bits)
    return Weights(
        shared_bytes=rest * read,
        expert_bytes=experts,
        used_share=used,
        active_parameters=count.active,
        output_parameters=(
            built.vocabulary * built.hidden_size
        ),
        layers=built.layers,
        hidden_size=built.hidden_size,
        caches=parts,
        state_bytes=state,
    )


# --8<-- [end:weights]


# --8<-- [start:roof]
class Rates(Frozen):
    """What machines of a family reach."""

    memory_efficiency: Share
    layer_overhead_s: float = Field(ge=0, le=1)
    compute_efficiency: Share


def family(machine: Machine) -> str:
    """Name machines that are alike at decode."""
    if machine.vendor == "Apple":
        return "Apple"
    if machine.kind == "cpu":
        return "CPU"
    if machine.kind == "unified":
        return "unified"
    if machine.vendor == "NVIDIA":
        stacked = machine.memory_type.startswith(
            "HBM"
        )
        return (
            "NVIDIA HBM"
            if stacked
            else "NVIDIA GDDR"
        )
    return machine.vendor


def machine_roof(
    machine: Machine,
    rates: Rates,
    devices: int = 1,
    split: Literal["tensor", "layer"] = "tensor",
    data_type: DataType = "fp16",
) -> Roof:
    """Put a machine's peaks under its rates.

    data_type: of the multiplication, not the file
    """
    both = machine.interconnect_gb_per_s
    return Roof(
        bandwidth_gb_per_s=(
            machine.bandwidth_gb_per_s
        ),
        dense_tflops=machine.dense_tflops.get(
            data_type
        ),
        memory_efficiency=rates.memory_efficiency,
        compute_efficiency=rates.compute_efficiency,
        layer_overhead_s=rates.layer_overhead_s,
        devices=devices,
        split=split,
        link_gb_per_s=both and both / 2,
    )


# --8<-- [end:roof]


# --8<-- [start:speed]
class Range(NamedTuple):
    """Tokens a second: low, expected, high."""

    low: float
    expected: float
    high: float


class Spread(Frozen):
    """Measured over predicted, at two quantiles."""

    low: float = Field(gt=0, le=10)
    high: float = Field(gt=0, le=10)

    def around(self, tokens_per_s: float) -> Range:
        """Spread a prediction."""
        return Range(
            self.low * tokens_per_s,
            tokens_per_s,
            self.high * tokens_per_s,
        )


def trained(
    built: Architecture, tokens: float
) -> None:
    """Raise ValueError beyond what it learned."""
    if tokens > built.context_tokens:
        raise ValueError(
            f"{tokens:,.0f} tokens, and the model "
            "is trained for "
            f"{built.context_tokens:,}"
        )


def decode_tokens_per_s(
    weights: Weights, roof: Roof, step: Step
) -> float:
    """Tokens that a batch writes, all together."""
    return step.batch / decode_seconds(
        weights, roof, step
    )


def prefill_tokens_per_s(
    weights: Weights, roof: Roof, prompt: Prompt
) -> float:
    """Tokens of a prompt that are read."""
    return prompt.tokens / prefill_seconds(
        weights, roof, prompt
    )


def decode_range(
    built: Architecture,
    weights: Weights,
    roof: Roof,
    step: Step,
    spread: Spread,
) -> Range:
    """What a batch writes, with its range.

    Raises ValueError beyond the trained context.
    """
    trained(built, step.context_tokens)
    return spread.around(
        decode_tokens_per_s(weights, roof, step)
    )


def prefill_range(
    built: Architecture,
    weights: Weights,
    roof: Roof,
    prompt: Prompt,
    spread: Spread,
) -> Range:
    """What is read of a prompt, with its range.

    Raises ValueError beyond the trained context,
    or if dense_tflops is missing.
    """
    trained(
        built, prompt.cached_tokens + prompt.tokens
    )
    return spread.around(
        prefill_tokens_per_s(weights, roof, prompt)
    )


# --8<-- [end:speed]
