"""The checks of work, latency and independence, each against a calculation by hand."""

from __future__ import annotations

import pytest

from snippets.why_self_host.claims import read_claims
from snippets.why_self_host.verdicts import judge
from tests.why_self_host.audited import TODAY, changed, outcome, together


@pytest.mark.parametrize(
    ("claim", "numbers"),
    [
        ("hours", {"low": (104 + 2) / 12 * 43.52, "high": (208 + 8) / 12 * 43.52}),
        ("first-token", {"said": 250, "low": 390, "high": 890}),
        ("gpu-first-token", {"ms": 1e6 / 3_865.39, "most": 193}),
        ("cpu-first-token", {"ms": 1e6 / 170, "most": 34}),
        ("no-network", {"share": 5_000 / (250 + 149 * 20), "trip": 50}),
        ("faster", {"api": 3.23, "gpu": 0.05 + 149 / 80, "big": 0.05 + 149 / 16.29, "cpu": 15.1}),
        ("no-limits", {"own": 5e7 / 1_440, "soon": 10, "late": 57.6}),
        ("no-outages", {"api": 43.2, "own": 43_200 * 24 / 2_184, "repair": 2_160 / 999}),
        ("both", {"pair": 43_200 * 24 / 2_184 / 1_000}),
        ("offline", {"api": 0, "own": 100 * 2_160 / 2_184}),
    ],
)
def test_what_comes_out_by_hand(claim: str, numbers: dict[str, float]) -> None:
    computed = outcome(claim).numbers
    assert {name: computed[name] for name in numbers} == pytest.approx(numbers)


@pytest.mark.parametrize(
    ("claim", "fact", "name", "value", "verdict"),
    [
        ("first-token", "claim-api-first-token", "low_ms", 200, "holds"),
        ("api-rate", "claim-api-rate", "low_tokens_per_s", 55, "does not reproduce"),
        ("cpu-rate", "claim-cpu-decode", "high_tokens_per_s", 9, "does not reproduce"),
        ("gpu-rate", "claim-decode", "large_70b_tokens_per_s", 90, "holds"),
        ("gpu-first-token", "claim-decode", "prompt_tokens_per_s", 30_000, "holds"),
        ("no-limits", "claim-rate-limit", "tokens_per_min", 30_000, "holds"),
        ("no-limits", "claim-rate-limit", "tokens_per_min", 500_000, "does not reproduce"),
        ("no-outages", "claim-sla", "percent", 98, "holds"),
        ("no-maintenance", "claim-sunset-2026", "models", 0, "does not reproduce"),
    ],
)
def test_another_fact_is_another_verdict(
    claim: str, fact: str, name: str, value: float, verdict: str
) -> None:
    assert judge(read_claims()[claim], changed(fact, name, value), TODAY).verdict == verdict


@pytest.mark.parametrize(
    ("claim", "numbers", "verdict"),
    [
        ("no-maintenance", {"notice_days": 0, "models": 0}, "holds"),
        ("no-maintenance", {"notice_days": 0}, "does not reproduce"),
    ],
)
def test_several_facts_together_are_another_verdict(
    claim: str, numbers: dict[str, float], verdict: str
) -> None:
    assert judge(read_claims()[claim], together(claim, numbers), TODAY).verdict == verdict


@pytest.mark.parametrize(("tokens", "holds"), [(193, True), (194, False)])
def test_a_prompt_that_fits_is_read_in_time(tokens: int, holds: bool) -> None:
    assert outcome("gpu-first-token", prompt_tokens=tokens).holds is holds
