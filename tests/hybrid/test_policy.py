"""Every combination of facts is decided, and only one corner of them leads out."""

from __future__ import annotations

import itertools

import pytest
from pydantic import ValidationError

from snippets.hybrid.policy import (
    Cloud,
    Conversations,
    Decision,
    Facts,
    Label,
    Reason,
    Route,
    Scan,
    Task,
    cannot_leave,
    decide,
    decide_again,
    must_stay,
)

EVERY = [
    Facts(label=label, task=task, tainted=tainted, scan=scan, cloud=cloud, default=default, overflow=overflow)
    for label, task, tainted, scan, cloud, default, overflow in itertools.product(
        Label, Task, (False, True), Scan, Cloud, (Route.LOCAL, Route.CLOUD), (False, True)
    )
]
OPEN = Facts(label=Label.PUBLIC, scan=Scan.CLEAN, cloud=Cloud.READY)


def with_(**changes: object) -> Facts:
    return OPEN.model_copy(update=changes)


def test_there_are_as_many_cases_as_the_words_allow() -> None:
    assert len(EVERY) == len(set(EVERY)) == 3 * 3 * 2 * 4 * 4 * 2 * 2


def test_the_cloud_takes_public_clean_untainted_data_and_no_other() -> None:
    for facts in EVERY:
        for decision in (decide(facts), decide_again(facts)):
            if decision.route is Route.CLOUD:
                assert (facts.label, facts.scan, facts.tainted) == (Label.PUBLIC, Scan.CLEAN, False)
                assert facts.cloud is Cloud.READY


def test_nothing_that_is_found_out_opens_the_way() -> None:
    """Change any fact of a case that leaves to a worse one: it stays."""
    worse = {
        "label": (Label.INTERNAL, Label.SENSITIVE),
        "tainted": (True,),
        "scan": (Scan.FOUND, Scan.FAILED, Scan.NOT_DONE),
        "cloud": (Cloud.ABSENT, Cloud.BROKEN, Cloud.SPENT),
    }
    leaving = [facts for facts in EVERY if decide(facts).route is Route.CLOUD]
    assert (
        len(leaving) == 6
    )  # complex with either default, the rest with the cloud's; overflow does not matter
    for facts in leaving:
        for name, values in worse.items():
            for value in values:
                assert decide(facts.model_copy(update={name: value})).route is Route.LOCAL


@pytest.mark.parametrize(
    ("facts", "route", "reason"),
    [
        (with_(label=Label.SENSITIVE, task=Task.COMPLEX), Route.LOCAL, Reason.SENSITIVE),
        (with_(label=Label.INTERNAL, task=Task.COMPLEX), Route.LOCAL, Reason.NOT_PUBLIC),
        (with_(tainted=True, task=Task.COMPLEX), Route.LOCAL, Reason.TAINTED),
        (with_(scan=Scan.FOUND, task=Task.COMPLEX), Route.LOCAL, Reason.FOUND),
        (with_(scan=Scan.FAILED, task=Task.COMPLEX), Route.LOCAL, Reason.NOT_SCANNED),
        (with_(scan=Scan.NOT_DONE, task=Task.COMPLEX), Route.LOCAL, Reason.NOT_SCANNED),
        (with_(cloud=Cloud.ABSENT, task=Task.COMPLEX), Route.LOCAL, Reason.ABSENT),
        (with_(cloud=Cloud.ABSENT, scan=Scan.NOT_DONE, task=Task.COMPLEX), Route.LOCAL, Reason.ABSENT),
        (with_(cloud=Cloud.ABSENT, scan=Scan.FOUND, task=Task.COMPLEX), Route.LOCAL, Reason.FOUND),
        (with_(cloud=Cloud.BROKEN, task=Task.COMPLEX), Route.LOCAL, Reason.BROKEN),
        (with_(cloud=Cloud.SPENT, task=Task.COMPLEX), Route.LOCAL, Reason.SPENT),
        (with_(task=Task.COMPLEX), Route.CLOUD, Reason.COMPLEX),
        (with_(task=Task.BATCH), Route.LOCAL, Reason.BATCH),
        (with_(task=Task.BATCH, default=Route.CLOUD), Route.LOCAL, Reason.BATCH),
        (with_(), Route.LOCAL, Reason.DEFAULT),
        (with_(default=Route.CLOUD), Route.CLOUD, Reason.DEFAULT),
        (with_(default=Route.CLOUD, cloud=Cloud.ABSENT), Route.LOCAL, Reason.ABSENT),
        (with_(cloud=Cloud.ABSENT), Route.LOCAL, Reason.DEFAULT),
        (Facts(), Route.LOCAL, Reason.NOT_PUBLIC),
    ],
)
def test_each_reason_is_given(facts: Facts, route: Route, reason: Reason) -> None:
    assert decide(facts) == Decision(route, reason)


def test_sensitive_is_said_before_all_else() -> None:
    for facts in EVERY:
        if facts.label is Label.SENSITIVE:
            assert must_stay(facts) is Reason.SENSITIVE


def test_when_local_failed_only_overflow_leads_out() -> None:
    for facts in EVERY:
        out = must_stay(facts) is None and cannot_leave(facts) is None and facts.overflow
        out = out and facts.task is not Task.BATCH
        route = Route.CLOUD if out else Route.REFUSE
        assert decide_again(facts) == Decision(route, Reason.LOCAL_FAILED)
    assert sum(decide_again(facts).route is Route.CLOUD for facts in EVERY) == 2 * 2


def test_what_is_not_said_is_taken_for_the_worse() -> None:
    facts = Facts()
    assert (facts.label, facts.scan, facts.cloud) == (Label.INTERNAL, Scan.NOT_DONE, Cloud.ABSENT)
    assert (facts.default, facts.overflow, facts.tainted) == (Route.LOCAL, False, False)


@pytest.mark.parametrize("wrong", [{"label": "public"}, {"lable": Label.PUBLIC}, {"tainted": 0}, {"scan": 1}])
def test_a_wrong_fact_is_no_fact(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Facts.model_validate(wrong)


def test_facts_are_not_changed_later() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        OPEN.label = Label.PUBLIC  # type: ignore[misc]


def test_a_conversation_stays_tainted() -> None:
    conversations = Conversations()
    assert not conversations.tainted("a")
    conversations.taint("a")
    for _ in range(3):
        assert conversations.tainted("a")
    assert not conversations.tainted("b")


def test_a_conversation_is_known_by_its_whole_name_and_kept_as_a_hash() -> None:
    conversations = Conversations()
    conversations.taint("\ud800 a secret name")
    assert conversations.tainted("\ud800 a secret name")
    assert not conversations.tainted("\ud800 a secret nam")
    assert "secret" not in repr(vars(conversations))


def test_when_no_more_can_be_kept_all_are_tainted() -> None:
    conversations = Conversations(most=2)
    conversations.taint("a")
    assert not conversations.tainted("c")
    conversations.taint("b")
    assert conversations.tainted("c")
    conversations.taint("c")
    assert conversations.tainted("a")
    assert len(vars(conversations)["_known"]) == 2


def test_a_hundred_thousand_conversations_are_kept() -> None:
    conversations = Conversations()
    for number in range(99_999):
        conversations.taint(str(number))
    assert not conversations.tainted("another")
    conversations.taint("last")
    assert conversations.tainted("another")
