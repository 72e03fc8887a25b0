"""Which client sent what to a recording cloud?"""

# --8<-- [start:imports]
import csv
import json
from datetime import date
from pathlib import Path
from typing import NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

import snippets.data
from snippets.data.records import Text

# --8<-- [end:imports]


# --8<-- [start:models]
class Frozen(BaseModel):
    """What does not change once it is read."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )


class Leak(Frozen):
    """One client under one fault.

    tried: surfaces of a request that the client
        can carry, a secret on each
    leaked: those whose secret the cloud recorded
    surfaces: which, where it is some of them
    """

    client: Text
    fault: Text
    tried: int = Field(ge=1)
    leaked: int = Field(ge=0)
    surfaces: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """Leaked of tried."""
        return f"{self.leaked} of {self.tried}"

    @model_validator(mode="after")
    def _no_more_than_tried(self) -> Self:
        if self.leaked > self.tried:
            raise ValueError(
                f"{self.client}, {self.fault}: "
                f"{self.leaked} leaked of "
                f"{self.tried} tried"
            )
        some = 0 < self.leaked < self.tried
        named = len(self.surfaces)
        if named != (self.leaked if some else 0):
            raise ValueError(
                f"{self.client}, {self.fault}: "
                f"surfaces: {named} named"
            )
        return self


class Client(Frozen):
    """What was attacked, and how it was set."""

    client: Text
    package: str = Field(
        description="empty for this guide's own"
    )
    version: str
    about: Text


class Matrix(Frozen):
    """All of one day."""

    day: date
    python: Text
    clients: tuple[Client, ...] = Field(
        min_length=1
    )


class Leaks(NamedTuple):
    """What was attacked, and what came of it."""

    matrix: Matrix
    rows: tuple[Leak, ...]

    def row(
        self, client: str, fault: str
    ) -> Leak | None:
        """Find a cell; None is not applicable."""
        for one in self.rows:
            if (one.client, one.fault) == (
                client,
                fault,
            ):
                return one
        return None

    @property
    def faults(self) -> tuple[str, ...]:
        """Every fault, in order."""
        return tuple(
            dict.fromkeys(
                one.fault for one in self.rows
            )
        )


# --8<-- [end:models]


# --8<-- [start:read]
def read_leaks() -> Leaks:
    """Read what tests/hybrid/leaks wrote."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__) / "leaks"
    with (data / "leaks.csv").open(
        newline="", encoding="utf-8"
    ) as table:
        rows = tuple(
            Leak.model_validate(
                {
                    **row,
                    "surfaces": tuple(
                        filter(
                            None,
                            row["surfaces"].split(
                                "; "
                            ),
                        )
                    ),
                }
            )
            for row in csv.DictReader(table)
        )
    about = (data / "leaks.json").read_text("utf-8")
    matrix = Matrix.model_validate(
        json.loads(about)
    )
    return Leaks(matrix, rows)


# --8<-- [end:read]
