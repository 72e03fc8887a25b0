"""What can which machine do?"""

# --8<-- [start:imports]
from functools import cache
from operator import gt
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

import snippets.data
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
VisibleBy = Literal["engine", "driver", "rule"]
Gb = Annotated[float, Field(gt=0, le=20_000)]


class Machine(Record):
    """A GPU, a chip or a CPU with its memory."""

    name: Text
    vendor: Text
    kind: Kind
    architecture: Text
    year: int = Field(ge=2015, le=2040)
    memory_gb: tuple[Gb, ...] = Field(
        default=(),
        description="every size sold, as labeled",
    )
    visible_memory_gib: tuple[Gb, ...] = Field(
        default=(),
        description=(
            "what software sees of each, or may "
            "wire for the GPU; empty: no source"
        ),
    )
    visible_by: VisibleBy | None = None
    memory_type: Text
    memory_channels: int | None = Field(
        default=None,
        ge=1,
        le=64,
        description="of 64 bits, of a CPU",
    )
    memory_mt_per_s: int | None = Field(
        default=None,
        ge=800,
        le=100_000,
        description="megatransfers, of a CPU",
    )
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
            "units where there are some; FP16, "
            "BF16 and FP8 accumulate in FP32; "
            "INT8 in TOPS"
        ),
    )
    interconnect: str = ""
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
    def _fields_fit_each_other(self) -> Self:
        sold = self.memory_gb
        seen = self.visible_memory_gib
        cpu = self.kind == "cpu"
        rate = (
            self.memory_channels,
            self.memory_mt_per_s,
        )
        rules = {
            "channels and rate are of a CPU": (
                all(rate) if cpu else not any(rate)
            ),
            "sizes are sold of all but a CPU": (
                cpu != bool(sold)
            ),
            "sizes rise": (
                list(sold) == sorted(set(sold))
            ),
            "each size sold has a visible one": (
                len(seen) in {0, len(sold)}
            ),
            "something saw what is visible": (
                bool(seen) == bool(self.visible_by)
            ),
            "no more GiB visible than GB sold": (
                not any(map(gt, seen, sold))
            ),
        }
        for rule, holds in rules.items():
            if not holds:
                raise ValueError(f"broken: {rule}")
        return self


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_machines() -> dict[str, Machine]:
    """Every machine of data/machines, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(data / "machines", Machine)


def machine(name: str) -> Machine:
    """Look a machine up by its id.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_machines(), name, "machine")


# --8<-- [end:read]
