"""What is a replica, to those who use it?"""

# --8<-- [start:imports]
from typing import Self

from pydantic import Field, model_validator

from snippets.data.machines import (
    DataType,
    Machine,
)
from snippets.data.models import Model
from snippets.data.parameters import parameters
from snippets.hardware.roofline import (
    Frozen,
    Roof,
    Weights,
    cache_bytes,
    compute_seconds,
    link_seconds,
    memory_seconds,
)
from snippets.hardware.speed import (
    Rates,
    machine_roof,
    model_weights,
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


# --8<-- [start:build]
class Format(Frozen):
    """How weights and cache are stored, and used.

    data_type: in which tokens are multiplied
    """

    bits_per_weight: float = Field(gt=0, le=64)
    expert_bits_per_weight: float | None = Field(
        default=None, gt=0, le=64
    )
    cache_bits: float = Field(
        default=16, gt=0, le=64
    )
    data_type: DataType = "fp16"


class Setup(Frozen):
    """A model on devices of one machine.

    memory_share: of what is visible, for weights
    and cache; the rest is the engine's
    link_gb_per_s: None: the machine's own
    """

    gpus: int = Field(default=1, ge=1, le=1_024)
    memory_share: float = Field(
        default=0.88, gt=0, le=1
    )
    link_gb_per_s: float | None = Field(
        default=None, gt=0, le=20_000
    )
    link_latency_s: float = Field(
        default=1e-5, ge=0, le=1
    )


def build_replica(
    built: Model,
    form: Format,
    machine: Machine,
    setup: Setup,
    rates: Rates,
    context_tokens: float,
) -> Replica:
    """Put a model on a machine, as vLLM would.

    kv_tokens = (memory - weights) / KV of a token
    context_tokens: the usual length of a sequence
    Raises ValueError if the weights alone do not
    fit, or if no memory is known for the machine.
    What is visible counts, else the label, in GB.
    """
    count = parameters(built)
    own = form.expert_bits_per_weight
    bits = form.bits_per_weight
    size = count.total * bits / 8
    part = built.experts
    if own and part:
        idle = count.total - count.active
        idle -= count.looked_up
        routed = idle / (
            1 - part.active / part.experts
        )
        size += routed * (own - bits) / 8
    weights = model_weights(
        built, size, own, form.cache_bits
    )
    roof = machine_roof(
        machine,
        rates,
        setup.gpus,
        data_type=form.data_type,
    )
    link = setup.link_gb_per_s or roof.link_gb_per_s
    roof = roof.model_copy(
        update={
            "link_gb_per_s": link,
            "link_latency_s": setup.link_latency_s,
        }
    )
    if not machine.memory_gb:
        raise ValueError(
            f"memory_gb of {machine.id} is unknown"
        )
    gib = machine.memory_gb[0] * 1e9 / 2**30
    if machine.visible_memory_gib:
        gib = machine.visible_memory_gib[0]
    memory = setup.gpus * gib * 2**30
    memory *= setup.memory_share
    if size >= memory:
        raise ValueError(
            f"{size / 2**30:,.1f} GiB of weights; "
            f"{memory / 2**30:,.1f} GiB are there"
        )
    kept = context_token_bytes(
        weights, context_tokens
    )
    return Replica(
        step=step_time(
            weights, roof, context_tokens
        ),
        kv_tokens=int((memory - size) / kept),
    )


# --8<-- [end:build]
