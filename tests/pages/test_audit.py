"""The audit judges by the date it is given."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.pages.audit import old_sources

HEAD = """---
sources:
  prices:
    title: T
    publisher: P
    url: https://example.org
    read: 2026-11-22
"""
BODY = "---\n# Page\n\nText[^prices].\n"


@pytest.mark.parametrize(
    ("front", "today", "said"),
    [
        ("", date(2027, 11, 22), []),
        ("", date(2027, 11, 23), ["was read on 2026-11-22, 366 days ago"]),
        ("    expires: 2026-12-31\n", date(2026, 12, 30), []),
        ("    expires: 2026-12-31\n", date(2026, 12, 31), ["expired on 2026-12-31"]),
    ],
)
def test_an_old_or_expired_source_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, front: str, today: date, said: list[str]
) -> None:
    monkeypatch.setattr("tests.pages.audit.ROOT", tmp_path)
    page = tmp_path / "page.md"
    page.write_text(HEAD + front + BODY, encoding="utf-8")
    assert [line.partition("source prices ")[2] for line in old_sources([page], today)] == said
