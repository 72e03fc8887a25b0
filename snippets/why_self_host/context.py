"""What does a long context cost a replica?"""

# --8<-- [start:imports]
from collections.abc import Sequence
from itertools import combinations
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from snippets.why_self_host.throughput import (
    Rates,
    Throughput,
)

# --8<-- [end:imports]

# --8<-- [start:model]
LONGEST = 1e8

Seconds = Annotated[float, Field(ge=0, le=1e4)]


class Replica(BaseModel):
    """What a token takes of a replica at full load.

    A token written attends to all before it: the
    input, and half of the output in the mean.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    s_per_input_token: Seconds
    s_per_output_token: Seconds
    s_per_context_token: Seconds = Field(
        description="for each token written"
    )

    def rates(
        self,
        input_tokens: float,
        output_tokens: float,
    ) -> Rates:
        """Give the two rates at a shape of request.

        1 / per input token, and 1 / (per output
        token + (input + output / 2) · per context
        token), in tokens per second
        Raises ValueError where the measurements do
        not show what reading or writing costs.
        """
        if not (
            0 <= input_tokens <= LONGEST
            and 0 <= output_tokens <= LONGEST
        ):
            raise ValueError(
                f"input_tokens={input_tokens:g}, "
                f"output_tokens={output_tokens:g}; "
                f"both from 0 to {LONGEST:g}"
            )
        context = input_tokens + output_tokens / 2
        read = self.s_per_input_token
        write = self.s_per_output_token
        write += context * self.s_per_context_token
        if not (read > 0 and write > 0):
            raise ValueError(
                f"a token read takes {read:g} s, "
                f"one written {write:g} s; "
                "both have to cost something"
            )
        return Rates(
            input_tokens_per_s=1 / read,
            output_tokens_per_s=1 / write,
        )


# --8<-- [end:model]


# --8<-- [start:fit]
def terms(of: Throughput) -> tuple[float, ...]:
    """Tokens read, written, and looked back at."""
    read, write = of.input_tokens, of.output_tokens
    return read, write, write * (read + write / 2)


def fit(rows: Sequence[Throughput]) -> Replica:
    """Fit the three costs to rows of one replica.

    Least squares of the relative error of seconds,
    no cost below zero: the best subset of terms
    whose costs are positive.
    Raises ValueError for rows that cannot tell the
    three apart.
    """
    shares = np.array(
        [
            [
                term / row.seconds
                for term in terms(row)
            ]
            for row in rows
        ]
    ).reshape(len(rows), 3)
    if (
        len(rows) < 3
        or np.linalg.cond(
            shares / shares.max(axis=0)
        )
        > 1e5
    ):
        raise ValueError(
            f"{len(rows)} rows do not tell read, "
            "written and context apart"
        )
    best, found = np.inf, np.zeros(3)
    for size in (1, 2, 3):
        for used in combinations(range(3), size):
            some = shares[:, used]
            ones = np.ones(len(rows))
            costs = np.linalg.lstsq(some, ones)[0]
            off = float(
                ((some @ costs - ones) ** 2).sum()
            )
            if costs.min() > 0 and off < best:
                best, found = off, np.zeros(3)
                found[list(used)] = costs
    return Replica(
        s_per_input_token=float(found[0]),
        s_per_output_token=float(found[1]),
        s_per_context_token=float(found[2]),
    )


# --8<-- [end:fit]


# --8<-- [start:error]
def error_ratio(
    replica: Replica, of: Throughput
) -> float:
    """Predicted tokens a second / measured - 1."""
    costs = replica.model_dump().values()
    return (
        of.seconds
        / float(np.dot(terms(of), [*costs]))
        - 1
    )


def held_out(
    rows: Sequence[Throughput],
) -> tuple[float, ...]:
    """Predict each row from all others: errors."""
    return tuple(
        error_ratio(
            fit([*rows[:at], *rows[at + 1 :]]), row
        )
        for at, row in enumerate(rows)
    )


# --8<-- [end:error]
