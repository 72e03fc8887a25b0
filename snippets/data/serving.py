"""What did others measure that a replica serves?"""

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
Length = Annotated[float, Field(gt=0, le=1e7)]
PerSecond = Annotated[float, Field(gt=0, le=1e7)]


class Requests(BaseModel):
    """Many requests of one shape, and their speed.

    Lengths are of one request, in the mean.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    input_tokens: Length
    output_tokens: Length
    output_tokens_per_s: PerSecond = Field(
        description="of all requests together"
    )


class Serving(Record):
    """A copy of a model on GPUs, under load."""

    model: Id
    machine: Id
    gpus: int = Field(
        ge=1, le=1_000, description="all of them"
    )
    weights: Text = Field(
        description="their format, as it is said"
    )
    engine: Text
    engine_version: Text | None = Field(
        default=None,
        description="None: the source does not say",
    )
    load: Literal[
        "all at once",
        "some at a time",
        "not stated",
    ]
    concurrency: int | None = Field(
        default=None,
        ge=1,
        le=1_000_000,
        description="requests at a time, if so",
    )
    requests: tuple[Requests, ...] = Field(
        min_length=1
    )
    note: str = ""

    @property
    def name(self) -> str:
        """What a footnote calls it."""
        version = self.engine_version or ""
        engine = f"{self.engine} {version}".strip()
        return (
            f"{self.model}, {self.weights}, on "
            f"{self.gpus} {self.machine}, {engine}"
        )

    @model_validator(mode="after")
    def _each_shape_once(self) -> Self:
        shapes = {
            (row.input_tokens, row.output_tokens)
            for row in self.requests
        }
        if len(shapes) < len(self.requests):
            raise ValueError("a shape stands twice")
        return self

    @model_validator(mode="after")
    def _limit_where_limited(self) -> Self:
        limited = self.load == "some at a time"
        if limited == (self.concurrency is None):
            raise ValueError(
                f"load is {self.load!r} with "
                f"concurrency {self.concurrency}"
            )
        return self


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_serving() -> dict[str, Serving]:
    """Every record of data/serving, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(data / "serving", Serving)


def serving(name: str) -> Serving:
    """Look a measurement up by its id.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_serving(), name, "measurement")


# --8<-- [end:read]
