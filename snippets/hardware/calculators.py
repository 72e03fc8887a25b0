"""What should your calculator say, and why not?"""

# --8<-- [start:imports]
from collections.abc import Callable
from itertools import combinations
from typing import NamedTuple

from snippets.data.layers import Attention
from snippets.data.models import Architecture
from snippets.data.parameters import parameters
from snippets.hardware.kv_cache import (
    Context,
    kv_cache_bytes,
)
from snippets.hardware.state import (
    context_bytes,
    state_bytes,
)
from snippets.hardware.weights import weights

# --8<-- [end:imports]


# --8<-- [start:answers]
# Between them, each mistake below shows.
SEVEN = (
    "llama-3.1-8b",
    "llama-3.2-1b",
    "gemma-3-27b",
    "gemma-3n-e4b",
    "deepseek-v3",
    "qwen3.6-27b",
    "gpt-oss-120b",
)
LONGEST = 131_072  # tokens


def asked(
    built: Architecture, q8_0: bool = False
) -> Context:
    """One sequence, as long as it was trained for.

    min(131,072, trained) tokens
    q8_0: of keys and values; else f16
    """
    kind = "q8_0" if q8_0 else "f16"
    return Context.model_validate(
        {
            "context_tokens": min(
                LONGEST, built.context_tokens
            ),
            "key_type": kind,
            "value_type": kind,
        }
    )


class Answer(NamedTuple):
    """What llama.cpp has, in bytes."""

    context_tokens: int
    weights_bytes: int
    kv_f16_bytes: int
    kv_q8_0_bytes: int
    state_bytes: int


def answer(built: Architecture) -> Answer:
    """Give the bytes that a calculator should.

    Weights in Q4_K_M, as llama-quantize makes it
    from 16 bits.
    """
    half = asked(built)
    return Answer(
        half.context_tokens,
        weights(built, "Q4_K_M").bytes,
        kv_cache_bytes(built, half),
        kv_cache_bytes(built, asked(built, True)),
        state_bytes(built, half),
    )


# --8<-- [end:answers]


# --8<-- [start:reading]
class Reading(NamedTuple):
    """What a calculator takes a model to be.

    states: counted, beside keys and values
    binary: "GiB" is 2^30 bytes; else 10^9
    """

    built: Architecture
    context: Context
    states: bool = True
    binary: bool = True

    @property
    def gib(self) -> float:
        """What it prints as GiB."""
        count = context_bytes
        if not self.states:
            count = kv_cache_bytes
        unit = 2**30 if self.binary else 10**9
        return (
            count(self.built, self.context) / unit
        )

    def changed(self, **parts: object) -> "Reading":
        """Take the model to be built otherwise."""
        return self._replace(
            built=self.built.model_copy(
                update=parts
            )
        )


def right(built: Architecture) -> Reading:
    """Read a model as it is, in f16."""
    return Reading(built, asked(built))


# --8<-- [end:reading]


# --8<-- [start:mistakes]
STATES = ("linear", "delta", "mamba", "conv")


def latent_as_heads(one: Reading) -> Reading:
    """Cache the heads that a latent unfolds to."""
    part = one.built.latent
    if part is None:
        return one
    wide = part.nope_head_dim + part.rope_head_dim
    return one.changed(
        mixers=tuple(
            kind.replace("latent", "full")
            for kind in one.built.mixers
        ),
        attention=Attention(
            heads=part.heads,
            kv_heads=part.heads,
            key_head_dim=wide,
            value_head_dim=part.value_head_dim,
        ),
    )


def with_attention(
    one: Reading,
    change: Callable[[Attention], dict[str, int]],
) -> Reading:
    """Change the heads of all layers."""
    return one.changed(
        **{
            name: part.model_copy(
                update=change(part)
            )
            for name in (
                "attention",
                "full_attention",
            )
            if (part := getattr(one.built, name))
        }
    )


def all_heads(one: Reading) -> Reading:
    """Take query heads for KV heads."""
    return with_attention(
        one, lambda part: {"kv_heads": part.heads}
    )


def hidden_by_heads(one: Reading) -> Reading:
    """Take hidden size / heads for a head."""

    def narrow(part: Attention) -> dict[str, int]:
        size = one.built.hidden_size // part.heads
        return {
            "key_head_dim": size,
            "value_head_dim": size,
        }

    return with_attention(one, narrow)


def no_window(one: Reading) -> Reading:
    """Let each layer keep the whole context."""
    return one._replace(
        context=one.context.model_copy(
            update={"swa_full": True}
        )
    )


def all_attention(one: Reading) -> Reading:
    """Give keys to layers that have a state."""
    kind = "latent" if one.built.latent else "full"
    return one.changed(
        mixers=tuple(
            kind if mixer in STATES else mixer
            for mixer in one.built.layer_mixers
        )
    )


def no_sharing(one: Reading) -> Reading:
    """Count layers that use another's keys."""
    return one.changed(kv_shared_layers=0)


def no_states(one: Reading) -> Reading:
    """Forget what a sequence holds beside keys."""
    return one._replace(states=False)


def gb_for_gib(one: Reading) -> Reading:
    """Divide by 10^9, and print GiB."""
    return one._replace(binary=False)


MISTAKES: dict[
    str, Callable[[Reading], Reading]
] = {
    "a latent as heads": latent_as_heads,
    "query heads for KV heads": all_heads,
    "hidden size / heads": hidden_by_heads,
    "no window": no_window,
    "attention in all layers": all_attention,
    "shared layers counted": no_sharing,
    "no states": no_states,
    "GB for GiB": gb_for_gib,
}
# --8<-- [end:mistakes]


# --8<-- [start:others]
def by_bits(
    built: Architecture, bits_per_weight: float
) -> float:
    """Bytes of weights, from a single figure.

    parameters · bits / 8
    """
    count = parameters(built).total
    return count * bits_per_weight / 8


def by_parameters(
    built: Architecture, context_tokens: int
) -> float:
    """Bytes of keys and values, by size alone.

    3.5 MiB · 10^9 parameters · 1,024 tokens; of
    experts, four times what is active
    Source: whichllm 0.5.21, engine/vram.py
    """
    count = parameters(built)
    size = count.total
    if built.experts:
        size = 4 * count.active
    kibi = context_tokens / 1_024
    return 3.5 * 2**20 * size / 10**9 * kibi


# --8<-- [end:others]


# --8<-- [start:explain]
def explain(
    built: Architecture,
    said_gib: float,
    tolerance: float = 0.01,
) -> tuple[str, ...] | None:
    """Name the mistakes that give a figure.

    None: no mistake gives it, nor two together;
    empty: it is right
    said_gib: of KV in f16 and state, as asked()
    tolerance: of the figure, as a share of it
    Raises ValueError for a figure below 0.
    """
    if said_gib < 0:
        raise ValueError(
            f"said_gib is {said_gib}; 0 or more"
        )
    for count in range(3):
        found: dict[tuple[str, ...], float] = {}
        for names in combinations(MISTAKES, count):
            one = right(built)
            for name in names:
                one = MISTAKES[name](one)
            found[names] = abs(one.gib - said_gib)
        best = min(found, key=found.__getitem__)
        if found[best] <= tolerance * said_gib:
            return best
    return None


# --8<-- [end:explain]
