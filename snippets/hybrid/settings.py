"""What can be set, and what may not be?"""

# --8<-- [start:imports]
from typing import Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from snippets.hybrid.breaker import BreakerSettings
from snippets.hybrid.budget import BudgetSettings
from snippets.hybrid.endpoint import (
    LOOPBACK,
    Endpoint,
    Network,
)
from snippets.hybrid.policy import Route
from snippets.hybrid.retries import RetrySettings

# --8<-- [end:imports]


# --8<-- [start:settings]
class Settings(BaseModel):
    """All that can be set. A wrong name stops it.

    local_networks: where the local model may be.
    seconds: the most that one exchange may take: a
    try, and each question of the proof before.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    local: Endpoint
    local_networks: tuple[Network, ...] = LOOPBACK
    cloud: Endpoint | None = None
    budget: BudgetSettings | None = Field(
        default=None,
        description="what the cloud may cost",
    )
    default_route: Route = Route.LOCAL
    overflow: bool = Field(
        default=False,
        description="public data may leave instead",
    )
    seconds: float = Field(
        default=60, gt=0, le=3_600
    )
    most_body_bytes: int = Field(
        default=2**20, ge=1
    )
    most_answer_bytes: int = Field(
        default=2**23, ge=1
    )
    most_output_tokens: int = Field(
        default=1_024,
        ge=1,
        description="the cloud's, if not asked for",
    )
    breaker: BreakerSettings = BreakerSettings()
    retries: RetrySettings = RetrySettings()

    @model_validator(mode="after")
    def _two_places(self) -> Self:
        ends = {"local": self.local}
        if self.cloud:
            ends["cloud"] = self.cloud
            if self.cloud.same_as(self.local):
                raise ValueError(
                    "local, cloud: the same address"
                )
            if self.budget is None:
                raise ValueError(
                    "budget: needed with a cloud"
                )
        for name, end in ends.items():
            if not (
                end.encrypted or end.on_loopback
            ):
                raise ValueError(
                    f"{name}.url: HTTPS is needed, "
                    "but for loopback"
                )
        if self.default_route is Route.REFUSE:
            raise ValueError(
                "default_route: local or cloud"
            )
        return self


# --8<-- [end:settings]
