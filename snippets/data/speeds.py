"""How fast did others measure one sequence?"""

# --8<-- [start:imports]
from functools import cache
from pathlib import Path
from typing import Annotated, Self

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

# --8<-- [start:rows]
PerSecond = Annotated[float, Field(gt=0, le=1e6)]
Length = Annotated[float, Field(ge=0, le=1e8)]
Count = Annotated[int, Field(ge=1, le=10**13)]


class Part(BaseModel):
    """What a measurement is made of."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )


class Decode(Part):
    """Tokens written, of one sequence."""

    context_tokens: Length = Field(
        description="before a token, in the mean"
    )
    tokens_per_s: PerSecond


class Prefill(Part):
    """A prompt read, of one sequence."""

    prompt_tokens: int = Field(ge=1, le=10**8)
    cached_tokens: Length = Field(
        default=0, description="read before it"
    )
    tokens_per_s: PerSecond


# --8<-- [end:rows]


# --8<-- [start:run]
class Shape(Part):
    """A model of equal layers, not in our data."""

    parameters: Count
    embedding_parameters: Count = Field(
        description="input; as many in the output"
    )
    layers: int = Field(ge=1, le=999)
    hidden_size: int = Field(ge=1, le=1_000_000)
    query_size: int = Field(
        ge=1,
        le=1_000_000,
        description="heads, each of its dimension",
    )
    key_size: int = Field(
        ge=1,
        le=1_000_000,
        description="KV heads, each likewise",
    )


class Run(Part):
    """One file on one machine."""

    model: Id | None = Field(
        default=None,
        description="the same shape in our data",
    )
    shape: Shape | None = None
    measured: Text = Field(
        description="the model, as the source says"
    )
    format: Text = Field(
        description="of the weights, as it is said"
    )
    weight_gib: float = Field(
        gt=0, le=2_000, description="of the file"
    )
    expert_bits_per_weight: float | None = Field(
        default=None,
        gt=0,
        le=32,
        description="where experts differ",
    )
    chunk_tokens: int = Field(
        default=512,
        ge=1,
        le=65_536,
        description="of a prompt, read at once",
    )
    decode: tuple[Decode, ...] = ()
    prefill: tuple[Prefill, ...] = ()

    @model_validator(mode="after")
    def _is_a_measurement(self) -> Self:
        if (self.model is None) == (
            self.shape is None
        ):
            raise ValueError(
                "a run has a model or a shape"
            )
        if not self.decode + self.prefill:
            raise ValueError("nothing was measured")
        return self


# --8<-- [end:run]


# --8<-- [start:record]
class Speed(Record):
    """A machine, measured at batch 1."""

    machine: Id
    devices: int = Field(
        ge=1,
        le=64,
        description="layers are split over them",
    )
    group: Id = Field(
        description="who measured: held out whole"
    )
    engine: Text
    backend: Text | None = Field(
        default=None,
        description="None: the source does not say",
    )
    runs: tuple[Run, ...] = Field(min_length=1)
    note: str = ""

    @property
    def name(self) -> str:
        """What a footnote calls it."""
        return (
            f"{self.devices} {self.machine}, "
            f"{self.engine}, by {self.group}"
        )


# --8<-- [end:record]


# --8<-- [start:read]
@cache
def read_speeds() -> dict[str, Speed]:
    """Every record of data/speeds, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(data / "speeds", Speed)


def speed(name: str) -> Speed:
    """Look a measurement up by its id.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_speeds(), name, "measurement")


# --8<-- [end:read]
