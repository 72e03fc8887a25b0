"""What do five texts claim, and does it hold?"""

# --8<-- [start:imports]
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from snippets.data.facts import Fact
from snippets.data.records import (
    Entry,
    Id,
    Text,
    UnknownNameError,
    find,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Topic = Literal[
    "cost",
    "work",
    "latency",
    "independence",
    "privacy",
    "models",
]
Verdict = Literal[
    "holds",
    "holds only if",
    "out of date",
    "does not reproduce",
    "cannot be checked",
]


class Document(Entry):
    """One of the texts, and the day it is from."""

    name: Text
    title: Text
    by: Text
    url: Text | None = None
    dated: date
    dated_by: Text = Field(
        description="how the day is known"
    )


class Claim(Entry):
    """What a text says, and what came out of it.

    What came out is written with the names of
    computed numbers, as in ${api:,.0f}.
    """

    document: Id
    section: Text
    topic: Topic
    says: Text
    assumes: Text
    values: dict[str, float] = Field(
        default_factory=dict,
        description="numbers; names carry units",
    )
    facts: tuple[Id, ...] = ()
    check: Text = Field(
        description="the function that computes it"
    )
    found: Text
    found_today: Text | None = Field(
        default=None,
        description="where it is said differently",
    )
    only_if: Text | None = Field(
        default=None,
        description="a condition it does not name",
    )
    verdict: Verdict
    needs: Text | None = Field(
        default=None,
        description="what would settle it",
    )

    @model_validator(mode="after")
    def _says_what_its_verdict_needs(self) -> Self:
        for verdict, field in (
            ("cannot be checked", "needs"),
            ("holds only if", "only_if"),
        ):
            given = getattr(self, field) is not None
            if given != (self.verdict == verdict):
                raise ValueError(
                    f"{field} goes with {verdict!r}"
                )
        return self


# --8<-- [end:models]


# --8<-- [start:finding]
class Case(BaseModel):
    """A claim on one day, and what is known."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    claim: Claim
    day: date
    today: date
    facts: dict[str, Fact]

    def said(self, name: str) -> float:
        """Look up a number of the claim."""
        return self.claim.values[name]

    def fact(self, key: str, name: str) -> float:
        """Look up a number of a fact.

        Raises UnknownNameError for either name.
        """
        values = find(
            self.facts, key, "fact"
        ).values
        if name not in values:
            raise UnknownNameError(
                f"{key} has no {name!r}; it has "
                f"{', '.join(values)}"
            )
        return values[name]


class Outcome(BaseModel):
    """What a check computed for one day."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    numbers: dict[str, float] = Field(
        default_factory=dict
    )
    holds: bool | None = Field(
        description="None: nothing to compute from"
    )
    given: bool = Field(
        default=False,
        description="holds under the condition",
    )


class Finding(BaseModel):
    """What came out on both days, in words."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    then: str
    today: str
    only_if: str
    verdict: Verdict


def conclude(
    claim: Claim, then: Outcome, today: Outcome
) -> Finding:
    """Put both outcomes in words, and judge.

    A claim that held on its day needs no condition.
    One that did not is saved by a condition under
    which it was computed to hold.
    """
    verdict: Verdict = "does not reproduce"
    if then.holds is None:
        verdict = "cannot be checked"
    elif then.holds and today.holds:
        verdict = "holds"
    elif then.holds:
        verdict = "out of date"
    elif then.given:
        verdict = "holds only if"
    said_today = claim.found_today or claim.found
    return Finding(
        then=claim.found.format(**then.numbers),
        today=said_today.format(**today.numbers),
        only_if=(claim.only_if or "").format(
            **then.numbers
        ),
        verdict=verdict,
    )


# --8<-- [end:finding]


# --8<-- [start:read]
@cache
def read_documents() -> dict[str, Document]:
    """Every text that is audited, by id."""
    folder = Path(__file__).with_name("documents")
    return read_entries(folder, Document)


@cache
def read_claims() -> dict[str, Claim]:
    """Every claim of the texts, by id.

    Raises UnknownNameError for a text unknown.
    """
    folder = Path(__file__).with_name("claims")
    claims = read_entries(folder, Claim)
    for claim in claims.values():
        find(
            read_documents(), claim.document, "text"
        )
    return claims


# --8<-- [end:read]
