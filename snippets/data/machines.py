"""What can which machine do?"""

# --8<-- [start:imports]
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from snippets.data.records import (
    Record,
    Text,
    find,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Kind = Literal[
    "consumer",
    "workstation",
    "datacenter",
    "laptop",
    "embedded",
    "unified",
    "cpu",
]
DataType = Literal[
    "fp64",
    "fp32",
    "tf32",
    "fp16",
    "bf16",
    "fp8",
    "int8",
    "fp6",
    "fp4",
]
Gb = Annotated[float, Field(gt=0, le=20_000)]


class Machine(Record):
    """A GPU, a chip or a CPU with its memory."""

    name: Text
    vendor: Text
    kind: Kind
    architecture: Text
    year: int = Field(ge=2015, le=2040)
    memory_gb: tuple[Gb, ...] = Field(
        min_length=1,
        description="every size sold, as labeled",
    )
    visible_memory_gib: tuple[Gb, ...] = Field(
        default=(),
        description=(
            "what software sees of each, or may "
            "wire for the GPU; empty: no source"
        ),
    )
    memory_type: Text
    bandwidth_gb_per_s: float = Field(
        gt=0, le=100_000, description="peak, memory"
    )
    dense_tflops: dict[
        DataType,
        Annotated[float, Field(gt=0, le=100_000)],
    ] = Field(
        default_factory=dict,
        description=(
            "peak without sparsity, of tensor "
            "units where there are some"
        ),
    )
    interconnect: Text
    interconnect_gb_per_s: float | None = Field(
        default=None,
        gt=0,
        le=20_000,
        description="both directions together",
    )
    tdp_w: float | None = Field(
        default=None, gt=0, le=20_000
    )
    note: str = ""

    @model_validator(mode="after")
    def _one_visible_size_for_each_sold(
        self,
    ) -> Self:
        seen = self.visible_memory_gib
        if seen and len(seen) != len(
            self.memory_gb
        ):
            raise ValueError(
                f"{len(seen)} visible sizes for "
                f"{len(self.memory_gb)} sold"
            )
        if list(self.memory_gb) != sorted(
            set(self.memory_gb)
        ):
            raise ValueError("sizes have to rise")
        return self


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_machines() -> dict[str, Machine]:
    """Every machine of data/machines, by id."""
    folder = Path(__file__).with_name("machines")
    return read_entries(folder, Machine)


def machine(name: str) -> Machine:
    """Look a machine up by its id.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_machines(), name, "machine")


# --8<-- [end:read]
