"""What did we measure ourselves?"""

# --8<-- [start:imports]
import csv
import json
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

import snippets.data
from snippets.data.records import Id

# --8<-- [end:imports]


# --8<-- [start:models]
class Frozen(BaseModel):
    """What does not change once it is read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )


class Bench(Frozen):
    """What was measured on, and with what."""

    machine: str = Field(min_length=1)
    threads: int = Field(ge=1, le=1_000)
    bandwidth_gb_per_s: float = Field(
        gt=0, le=100_000
    )
    bandwidth_from: Literal[
        "vendor", "read by one thread"
    ]
    engine: str = Field(min_length=1)
    day: date


class Measured(Frozen):
    """Tokens a second of one test, repeated."""

    model: Id
    file_type: str
    weights: Literal["zero", "random"]
    kind: Literal["decode", "prefill"]
    tokens: int = Field(ge=1, le=100_000)
    depth_tokens: int = Field(ge=0, le=10_000_000)
    best_tokens_per_s: float = Field(gt=0, le=1e7)
    median_tokens_per_s: float = Field(gt=0, le=1e7)


class Measurements(NamedTuple):
    """A bench, and all that it gave."""

    bench: Bench
    rows: tuple[Measured, ...]


# --8<-- [end:models]


# --8<-- [start:read]
def read_measured(name: str) -> Measurements:
    """Read what tests/hardware/measure.py wrote.

    Raises FileNotFoundError for a name that nobody
    measured under.
    """
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    about = data / f"measured_{name}.json"
    with (data / f"measured_{name}.csv").open(
        newline=""
    ) as table:
        rows = tuple(
            Measured.model_validate(row)
            for row in csv.DictReader(table)
        )
    bench = Bench.model_validate(
        json.loads(about.read_text("utf-8"))
    )
    return Measurements(bench, rows)


# --8<-- [end:read]
