"""Which layer of a model is of which kind?"""

# --8<-- [start:imports]
from typing import Annotated, Self

from pydantic import Field, model_validator

from snippets.data.layers import (
    Attention,
    Count,
    Delta,
    Dense,
    Experts,
    Latent,
    Linear,
    Mamba,
    Parallel,
    Part,
    PerLayer,
    Run,
    ShortConv,
    Size,
)

# --8<-- [end:imports]

# --8<-- [start:unroll]
Mixer = (
    Attention
    | Latent
    | Linear
    | Delta
    | Mamba
    | ShortConv
    | Parallel
)
# Each kind of layer, and the part that it needs.
MIXERS = {
    "full": "attention",
    "sliding": "attention",
    "chunked": "attention",
    "sparse": "attention",
    "latent": "latent",
    "linear": "linear",
    "delta": "delta",
    "mamba": "mamba",
    "conv": "conv",
    "parallel": "parallel",
    "none": "",
}
FEED_FORWARDS = {
    "dense": "dense",
    "wide": "wide",
    "experts": "experts",
    "none": "",
}


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


# --8<-- [end:unroll]


# --8<-- [start:stack]
class Stack(Part):
    """The layers of a model, first to last."""

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
    delta: Delta | None = None
    mamba: Mamba | None = None
    conv: ShortConv | None = None
    parallel: Parallel | None = None
    dense: Dense | None = None
    wide: Dense | None = Field(
        default=None,
        description="where some layers are wider",
    )
    experts: Experts | None = None
    per_layer: PerLayer | None = None

    @property
    def layer_mixers(self) -> tuple[str, ...]:
        """What each layer mixes tokens with."""
        return unroll(self.mixers, self.layers)

    @property
    def layer_indexers(self) -> tuple[str, ...]:
        """Whose choice of tokens a layer uses."""
        index = self.latent and self.latent.indexer
        runs = index.pattern if index else ("none",)
        return unroll(runs, self.layers)

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

    def mixer_of(self, index: int) -> Mixer | None:
        """The part that mixes tokens, from 0."""
        mixer = self.layer_mixers[index]
        if MIXERS[mixer] == "attention":
            return self.attention_of(mixer)
        return {
            "latent": self.latent,
            "linear": self.linear,
            "delta": self.delta,
            "mamba": self.mamba,
            "conv": self.conv,
            "parallel": self.parallel,
        }.get(mixer)

    def dense_of(self, index: int) -> Dense | None:
        """The block that all tokens use, from 0."""
        return {
            "dense": self.dense,
            "wide": self.wide,
        }.get(self.layer_feed_forwards[index])

    @model_validator(mode="after")
    def _has_what_its_layers_use(self) -> Self:
        used = set()
        for name, parts in (
            ("mixers", MIXERS),
            ("feed_forwards", FEED_FORWARDS),
        ):
            for kind in getattr(
                self, f"layer_{name}"
            ):
                if kind not in parts:
                    raise ValueError(
                        f"{name}: {kind} is not of "
                        f"{', '.join(parts)}"
                    )
                used.add(parts[kind])
        known = MIXERS | FEED_FORWARDS
        given = {
            part
            for part in {*known.values()} - {""}
            if getattr(self, part)
        }
        uses, has = (
            ", ".join(sorted(names - {""}))
            for names in (used, given)
        )
        if uses != has:
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
            or {"full", "sparse"} <= kinds
        ):
            raise ValueError(
                "full layers differ from no other"
            )
        return self

    @model_validator(mode="after")
    def _sparse_layers_pick_blocks(self) -> Self:
        heads = self.attention
        sparse = "sparse" in self.layer_mixers
        if bool(heads and heads.blocks) != sparse:
            raise ValueError(
                "blocks and sparse go together"
            )
        return self


# --8<-- [end:stack]
