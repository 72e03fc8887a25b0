"""How is a model built?"""

# --8<-- [start:imports]
from functools import cache
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

import snippets.data
from snippets.data.layers import Size
from snippets.data.records import (
    Record,
    Text,
    find,
    read_entries,
)
from snippets.data.stack import Stack

# --8<-- [end:imports]


# --8<-- [start:model]
class Architecture(Stack):
    """Layers between an embedding and an output.

    family: whose tensors it has, in a file
    """

    family: Text
    context_tokens: int = Field(
        ge=1_024, le=100_000_000
    )
    vocabulary: Size
    tied_embeddings: bool = Field(
        description="the output matrix is the input"
    )


class Model(Architecture, Record):
    """Open weights: what memory and speed need."""

    name: Text
    maker: Text
    license: Text
    published_parameters: int = Field(
        ge=1_000_000, le=10**14
    )
    published_rounding_parameters: int = Field(
        ge=1,
        le=10**12,
        description="of its last digit; 1: exact",
    )
    published_active_parameters: int | None = Field(
        default=None, ge=1_000_000, le=10**14
    )
    active_rounding_parameters: int | None = Field(
        default=None, ge=1, le=10**12
    )
    note: str = ""

    @model_validator(mode="after")
    def _active_is_a_part(self) -> Self:
        active = self.published_active_parameters
        rounding = self.active_rounding_parameters
        if bool(active) != bool(rounding):
            raise ValueError(
                "active parameters and their "
                "rounding go together"
            )
        if (
            active or 0
        ) > self.published_parameters:
            raise ValueError(
                f"{active} active parameters of "
                f"{self.published_parameters}"
            )
        return self


# --8<-- [end:model]


# --8<-- [start:read]
@cache
def read_models() -> dict[str, Model]:
    """Every model of data/models, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(data / "models", Model)


def model(name: str) -> Model:
    """Look a model up by its id.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_models(), name, "model")


# --8<-- [end:read]
