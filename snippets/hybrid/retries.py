"""When is a request sent once more?"""

# --8<-- [start:retries]
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
        description="then twice, four times this",
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
) -> T:
    """Ask a place, and again where that may help.

    As long as the breaker and the budget let it.
    Raises: HybridError, that of the last try.
    """
    retries.earn()
    kind, status = Kind.OPEN, None
    for number in range(settings.tries):
        if number:
            if not retries.take():
                break
            sleep(
                settings.wait_s * 2 ** (number - 1)
            )
        if not breaker.enter(clock()):
            break
        try:
            answer = once()
        except HybridError as error:
            kind, status = error.kind, error.status
            if not error.passing:
                break
            breaker.failed(clock())
        else:
            breaker.succeeded()
            return answer
    raise HybridError(kind, status)


# --8<-- [end:ask]
