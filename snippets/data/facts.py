"""What else do pages cite?"""

# --8<-- [start:all]
from functools import cache
from pathlib import Path

from pydantic import Field

from snippets.data.records import (
    Record,
    Text,
    read_entries,
)


class Fact(Record):
    """What a source says, and its numbers.

    The name of a value carries its unit, as in
    `input_usd_per_million_tokens`.
    """

    says: Text
    values: dict[str, float] = Field(
        default_factory=dict
    )


@cache
def read_facts() -> dict[str, Fact]:
    """Every fact of data/facts, by id."""
    folder = Path(__file__).with_name("facts")
    return read_entries(folder, Fact)


# --8<-- [end:all]
