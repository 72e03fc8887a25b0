"""The explanation: its changes really change the outcome, and fewer would not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from snippets.decision.explanation import changes, explain, other_values
from snippets.decision.flowchart import decide
from snippets.decision.framework import API, CHEAPER, REQUIRED, RULES, Situation
from tests.decision.test_framework import PLAIN, situations


def case(**fields: float) -> Situation:
    return Situation.model_validate(PLAIN | fields)


@settings(max_examples=50)
@given(situations())
def test_every_change_leads_to_the_outcome_it_names_and_fewer_inputs_do_not(situation: Situation) -> None:
    outcome = decide(situation, RULES, CHEAPER).outcome
    sizes: dict[str, set[int]] = {}
    for change in changes(situation, outcome):
        other = Situation.model_validate(situation.model_dump() | change.then)
        assert decide(other, RULES, CHEAPER).outcome == change.outcome != outcome
        sizes.setdefault(change.outcome, set()).add(len(change.then))
    assert all(len(found) == 1 for found in sizes.values())


def test_one_change_is_enough_where_one_rule_stands_in_the_way() -> None:
    found = {frozenset(change.then.items()): change.outcome for change in explain(case()).changes}
    assert found[frozenset({("chance_own_is_cheaper", 0.79)})] == API
    assert found[frozenset({("hours_per_week_there", 2)})] == API
    assert found[frozenset({("weeks_until_needed", 3)})] == API
    assert found[frozenset({("offline", True)})] == REQUIRED
    assert frozenset({("own_certificate", True)}) not in found


def test_a_pair_is_named_where_no_single_input_suffices() -> None:
    poor = case(chance_own_is_cheaper=0.3, hours_per_week_there=1)
    assert [change.then for change in explain(poor).changes if change.outcome == CHEAPER] == [
        {"chance_own_is_cheaper": 0.8, "hours_per_week_there": 3}
    ]


def test_three_inputs_are_named_where_no_pair_suffices_and_four_never() -> None:
    late = case(chance_own_is_cheaper=0.3, hours_per_week_there=1, weeks_until_needed=1)
    assert [len(change.then) for change in explain(late).changes if change.outcome == CHEAPER] == [3]
    bound = Situation.model_validate(late.model_dump() | {"offline": True})
    assert [change for change in explain(bound).changes if change.outcome == CHEAPER] == []


def test_other_values_are_the_limits_and_never_the_present_one() -> None:
    found = [*other_values(case(chance_own_is_cheaper=0.3, hours_per_week_there=9, weeks_until_needed=9))]
    assert found == [
        ("offline", True),
        ("share_that_must_stay", 0.5),
        ("share_that_must_stay", 1),
        ("share_that_needs_frontier", 0.5),
        ("share_that_needs_frontier", 1),
        ("weights_are_hosted", False),
        ("vendor_certificate_needed", True),
        ("own_certificate", True),
        ("chance_own_is_cheaper", 0.8),
        ("chance_own_is_cheaper", pytest.approx(0.79)),
        ("hours_per_week_there", 3),
        ("hours_per_week_there", 2),
        ("weeks_until_needed", 4),
        ("weeks_until_needed", 3),
    ]


def test_the_explanation_has_the_rule_and_both_bills() -> None:
    why = explain(case())
    assert (why.outcome, why.rule) == (CHEAPER, "otherwise")
    assert (why.api_usd_per_month, why.own_usd_per_month) == (1000, 500)
    assert why.warnings == ()


@pytest.mark.parametrize(
    ("fields", "warnings"),
    [
        ({"offline": True, "hours_per_week_there": 1}, ("2 hours a week missing",)),
        ({"offline": True, "weeks_until_needed": 1}, ("it is ready 3 weeks late",)),
        ({"offline": True, "weeks_until_needed": 3.5}, ("it is ready 0.5 weeks late",)),
        ({"offline": True, "hours_per_week_there": 2.5}, ("0.5 hours a week missing",)),
        ({"offline": True, "chance_own_is_cheaper": 0.1}, ("it is not for money",)),
        ({"share_that_must_stay": 0.5, "hours_per_week_there": 1}, ("2 hours a week missing",)),
        ({"hours_per_week_there": 1}, ()),
        ({"share_that_must_stay": 0.5, "chance_own_is_cheaper": 0.1}, ()),
    ],
)
def test_what_is_missing_is_said_where_a_part_runs_at_home(
    fields: dict[str, float], warnings: tuple[str, ...]
) -> None:
    assert explain(case(**fields)).warnings == warnings
