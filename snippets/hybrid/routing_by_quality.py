"""When does it pay to ask the local model first?"""

# --8<-- [start:imports]
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from snippets.hybrid.policy import (
    Facts,
    Task,
    cannot_leave,
    must_stay,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Share = Annotated[float, Field(ge=0, le=1)]
Usd = Annotated[float, Field(ge=0, le=1e6)]
Seconds = Annotated[float, Field(ge=0, le=1e6)]


class Pair(BaseModel):
    """Two models, and what an answer takes.

    The judge says whether an answer is good enough;
    where it reads only probabilities it is free.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    local_usd_per_answer: Usd
    cloud_usd_per_answer: Usd
    judge_usd_per_answer: Usd
    local_s: Seconds
    cloud_s: Seconds
    judge_s: Seconds
    local_accuracy: Share = Field(
        description="right answers of the local one"
    )
    cloud_accuracy_where_right: Share = Field(
        description="where the local one is right"
    )
    cloud_accuracy_where_wrong: Share = Field(
        description="where the local one is wrong"
    )


class Judge(BaseModel):
    """Which answers are sent on: a point of ROC."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    caught_ratio: Share = Field(
        description="of wrong ones, sent on"
    )
    false_alarm_ratio: Share = Field(
        description="of right ones, sent on"
    )


class Outcome(NamedTuple):
    """Means of an answer; slowest_s: if sent on."""

    escalated_ratio: float
    accuracy: float
    usd_per_answer: float
    mean_s: float
    slowest_s: float


# --8<-- [end:models]


# --8<-- [start:rates]
def escalated_ratio(
    pair: Pair, judge: Judge
) -> float:
    """Average what is sent on.

    right · false alarms + wrong · caught
    """
    right = pair.local_accuracy
    return (
        right * judge.false_alarm_ratio
        + (1 - right) * judge.caught_ratio
    )


def mixed_accuracy(
    pair: Pair, judge: Judge
) -> float:
    """Average how often the final answer is right.

    right · (kept + sent on · cloud where right)
    + wrong · caught · cloud where wrong
    """
    right = pair.local_accuracy
    alarm = judge.false_alarm_ratio
    again = pair.cloud_accuracy_where_right
    mended = pair.cloud_accuracy_where_wrong
    kept = right * (1 - alarm + alarm * again)
    return kept + (1 - right) * (
        judge.caught_ratio * mended
    )


# --8<-- [end:rates]


# --8<-- [start:ways]
def cascade(pair: Pair, judge: Judge) -> Outcome:
    """Ask the local model, then judge, then cloud.

    USD = local + judge + sent on · cloud, and
    likewise the seconds: who is sent on has waited
    for the local answer, too.
    """
    sent = escalated_ratio(pair, judge)
    first_usd = (
        pair.local_usd_per_answer
        + pair.judge_usd_per_answer
    )
    first_s = pair.local_s + pair.judge_s
    return Outcome(
        escalated_ratio=sent,
        accuracy=mixed_accuracy(pair, judge),
        usd_per_answer=first_usd
        + sent * pair.cloud_usd_per_answer,
        mean_s=first_s + sent * pair.cloud_s,
        slowest_s=first_s + pair.cloud_s,
    )


def up_front(pair: Pair, judge: Judge) -> Outcome:
    """Judge the question, then ask one model.

    USD = judge + (1 - sent on) · local
        + sent on · cloud, and likewise the seconds;
    judge: what it sends of the questions that the
    local model would get wrong, and right
    """
    sent = escalated_ratio(pair, judge)
    return Outcome(
        escalated_ratio=sent,
        accuracy=mixed_accuracy(pair, judge),
        usd_per_answer=pair.judge_usd_per_answer
        + (1 - sent) * pair.local_usd_per_answer
        + sent * pair.cloud_usd_per_answer,
        mean_s=pair.judge_s
        + (1 - sent) * pair.local_s
        + sent * pair.cloud_s,
        slowest_s=pair.judge_s
        + max(pair.local_s, pair.cloud_s),
    )


def one_model(pair: Pair, cloud: bool) -> Outcome:
    """Ask the local model only, or the cloud."""
    everything = Judge(
        caught_ratio=cloud, false_alarm_ratio=cloud
    )
    free = pair.model_copy(
        update={
            "judge_usd_per_answer": 0.0,
            "judge_s": 0.0,
        }
    )
    only = up_front(free, everything)
    alone = pair.cloud_s if cloud else pair.local_s
    return only._replace(slowest_s=alone)


# --8<-- [end:ways]


# --8<-- [start:break-even]
def break_even_escalation(
    pair: Pair,
) -> float | None:
    """Up to which share a cascade costs less.

    (cloud - local - judge) / cloud, in USD: sent on
    more often, it costs more than the cloud alone.
    None where the first step costs as much.
    """
    first = (
        pair.local_usd_per_answer
        + pair.judge_usd_per_answer
    )
    if first >= pair.cloud_usd_per_answer:
        return None
    return 1 - first / pair.cloud_usd_per_answer


def waiting_usd(
    outcome: Outcome, usd_per_hour: float
) -> float:
    """Add what waiting costs, in USD an answer.

    USD + seconds / 3600 · USD an hour
    usd_per_hour: of whoever waits; 0 for a batch
    Raises ValueError where that is below 0.
    """
    if not usd_per_hour >= 0:
        raise ValueError(
            f"usd_per_hour is {usd_per_hour}; "
            "it has to be 0 or more"
        )
    return (
        outcome.usd_per_answer
        + outcome.mean_s / 3600 * usd_per_hour
    )


# --8<-- [end:break-even]


# --8<-- [start:escalates]
def escalates(
    facts: Facts, confidence: float, least: float
) -> bool:
    """Say whether an answer is asked for again.

    Only where confidence is below the least, or not
    a number, and the policy lets the data leave: a
    doubt opens no way out, and a batch stays.
    """
    if must_stay(facts) or cannot_leave(facts):
        return False
    if facts.task is Task.BATCH:
        return False
    return not confidence >= least


# --8<-- [end:escalates]
