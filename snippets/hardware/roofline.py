"""How long does one forward pass take?"""

# --8<-- [start:imports]
from math import ceil
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]

# --8<-- [start:models]
Count = Annotated[float, Field(ge=0, le=1e15)]
Share = Annotated[float, Field(gt=0, le=1)]


class Frozen(BaseModel):
    """Refuses unknown fields, and infinity."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )


class Cache(Frozen):
    """Layers whose KV cache is read alike."""

    bytes_per_token: Count = Field(
        description="of all these layers"
    )
    flop_per_pair: Count = Field(
        description=(
            "for a token that looks at a token: "
            "2 · heads · (key + value dimension)"
        ),
    )
    window_tokens: int | None = Field(
        default=None, ge=1, le=100_000_000
    )

    def seen(self, context_tokens: float) -> float:
        """Tokens that one token looks at."""
        limit = self.window_tokens or context_tokens
        return min(context_tokens, limit)


class Weights(Frozen):
    """A model in a format, as a pass sees it."""

    shared_bytes: Count = Field(
        description=(
            "read in every pass: all but routed "
            "experts and tables of one row a token"
        ),
    )
    expert_bytes: Count = Field(
        default=0, description="routed, all of them"
    )
    used_share: Share = Field(
        default=1,
        description="of routed experts, by a token",
    )
    active_parameters: Count
    output_parameters: Count = Field(
        default=0,
        description=(
            "of those, in the output matrix: a "
            "prompt needs it for its last token"
        ),
    )
    layers: int = Field(ge=1, le=1_000)
    hidden_size: int = Field(ge=1, le=1_000_000)
    caches: tuple[Cache, ...] = ()
    state_bytes: Count = Field(
        default=0,
        description="recurrent, of one sequence",
    )


class Roof(Frozen):
    """Devices, and how much of them is reached."""

    bandwidth_gb_per_s: float = Field(
        gt=0, le=100_000
    )
    dense_tflops: float | None = Field(
        default=None,
        gt=0,
        le=100_000,
        description="None: decode alone, batch 1",
    )
    memory_efficiency: Share = 1
    compute_efficiency: Share = 1
    layer_overhead_s: float = Field(
        default=0,
        ge=0,
        le=1,
        description="of one layer, in one pass",
    )
    devices: int = Field(default=1, ge=1, le=1_024)
    split: Literal["tensor", "layer"] = "tensor"
    link_gb_per_s: float | None = Field(
        default=None,
        gt=0,
        le=20_000,
        description="one direction, one device",
    )
    link_latency_s: float = Field(
        default=0,
        ge=0,
        le=1,
        description="of one all-reduce",
    )

    @property
    def parallel(self) -> int:
        """Devices that work at the same time."""
        return (
            self.devices
            if self.split == "tensor"
            else 1
        )


class Step(Frozen):
    """One token each, for sequences of a batch."""

    batch: int = Field(default=1, ge=1, le=65_536)
    context_tokens: float = Field(
        default=0, ge=0, le=1e8
    )


class Prompt(Frozen):
    """Tokens that are read, a chunk at a time."""

    tokens: int = Field(ge=1, le=100_000_000)
    cached_tokens: float = Field(
        default=0,
        ge=0,
        le=1e8,
        description="of the same sequence, before",
    )
    chunk_tokens: int = Field(
        default=512, ge=1, le=1_000_000
    )


# --8<-- [end:models]


# --8<-- [start:bytes]
def touched_bytes(
    weights: Weights, tokens: float
) -> float:
    """Bytes of weights that a pass reads.

    shared + experts · (1 − (1 − k/E)^tokens), if
    each token picks its experts on its own
    """
    unused: float = (
        1 - weights.used_share
    ) ** tokens
    return weights.shared_bytes + (
        weights.expert_bytes * (1 - unused)
    )


def cache_bytes(
    weights: Weights, context_tokens: float
) -> float:
    """Bytes of cache and state of one sequence."""
    state = 2 * weights.state_bytes  # and written
    return state + sum(
        part.bytes_per_token
        * part.seen(context_tokens)
        for part in weights.caches
    )


# --8<-- [end:bytes]


# --8<-- [start:seconds]
def memory_seconds(
    roof: Roof, size_bytes: float
) -> float:
    """Read bytes at what is reached of the peak."""
    rate = roof.bandwidth_gb_per_s * 1e9
    rate *= roof.memory_efficiency * roof.parallel
    return size_bytes / rate


def compute_seconds(
    roof: Roof, flop: float
) -> float:
    """Multiply at what is reached of the peak.

    Raises ValueError if dense_tflops is missing.
    """
    if roof.dense_tflops is None:
        raise ValueError(
            "dense_tflops is missing: only decode "
            "at batch 1 is known without it"
        )
    rate = roof.dense_tflops * 1e12
    rate *= roof.compute_efficiency * roof.parallel
    return flop / rate


def link_seconds(
    weights: Weights, roof: Roof, tokens: float
) -> float:
    """Two ring all-reduces a layer, in 16 bits.

    2 · layers · (latency + 2 · (n−1)/n · tokens
    · hidden · 2 bytes / link)
    Raises ValueError if link_gb_per_s is missing.
    """
    if roof.parallel == 1:
        return 0.0
    if roof.link_gb_per_s is None:
        raise ValueError(
            "link_gb_per_s is missing for "
            f"{roof.devices} devices in parallel"
        )
    ring = 2 * (roof.parallel - 1) / roof.parallel
    sent = ring * tokens * weights.hidden_size * 2
    once = sent / (roof.link_gb_per_s * 1e9)
    once += roof.link_latency_s
    return 2 * weights.layers * once


# --8<-- [end:seconds]


# --8<-- [start:pass]
def decode_seconds(
    weights: Weights, roof: Roof, step: Step
) -> float:
    """Time of one decode step of a batch.

    max(read weights, multiply) + read caches
    + overhead · layers + all-reduces
    """
    batch = step.batch
    seconds = memory_seconds(
        roof, touched_bytes(weights, batch)
    )
    if batch > 1 or roof.dense_tflops:
        flop = 2 * weights.active_parameters * batch
        seconds = max(
            seconds, compute_seconds(roof, flop)
        )
    caches = batch * cache_bytes(
        weights, step.context_tokens
    )
    seconds += memory_seconds(roof, caches)
    seconds += (
        roof.layer_overhead_s * weights.layers
    )
    return seconds + link_seconds(
        weights, roof, batch
    )


def attention_flop(
    weights: Weights, prompt: Prompt
) -> float:
    """Flop of causal attention over a prompt.

    Each token looks at all before it and itself,
    in its window.
    """
    total = 0.0
    for part in weights.caches:
        first = prompt.cached_tokens + 1
        last = prompt.cached_tokens + prompt.tokens
        # Below the window, the tokens seen rise.
        limit = min(
            part.window_tokens or last, last
        )
        rising = max(limit - first + 1, 0)
        pairs = rising * (first + limit) / 2
        pairs += (prompt.tokens - rising) * limit
        total += pairs * part.flop_per_pair
    return total


def prefill_seconds(
    weights: Weights, roof: Roof, prompt: Prompt
) -> float:
    """Time to read a prompt, chunk after chunk.

    max(read weights a chunk, multiply)
    + overhead · layers a chunk + all-reduces
    """
    each = (
        weights.active_parameters
        - weights.output_parameters
    )
    flop = 2 * each * prompt.tokens
    flop += 2 * weights.output_parameters
    flop += attention_flop(weights, prompt)
    chunk = min(prompt.chunk_tokens, prompt.tokens)
    chunks = ceil(prompt.tokens / chunk)
    read = chunks * touched_bytes(weights, chunk)
    seconds = max(
        compute_seconds(roof, flop),
        memory_seconds(roof, read),
    )
    overhead = roof.layer_overhead_s
    seconds += chunks * overhead * weights.layers
    # Latency once a chunk, bytes once a token.
    seconds += chunks * link_seconds(
        weights, roof, prompt.tokens / chunks
    )
    return seconds


def turning_batch(
    weights: Weights, roof: Roof
) -> int:
    """The first batch at which compute is slower.

    Caches aside. Raises ValueError where no batch
    up to 65,536 is.
    """
    for batch in range(1, 65_537):
        read = memory_seconds(
            roof, touched_bytes(weights, batch)
        )
        flop = 2 * weights.active_parameters * batch
        if compute_seconds(roof, flop) >= read:
            return batch
    raise ValueError(
        "memory is slower at any batch"
    )


# --8<-- [end:pass]
