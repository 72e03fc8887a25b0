"""Where is a fact from, and until when?"""

# --8<-- [start:imports]
import tomllib
from collections.abc import Mapping
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Text = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1
    ),
]
Id = Annotated[
    str,
    StringConstraints(
        pattern=r"^[a-z0-9][a-z0-9.-]*$"
    ),
]


class Entry(BaseModel):
    """One table of a data file, by its name."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    id: Id = Field(description="name of the table")


class Source(Entry):
    """A public document, and when it was read."""

    title: Text
    publisher: Text
    url: Annotated[
        str,
        StringConstraints(
            pattern=r"^https?://\S+$"
        ),
    ]
    read: date


class Record(Entry):
    """What a source states, and until when."""

    sources: tuple[Id, ...] = Field(
        min_length=1, description="ids of sources"
    )
    as_of: date = Field(
        description="the day for which it holds"
    )
    expires: date | None = Field(
        default=None,
        description="the day to read it again",
    )

    @model_validator(mode="after")
    def _expires_later(self) -> Self:
        if (
            self.expires
            and self.expires <= self.as_of
        ):
            raise ValueError(
                f"expires {self.expires}, which is "
                f"not after as_of {self.as_of}"
            )
        return self


# --8<-- [end:models]


# --8<-- [start:read]
class DataError(ValueError):
    """Says which file, record and field."""


E = TypeVar("E", bound=Entry)


def read_entries(
    folder: Path, model: type[E]
) -> dict[str, E]:
    """Read every TOML file of a folder, by id.

    Raises DataError, which names file, record and
    field, what was found and what is allowed.
    """
    entries: dict[str, E] = {}
    for path in sorted(folder.glob("*.toml")):
        name = f"{folder.name}/{path.name}"
        text = path.read_text(encoding="utf-8")
        try:
            tables = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DataError(
                f"{name}: {error}"
            ) from None
        for key, table in tables.items():
            if key in entries:
                raise DataError(
                    f"{name}: {key} stands twice"
                )
            entries[key] = _entry(
                model, name, key, table
            )
    return entries


def _entry(
    model: type[E], name: str, key: str, table: Any
) -> E:
    """Validate one table."""
    if not isinstance(table, dict):
        raise DataError(
            f"{name}: {key} is no table"
        )
    try:
        return model.model_validate(
            table | {"id": key}
        )
    except ValidationError as error:
        said = [
            f"{name}, record {key}, field {place}: "
            f"{one['msg']}, not {one['input']!r}"
            for one in error.errors()
            for place in [
                ".".join(map(str, one["loc"]))
                or "-"
            ]
        ]
        raise DataError("\n".join(said)) from None


# --8<-- [end:read]


# --8<-- [start:find]
class UnknownNameError(ValueError):
    """No record has it; says the nearest."""


def find(
    entries: Mapping[str, E], name: str, what: str
) -> E:
    """Look a record up by its id, never by a guess.

    Raises UnknownNameError with the nearest ids.
    """
    if name in entries:
        return entries[name]
    near = get_close_matches(
        name.lower(), entries, n=3, cutoff=0.4
    )
    said = (
        f"; nearest: {', '.join(near)}"
        if near
        else ""
    )
    raise UnknownNameError(
        f"unknown {what} {name!r}{said}"
    )


# --8<-- [end:find]
