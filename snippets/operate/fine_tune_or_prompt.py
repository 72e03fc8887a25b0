"""Does a model of your own beat a longer prompt?"""

# --8<-- [start:imports]
from collections.abc import Sequence
from math import inf
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

Usd = Annotated[float, Field(ge=0, le=1e9)]
Share = Annotated[float, Field(ge=0, le=1)]

# --8<-- [end:imports]


# --8<-- [start:lora]
class Matrix(NamedTuple):
    """Weights that get an adapter each.

    inputs, outputs: the matrix's sides
    number: how many such matrices the model has
    """

    inputs: int
    outputs: int
    number: int


def adapter_parameters(
    matrices: Sequence[Matrix], rank: int
) -> int:
    """Count what LoRA trains.

    For each matrix a product of two thin ones:
    rank * (inputs + outputs). Exact.
    Raises ValueError for a rank that is no rank.
    """
    for one in matrices:
        most = min(one.inputs, one.outputs)
        if not 1 <= rank <= most:
            raise ValueError(
                f"rank is {rank}; a matrix of "
                f"{one.inputs} x {one.outputs} "
                f"allows 1 to {most}"
            )
    return sum(
        one.number
        * rank
        * (one.inputs + one.outputs)
        for one in matrices
    )


# --8<-- [end:lora]


# --8<-- [start:memory]
# Of each trained parameter: in 16 bits itself and
# its gradient; in 32 a copy and Adam's two means.
WEIGHT_BYTES = 2
GRADIENT_BYTES = 2
ADAM_BYTES = 4 + 4 + 4


def training_bytes(
    parameters: float,
    adapter: float | None = None,
    base_bits: float = 16,
) -> float:
    """Say what training keeps, in bytes.

    Without adapter every parameter is trained; with
    one, the base lies still in base_bits a weight
    (4.5, say, if it is quantized). Activations come
    on top: they depend on batch and length.
    Source: the ZeRO paper's count, 16 bytes.
    """
    each = (
        WEIGHT_BYTES + GRADIENT_BYTES + ADAM_BYTES
    )
    if adapter is None:
        return parameters * each
    return (
        parameters * base_bits / 8 + adapter * each
    )


# --8<-- [end:memory]


# --8<-- [start:pay]
class Prompts(BaseModel):
    """What a tuned model no longer has to be told.

    tokens_saved: of each request: instructions and
        examples that training replaces
    cached_share: of them, read from a cache
    cached_price_share: of the price, for those
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    tokens_saved: float = Field(ge=0, le=1e7)
    usd_per_million_tokens: Usd
    cached_share: Share
    cached_price_share: Share


class Tuning(BaseModel):
    """What a model of your own costs.

    data_usd: once: examples, cleaned and checked
    round_usd: each time: training, evaluation, and
        the examples that have changed
    months_until_old: when a round is repeated
    serving_usd_per_month: on top of the base model
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    data_usd: Usd
    round_usd: Usd
    months_until_old: float = Field(gt=0, le=120)
    serving_usd_per_month: Usd


MILLION = 1e6


def saved_usd(prompts: Prompts) -> float:
    """Price a request's saved tokens, in USD."""
    cached = prompts.cached_share
    price = 1 - cached * (
        1 - prompts.cached_price_share
    )
    return (
        prompts.tokens_saved
        / MILLION
        * prompts.usd_per_million_tokens
        * price
    )


def tuning_usd_per_month(
    tuning: Tuning, months: float
) -> float:
    """Spread what tuning costs, in USD per month.

    Rounds begin whenever the last is old, the first
    at once; data is paid once in `months`.
    Raises ValueError for months that are not > 0.
    """
    if not 0 < months < inf:
        raise ValueError(
            f"months is {months}; it has to be "
            "greater than 0, and finite"
        )
    return (
        tuning.data_usd / months
        + tuning.round_usd / tuning.months_until_old
        + tuning.serving_usd_per_month
    )


def break_even_requests_per_month(
    prompts: Prompts, tuning: Tuning, months: float
) -> float:
    """Say from how many requests tuning is cheaper.

    Infinite if a request saves nothing. Quality is
    taken to be equal, which only you can measure.
    """
    each = saved_usd(prompts)
    monthly = tuning_usd_per_month(tuning, months)
    if not monthly:
        return 0
    return monthly / each if each else inf


# --8<-- [end:pay]
