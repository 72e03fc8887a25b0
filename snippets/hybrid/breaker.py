"""When is it no use to ask again?"""

# --8<-- [start:breaker]
import math
from threading import Lock

from pydantic import BaseModel, ConfigDict, Field


class BreakerSettings(BaseModel):
    """When to stop asking, and for how long."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    failures: int = Field(
        default=5,
        ge=1,
        description="in a row, until it opens",
    )
    open_s: float = Field(
        default=30,
        gt=0,
        allow_inf_nan=False,
        description="until one request may try",
    )


class Breaker:
    """A circuit breaker.

    Closed, it lets all pass. After so many failures
    in a row it opens: nobody asks. After a while
    one request tries; it closes, or opens again.
    """

    def __init__(
        self, settings: BreakerSettings
    ) -> None:
        self._settings = settings
        self._lock = Lock()
        self._failures = 0
        self._shut_until = -math.inf

    def closed(self, now_s: float) -> bool:
        """Say whether a request would pass."""
        most = self._settings.failures
        return (
            self._failures < most
            or now_s >= self._shut_until
        )

    def enter(self, now_s: float) -> bool:
        """Let a request pass, or not.

        When it is open, one may pass as a try; the
        next has to wait as long again.
        """
        with self._lock:
            if not self.closed(now_s):
                return False
            if (
                self._failures
                >= self._settings.failures
            ):
                self._open(now_s)
            return True

    def succeeded(self) -> None:
        """Close: it works."""
        with self._lock:
            self._failures = 0

    def failed(self, now_s: float) -> None:
        """Count a failure; open at the last."""
        with self._lock:
            self._failures += 1
            if (
                self._failures
                >= self._settings.failures
            ):
                self._open(now_s)

    def _open(self, now_s: float) -> None:
        wait = self._settings.open_s
        self._shut_until = now_s + wait


# --8<-- [end:breaker]
