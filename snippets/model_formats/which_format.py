"""Which format do I need?"""

# --8<-- [start:imports]
from collections.abc import Iterable
from typing import NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveInt,
    model_validator,
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
# What leaves embeddings and the last layer in 16
# bits, as a rule.
KEEPS = frozenset(
    {"fp8", "nvfp4", "mxfp4", "awq", "gptq"}
    | {"bitsandbytes"}
)
FULL_BITS = 16
# --8<-- [end:order]


# --8<-- [start:choose]
class Case(BaseModel):
    """A machine, a model, and who asks.

    memory_gib: for weights, without keys and values
    outer_parameters: embeddings and last layer
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
    outer_parameters: int = Field(default=0, ge=0)
    at_a_time: PositiveInt = 1

    @model_validator(mode="after")
    def _outer_are_some(self) -> Self:
        if self.outer_parameters > self.parameters:
            raise ValueError(
                "outer_parameters: "
                f"{self.outer_parameters}, at most "
                f"{self.parameters}, parameters"
            )
        return self

    @property
    def room_bits(self) -> float:
        """Bits of memory for each weight."""
        bits = 8 * 2**30 * self.memory_gib
        return bits / self.parameters

    def needed_bits(self, kind: Format) -> float:
        """Least bits a weight of the whole."""
        least = LEAST_BITS[kind]
        if kind not in KEEPS:
            return least
        outer = self.outer_parameters
        share = outer / self.parameters
        return least + (FULL_BITS - least) * share


class Choice(NamedTuple):
    """A format, and what runs it on the machine."""

    format: Format
    engines: tuple[str, ...]


def runs_on(
    engines: Iterable[Engine], case: Case
) -> dict[Format, tuple[str, ...]]:
    """Say which engines run each format there.

    One that widens a format on loading needs the
    room of 16 bits for it.
    """
    found: dict[Format, tuple[str, ...]] = {}
    for one in engines:
        for support in one.runs:
            wide = case.room_bits >= FULL_BITS
            if (
                case.hardware in support.hardware
                and (wide or not support.widens)
            ):
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
    there = runs_on(engines, case)
    many = case.at_a_time >= MANY
    first = FOR_MANY if many else ()
    order = dict.fromkeys(
        (*first, *FOR_FEW, *LEAST_BITS)
    )
    return [
        Choice(kind, there[kind])
        for kind in order
        if kind in there
        and case.needed_bits(kind) <= case.room_bits
    ]


# --8<-- [end:choose]
