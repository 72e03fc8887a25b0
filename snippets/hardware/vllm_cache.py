"""How many requests does vLLM's KV cache hold?"""

# --8<-- [start:imports]
from bisect import bisect_left
from collections.abc import Callable
from math import ceil
from typing import Literal, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from snippets.data.layers import (
    Attention,
    Latent,
    Linear,
    Mamba,
)
from snippets.data.models import Model
from snippets.hardware.checkpoint import kept_heads

# --8<-- [end:imports]


# --8<-- [start:settings]
class Serve(BaseModel):
    """How vLLM is started; defaults are its own."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    context_tokens: int = Field(
        ge=1, le=100_000_000
    )
    tensor_parallel: int = Field(
        default=1, ge=1, le=1_024
    )
    kv_cache: Literal["16-bit", "fp8"] = "16-bit"
    batched_tokens: int = Field(
        default=8_192,
        ge=1,
        le=1_000_000,
        description="max_num_batched_tokens",
    )
    sequences: int = Field(
        default=1_024,
        ge=1,
        le=100_000,
        description="max_num_seqs",
    )
    block_tokens: int = Field(
        default=16, ge=1, le=1_024
    )
    prefix_caching: bool = True

    @model_validator(mode="after")
    def _a_request_fits_a_step(self) -> Self:
        if self.sequences > self.batched_tokens:
            raise ValueError(
                f"batched_tokens is "
                f"{self.batched_tokens}; at least "
                f"the {self.sequences} sequences"
            )
        return self


def check_context(
    built: Model, serve: Serve
) -> None:
    """Refuse a context that the model never saw."""
    if serve.context_tokens > built.context_tokens:
        raise ValueError(
            f"context_tokens is "
            f"{serve.context_tokens:,}; {built.id} "
            f"has up to {built.context_tokens:,}"
        )


# --8<-- [end:settings]


# --8<-- [start:page]
class Kind(NamedTuple):
    """Layers of a kind, and what they keep.

    token_bytes: of a token in a layer, on a rank
    state_bytes: of a request, if it has a state
    """

    name: str
    layers: int
    token_bytes: int
    state_bytes: int = 0


def latent_token_bytes(
    part: Latent, kv_cache: str
) -> int:
    """Bytes of a token's latent; each rank has all.

    (rank + rope) · 2. With FP8 a byte each; sparse
    attention's layout has 656: 512 of FP8, 16 of
    scales and the position's 64 in 16 bit.
    Source: vLLM, v1/kv_cache_interface.py.
    """
    rank, rope = (
        part.key_value_rank,
        part.rope_head_dim,
    )
    if kv_cache == "16-bit":
        return 2 * (rank + rope)
    if part.indexer:
        return rank + rank // 32 + 2 * rope
    return rank + rope


def state_bytes(
    part: Linear | Mamba, ranks: int
) -> int:
    """Bytes of a request's state in a layer.

    The convolution in 16 bit, the state in FP32.
    """
    match part:
        case Linear():
            wide = (
                2
                * part.key_heads
                * part.key_head_dim
                + part.value_heads
                * part.value_head_dim
            )
            state = (
                part.value_heads
                * part.value_head_dim
                * part.key_head_dim
            )
        case Mamba():
            inner = part.heads * part.head_dim
            wide = (
                inner
                + 2 * part.groups * part.state_size
            )
            state = inner * part.state_size
    row = part.conv_kernel - 1
    return (2 * row * wide + 4 * state) // ranks


def kinds(built: Model, serve: Serve) -> list[Kind]:
    """Count the layers of each kind.

    Layers that share an earlier one's keep none.
    """
    own = built.layers - built.kv_shared_layers
    found: dict[str, Kind] = {}
    one = 1 if serve.kv_cache == "fp8" else 2
    ranks = serve.tensor_parallel
    for index, name in enumerate(
        built.layer_mixers[:own]
    ):
        part = built.mixer_of(index)
        tokens = state = 0
        match part:
            case Attention():
                tokens = (
                    one
                    * kept_heads(
                        part.kv_heads, ranks
                    )
                    * (
                        part.key_head_dim
                        + part.value_head_dim
                    )
                )
            case Latent():
                tokens = latent_token_bytes(
                    part, serve.kv_cache
                )
            case Linear() | Mamba():
                state = state_bytes(part, ranks)
            case None:
                continue
        before = found.get(name, Kind(name, 0, 0))
        found[name] = Kind(
            name, before.layers + 1, tokens, state
        )
    return [*found.values()]


# --8<-- [end:page]


# --8<-- [start:blocks]
class Pool(NamedTuple):
    """How the memory is cut.

    block_bytes: a page in each layer of a group
    request_blocks: what one full request may need
    """

    block_bytes: int
    request_blocks: int


def page_bytes(
    found: list[Kind], serve: Serve
) -> int:
    """The one size that all pages have.

    The largest page; where layers have a state,
    attention's grows by steps of a block until a
    state fits.
    Raises ValueError where pages do not divide.
    """
    step = serve.block_tokens
    tokens = [
        kind.token_bytes
        for kind in found
        if kind.token_bytes
    ]
    state = max(kind.state_bytes for kind in found)
    if not tokens:
        return state
    largest = max(tokens)
    for size in tokens:
        if largest % size:
            raise ValueError(
                f"pages of {largest * step} and "
                f"{size * step} bytes: vLLM needs "
                "one to divide the other"
            )
    steps = max(ceil(state / (step * largest)), 1)
    return steps * step * largest


def request_pages(
    kind: Kind,
    page: int,
    serve: Serve,
    window: int,
) -> int:
    """Pages of a full request, in each layer.

    ⌈context / block⌉; with a window, of at most
    window − 1 + a step's tokens, and one more;
    in chunks, of at most a chunk and a step's.
    Source: vLLM, v1/kv_cache_interface.py.
    """
    if kind.state_bytes:
        return 1 + serve.prefix_caching
    block = page // kind.token_bytes
    tokens, more = serve.context_tokens, 0
    step = serve.batched_tokens
    if kind.name == "sliding":
        tokens = min(window - 1 + step, tokens)
        more = 1
    if kind.name == "chunked":
        tokens = min(window + step, tokens)
    return ceil(tokens / block) + more


def pool(built: Model, serve: Serve) -> Pool:
    """Group the layers, and cut memory for them.

    Groups have as many layers as the rarest kind,
    or as the commonest, if that is fewer than half
    as many again; the last is padded.
    Source: vLLM, v1/core/kv_cache_utils.py, commit
    001cabc1be16.
    """
    found = kinds(built, serve)
    if not found:
        raise ValueError(
            f"{built.id} keeps nothing"
        )
    page = page_bytes(found, serve)
    counts = [kind.layers for kind in found]
    size = min(counts)
    if max(counts) < 1.5 * size:
        size = max(counts)
    blocks = sum(
        ceil(kind.layers / size)
        * request_pages(
            kind,
            page,
            serve,
            built.window_tokens or 0,
        )
        for kind in found
    )
    return Pool(page * size, blocks)


# --8<-- [end:blocks]


# --8<-- [start:holds]
class Holds(NamedTuple):
    """What vLLM prints of its cache.

    tokens: "GPU KV cache size"; concurrency times
    the context, no capacity
    """

    blocks: int
    tokens: int
    concurrency: float


def holds(
    built: Model, serve: Serve, kv_cache_bytes: int
) -> Holds:
    """Requests of full length that fit at a time.

    ⌊bytes / block⌋ / blocks a request
    Raises ValueError for a context beyond the
    model's and for ranks that do not divide.
    """
    check_context(built, serve)
    cut = pool(built, serve)
    blocks = max(
        kv_cache_bytes // cut.block_bytes, 0
    )
    concurrency = blocks / cut.request_blocks
    return Holds(
        blocks,
        int(concurrency * serve.context_tokens),
        concurrency,
    )


def highest(
    fits: Callable[[int], bool], most: int
) -> int:
    """The highest that fits; 0 for none."""
    return bisect_left(
        range(1, most + 1),
        True,
        key=lambda each: not fits(each),
    )


def longest_context(
    built: Model, serve: Serve, kv_cache_bytes: int
) -> int:
    """Tokens of the longest request that starts."""

    def fits(tokens: int) -> bool:
        one = serve.model_copy(
            update={"context_tokens": tokens}
        )
        held = holds(built, one, kv_cache_bytes)
        return held.concurrency >= 1

    return highest(fits, built.context_tokens)


# --8<-- [end:holds]
