"""What is kept of a request?"""

# --8<-- [start:record]
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict

from snippets.hybrid.budget import Spent
from snippets.hybrid.policy import (
    Label,
    Reason,
    Route,
    Task,
)


class Record(BaseModel):
    """What became of a request. No content.

    found: how much of which category was found.
    outcome: "answered", or how it failed.
    spent: tokens, where the server counted them.
    usd: what the cloud cost, or may have cost.
    """

    model_config = ConfigDict(frozen=True)

    route: Route
    reason: Reason
    label: Label
    task: Task
    found: dict[str, int]
    outcome: str
    tries: int
    seconds: float
    spent: Spent | None
    usd: float


class Answer(NamedTuple):
    """What was answered, and the record of it."""

    message: dict[str, Any]
    record: Record

    @property
    def text(self) -> str:
        """The words of the answer."""
        return str(
            self.message.get("content") or ""
        )


# --8<-- [end:record]
