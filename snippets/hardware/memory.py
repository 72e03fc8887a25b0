"""Does it fit, and if not, what would?"""

# --8<-- [start:imports]
from collections.abc import Callable
from typing import NamedTuple

from snippets.data.models import Architecture
from snippets.hardware.compute import compute_bytes
from snippets.hardware.file_types import BASES
from snippets.hardware.kv_cache import Context
from snippets.hardware.placement import (
    GIB,
    HOST,
    Device,
    Offload,
    Part,
    place,
)
from snippets.hardware.weights import (
    Weights,
    weights,
)

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
        """Weights, cache, state, buffers, driver."""
        return (
            self.part.bytes
            + self.compute_bytes
            + self.runtime_bytes
        )

    @property
    def margin_bytes(self) -> int:
        """Visible less used; below 0: too little."""
        return self.visible_bytes - self.used_bytes


# --8<-- [end:plan]


# --8<-- [start:holdings]
def holdings(plan: Plan) -> tuple[Holding, ...]:
    """Say what each device holds, then the host.

    Each device has a compute buffer of its own:
    memory of several is never one pool. Where
    memory is unified, the host's part is the
    device's.
    Raises ValueError for a context that the model
    was not trained for.
    """
    context, built = plan.context, plan.built
    most = built.context_tokens * context.sequences
    if context.context_tokens > most:
        raise ValueError(
            f"context_tokens is "
            f"{context.context_tokens}; the model was "
            f"trained for {built.context_tokens} a "
            f"sequence, with {context.sequences} of "
            f"them {most}"
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
    found = []
    for at, each in enumerate(plan.devices):
        part = parts[at]
        if each.unified and at == 0:
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
                round(each.runtime_gib * GIB),
                round(each.visible_gib * GIB),
            )
        )
    unified = any(
        each.unified for each in plan.devices
    )
    if plan.host_gib is not None and not unified:
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
    """Room left where it is tightest; below 0: none.

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
    """The largest of 1 to `most` that holds; 0: none.

    By halving: what holds has to hold for all below.
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


def longest_context_tokens(plan: Plan) -> int:
    """Tokens that fit, of all sequences together.

    At most what the model was trained for, a
    sequence; 0: the weights alone do not fit.
    """
    most = plan.built.context_tokens
    most *= plan.context.sequences
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
    """
    return largest(
        lambda count: fits(
            with_context(
                plan,
                context_tokens=count * tokens,
                sequences=count,
            )
        ),
        256,
    )


# --8<-- [end:most]


# --8<-- [start:change]
class Change(NamedTuple):
    """One way to make it fit, and what it costs."""

    says: str
    plan: Plan


def changes(plan: Plan) -> tuple[Change, ...]:
    """Say what to change so that it fits.

    Each alone, from what costs least: a smaller
    cache, a shorter context, a smaller file, experts
    or layers left with the processor. What does not
    help is left out; nothing if it fits.
    """
    if fits(plan):
        return ()
    found = []
    small = with_context(
        plan, key_type="q8_0", value_type="q8_0"
    )
    if fits(small):
        found.append(
            Change("a cache in q8_0", small)
        )
    tokens = longest_context_tokens(plan)
    if tokens:
        found.append(
            Change(
                f"a context of {tokens} tokens",
                with_context(
                    plan, context_tokens=tokens
                ),
            )
        )
    size = plan.file.bytes
    for name in BASES:
        other = weights(plan.built, name)
        if other.bytes >= size:
            continue
        smaller = plan._replace(file=other)
        if fits(smaller):
            found.append(
                Change(f"a file in {name}", smaller)
            )
            break
    return (*found, *offloads(plan))


def offloads(plan: Plan) -> tuple[Change, ...]:
    """Leave as little with the processor as helps."""
    count = plan.built.layers
    found = []
    if plan.built.experts and plan.devices:

        def experts(layers: int) -> Plan:
            return plan._replace(
                offload=Offload(
                    cpu_expert_layers=layers,
                    shares=plan.offload.shares,
                )
            )

        kept = largest(
            lambda free: fits(
                experts(count - free)
            ),
            count,
        )
        if kept:
            found.append(
                Change(
                    f"experts of {count - kept} layers "
                    "with the processor",
                    experts(count - kept),
                )
            )

    def layers(on_gpu: int) -> Plan:
        return plan._replace(
            offload=Offload(
                gpu_layers=on_gpu,
                shares=plan.offload.shares,
            )
        )

    kept = largest(
        lambda on_gpu: fits(layers(on_gpu)), count
    )
    if kept and plan.devices:
        found.append(
            Change(
                f"{count + 1 - kept} layers with the "
                "processor",
                layers(kept),
            )
        )
    return tuple(found)


# --8<-- [end:change]
