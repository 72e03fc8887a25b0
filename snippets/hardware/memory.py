"""Does it fit, and if not, what would?"""

# --8<-- [start:imports]
from collections.abc import Callable
from typing import NamedTuple

from snippets.data.models import Architecture
from snippets.hardware.compute import compute_bytes
from snippets.hardware.kv_cache import Context
from snippets.hardware.placement import (
    GIB,
    HOST,
    Device,
    Offload,
    Part,
    place,
)
from snippets.hardware.weights import Weights

# --8<-- [end:imports]


# --8<-- [start:plan]
class Plan(NamedTuple):
    """A model in a file, and where it shall run.

    host_gib: memory for what stays with the
    processor; None: not asked
    """

    built: Architecture
    file: Weights
    context: Context
    devices: tuple[Device, ...]
    offload: Offload = Offload()
    host_gib: float | None = None


class Holding(NamedTuple):
    """What one device holds, and has room for."""

    name: str
    part: Part
    compute_bytes: int
    runtime_bytes: int
    visible_bytes: int

    @property
    def used_bytes(self) -> int:
        """All that is in it, the driver too."""
        return (
            self.part.bytes
            + self.compute_bytes
            + self.runtime_bytes
        )

    @property
    def margin_bytes(self) -> int:
        """What is left; below 0: too little."""
        return self.visible_bytes - self.used_bytes


# --8<-- [end:plan]


# --8<-- [start:holdings]
def holdings(plan: Plan) -> tuple[Holding, ...]:
    """Say what each device holds, then the host.

    Each device has a compute buffer of its own:
    memory of several is never one pool. Where
    memory is unified, the host's part is that of
    the first such device.
    Raises ValueError for a context that the model
    was not trained for.
    """
    context, built = plan.context, plan.built
    most = built.context_tokens * context.sequences
    if context.context_tokens > most:
        raise ValueError(
            "context_tokens is "
            f"{context.context_tokens}; at most "
            f"{most}, as trained, for sequences: "
            f"{context.sequences}"
        )
    parts = place(
        built,
        plan.file,
        context,
        plan.devices,
        plan.offload,
    )
    host = parts.pop(HOST)
    buffer = compute_bytes(built, context)
    unified = [
        each.unified for each in plan.devices
    ]
    found = []
    for at, each in enumerate(plan.devices):
        part = parts[at]
        if each.unified and at == unified.index(
            True
        ):
            part = Part(
                *map(
                    sum,
                    zip(part, host, strict=True),
                )
            )
        found.append(
            Holding(
                each.name,
                part,
                buffer if part.bytes else 0,
                each.runtime_bytes,
                each.visible_bytes,
            )
        )
    if plan.host_gib is not None and not any(
        unified
    ):
        busy = not plan.devices or host.kv_cache
        found.append(
            Holding(
                "host",
                host,
                buffer if busy else 0,
                0,
                round(plan.host_gib * GIB),
            )
        )
    return tuple(found)


def margin_bytes(plan: Plan) -> int:
    """Room where it is tightest; below 0: none.

    Raises ValueError for no device and no host.
    """
    found = holdings(plan)
    if not found:
        raise ValueError(
            "no device, and no host_gib"
        )
    return min(each.margin_bytes for each in found)


def fits(plan: Plan) -> bool:
    """Does it fit everywhere?"""
    return margin_bytes(plan) >= 0


# --8<-- [end:holdings]


# --8<-- [start:most]
def largest(
    holds: Callable[[int], bool], most: int
) -> int:
    """The largest of 1 to `most` that holds, or 0.

    By halving: what holds, holds for all below.
    """
    low, high = 0, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low


def with_context(
    plan: Plan, **changes: object
) -> Plan:
    """Change settings of the context, checked."""
    settings = plan.context.model_dump() | changes
    return plan._replace(
        context=Context.model_validate(settings)
    )


STEP = 256  # tokens; the engine rounds to them
MOST_TOKENS = 10**9  # of a Context


def longest_context_tokens(plan: Plan) -> int:
    """Tokens that fit, of all sequences together.

    At most what the model was trained for, a
    sequence; 0: the weights alone do not fit.
    """
    most = plan.built.context_tokens
    most *= plan.context.sequences
    most = min(most, MOST_TOKENS)
    steps = largest(
        lambda count: fits(
            with_context(
                plan, context_tokens=count * STEP
            )
        ),
        most // STEP,
    )
    return steps * STEP


def most_sequences(plan: Plan, tokens: int) -> int:
    """How many fit, each with so many tokens.

    At most what the engine takes, 256.
    Raises ValueError for less than a token each.
    """
    if not 1 <= tokens <= MOST_TOKENS:
        raise ValueError(
            f"tokens is {tokens}; "
            f"1 to {MOST_TOKENS}"
        )
    return largest(
        lambda count: fits(
            with_context(
                plan,
                context_tokens=count * tokens,
                sequences=count,
            )
        ),
        min(256, MOST_TOKENS // tokens),
    )


# --8<-- [end:most]
