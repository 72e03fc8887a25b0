"""The framework: the order of its rules, each rule alone, what contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.decision.flowchart import decide
from snippets.decision.framework import (
    API,
    CHEAPER,
    HYBRID,
    REQUIRED,
    RULES,
    VENDOR,
    Situation,
)
from tests.bounds import assert_accepts_exactly, defaults

PLAIN: dict[str, Any] = {
    "offline": False,
    "share_that_must_stay": 0,
    "share_that_needs_frontier": 0,
    "weights_are_hosted": True,
    "vendor_certificate_needed": False,
    "own_certificate": False,
    "api_usd_per_month": 1000,
    "own_usd_per_month": 500,
    "chance_own_is_cheaper": 0.9,
    "chance_wanted": 0.8,
    "hours_per_week_needed": 3,
    "hours_per_week_there": 3,
    "weeks_to_set_up": 4,
    "weeks_until_needed": 4,
}
SHARES = st.floats(0, 1)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    fields: dict[str, float]
    fields = {name: draw(st.booleans()) for name, value in PLAIN.items() if isinstance(value, bool)}
    fields |= {name: draw(SHARES) for name in PLAIN if name.startswith(("share_", "chance_"))}
    fields |= {name: draw(st.floats(0, 40)) for name in PLAIN if name.startswith(("hours_", "weeks_"))}
    try:
        return Situation.model_validate(PLAIN | fields)
    except ValidationError:
        assume(False)
        raise


def outcome(**changes: float) -> tuple[str, str]:
    found = decide(Situation.model_validate(PLAIN | changes), RULES, CHEAPER)
    return found.rule, found.outcome


@pytest.mark.parametrize(
    ("changes", "rule", "expected"),
    [
        ({"offline": True}, "offline", REQUIRED),
        ({"vendor_certificate_needed": True}, "certificate", VENDOR),
        ({"vendor_certificate_needed": True, "own_certificate": True}, "otherwise", CHEAPER),
        ({"share_that_needs_frontier": 1}, "frontier", VENDOR),
        ({"share_that_must_stay": 1}, "all data", REQUIRED),
        ({"share_that_must_stay": 0.999}, "some data", HYBRID),
        ({"share_that_must_stay": 0.001}, "some data", HYBRID),
        ({"weights_are_hosted": False}, "weights", REQUIRED),
        ({"chance_own_is_cheaper": 0.79}, "money", API),
        ({"chance_own_is_cheaper": 0.8}, "otherwise", CHEAPER),
        ({"hours_per_week_there": 2.9}, "people", API),
        ({"weeks_until_needed": 3.9}, "people", API),
        ({"share_that_needs_frontier": 0.999}, "some frontier", HYBRID),
        ({"share_that_needs_frontier": 0.001}, "some frontier", HYBRID),
        ({}, "otherwise", CHEAPER),
    ],
)
def test_each_rule_decides_at_its_limit(changes: dict[str, float], rule: str, expected: str) -> None:
    assert outcome(**changes) == (rule, expected)


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"offline": True, "weights_are_hosted": False, "chance_own_is_cheaper": 0}, "offline"),
        ({"vendor_certificate_needed": True, "share_that_needs_frontier": 1}, "certificate"),
        ({"share_that_needs_frontier": 1, "weights_are_hosted": False}, "frontier"),
        ({"share_that_must_stay": 1, "weights_are_hosted": False}, "all data"),
        ({"share_that_must_stay": 0.5, "weights_are_hosted": False}, "some data"),
        ({"weights_are_hosted": False, "chance_own_is_cheaper": 0}, "weights"),
        ({"chance_own_is_cheaper": 0, "hours_per_week_there": 0}, "money"),
        ({"hours_per_week_there": 0, "share_that_needs_frontier": 0.5}, "people"),
    ],
)
def test_what_comes_first_decides(changes: dict[str, float], rule: str) -> None:
    assert outcome(**changes)[0] == rule


@given(situations())
def test_what_must_stay_never_goes_out_alone(case: Situation) -> None:
    if case.offline or case.share_that_must_stay:
        assert decide(case, RULES, CHEAPER).outcome in {REQUIRED, HYBRID}


@given(situations())
def test_without_internet_everything_is_at_home(case: Situation) -> None:
    if case.offline:
        assert decide(case, RULES, CHEAPER).outcome == REQUIRED


@given(situations())
def test_cheaper_is_said_only_where_own_pays_and_can_be_run(case: Situation) -> None:
    if decide(case, RULES, CHEAPER).outcome == CHEAPER:
        assert case.chance_own_is_cheaper >= case.chance_wanted
        assert case.hours_per_week_there >= case.hours_per_week_needed
        assert case.weeks_until_needed >= case.weeks_to_set_up


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"offline": True, "share_that_needs_frontier": 0.1}, "share_that_needs_frontier=0.1 has to be 0"),
        ({"share_that_must_stay": 0.7, "share_that_needs_frontier": 0.4}, "0.7 and 0.4; together"),
        ({"share_that_must_stay": 1e-300, "share_that_needs_frontier": 1}, "1e-300 and 1; together"),
        ({"vendor_certificate_needed": True, "offline": True}, "own_certificate has to be true"),
        ({"vendor_certificate_needed": True, "share_that_must_stay": 0.1}, "own_certificate has to be true"),
    ],
)
def test_what_nothing_can_serve_is_refused(changes: dict[str, float], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Situation.model_validate(PLAIN | changes)


def test_a_certificate_of_ones_own_lets_data_stay() -> None:
    held = {"vendor_certificate_needed": True, "own_certificate": True, "share_that_must_stay": 1}
    assert outcome(**held) == ("all data", REQUIRED)


def test_every_request_may_need_one_of_both() -> None:
    assert outcome(share_that_must_stay=0.5, share_that_needs_frontier=0.5) == ("some data", HYBRID)


@pytest.mark.parametrize(
    ("field", "highest"),
    [
        ("share_that_must_stay", 1.0),
        ("share_that_needs_frontier", 1.0),
        ("chance_own_is_cheaper", 1.0),
        ("chance_wanted", 1.0),
        ("api_usd_per_month", 1e9),
        ("own_usd_per_month", 1e9),
        ("hours_per_week_needed", 168.0),
        ("hours_per_week_there", 168.0),
        ("weeks_to_set_up", 520.0),
        ("weeks_until_needed", 520.0),
    ],
)
def test_a_field_accepts_exactly_its_range(field: str, highest: float) -> None:
    assert_accepts_exactly(Situation, PLAIN, field, 0.0, highest)


def test_nothing_has_a_default() -> None:
    assert defaults(Situation) == {}
