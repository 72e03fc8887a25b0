"""Which options does an engine's command take?"""

# --8<-- [start:imports]
import csv
from functools import cache
from pathlib import Path
from typing import Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

import snippets.data
from snippets.data.records import (
    DataError,
    Record,
    Text,
    find,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Values = Literal[
    "0", "=", "1", "2", "?", "+", "json", "dict"
]
Status = Literal["", "deprecated", "removed"]


class Flag(BaseModel):
    """One option, in all its spellings.

    values: how many words follow; =: none, or one
        behind =; ?: one or none; +: one or more;
         json: one, of JSON, or as --flag.key; dict:
        so, or a name
    choices: what it may be; empty: anything
    environment: the variable that sets it, too
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    spellings: tuple[Text, ...] = Field(
        min_length=1
    )
    values: Values
    choices: tuple[Text, ...] = ()
    status: Status = ""
    environment: str = ""


class Command(Record):
    """A command, as its own parser takes it.

    words: what calls it
    recorded: how the options were read
    equals: takes --flag=value
    underscores: reads --a_b as --a-b
    host: the flag, or variable, of its address
    default_host: without one; empty: every one
    port: that it listens on by default
    key: the options and variables that set a key
    variables: how the names of its own begin
    """

    words: tuple[Text, ...] = Field(min_length=1)
    engine: Text
    version: Text
    recorded: Text
    equals: bool = True
    underscores: bool = False
    host: str | None = None
    default_host: str = ""
    port: int | None = Field(
        default=None, ge=1, le=65_535
    )
    key: tuple[Text, ...] = ()
    variables: str = ""
    flags: tuple[Flag, ...] = ()

    @property
    def name(self) -> str:
        """What a footnote calls it."""
        called = " ".join(self.words)
        return f"Options of {called}"

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        seen: set[str] = set()
        for flag in self.flags:
            for one in flag.spellings:
                if one in seen:
                    raise ValueError(
                        f"{one} stands twice"
                    )
                seen.add(one)
        return self


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_commands() -> dict[str, Command]:
    """Read data/flags: commands, and their flags.

    Raises DataError for a table without a command.
    """
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__) / "flags"
    heads = read_entries(data, Command)
    files = {one.stem for one in data.glob("*.csv")}
    lost = sorted(files - heads.keys())
    if lost:
        raise DataError(
            f"flags/{lost[0]}.csv: no such command"
        )
    return {
        key: Command.model_validate(
            dict(head)
            | {"flags": _flags(data / f"{key}.csv")}
        )
        for key, head in heads.items()
    }


def _flags(path: Path) -> tuple[Flag, ...]:
    """Read one table; a command may have none."""
    if not path.exists():
        return ()
    text = path.read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        Flag.model_validate(
            row
            | {
                "spellings": row[
                    "spellings"
                ].split(),
                "choices": row["choices"].split(),
            }
        )
        for row in rows
    )


def command(name: str) -> Command:
    """A command by its id; raises as find does."""
    return find(read_commands(), name, "command")


# --8<-- [end:read]
