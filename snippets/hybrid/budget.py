"""How much may the cloud cost?"""

# --8<-- [start:budget]
from threading import Lock
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field


class BudgetSettings(BaseModel):
    """What the cloud may cost in a window of time.

    Tokens are counted at prices per million.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    window_s: float = Field(default=86_400, gt=0)
    most_tokens: int = Field(
        default=1_000_000, ge=0
    )
    most_usd: float = Field(default=10, ge=0)
    input_usd_per_million: float = Field(ge=0)
    output_usd_per_million: float = Field(ge=0)


class Spent(BaseModel):
    """Tokens in and out."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    input_tokens: int = Field(ge=0)
    output_tokens: int = Field(ge=0)

    def usd(self, prices: BudgetSettings) -> float:
        """Say what they cost."""
        return (
            self.input_tokens
            * prices.input_usd_per_million
            + self.output_tokens
            * prices.output_usd_per_million
        ) / 1e6


class Held(NamedTuple):
    """The most that a request may cost."""

    most: Spent
    window_ends_s: float


class Budget:
    """Holds back the most that a request may cost.

    Before it is sent; what it did cost replaces
    that after. A window starts with the first
    request after the last has ended.
    """

    def __init__(
        self, settings: BudgetSettings
    ) -> None:
        self._settings = settings
        self._lock = Lock()
        self._ends_s = float("-inf")
        self.tokens = 0
        self.usd = 0.0

    def fits(
        self, most: Spent, now_s: float
    ) -> bool:
        """Say whether it would be held back."""
        if now_s >= self._ends_s:
            return self._within(most, 0, 0)
        return self._within(
            most, self.tokens, self.usd
        )

    def hold(
        self, most: Spent, now_s: float
    ) -> Held | None:
        """Hold back the most, if there is that."""
        with self._lock:
            if not self.fits(most, now_s):
                return None
            if now_s >= self._ends_s:
                wait = self._settings.window_s
                self._ends_s = now_s + wait
                self.tokens, self.usd = 0, 0.0
            self._add(most, 1)
            return Held(most, self._ends_s)

    def settle(
        self, held: Held, did: Spent
    ) -> None:
        """Put the true cost in place of the most.

        If the window has ended, in the next one.
        """
        with self._lock:
            if held.window_ends_s == self._ends_s:
                self._add(held.most, -1)
            self._add(did, 1)

    def _within(
        self, most: Spent, tokens: int, usd: float
    ) -> bool:
        settings = self._settings
        tokens += (
            most.input_tokens + most.output_tokens
        )
        return (
            tokens <= settings.most_tokens
            and usd + most.usd(settings)
            <= settings.most_usd
        )

    def _add(self, spent: Spent, sign: int) -> None:
        tokens = (
            spent.input_tokens + spent.output_tokens
        )
        self.tokens += sign * tokens
        self.usd += sign * spent.usd(self._settings)


# --8<-- [end:budget]
