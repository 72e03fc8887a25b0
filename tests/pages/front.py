"""What a page may say in its front matter: a description, its exemptions."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Exemption(BaseModel):
    """A figure that nothing proves, with a reason that a reader would accept."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    figure: Text
    reason: Text


class FrontMatter(BaseModel):
    """What a page's front matter may hold; the last four keys are the site generator's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str | None = None
    exempt: tuple[Exemption, ...] = ()
    expect: Any = None  # what the checker's own corpus expects of a page
    hide: tuple[str, ...] = ()
    icon: str | None = None
    search: Any = None
    title: str | None = None


def read_front(front: dict[str, Any]) -> tuple[FrontMatter, list[tuple[tuple[str, ...], str]]]:
    """Front matter if it is valid, and what is wrong: for each error its place and the message."""
    try:
        return FrontMatter.model_validate(front), []
    except ValidationError as error:
        wrong = [
            (tuple(map(str, one["loc"])), f"front matter, {'.'.join(map(str, one['loc']))}: {one['msg']}")
            for one in error.errors()
        ]
        return FrontMatter(), wrong
