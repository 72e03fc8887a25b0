"""What does the source's flowchart decide?"""

# --8<-- [start:imports]
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]

# --8<-- [start:models]
Case = TypeVar("Case", bound=BaseModel)


class Rule(BaseModel, Generic[Case]):
    """A question whose yes ends the search."""

    model_config = ConfigDict(frozen=True)

    name: str
    question: str
    outcome: str
    applies: Callable[[Case], bool]


class Decision(BaseModel):
    """The outcome, and the rule that gave it."""

    model_config = ConfigDict(frozen=True)

    outcome: str
    rule: str
    asked: tuple[str, ...]


# --8<-- [end:models]


# --8<-- [start:decide]
def decide(
    case: Case,
    rules: Sequence[Rule[Case]],
    otherwise: str,
) -> Decision:
    """Ask in order; the first yes decides.

    Without a yes the outcome is `otherwise`.
    """
    asked = []
    for rule in rules:
        asked.append(rule.question)
        if rule.applies(case):
            return Decision(
                outcome=rule.outcome,
                rule=rule.name,
                asked=tuple(asked),
            )
    return Decision(
        outcome=otherwise,
        rule="otherwise",
        asked=tuple(asked),
    )


# --8<-- [end:decide]


# --8<-- [start:mermaid]
def mermaid(
    rules: Sequence[Rule[Case]], otherwise: str
) -> str:
    """Draw the rules as a Mermaid flowchart."""
    lines = ["flowchart TD"]
    for number, rule in enumerate(rules):
        after = (
            f"q{number + 1}"
            if number + 1 < len(rules)
            else "otherwise"
        )
        lines += [
            f'    q{number}{{"{rule.question}"}}',
            f'    a{number}["{rule.outcome}"]',
            f"    q{number} -->|yes| a{number}",
            f"    q{number} -->|no| {after}",
        ]
    lines.append(f'    otherwise["{otherwise}"]')
    return "\n".join(lines)


# --8<-- [end:mermaid]


# --8<-- [start:source]
class Answers(BaseModel):
    """What the source's flowchart asks."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    data_must_stay: bool = Field(
        description="it cannot leave your network"
    )
    tokens_per_day: int = Field(ge=0, le=10**15)
    own_models_or_offline: bool = Field(
        description="chosen models, or no internet"
    )


SOURCE_RULES: tuple[Rule[Answers], ...] = (
    Rule(
        name="data",
        question="Data that cannot leave?",
        outcome="Self-host required",
        applies=lambda case: case.data_must_stay,
    ),
    Rule(
        name="volume",
        question="More than 5M tokens a day?",
        outcome="Consider self-hosting for cost",
        applies=lambda case: (
            case.tokens_per_day > 5_000_000
        ),
    ),
    Rule(
        name="models",
        question="Specific models or offline?",
        outcome="Self-host",
        applies=lambda case: (
            case.own_models_or_offline
        ),
    ),
)
SOURCE_OTHERWISE = "Use cloud APIs"
# --8<-- [end:source]
