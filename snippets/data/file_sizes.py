"""How big are published GGUF files?"""

# --8<-- [start:imports]
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

import snippets.data
from snippets.data.records import (
    Id,
    Record,
    Text,
    find,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Size = Annotated[
    float | None, Field(gt=0, le=10_000)
]


class File(BaseModel):
    """A file of weights, as its source prints it.

    gib counts 2^30 bytes, gb 10^9.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    file_type: Text
    size_gib: Size = None
    size_gb: Size = None
    bits_per_weight: float | None = Field(
        default=None, gt=0, le=32
    )

    @model_validator(mode="after")
    def _some_size(self) -> Self:
        if (self.size_gib is None) == (
            self.size_gb is None
        ):
            raise ValueError(
                f"{self.file_type}: size_gib or "
                "size_gb, one of them"
            )
        return self


class FileSizes(Record):
    """Files of one model from one source."""

    model: Id
    weights_of: Text = Field(
        description="what the source calls it"
    )
    mixture: Literal[
        "llama-quantize", "its own", "not stated"
    ] = Field(
        description="whose rules chose the types"
    )
    files: tuple[File, ...] = Field(min_length=1)
    note: str = ""

    @property
    def name(self) -> str:
        """What a footnote calls it."""
        types = (
            self.files[0].file_type
            if len(self.files) == 1
            else f"{len(self.files)} file types"
        )
        return f"{self.weights_of}, {types}"

    @model_validator(mode="after")
    def _each_type_once(self) -> Self:
        types = {
            file.file_type for file in self.files
        }
        if len(types) < len(self.files):
            raise ValueError(
                "a file type stands twice"
            )
        return self


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_file_sizes() -> dict[str, FileSizes]:
    """Every record of data/file_sizes, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(
        data / "file_sizes", FileSizes
    )


def file_sizes(name: str) -> FileSizes:
    """Look files up by the id of their record.

    Raises UnknownNameError with the nearest ids.
    """
    return find(
        read_file_sizes(), name, "file size"
    )


# --8<-- [end:read]
