"""What else do pages cite?"""

# --8<-- [start:imports]
from datetime import date
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import Field

import snippets.data
from snippets.data.records import (
    Record,
    Text,
    find,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Topic = Literal["regulation", "security"]


class Fact(Record):
    """What a source says, and its numbers.

    The name of a value carries its unit, as in
    `input_usd_per_million_tokens`.
    """

    says: Text
    values: dict[str, float] = Field(
        default_factory=dict
    )
    topic: Topic | None = Field(
        default=None,
        description="the table it is in, if any",
    )
    note: str = Field(
        default="",
        description="what to know of the source",
    )


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_facts() -> dict[str, Fact]:
    """Every fact of data/facts, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(data / "facts", Fact)


def fact(name: str) -> Fact:
    """Look a fact up by its id.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_facts(), name, "fact")


# --8<-- [end:read]


# --8<-- [start:topics]
def facts_on(topic: Topic) -> tuple[Fact, ...]:
    """The facts of a topic, in the files' order."""
    return tuple(
        one
        for one in read_facts().values()
        if one.topic == topic
    )


def expiring(
    facts: tuple[Fact, ...], until: date
) -> tuple[Fact, ...]:
    """The facts to read again by a day, in order.

    A fact that has no expiry is never among them.
    """
    due = [
        (one.expires, one.id, one)
        for one in facts
        if one.expires and one.expires <= until
    ]
    return tuple(one for *_, one in sorted(due))


# --8<-- [end:topics]
