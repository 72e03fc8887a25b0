"""Does a model fit into vLLM, and for how many?"""

# --8<-- [start:imports]
from typing import Literal, NamedTuple

from pydantic import Field

from snippets.data.layers import Attention, Latent
from snippets.data.models import Model
from snippets.hardware.checkpoint import (
    checkpoint_bytes,
)
from snippets.hardware.vllm_cache import (
    Holds,
    Serve,
    check_context,
    holds,
    longest_context,
    pool,
)

# --8<-- [end:imports]


# --8<-- [start:start]
class Start(Serve):
    """A start of vLLM on GPUs of one kind."""

    weights: str = Field(
        description="a format of checkpoint.py"
    )
    visible_memory_gib: float = Field(
        gt=0,
        le=20_000,
        description="what software sees of a GPU",
    )
    gpu_memory_utilization: float = Field(
        default=0.92,
        gt=0,
        le=1,
        description="0.9 in earlier versions",
    )
    graphs: Literal["inside", "outside", "none"] = (
        Field(
            default="inside",
            description="counted since 0.21",
        )
    )
    beside_gib: float = Field(
        default=0,
        ge=0,
        le=1_000,
        description="a vision tower, a drafter",
    )


# --8<-- [end:start]


# --8<-- [start:activation]
# Fitted to starts of Llama 3 and Qwen2.5 only.
SAMPLING = 3.7
HIDDEN = 1.2
# What a dense layer holds at its peak.
RESIDUAL = 4
FEED_FORWARD = 3


def activation_bytes(
    built: Model, start: Start
) -> int:
    """Bytes at the peak of the trial run.

    Sampling: 3.7 · sequences · words · 4, and
    1.2 · a step's tokens · hidden · 2; with
    experts, their workspace. Or a dense layer's
    peak, if that is more.
    """
    step, ranks = (
        start.batched_tokens,
        start.tensor_parallel,
    )
    hidden = built.hidden_size
    peak = (
        SAMPLING
        * start.sequences
        * built.vocabulary
        * 4
        + HIDDEN * step * hidden * 2
    )
    part = built.experts
    if part and start.weights != "mxfp4":
        size = part.size // ranks
        wide = max((1 + part.gated) * size, hidden)
        peak += (
            step * part.active * (wide + size) * 2
        )
    layer = RESIDUAL * hidden
    if built.dense:
        layer += (
            FEED_FORWARD * built.dense.size // ranks
        )
    return round(max(peak, step * layer * 2))


# --8<-- [end:activation]


# --8<-- [start:beside]
# Medians of the starts, in GiB.
NON_TORCH = {"one GPU": 0.25, "several": 2.1}
GRAPHS_GIB = 0.94


def table_bytes(
    built: Model, tensor_parallel: int
) -> int:
    """Bytes of what vLLM makes of the weights.

    The table of rotations to the model's longest
    context, and a latent's matrix a second time.
    """
    part = built.mixer_of(
        next(
            index
            for index, kind in enumerate(
                built.layer_mixers
            )
            if kind != "none"
        )
    )
    match part:
        case Attention():
            width, copy = part.key_head_dim, 0
        case Latent():
            width = part.rope_head_dim
            copy = (
                built.layers
                * part.heads
                * part.key_value_rank
                * (
                    part.nope_head_dim
                    + part.value_head_dim
                )
                // tensor_parallel
            )
        case _:
            return 0
    return 2 * (built.context_tokens * width + copy)


# --8<-- [end:beside]


# --8<-- [start:budget]
class Budget(NamedTuple):
    """Bytes of a GPU; kv_cache: what is left."""

    allowed: int
    weights: int
    activation: int
    non_torch: int
    graphs: int

    @property
    def kv_cache(self) -> int:
        """Left for pages; below 0, none is."""
        return self.allowed - sum(self[1:])


def budget(built: Model, start: Start) -> Budget:
    """Divide the memory that vLLM may use.

    visible · utilization − weights − activation
    − what is not PyTorch's − CUDA graphs
    Raises ValueError where ranks do not divide, or
    a format does not suit the model.
    Source: vLLM, v1/worker/gpu_worker.py.
    """
    gib = 2**30
    ranks = start.tensor_parallel
    stored = checkpoint_bytes(
        built, start.weights, ranks
    )
    several = "several" if ranks > 1 else "one GPU"
    inside = start.graphs == "inside"
    return Budget(
        allowed=int(
            start.visible_memory_gib
            * start.gpu_memory_utilization
            * gib
        ),
        weights=stored.bytes
        + table_bytes(built, ranks)
        + int(start.beside_gib * gib),
        activation=activation_bytes(built, start),
        non_torch=int(NON_TORCH[several] * gib),
        graphs=int(GRAPHS_GIB * gib * inside),
    )


# --8<-- [end:budget]


# --8<-- [start:answer]
class Answer(NamedTuple):
    """What a start of vLLM would say.

    margin_gib: beyond one request of full length
    longest_context_tokens: 0 if none fits
    """

    fits: bool
    margin_gib: float
    longest_context_tokens: int
    held: Holds


def answer(built: Model, start: Start) -> Answer:
    """Say if it starts, and what it then holds.

    Raises ValueError for a context beyond the
    model's, and as budget() does.
    """
    check_context(built, start)
    left = budget(built, start).kv_cache
    held = holds(built, start, left)
    cut = pool(built, start)
    need = cut.block_bytes * cut.request_blocks
    return Answer(
        held.concurrency >= 1,
        (left - need) / 2**30,
        longest_context(built, start, left),
        held,
    )


def what_helps(
    built: Model, start: Start
) -> list[str]:
    """Name the single changes with which it starts.

    Tried: an FP8 cache, a quarter of the sequences
    and of a step's tokens, no CUDA graphs, weights
    of 8 and 4 bits, twice the GPUs, and the longest
    context that fits.
    """
    quarter = max(start.sequences // 4, 1)
    step = max(start.batched_tokens // 4, quarter)
    changes: dict[str, dict[str, object]] = {
        "kv_cache fp8": {"kv_cache": "fp8"},
        f"sequences {quarter}, a step of {step}": {
            "sequences": quarter,
            "batched_tokens": step,
        },
        "no CUDA graphs": {"graphs": "none"},
        "weights fp8": {"weights": "fp8"},
        "weights awq": {"weights": "awq"},
        "twice the GPUs": {
            "tensor_parallel": 2
            * start.tensor_parallel
        },
    }
    found = []
    for name, change in changes.items():
        one = start.model_copy(update=change)
        try:
            if answer(built, one).fits:
                found.append(name)
        except ValueError:
            continue
    longest = answer(built, start)
    if longest.longest_context_tokens:
        found.append(
            "context_tokens "
            f"{longest.longest_context_tokens:,}"
        )
    return found


# --8<-- [end:answer]
