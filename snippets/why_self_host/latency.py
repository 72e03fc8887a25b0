"""Where does the time of one answer go?"""

# --8<-- [start:imports]
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]

# --8<-- [start:models]
Milliseconds = Annotated[
    float,
    Field(ge=0, le=3.6e6, allow_inf_nan=False),
]
Rate = Annotated[
    float, Field(gt=0, le=1e6, allow_inf_nan=False)
]
Tokens = Annotated[int, Field(ge=0, le=10**7)]


class Deployment(BaseModel):
    """What one deployment takes for each step."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    name: str
    network_ms: Milliseconds = Field(
        description="round trip to the server"
    )
    first_token_ms: Milliseconds = Field(
        description="on the server, short prompt"
    )
    output_tokens_per_s: Rate = Field(
        description="decode rate of one answer"
    )
    queue_ms: Milliseconds = Field(
        default=0,
        description="wait before the server starts",
    )
    input_tokens_per_s: Rate | None = Field(
        default=None,
        description="prefill rate; None ignores it",
    )


class Request(BaseModel):
    """How much one request reads and writes."""

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    input_tokens: Tokens = Field(
        default=0,
        description="length of the prompt",
    )
    output_tokens: int = Field(
        ge=1, le=10**7, description="of the answer"
    )


class ResponseTime(BaseModel):
    """One response in parts, in milliseconds."""

    model_config = ConfigDict(frozen=True)

    network_ms: float
    queue_ms: float
    first_token_ms: float
    decode_ms: float

    @property
    def total_ms(self) -> float:
        """Sum of all parts."""
        return (
            self.network_ms
            + self.queue_ms
            + self.first_token_ms
            + self.decode_ms
        )

    def percent(self, part_ms: float) -> float:
        """Share of the total; 0 if it is empty."""
        if self.total_ms == 0:
            return 0
        return 100 * part_ms / self.total_ms


# --8<-- [end:models]


# --8<-- [start:estimate]
def estimate_response_time(
    deployment: Deployment, request: Request
) -> ResponseTime:
    """Estimate one answer's time, part by part.

    total = network + queue + first token + decode
    first token = measured + prompt / prefill rate
    decode = (output tokens - 1) / decode rate
    The first token is out before decode starts.
    Milliseconds; rates in tokens per second.
    Raises nothing: the models validate fields.
    Source: the guide's source document, corrected.
    """
    prefill_ms = 0.0
    if deployment.input_tokens_per_s is not None:
        prefill_ms = (
            1000
            * request.input_tokens
            / deployment.input_tokens_per_s
        )
    return ResponseTime(
        network_ms=deployment.network_ms,
        queue_ms=deployment.queue_ms,
        first_token_ms=(
            deployment.first_token_ms + prefill_ms
        ),
        decode_ms=(
            1000
            * (request.output_tokens - 1)
            / deployment.output_tokens_per_s
        ),
    )


# --8<-- [end:estimate]

# --8<-- [start:deployments]
CLOUD_API = Deployment(
    name="Cloud API",
    network_ms=50,
    first_token_ms=200,
    output_tokens_per_s=50,
)
LOCAL_GPU = Deployment(
    name="Local GPU",
    network_ms=0,
    first_token_ms=50,
    output_tokens_per_s=80,
)
LOCAL_CPU = Deployment(
    name="Local CPU",
    network_ms=0,
    first_token_ms=200,
    output_tokens_per_s=10,
)
# --8<-- [end:deployments]
