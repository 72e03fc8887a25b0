"""What runs on a machine, and at what cost?"""

# --8<-- [start:imports]
from collections.abc import Iterable
from math import prod
from typing import Literal, NamedTuple

from pydantic import Field

from snippets.data.machines import Machine
from snippets.data.models import Model
from snippets.data.prices import (
    HOURS_A_MONTH,
    Purchase,
)
from snippets.data.speeds import Speed
from snippets.hardware.kv_cache import Context
from snippets.hardware.placement import (
    Device,
    device,
)
from snippets.hardware.roofline import (
    Frozen,
    Share,
    Step,
    Weights,
)
from snippets.hardware.speed import (
    Range,
    Rates,
    Spread,
    decode_range,
    family,
    machine_roof,
    model_weights,
)
from snippets.hardware.speed_fit import (
    all_cases,
    fit,
    held_out,
    spread,
)
from snippets.hardware.weights import group_of
from snippets.hardware.what_fits import (
    QUALITY,
    Best,
    best_fit,
    cached_weights,
)

# --8<-- [end:imports]


# --8<-- [start:learned]
class Learned(NamedTuple):
    """What measurements say of speed."""

    rates: dict[str, Rates]
    spread: Spread


def learned(
    speeds: Iterable[Speed],
    models: dict[str, Model],
    machines: dict[str, Machine],
    coverage: float = 0.8,
) -> Learned:
    """Fit rates, and a range for one device.

    coverage: of held-out decode, from 0 to 1
    """
    cases = all_cases(speeds, models, machines)
    steps = [
        one
        for one in held_out(
            cases, lambda case: case.group
        )
        if isinstance(one.case.ask, Step)
        and one.case.roof.devices == 1
    ]
    return Learned(
        fit(cases), spread(steps, coverage)
    )


# --8<-- [end:learned]


# --8<-- [start:setup]
# Weights that were trained in four bits.
NATIVE = {"gpt-oss": ("MXFP4_MOE",)}


class Setup(Frozen):
    """Machines, and how they share a model."""

    machine: Machine
    count: int = Field(default=1, ge=1, le=1_024)
    labeled_gb: float | None = Field(
        default=None,
        gt=0,
        le=20_000,
        description="size sold; None: the largest",
    )
    split: Literal["tensor", "layer"] = "layer"

    @property
    def devices(self) -> tuple[Device, ...]:
        """One for each, never one pool."""
        one = device(self.machine, self.labeled_gb)
        return (one,) * self.count

    @property
    def watts(self) -> float | None:
        """tdp_w · count, in W; None: unknown."""
        one = self.machine.tdp_w
        return one and one * self.count


def file_weights(
    built: Model, file_type: str
) -> Weights:
    """Split a file's bytes as decode reads them.

    Experts count with the bits they have in it.
    """
    file = cached_weights(built, file_type)
    count = sum(
        prod(tensor.shape)
        for tensor, _ in file.types
        if group_of(tensor) == "experts"
    )
    held = file.by_group().get("experts", 0)
    bits = 8 * held / count if count else None
    return model_weights(built, file.bytes, bits)


class Run(NamedTuple):
    """What runs, and what all get, in tokens/s."""

    best: Best
    decode: Range


def run(
    built: Model,
    setup: Setup,
    known: Learned,
    context: Context,
) -> Run | None:
    """Take the best file, and say how fast it is.

    context: of all sequences together; the step is
    one in which each has its part of it
    None: no file fits with that context.
    """
    found = best_fit(
        built,
        setup.devices,
        context,
        NATIVE.get(built.family, QUALITY),
    )
    if found is None:
        return None
    tokens = context.context_tokens
    each = tokens / context.sequences
    return Run(
        found,
        decode_range(
            built,
            file_weights(built, found.file_type),
            machine_roof(
                setup.machine,
                known.rates[family(setup.machine)],
                setup.count,
                setup.split,
            ),
            Step(
                batch=context.sequences,
                context_tokens=min(
                    each, built.context_tokens
                ),
            ),
            known.spread,
        ),
    )


# --8<-- [end:setup]


# --8<-- [start:cost]
class Owning(Frozen):
    """What a machine costs its owner."""

    price_usd: float = Field(ge=0, le=1e9)
    years: float = Field(gt=0, le=20)
    watts: float = Field(
        ge=0, le=1e6, description="while in use"
    )
    usd_per_kwh: float = Field(ge=0, le=10)
    used_share: Share = Field(
        description="of all hours, writing"
    )


def usd_per_million(
    own: Owning, tokens_per_s: float
) -> float:
    """Price a million output tokens, in USD.

    A month's cost over its tokens:
    (price / (years · 12)
    + watts / 1000 · used hours · USD/kWh)
    / (tokens/s · 3600 · used hours / 10^6)

    Idle power, space and hands are left out, and
    so is what the machine sells for at the end.
    Raises ValueError unless tokens_per_s is above
    0.
    """
    if not tokens_per_s > 0:
        raise ValueError(
            f"tokens_per_s is {tokens_per_s}; "
            "it has to be above 0"
        )
    hours = HOURS_A_MONTH * own.used_share
    kwh = own.watts / 1_000 * hours
    month = own.price_usd / (12 * own.years)
    month += kwh * own.usd_per_kwh
    millions = tokens_per_s * 3_600 * hours / 1e6
    return month / millions


def usd_per_million_range(
    own: Owning, high_usd: float, decode: Range
) -> tuple[float, float]:
    """Price a million tokens, lowest and highest.

    own: at the lowest price; it meets the highest
    speed, and high_usd the lowest, in USD
    """
    highest = own.model_copy(
        update={"price_usd": high_usd}
    )
    return (
        usd_per_million(own, decode.high),
        usd_per_million(highest, decode.low),
    )


def price_usd(
    purchase: Purchase, setup: Setup
) -> tuple[float, float]:
    """Ask for all machines, lowest and highest.

    Raises ValueError for another machine or size.
    """
    sold = setup.machine.memory_gb
    size = setup.labeled_gb or sold[-1]
    if (purchase.machine, purchase.memory_gb) != (
        setup.machine.id,
        size,
    ):
        raise ValueError(
            f"{purchase.id} is a "
            f"{purchase.machine} with "
            f"{purchase.memory_gb:g} GB, not a "
            f"{setup.machine.id} with {size:g} GB"
        )
    return (
        purchase.low_usd * setup.count,
        purchase.high_usd * setup.count,
    )


# --8<-- [end:cost]
