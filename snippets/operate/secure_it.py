"""Which routes answer without a key?"""

# --8<-- [start:imports]
import csv
from collections import Counter
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]


# --8<-- [start:models]
class Row(BaseModel):
    """A row of a table; nothing else fits in it."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )


class Answer(Row):
    """The status of one route, in four cases."""

    method: str = Field(pattern="^[A-Z]+$")
    path: str = Field(pattern="^/")
    no_key_set: int = Field(ge=100, le=599)
    key_missing: int = Field(ge=100, le=599)
    key_wrong: int = Field(ge=100, le=599)
    key_given: int = Field(ge=100, le=599)


class Guard(Row):
    """A route of vLLM; does a key guard it?"""

    when: str = Field(min_length=1)
    method: str = Field(pattern="^[A-Z]+$")
    path: str = Field(pattern="^/")
    guarded: bool


# --8<-- [end:models]


# --8<-- [start:read]
def read_answers(
    lines: Iterable[str],
) -> list[Answer]:
    """Read a table of statuses from lines of CSV.

    Raises ValidationError for a row that does not
    fit, with the field and what is allowed.
    """
    return [
        Answer.model_validate(row)
        for row in csv.DictReader(lines)
    ]


def read_guards(
    lines: Iterable[str],
) -> list[Guard]:
    """Read a table of guards from lines of CSV.

    Raises ValidationError as read_answers does.
    """
    return [
        Guard.model_validate(row)
        for row in csv.DictReader(lines)
    ]


# --8<-- [end:read]


# --8<-- [start:open]
def served(status: int) -> bool:
    """Say whether a status is a success."""
    return 200 <= status < 300


def open_without_key(
    answers: Iterable[Answer],
) -> list[str]:
    """List what still answers once a key is set."""
    return [
        f"{one.method} {one.path}"
        for one in answers
        if served(one.key_missing)
        or served(one.key_wrong)
    ]


def open_by_condition(
    guards: Iterable[Guard],
) -> Counter[str]:
    """Count routes without a guard, by condition.

    Each is a route that a proxy has to stop.
    """
    return Counter(
        one.when
        for one in guards
        if not one.guarded
    )


# --8<-- [end:open]
