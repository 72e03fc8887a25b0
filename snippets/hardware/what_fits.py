"""What is the best that fits on a machine?"""

# --8<-- [start:imports]
from functools import cache
from typing import NamedTuple

from snippets.data.models import Architecture
from snippets.hardware.kv_cache import Context
from snippets.hardware.memory import (
    Plan,
    fits,
    longest_context_tokens,
    with_context,
)
from snippets.hardware.placement import Device
from snippets.hardware.weights import (
    Weights,
    weights,
)

# --8<-- [end:imports]

# --8<-- [start:best]
# From the best: each keeps more of the weights
# than the next.
QUALITY = (
    "Q8_0",
    "Q6_K",
    "Q5_K_M",
    "Q4_K_M",
    "IQ4_XS",
    "IQ3_M",
    "IQ2_M",
)


class Best(NamedTuple):
    """A file that fits, and the most context."""

    file_type: str
    context_tokens: int
    plan: Plan


@cache
def cached_weights(
    built: Architecture, file_type: str
) -> Weights:
    """Give a file's weights, once."""
    return weights(built, file_type, imatrix=True)


def best_fit(
    built: Architecture,
    devices: tuple[Device, ...],
    context: Context,
    file_types: tuple[str, ...] = QUALITY,
) -> Best | None:
    """Find the first file that fits with a context.

    Then the longest context that fits with it.
    None: not even the last fits. A context longer
    than the model was trained for is cut to that.
    Files are made with an importance matrix, as
    those that are shared mostly are.
    """
    most = built.context_tokens * context.sequences
    asked = min(context.context_tokens, most)
    for file_type in file_types:
        plan = with_context(
            Plan(
                built,
                cached_weights(built, file_type),
                context,
                devices,
            ),
            context_tokens=asked,
        )
        if plan.file.bytes > sum(
            each.visible_bytes for each in devices
        ):
            continue  # saves the time to place it
        if fits(plan):
            tokens = longest_context_tokens(plan)
            return Best(file_type, tokens, plan)
    return None


# --8<-- [end:best]
