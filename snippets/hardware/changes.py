"""What can be changed so that it fits?"""

# --8<-- [start:imports]
from typing import NamedTuple

from snippets.hardware.file_types import BASES
from snippets.hardware.memory import (
    Plan,
    fits,
    largest,
    longest_context_tokens,
    with_context,
)
from snippets.hardware.placement import Offload
from snippets.hardware.weights import weights

# --8<-- [end:imports]


# --8<-- [start:change]
class Change(NamedTuple):
    """One way to make it fit, and what it costs."""

    says: str
    plan: Plan


def changes(plan: Plan) -> tuple[Change, ...]:
    """Say what to change so that it fits.

    Each alone, from what costs least: a smaller
    cache, a shorter context, a smaller file,
    experts or layers left with the processor. What
    does not help is left out; nothing if it fits.
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
    files = [
        (name, weights(plan.built, name))
        for name in BASES
    ]
    files.sort(key=lambda pair: -pair[1].bytes)
    for name, file in files:
        smaller = plan._replace(file=file)
        if fits(smaller):
            found.append(
                Change(f"a file in {name}", smaller)
            )
            break
    return (*found, *offloads(plan))


def offloads(plan: Plan) -> tuple[Change, ...]:
    """Leave the processor no more than helps."""
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
                    f"experts of {count - kept} "
                    "layers with the processor",
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
                f"{count + 1 - kept} layers with "
                "the processor",
                layers(kept),
            )
        )
    return tuple(found)


# --8<-- [end:change]
