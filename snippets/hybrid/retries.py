"""When is a request sent once more?"""

# --8<-- [start:retries]
import random
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from snippets.hybrid.breaker import Breaker
from snippets.hybrid.errors import HybridError, Kind

T = TypeVar("T")


class RetrySettings(BaseModel):
    """How often to ask again."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    tries: int = Field(default=3, ge=1, le=10)
    wait_s: float = Field(
        default=0.2,
        ge=0,
        description="at most; then twice that",
    )
    most_wait_s: float = Field(
        default=10,
        ge=0,
        description="that a server may ask for",
    )
    share: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="of requests that try again",
    )
    reserve: int = Field(
        default=10,
        ge=0,
        description="retries saved up at most",
    )


class Retries:
    """A budget of retries.

    Each request earns a share of a retry, so that
    an outage is not met with many times the load.
    """

    def __init__(
        self, settings: RetrySettings
    ) -> None:
        self._settings = settings
        self._lock = Lock()
        self._saved = float(settings.reserve)

    def earn(self) -> None:
        """Count a request."""
        with self._lock:
            self._saved = min(
                self._saved + self._settings.share,
                float(self._settings.reserve),
            )

    def take(self) -> bool:
        """Use up a retry, if there is one."""
        with self._lock:
            if self._saved < 1:
                return False
            self._saved -= 1
            return True


# --8<-- [end:retries]


# --8<-- [start:ask]
def ask(
    once: Callable[[], T],
    settings: RetrySettings,
    retries: Retries,
    breaker: Breaker,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    chance: Callable[[], float] = random.random,
) -> T:
    """Ask a place, and again where that may help.

    As long as the breaker and the budget let it.
    The caller tells the breaker of a success: that
    a stream has begun is none yet.
    Waits as long as the server asks for, and from 0
    to wait_s * 2^(tries so far - 1) more.
    Raises: HybridError, that of the last try.
    """
    retries.earn()
    failed = HybridError(Kind.OPEN).args
    for number in range(settings.tries):
        *_, wait_s = failed
        if number:
            if wait_s > settings.most_wait_s:
                break
            if not retries.take():
                break
            most = settings.wait_s * 2**number / 2
            sleep(wait_s + chance() * most)
        if not breaker.enter(clock()):
            break
        try:
            return once()
        except HybridError as error:
            failed = error.args
            if error.works:
                breaker.succeeded()
            if not error.passing:
                break
            breaker.failed(clock())
    raise HybridError(*failed)


# --8<-- [end:ask]
