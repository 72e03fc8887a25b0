"""What is a layer made of?"""

# --8<-- [start:imports]
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

# --8<-- [end:imports]

# --8<-- [start:attention]
Size = Annotated[int, Field(ge=1, le=1_000_000)]
Count = Annotated[int, Field(ge=0, le=100_000)]
Run = Annotated[
    str,
    StringConstraints(
        pattern=r"^([1-9]\d{0,2} )?[a-z]+$"
    ),
]


class Part(BaseModel):
    """One kind of block, by its dimensions."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )


class Blocks(Part):
    """Picks which blocks of tokens heads read."""

    heads: Size
    head_dim: Size
    block_tokens: Size
    selected_blocks: Size


class Attention(Part):
    """Heads that keep keys and values."""

    heads: Size
    kv_heads: Size
    key_head_dim: Size
    value_head_dim: Size
    values_are_keys: bool = Field(
        default=False,
        description="one projection makes both",
    )
    bias: bool = Field(
        default=False,
        description="on queries, keys, values",
    )
    output_bias: bool = False
    query_key_norm: Literal[
        "none", "head", "layer"
    ] = Field(
        default="none",
        description="over a head, or all of them",
    )
    output_gate: bool = Field(
        default=False,
        description="queries twice as wide",
    )
    sinks: bool = Field(
        default=False,
        description="one learned logit a head",
    )
    blocks: Blocks | None = Field(
        default=None,
        description="of sparse layers; keeps keys",
    )


class Indexer(Part):
    """Picks which tokens a latent layer reads."""

    heads: Size
    head_dim: Size
    selected_tokens: Size
    pattern: tuple[Run, ...] = Field(
        min_length=1,
        description="own or shared, by layer",
    )


class Latent(Part):
    """Attention that keeps one latent a token."""

    heads: Size
    query_rank: Count = Field(
        description="0: queries are not compressed"
    )
    key_value_rank: Size
    rope_head_dim: Size
    nope_head_dim: Size
    value_head_dim: Size
    indexer: Indexer | None = None


# --8<-- [end:attention]


# --8<-- [start:states]
class Linear(Part):
    """Gated delta net: a state of fixed size."""

    key_heads: Size
    value_heads: Size
    key_head_dim: Size
    value_head_dim: Size
    conv_kernel: Size


class Delta(Part):
    """Kimi delta attention: each channel decays."""

    heads: Size
    head_dim: Size
    conv_kernel: Size


class Mamba(Part):
    """Mamba-2: a state of fixed size."""

    heads: Size
    head_dim: Size
    state_size: Size
    groups: Size
    conv_kernel: Size
    norm: bool = Field(
        default=True,
        description="before the output",
    )


class ShortConv(Part):
    """LFM2: the last few inputs, gated twice."""

    conv_kernel: Size


class Parallel(Part):
    """Falcon-H1: both in a layer, side by side."""

    attention: Attention
    mamba: Mamba


# --8<-- [end:states]


# --8<-- [start:feed]
class Dense(Part):
    """A feed-forward block that all tokens use."""

    size: Size
    gated: bool = True


class Experts(Part):
    """Feed-forward blocks; a token uses some."""

    experts: Size
    active: Size
    size: Size = Field(
        description="feed-forward size of each"
    )
    gated: bool = True
    bias: bool = Field(
        default=False,
        description="in the experts and the router",
    )
    latent_size: Count = Field(
        default=0,
        description=(
            "width at which experts work; 0: hidden"
        ),
    )
    shared: Count = Field(
        description="experts that all tokens use"
    )
    shared_size: Count = Field(
        description="feed-forward size of each"
    )
    shared_gate: bool = False
    selection_bias: bool = Field(
        default=False,
        description=(
            "one number an expert that steers "
            "which are used; no parameter, but "
            "in the file"
        ),
    )

    @model_validator(mode="after")
    def _uses_what_it_has(self) -> Self:
        if self.active > self.experts:
            raise ValueError(
                f"{self.active} active of "
                f"{self.experts} experts"
            )
        if bool(self.shared) != bool(
            self.shared_size
        ):
            raise ValueError(
                f"{self.shared} shared experts of "
                f"size {self.shared_size}"
            )
        return self


class PerLayer(Part):
    """Gemma 3n: embeddings for each layer."""

    vocabulary: Size
    size: Size
    streams: Count = Field(
        description="of AltUp; 0: none"
    )
    laurel_rank: Count = Field(
        description="0: no such block"
    )


# --8<-- [end:feed]
