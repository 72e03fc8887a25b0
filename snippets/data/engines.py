"""Which engine runs which format, on what?"""

# --8<-- [start:imports]
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

import snippets.data
from snippets.data.records import (
    Record,
    Text,
    find,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Format = Literal[
    "safetensors",
    "fp8",
    "nvfp4",
    "mxfp4",
    "awq",
    "gptq",
    "bitsandbytes",
    "gguf",
    "mlx",
    "exl3",
    "onnx",
]
Hardware = Literal[
    "nvidia", "amd", "intel", "apple", "cpu"
]


class Support(BaseModel):
    """A format, and the hardware it runs on.

    safetensors: as trained, in 16 bits; fp8 to
        bitsandbytes are safetensors, too, whose
        values are packed in that way
    nvidia, amd, intel, apple: GPUs
    widens: to 16 bits on loading, so that nothing
        is saved
    note: what is to be known, a plugin say
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
    )

    format: Format
    hardware: tuple[Hardware, ...] = Field(
        min_length=1
    )
    widens: bool = False
    note: str = ""


class Engine(Record):
    """An engine, by its own documentation.

    What is not listed is not documented, which may
    be less than what works.
    """

    engine: Text
    runs: tuple[Support, ...] = Field(min_length=1)
    note: str = ""

    @property
    def name(self) -> str:
        """What a footnote calls it."""
        return (
            f"{self.engine}, formats and hardware"
        )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [one.format for one in self.runs]
        for one in self.runs:
            where = one.hardware
            if len(set(where)) < len(where):
                raise ValueError(
                    f"{one.format}: hardware "
                    "stands twice"
                )
        if len(set(names)) < len(names):
            raise ValueError(
                "a format stands twice"
            )
        return self


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_engines() -> dict[str, Engine]:
    """Every record of data/engines, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(data / "engines", Engine)


def engine(name: str) -> Engine:
    """Look an engine up by the id of its record.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_engines(), name, "engine")


# --8<-- [end:read]
