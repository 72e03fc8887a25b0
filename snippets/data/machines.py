"""What can which machine do?"""

# --8<-- [start:imports]
from functools import cache
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
        description=(
            "every size sold, as labeled; none for "
            "a CPU, whose owner chooses"
        ),
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
    def _sizes_fit_each_other(self) -> Self:
        sold = self.memory_gb
        seen = self.visible_memory_gib
        if list(sold) != sorted(set(sold)):
            raise ValueError("sizes have to rise")
        if seen and len(seen) != len(sold):
            raise ValueError(
                f"{len(seen)} visible sizes for "
                f"{len(sold)} sold"
            )
        for gib, gb in zip(
            seen, sold, strict=False
        ):
            if gib > gb:
                raise ValueError(
                    f"{gib} GiB visible of {gb} GB"
                )
        if bool(seen) != bool(self.visible_by):
            raise ValueError(
                "visible sizes and what saw them "
                "come together"
            )
        return self

    @model_validator(mode="after")
    def _a_cpu_has_channels(self) -> Self:
        channels = (
            self.memory_channels is not None
            and self.memory_mt_per_s is not None
        )
        if channels != (self.kind == "cpu"):
            raise ValueError(
                "channels and rate are of a CPU"
            )
        if bool(self.memory_gb) == channels:
            raise ValueError(
                "all but a CPU have sizes sold"
            )
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
