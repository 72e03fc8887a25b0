"""What did others measure of quantized models?"""

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
    Record,
    Text,
    find,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Positive = Annotated[
    float | None, Field(gt=0, le=1e6)
]
Percent = Annotated[
    float | None, Field(ge=0, le=100)
]


class Score(BaseModel):
    """How one quantized type did.

    perplexity: e to the mean loss, in nats a token
    kl_divergence: from the unquantized model's
        probabilities, mean, in nats
    same_top_percent: how often the likeliest token
        is that of the unquantized model
    accuracy_percent: of the tests the record names
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    file_type: Text
    size_gib: Positive = None
    perplexity: Positive = None
    kl_divergence: float | None = Field(
        default=None, ge=0, le=100
    )
    same_top_percent: Percent = None
    accuracy_percent: Percent = None

    @model_validator(mode="after")
    def _some_score(self) -> Self:
        scores = (
            self.perplexity,
            self.accuracy_percent,
        )
        if scores.count(None) == len(scores):
            raise ValueError(
                f"{self.file_type}: perplexity or "
                "accuracy_percent is needed"
            )
        return self


class Quality(Record):
    """Quantized types of one model, from one run.

    Perplexities compare within one record only:
    text, tokenizer and window differ between them.
    """

    model: Text
    text: Text = Field(
        description="what it was measured on"
    )
    unquantized: Text = Field(
        description="which row is the original"
    )
    scores: tuple[Score, ...] = Field(min_length=2)
    note: str = ""

    @property
    def name(self) -> str:
        """What a footnote calls it."""
        return (
            f"{self.model}, quality of "
            f"{len(self.scores)} types"
        )

    @property
    def original(self) -> Score:
        """The row others are held against."""
        return {
            s.file_type: s for s in self.scores
        }[self.unquantized]

    @model_validator(mode="after")
    def _each_once_and_an_original(self) -> Self:
        types = [s.file_type for s in self.scores]
        twice = {
            t for t in types if types.count(t) > 1
        }
        if twice:
            raise ValueError(
                f"{min(twice)} stands twice"
            )
        if self.unquantized not in types:
            raise ValueError(
                f"unquantized: {self.unquantized}; "
                f"allowed: {', '.join(types)}"
            )
        return self


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_quality() -> dict[str, Quality]:
    """Every record of data/quality, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(data / "quality", Quality)


def quality(name: str) -> Quality:
    """Look a run up by the id of its record.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_quality(), name, "quality run")


# --8<-- [end:read]
