"""What does a quantized KV cache change?"""

# --8<-- [start:rounders]
import csv
from collections.abc import Callable, Iterable
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from snippets.data.small_forward import Cache, Pass
from snippets.data.small_model import (
    Floats,
    SmallModel,
)
from snippets.quantization.block_formats import (
    FORMATS,
)

# Keys or values (heads, tokens, head), and what a
# cache gives back of them.
Rounder = Callable[[Floats], Floats]


def half(x: Floats) -> Floats:
    """An f16 cache, llama.cpp's default."""
    return x.astype(np.float16).astype(np.float32)


def block(name: str) -> Rounder:
    """A cache in blocks of 32, as llama.cpp has it.

    name: Q8_0, Q5_1, …, for --cache-type-k in
        small letters; a block is of one token
    Raises ValueError for a name that no block has.
    """
    if name not in FORMATS:
        allowed = ", ".join(FORMATS)
        raise ValueError(
            f"{name} is not of {allowed}"
        )
    form = FORMATS[name]

    def stored(x: Floats) -> Floats:
        rows = x.reshape(-1, x.shape[-1])
        back = form.dequantize(form.quantize(rows))
        return back.reshape(x.shape)

    return stored


def integers(
    bits: int, along: Literal["token", "channel"]
) -> Rounder:
    """Whole numbers between the ends of a range.

    along: a range is of 32 channels of a token, or
        of a channel over all tokens given
    step = (max - min) / (2**bits - 1)
    Source: KIVI, arXiv 2402.02750
    """

    def stored(x: Floats) -> Floats:
        parts = x
        if along == "token":
            parts = x.reshape(*x.shape[:-1], -1, 32)
        axis = -1 if along == "token" else -2
        low = parts.min(axis=axis, keepdims=True)
        high = parts.max(axis=axis, keepdims=True)
        step = (high - low) / (2**bits - 1)
        step[step == 0] = 1
        codes = np.rint((parts - low) / step)
        back: Floats = codes * step + low
        return back.reshape(x.shape)

    return stored


# --8<-- [end:rounders]


# --8<-- [start:rotated]
def hadamard(size: int) -> Floats:
    """A rotation of ±1/√size: it mixes channels.

    H₁ = 1, H₂ₙ = [[Hₙ, Hₙ], [Hₙ, -Hₙ]] / √2; it is
    its own inverse.
    Raises ValueError for what is no power of 2.
    """
    if size < 1 or size & (size - 1):
        raise ValueError(
            f"size: {size}, a power of 2 is needed"
        )
    h = np.ones((1, 1))
    while len(h) < size:
        h = np.block([[h, h], [h, -h]])
    turned: Floats = (h / size**0.5).astype(
        np.float32
    )
    return turned


def rotated(rounder: Rounder) -> Rounder:
    """Rotate, store, and rotate back.

    For keys it is the same as to rotate queries, as
    engines do: (q H)(k H)ᵀ = q kᵀ.
    """

    def stored(x: Floats) -> Floats:
        h = hadamard(x.shape[-1])
        back: Floats = rounder(x @ h) @ h
        return back

    return stored


# --8<-- [end:rotated]


# --8<-- [start:reading]
class Rounded(Pass):
    """A reading whose cache is stored rounded.

    keys, values: how they are stored
    newest_whole: tokens of the last call stay whole
        until the next, as ranges over tokens need;
        else all are rounded before they are used,
        as by llama.cpp
    """

    def __init__(
        self,
        model: SmallModel,
        keys: Rounder,
        values: Rounder,
        newest_whole: bool = False,
    ) -> None:
        super().__init__(model)
        self.keys = keys
        self.values = values
        self.newest_whole = newest_whole
        self.newest: dict[int, int] = {}

    def remember(
        self, i: int, k: Floats, v: Floats
    ) -> Cache:
        """Add keys and values to what was read."""
        if not self.newest_whole:
            return super().remember(
                i, self.keys(k), self.values(v)
            )
        if i in self.newest:
            old = self.caches[i]
            at = -self.newest[i]
            self.caches[i] = Cache(
                np.concatenate(
                    [
                        old.keys[:, :at],
                        self.keys(old.keys[:, at:]),
                    ],
                    axis=1,
                ),
                np.concatenate(
                    [
                        old.values[:, :at],
                        self.values(
                            old.values[:, at:]
                        ),
                    ],
                    axis=1,
                ),
            )
        self.newest[i] = k.shape[1]
        return super().remember(i, k, v)


# --8<-- [end:reading]


# --8<-- [start:outcome]
class CacheOutcome(BaseModel):
    """What a cache did to the small model.

    run_by: this guide's NumPy, or llama.cpp
    keys, values: how they were stored
    rotated: before rounding, where rounded
    bits: of a number in the cache, keys and values
    rise_nats: mean loss above an f16 cache's
    error_nats: standard error of that rise
    divergence_nats: mean KL divergence from the
        probabilities with an f16 cache
    same_top_percent: likeliest token unchanged
    first_divergence_nats: on the first windows
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    run_by: Literal["NumPy", "llama.cpp"]
    keys: str = Field(min_length=1)
    values: str = Field(min_length=1)
    rotated: bool
    bits: float = Field(gt=0, le=32)
    rise_nats: float = Field(ge=-100, le=100)
    error_nats: float = Field(ge=0, le=100)
    divergence_nats: float = Field(ge=0, le=100)
    same_top_percent: float = Field(ge=0, le=100)
    first_divergence_nats: float = Field(
        ge=0, le=100
    )


def read_cache_outcomes(
    lines: Iterable[str],
) -> tuple[CacheOutcome, ...]:
    """Read kv_cache.csv of the small model."""
    return tuple(
        CacheOutcome.model_validate(row)
        for row in csv.DictReader(lines)
    )


# --8<-- [end:outcome]
