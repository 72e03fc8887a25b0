"""The checker's own catch rate: of one-digit changes on the real pages, at least 98 % turn them red."""

from __future__ import annotations

import json

import pytest

from tests.pages.collect import ROOT
from tests.pages.mutate import enough, mutate, real_pages

MUTANTS_A_PAGE = 30  # a seeded sample; `make audit` takes them all


@pytest.mark.timeout(2700)
def test_at_least_98_percent_of_mutants_are_caught() -> None:
    result = mutate(real_pages(), MUTANTS_A_PAGE)
    target = ROOT / "build" / "report.json"
    target.parent.mkdir(exist_ok=True)
    known = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
    target.write_text(json.dumps(known | {"mutation": result}, indent=1) + "\n", encoding="utf-8")
    assert result["total"].keys() == {"figure", "output", "constant", "input"}
    assert enough(result["rate"]), f"{result['rate']}\n" + "\n".join(result["survivors"])
