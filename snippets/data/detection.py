"""How much do detectors find, and how much not?"""

# --8<-- [start:imports]
from datetime import date
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

import snippets.data

# --8<-- [end:imports]


# --8<-- [start:models]
class Frozen(BaseModel):
    """What does not change once it is read."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )


class Detector(Frozen):
    """Who looked, and how long it took."""

    name: str = Field(min_length=1)
    version: str = Field(min_length=1)
    setting: str = Field(min_length=1)
    ms_per_kb: float = Field(gt=0, le=10_000)


class Row(Frozen):
    """One kind of value in one set of texts.

    public: values found, of a published set
    public texts: its texts with any hit
    plain, disguised: texts of ours, one value each
    alike: texts of ours without one, so a hit is
        a false alarm
    wrong: of public, hits of the kind that are none
    """

    set: Literal[
        "public",
        "public texts",
        "plain",
        "disguised",
        "alike",
    ]
    kind: str = Field(min_length=1)
    total: int = Field(ge=1, le=1_000_000)
    found: dict[str, int]
    wrong: dict[str, int] = {}


class Tagger(Frozen):
    """A tagger of names, trained on templates."""

    training_texts: int = Field(ge=1, le=10**6)
    own_texts: int = Field(ge=1, le=10**6)
    own_names: int = Field(ge=1, le=10**6)
    own_found: int = Field(ge=0, le=10**6)
    own_wrong_words: int = Field(ge=0, le=10**6)
    public_names: int = Field(ge=1, le=10**6)
    public_found: int = Field(ge=0, le=10**6)
    public_wrong_words: int = Field(ge=0, le=10**6)


class Detection(Frozen):
    """All that measure_detection.py wrote."""

    day: date
    machine: str = Field(min_length=1)
    python: str = Field(min_length=1)
    public_set: str = Field(min_length=1)
    public_sha256: str = Field(
        pattern="^[0-9a-f]{64}$"
    )
    detectors: dict[str, Detector]
    rows: tuple[Row, ...] = Field(min_length=1)
    tagger: Tagger

    @model_validator(mode="after")
    def _each_found_by_whom(self) -> Self:
        for row in self.rows:
            place = f"rows, {row.set}, {row.kind}"
            if row.found.keys() != (
                self.detectors.keys()
            ):
                raise ValueError(
                    f"{place}: found by "
                    f"{sorted(row.found)}, not "
                    f"{sorted(self.detectors)}"
                )
            most = max(row.found.values())
            if most > row.total:
                raise ValueError(
                    f"{place}: found {most}; at "
                    f"most {row.total}"
                )
        return self

    def of(self, name: str) -> list[Row]:
        """List the rows of one set."""
        return [
            r for r in self.rows if r.set == name
        ]


# --8<-- [end:models]


# --8<-- [start:read]
def read_detection() -> Detection:
    """Read the table of recall and false alarms."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    text = (data / "detection.json").read_text(
        "utf-8"
    )
    return Detection.model_validate_json(text)


# --8<-- [end:read]
