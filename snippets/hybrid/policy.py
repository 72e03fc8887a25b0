"""Where may a request go?"""

# --8<-- [start:words]
import hashlib
from enum import StrEnum
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class Label(StrEnum):
    """What trusted code says of the data."""

    PUBLIC = "public"
    INTERNAL = "internal"
    SENSITIVE = "sensitive"


class Task(StrEnum):
    """What the answer is for."""

    DEFAULT = "default"
    COMPLEX = "complex"
    BATCH = "batch"


class Route(StrEnum):
    """Where a request goes."""

    LOCAL = "local"
    CLOUD = "cloud"
    REFUSE = "refuse"


class Scan(StrEnum):
    """What became of the scan for secrets."""

    CLEAN = "clean"
    FOUND = "found"
    FAILED = "failed"
    NOT_DONE = "not done"


class Cloud(StrEnum):
    """Whether the hosted model can be asked."""

    READY = "ready"
    ABSENT = "absent"
    BROKEN = "broken"
    SPENT = "spent"


class Reason(StrEnum):
    """Why a request goes where it goes."""

    SENSITIVE = "labeled sensitive"
    NOT_PUBLIC = "not labeled public"
    TAINTED = "its conversation was not public"
    FOUND = "the scan found something"
    NOT_SCANNED = "it was not scanned to the end"
    ABSENT = "there is no cloud"
    BROKEN = "the cloud fails too often"
    SPENT = "the budget is spent"
    COMPLEX = "complex tasks go to the cloud"
    BATCH = "batches stay"
    DEFAULT = "the default"
    CLOUD_FAILED = "the cloud failed"
    LOCAL_FAILED = "the local model failed"


# --8<-- [end:words]


# --8<-- [start:facts]
class Facts(BaseModel):
    """All that a decision rests on.

    What is not said is taken for the worse, but for
    the conversation: without one, nothing taints.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True
    )

    label: Label = Label.INTERNAL
    task: Task = Task.DEFAULT
    tainted: bool = False
    scan: Scan = Scan.NOT_DONE
    cloud: Cloud = Cloud.ABSENT
    default: Route = Field(
        default=Route.LOCAL,
        description="local unless told otherwise",
    )
    overflow: bool = Field(
        default=False,
        description="to the cloud if local fails",
    )


class Decision(NamedTuple):
    """Where to, and why."""

    route: Route
    reason: Reason


# --8<-- [end:facts]


# --8<-- [start:decide]
def must_stay(facts: Facts) -> Reason | None:
    """Say why the data may not leave, if so.

    Only the label can open the way out; whatever
    else is known can but close it.
    """
    if facts.label is Label.SENSITIVE:
        return Reason.SENSITIVE
    if facts.label is not Label.PUBLIC:
        return Reason.NOT_PUBLIC
    if facts.tainted:
        return Reason.TAINTED
    if facts.scan is Scan.CLEAN:
        return None
    if facts.scan is Scan.FOUND:
        return Reason.FOUND
    absent = facts.cloud is Cloud.ABSENT
    return (
        Reason.ABSENT
        if absent
        else Reason.NOT_SCANNED
    )


def cannot_leave(facts: Facts) -> Reason | None:
    """Say why the cloud cannot be asked, if so."""
    if facts.cloud is Cloud.READY:
        return None
    return Reason[facts.cloud.name]


def decide(facts: Facts) -> Decision:
    """Choose where a request goes first.

    Sensitive stays; complex goes to the cloud; a
    batch stays; the rest goes by the default.
    """
    stays = must_stay(facts)
    if stays:
        return Decision(Route.LOCAL, stays)
    if facts.task is Task.BATCH:
        return Decision(Route.LOCAL, Reason.BATCH)
    reason = Reason[facts.task.name]
    complex_task = facts.task is Task.COMPLEX
    if complex_task or facts.default is Route.CLOUD:
        closed = cannot_leave(facts)
        if closed:
            return Decision(Route.LOCAL, closed)
        return Decision(Route.CLOUD, reason)
    return Decision(facts.default, reason)


def decide_again(facts: Facts) -> Decision:
    """Choose what follows when local failed.

    Never the cloud, unless the data may leave and
    the settings ask for it. A batch waits.
    """
    reason = must_stay(facts) or cannot_leave(facts)
    batch = facts.task is Task.BATCH
    if reason or batch or not facts.overflow:
        return Decision(
            Route.REFUSE, Reason.LOCAL_FAILED
        )
    return Decision(
        Route.CLOUD, Reason.LOCAL_FAILED
    )


# --8<-- [end:decide]


# --8<-- [start:conversations]
class Conversations:
    """Which conversations were not public once.

    A name is kept as its hash, and never dropped.
    Once `most` are known, all others count as not
    public, too: what is forgotten could leave.
    """

    def __init__(self, most: int = 100_000) -> None:
        self._most = most
        self._known: set[bytes] = set()

    def taint(self, name: str) -> None:
        """Remember that one is not public."""
        if len(self._known) < self._most:
            self._known.add(_hash(name))

    def tainted(self, name: str) -> bool:
        """Say whether one was not public once."""
        full = len(self._known) >= self._most
        return full or _hash(name) in self._known


def _hash(name: str) -> bytes:
    said = name.encode("utf-8", "surrogatepass")
    return hashlib.sha256(said).digest()


# --8<-- [end:conversations]
