"""The audit judges by the date it is given."""

from __future__ import annotations

from datetime import date

import pytest

from snippets.data.facts import Fact
from snippets.data.records import Source
from tests.pages.audit import aging
from tests.pages.citations import Library

READ, EXPIRES = date(2026, 11, 22), date(2027, 1, 31)
SOURCE = Source(id="list", title="T", publisher="P", url="https://example.org", read=READ)
FACT = Fact(id="price", says="It costs.", sources=("list",), as_of=READ, expires=EXPIRES)


@pytest.mark.parametrize(
    ("today", "old", "soon"),
    [
        (date(2026, 11, 21), ["price is as of 2026-11-22, which", "source list was read on 2026-11-22"], []),
        (date(2026, 12, 31), [], []),
        (date(2027, 1, 1), [], ["price expires on 2027-01-31"]),
        (date(2027, 1, 30), [], ["price expires on 2027-01-31"]),
        (date(2027, 1, 31), ["price expired on 2027-01-31"], []),
        (date(2027, 11, 22), ["price expired on 2027-01-31"], []),
        (date(2027, 11, 23), ["price expired", "source list was read on 2026-11-22, 366 days ago"], []),
    ],
)
def test_what_is_old_and_what_soon_will_be_is_named(today: date, old: list[str], soon: list[str]) -> None:
    found_old, found_soon = aging(Library({"facts": {"price": FACT}}, {"list": SOURCE}), today)
    assert [line[: len(start)] for line, start in zip(found_old, old, strict=True)] == old
    assert found_soon == soon
