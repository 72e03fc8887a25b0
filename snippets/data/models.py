"""How is a model built, layer by layer?"""

# --8<-- [start:imports]
from functools import cache
from pathlib import Path
from typing import (
    Annotated,
    Literal,
    Self,
)

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

import snippets.data
from snippets.data.records import (
    Record,
    Text,
    find,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:parts]
# Each kind of layer, and the part that it needs.
MIXERS = {
    "full": "attention",
    "sliding": "attention",
    "chunked": "attention",
    "latent": "latent",
    "linear": "linear",
    "mamba": "mamba",
    "none": "",
}
FEED_FORWARDS = {
    "dense": "dense",
    "experts": "experts",
    "none": "",
}
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


class Linear(Part):
    """Gated delta net: a state of fixed size."""

    key_heads: Size
    value_heads: Size
    key_head_dim: Size
    value_head_dim: Size
    conv_kernel: Size


class Mamba(Part):
    """Mamba-2: a state of fixed size."""

    heads: Size
    head_dim: Size
    state_size: Size
    groups: Size
    conv_kernel: Size


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


# --8<-- [end:parts]

# --8<-- [start:model]


def unroll(
    runs: tuple[str, ...], layers: int
) -> tuple[str, ...]:
    """Repeat ("3 linear", "full") to the last."""
    once: list[str] = []
    for run in runs:
        count, _, kind = run.rpartition(" ")
        once += [kind] * int(count or 1)
    times = -(-layers // len(once))
    return tuple((once * times)[:layers])


class Model(Record):
    """Open weights: what memory and speed need."""

    name: Text
    maker: Text
    family: Text
    license: Text
    context_tokens: int = Field(
        ge=1_024, le=100_000_000
    )
    vocabulary: Size
    tied_embeddings: bool = Field(
        description="the output matrix is the input"
    )
    hidden_size: Size
    layers: Annotated[int, Field(ge=1, le=999)]
    mixers: tuple[Run, ...] = Field(
        min_length=1,
        description="repeats until all have one",
    )
    feed_forwards: tuple[Run, ...] = Field(
        min_length=1,
        description="repeats until all have one",
    )
    window_tokens: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="of sliding, chunked layers",
    )
    kv_shared_layers: int = Field(
        default=0,
        ge=0,
        le=998,
        description="the last; they keep no KV",
    )
    norms_per_layer: Count = 2
    layer_extras: Count = Field(
        default=0,
        description="other parameters of a layer",
    )
    attention: Attention | None = None
    full_attention: Attention | None = Field(
        default=None,
        description="where full layers differ",
    )
    latent: Latent | None = None
    linear: Linear | None = None
    mamba: Mamba | None = None
    dense: Dense | None = None
    experts: Experts | None = None
    per_layer: PerLayer | None = None
    published_parameters: int = Field(
        ge=1_000_000, le=10**14
    )
    published_rounding_parameters: int = Field(
        ge=1,
        le=10**12,
        description="of its last digit; 1: exact",
    )
    published_active_parameters: int | None = Field(
        default=None, ge=1_000_000, le=10**14
    )
    active_rounding_parameters: int | None = Field(
        default=None, ge=1, le=10**12
    )
    note: str = ""

    @property
    def layer_mixers(self) -> tuple[str, ...]:
        """What each layer mixes tokens with."""
        return unroll(self.mixers, self.layers)

    @property
    def layer_indexers(self) -> tuple[str, ...]:
        """Whose choice of tokens a layer uses."""
        index = self.latent and self.latent.indexer
        pattern = index.pattern if index else None
        return unroll(
            pattern or ("none",), self.layers
        )

    @property
    def layer_feed_forwards(
        self,
    ) -> tuple[str, ...]:
        """Which feed-forward each layer has."""
        return unroll(
            self.feed_forwards, self.layers
        )

    def attention_of(
        self, mixer: str
    ) -> Attention | None:
        """The heads of a full or sliding layer."""
        if mixer == "full" and self.full_attention:
            return self.full_attention
        return self.attention

    @model_validator(mode="after")
    def _has_what_its_layers_use(self) -> Self:
        used = set()
        for name, known in (
            ("mixers", MIXERS),
            ("feed_forwards", FEED_FORWARDS),
        ):
            runs = getattr(self, name)
            for kind in unroll(runs, self.layers):
                if kind not in known:
                    raise ValueError(
                        f"{name}: {kind} is not of "
                        f"{', '.join(known)}"
                    )
                used.add(known[kind])
        parts = MIXERS | FEED_FORWARDS
        given = {
            part
            for part in parts.values()
            if part and getattr(self, part)
        }
        if used - {""} != given:
            uses, has = (
                ", ".join(sorted(names - {""}))
                for names in (used, given)
            )
            raise ValueError(
                f"its layers use {uses}, "
                f"and it has {has or 'none'}"
            )
        return self

    @model_validator(mode="after")
    def _windows_and_sharing_fit(self) -> Self:
        kinds = {*self.layer_mixers}
        if bool(self.window_tokens) != bool(
            kinds & {"sliding", "chunked"}
        ):
            raise ValueError(
                "a window and layers that use it "
                "go together"
            )
        if self.kv_shared_layers >= self.layers:
            raise ValueError(
                f"{self.kv_shared_layers} of "
                f"{self.layers} layers share"
            )
        if self.full_attention and not (
            {"full", "sliding"} <= kinds
        ):
            raise ValueError(
                "full layers differ from no other"
            )
        return self

    @model_validator(mode="after")
    def _active_is_a_part(self) -> Self:
        active = self.published_active_parameters
        rounding = self.active_rounding_parameters
        if bool(active) != bool(rounding):
            raise ValueError(
                "active parameters and their "
                "rounding go together"
            )
        if (
            active or 0
        ) > self.published_parameters:
            raise ValueError(
                f"{active} active parameters of "
                f"{self.published_parameters}"
            )
        return self


# --8<-- [end:model]


# --8<-- [start:read]
@cache
def read_models() -> dict[str, Model]:
    """Every model of data/models, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(data / "models", Model)


def model(name: str) -> Model:
    """Look a model up by its id.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_models(), name, "model")


# --8<-- [end:read]
