"""What is a replica, to those who use it?"""

# --8<-- [start:imports]
from typing import Self

from pydantic import Field, model_validator

from snippets.data.layers import Attention, Latent
from snippets.data.models import Model
from snippets.data.parameters import (
    expert_parameters,
    parameters,
)
from snippets.hardware.roofline import (
    Cache,
    Frozen,
    Roof,
    Weights,
    cache_bytes,
    compute_seconds,
    link_seconds,
    memory_seconds,
)

# --8<-- [end:imports]


# --8<-- [start:models]
class StepTime(Frozen):
    """What a pass through a replica takes."""

    overhead_s: float = Field(
        ge=0, le=10, description="of any pass"
    )
    weights_s: float = Field(
        ge=0,
        le=100,
        description="to read what all tokens use",
    )
    experts_s: float = Field(
        default=0,
        ge=0,
        le=100,
        description="to read all experts",
    )
    expert_share: float = Field(
        default=1,
        gt=0,
        le=1,
        description="of experts, a token uses",
    )
    token_s: float = Field(
        ge=0, le=10, description="to compute one"
    )
    link_token_s: float = Field(
        default=0,
        ge=0,
        le=10,
        description="to send one between devices",
    )
    context_token_s: float = Field(
        ge=0,
        le=1,
        description="to read the KV of one token",
    )
    pair_s: float = Field(
        default=0,
        ge=0,
        le=1,
        description="a prompt's token, one before",
    )

    def tokens_s(self, tokens: float) -> float:
        """Seconds for tokens, contexts aside.

        overhead + max(weights + experts · (1 -
        (1 - share)^tokens), tokens · token)
        + tokens · link
        """
        missed: float = (
            1 - self.expert_share
        ) ** tokens
        read = self.experts_s * (1 - missed)
        return (
            self.overhead_s
            + max(
                self.weights_s + read,
                tokens * self.token_s,
            )
            + tokens * self.link_token_s
        )


class Replica(Frozen):
    """A copy of a model, with limits."""

    step: StepTime
    kv_tokens: int = Field(
        ge=1,
        le=10**10,
        description="that memory holds",
    )
    block_tokens: int = Field(
        default=16, ge=1, le=1_024
    )
    max_sequences: int = Field(
        default=256, ge=1, le=100_000
    )
    max_batched_tokens: int = Field(
        default=8_192,
        ge=2,
        le=1_000_000,
        description="of a step, read or written",
    )
    reserves_output: bool = Field(
        default=False,
        description=(
            "admits what fits to its end, as "
            "TensorRT-LLM does; vLLM does not"
        ),
    )

    @model_validator(mode="after")
    def _a_step_writes_for_all(self) -> Self:
        most = self.max_batched_tokens
        if most <= self.max_sequences:
            raise ValueError(
                f"max_batched_tokens is {most}; it "
                "has to exceed max_sequences, "
                f"{self.max_sequences}"
            )
        return self


class Load(Frozen):
    """Requests, and the tokens of each."""

    requests_per_s: float = Field(gt=0, le=1e6)
    input_tokens: float = Field(ge=1, le=1e7)
    output_tokens: float = Field(ge=1, le=1e7)
    output_variation: float = Field(
        default=1,
        ge=0,
        le=10,
        description="deviation over mean; 0: fixed",
    )


# --8<-- [end:models]


# --8<-- [start:weights]
def caches(
    built: Model, kv_bits: float = 16
) -> tuple[Cache, ...]:
    """What layers keep of each token, by window.

    A latent layer keeps its rank and its rope key.
    A layer with a state of fixed size keeps none.
    kv_bits: of one number in the cache
    """
    owners = built.layers - built.kv_shared_layers
    kept: dict[int | None, float] = {}
    flop: dict[int | None, float] = {}
    for index, kind in enumerate(
        built.layer_mixers
    ):
        part = built.mixer_of(index)
        if isinstance(part, Attention):
            head = (
                part.key_head_dim
                + part.value_head_dim
            )
            width = part.kv_heads * head
            look = part.heads * head
        elif isinstance(part, Latent):
            rank = part.key_value_rank
            width = rank + part.rope_head_dim
            look = part.heads * (rank + width)
        else:
            continue
        window = None
        if kind in {"sliding", "chunked"}:
            window = built.window_tokens
        kept.setdefault(window, 0)
        flop.setdefault(window, 0)
        if index < owners:
            kept[window] += width * kv_bits / 8
        flop[window] += 2 * look
    return tuple(
        Cache(
            bytes_per_token=kept[window],
            flop_per_pair=flop[window],
            window_tokens=window,
        )
        for window in kept
    )


def weights_of(
    built: Model,
    bits: float,
    expert_bits: float | None = None,
    kv_bits: float = 16,
) -> Weights:
    """Weigh a model by mean bits of its matrices.

    The output matrix has 16 bits.
    bits: per weight; expert_bits: of routed
    experts, if they differ
    """
    count = parameters(built)
    all_experts = used = 0
    part = built.experts
    if part:
        layers = built.layer_feed_forwards.count(
            "experts"
        )
        none, one = (
            layers
            * expert_parameters(
                part, built.hidden_size, number
            )
            for number in (0, 1)
        )
        all_experts = (one - none) * part.experts
        used = (one - none) * part.active
    output = built.vocabulary * built.hidden_size
    other = count.total - count.looked_up
    other -= all_experts + output
    return Weights(
        shared_bytes=other * bits / 8 + 2 * output,
        expert_bytes=all_experts
        * (expert_bits or bits)
        / 8,
        used_share=used / all_experts
        if part
        else 1,
        active_parameters=count.active,
        output_parameters=output,
        layers=built.layers,
        hidden_size=built.hidden_size,
        caches=caches(built, kv_bits),
    )


# --8<-- [end:weights]


# --8<-- [start:step]
def context_token_bytes(
    weights: Weights, context_tokens: float
) -> float:
    """KV of a token, the mean over a context.

    With windows it falls as the context grows.
    """
    return (
        cache_bytes(weights, context_tokens)
        / context_tokens
    )


def step_time(
    weights: Weights,
    roof: Roof,
    context_tokens: float,
) -> StepTime:
    """Take the parts of a pass from the roofline.

    context_tokens: the usual length of a sequence;
    windows make its cost per token depend on it
    """
    alone = link_seconds(weights, roof, 0)
    overhead = roof.layer_overhead_s
    pair = sum(
        part.flop_per_pair
        * part.seen(context_tokens)
        / context_tokens
        for part in weights.caches
    )
    return StepTime(
        overhead_s=overhead * weights.layers
        + alone,
        weights_s=memory_seconds(
            roof, weights.shared_bytes
        ),
        experts_s=memory_seconds(
            roof, weights.expert_bytes
        ),
        expert_share=weights.used_share,
        token_s=compute_seconds(
            roof, 2 * weights.active_parameters
        ),
        link_token_s=link_seconds(weights, roof, 1)
        - alone,
        context_token_s=memory_seconds(
            roof,
            context_token_bytes(
                weights, context_tokens
            ),
        ),
        pair_s=compute_seconds(roof, pair),
    )


# --8<-- [end:step]
