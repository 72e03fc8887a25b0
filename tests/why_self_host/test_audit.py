"""The page of the audit says in words how many claims came out how; the words are the counts."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from snippets.why_self_host.claims import read_claims
from tests.pages.figures import WORDS

PAGE = Path("docs/why-self-host/claims.md")
SAID = {
    "claims": r"Of (\S+) claims",
    "holds": r"(\S+) hold as they stand",
    "holds only if": r"(\S+) only under a condition",
    "does not reproduce": r"(\S+) do not\s+reproduce",
    "out of date": r"(\S+) is out of date",
    "cannot be checked": r"(\S+) nobody can check",
}


def value(word: str) -> int:
    """`thirty-three` → 33."""
    return sum(WORDS[part] for part in word.lower().split("-"))


def test_the_first_paragraph_counts_the_verdicts() -> None:
    text = PAGE.read_text(encoding="utf-8")
    counts = Counter[str](claim.verdict for claim in read_claims().values())
    expected = {"claims": counts.total()} | dict(counts)
    found = {name: re.search(pattern, text) for name, pattern in SAID.items()}
    assert {name: value(match[1]) for name, match in found.items() if match} == expected
