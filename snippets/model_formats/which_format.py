"""Which format do I need?"""

# --8<-- [start:imports]
from collections.abc import Iterable
from typing import NamedTuple

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
)

from snippets.data.engines import (
    Engine,
    Format,
    Hardware,
)

# --8<-- [end:imports]

# --8<-- [start:order]
# Fewest bits a weight that this guide would use.
LEAST_BITS: dict[Format, float] = {
    "safetensors": 16,
    "fp8": 8,
    "nvfp4": 4.5,
    "mxfp4": 4.25,
    "awq": 4.25,
    "gptq": 4.25,
    "bitsandbytes": 4.5,
    "onnx": 4.5,
    "mlx": 4.5,
    "gguf": 3,
    "exl3": 3,
}
# Which to take first, by how many ask at a time:
# for many, what GPUs multiply in batches; for few,
# what fits closest to the memory there is.
FOR_MANY: tuple[Format, ...] = (
    "safetensors",
    "fp8",
    "nvfp4",
    "mxfp4",
    "awq",
    "gptq",
)
FOR_FEW: tuple[Format, ...] = (
    "gguf",
    "exl3",
    "onnx",
    "mlx",
    "safetensors",
)
MANY = 4
# --8<-- [end:order]


# --8<-- [start:choose]
class Case(BaseModel):
    """A machine, a model, and who asks.

    memory_gib: for weights, without keys and values
    at_a_time: requests that run at the same time
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    hardware: Hardware
    memory_gib: float = Field(gt=0, le=1e6)
    parameters: PositiveInt = Field(le=10**14)
    at_a_time: PositiveInt = 1

    @property
    def room_bits(self) -> float:
        """Bits of memory for each weight."""
        bits = 8 * 2**30 * self.memory_gib
        return bits / self.parameters


class Choice(NamedTuple):
    """A format, and what runs it on the machine."""

    format: Format
    engines: tuple[str, ...]


def runs_on(
    engines: Iterable[Engine], hardware: Hardware
) -> dict[Format, tuple[str, ...]]:
    """Say which engines run each format there."""
    found: dict[Format, tuple[str, ...]] = {}
    for one in engines:
        for support in one.runs:
            if hardware in support.hardware:
                others = found.get(
                    support.format, ()
                )
                found[support.format] = (
                    *others,
                    one.engine,
                )
    return found


def which_formats(
    engines: Iterable[Engine], case: Case
) -> list[Choice]:
    """List formats that run and fit, best first.

    The order is this guide's judgement. Empty where
    not even the smallest fits.
    """
    there = runs_on(engines, case.hardware)
    many = case.at_a_time >= MANY
    first = FOR_MANY if many else ()
    order = dict.fromkeys(
        (*first, *FOR_FEW, *LEAST_BITS)
    )
    return [
        Choice(kind, there[kind])
        for kind in order
        if kind in there
        and LEAST_BITS[kind] <= case.room_bits
    ]


# --8<-- [end:choose]
