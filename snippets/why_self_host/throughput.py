"""What does a replica serve, by measurement?"""

# --8<-- [start:imports]
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]

# --8<-- [start:model]
Tokens = Annotated[float, Field(gt=0, le=1e8)]


class Throughput(BaseModel):
    """A replica at full load, and its requests."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    input_tokens: Tokens
    output_tokens: Tokens
    output_tokens_per_s: Tokens

    @property
    def seconds(self) -> float:
        """What a request takes of the replica."""
        return (
            self.output_tokens
            / self.output_tokens_per_s
        )


class Rates(BaseModel):
    """A replica that only reads, or only writes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    input_tokens_per_s: Tokens
    output_tokens_per_s: Tokens


# --8<-- [end:model]


# --8<-- [start:two]
def rates(
    one: Throughput, other: Throughput
) -> Rates:
    """Split two measurements into two rates.

    seconds = input / input rate
        + output / output rate, solved for the rates
        in tokens per second
    Raises ValueError where both have one mix of
    input and output, or no positive rates fit.
    """
    mix = np.array(
        [
            [case.input_tokens, case.output_tokens]
            for case in (one, other)
        ]
    )
    spent = np.array([one.seconds, other.seconds])
    share = mix / mix.sum(axis=1, keepdims=True)
    if np.linalg.cond(share) > 1e3:
        raise ValueError(
            "both have the same mix of tokens"
        )
    read, write = np.linalg.solve(mix, spent)
    if read <= 0 or write <= 0:
        raise ValueError(
            f"no rates fit {one.seconds:g} s and "
            f"{other.seconds:g} s a request"
        )
    return Rates(
        input_tokens_per_s=1 / read,
        output_tokens_per_s=1 / write,
    )


def predicted_tokens_per_s(
    found: Rates, of: Throughput
) -> float:
    """Output tokens a second, by both rates."""
    seconds = (
        of.input_tokens / found.input_tokens_per_s
        + of.output_tokens
        / found.output_tokens_per_s
    )
    return of.output_tokens / seconds


# --8<-- [end:two]
