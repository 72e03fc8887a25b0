"""How much does a model lose when quantized?"""

# --8<-- [start:compare]
import csv
from collections.abc import Iterable, Sequence
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Floats = NDArray[np.float64]


def log_softmax(
    logits: NDArray[np.floating],
) -> Floats:
    """Logarithms of the probabilities, by row."""
    wide = logits.astype(np.float64)
    moved = wide - wide.max(axis=-1, keepdims=True)
    total = np.exp(moved).sum(
        axis=-1, keepdims=True
    )
    logs: Floats = moved - np.log(total)
    return logs


class Compared(NamedTuple):
    """Token by token, a quantized model's window.

    nats: -ln of the probability of what came next
    base_nats: the same of the original
    divergence: KL divergence from the original's
        probabilities to the quantized model's, nats
    same_top: is the likeliest token the original's?
    """

    nats: Floats
    base_nats: Floats
    divergence: Floats
    same_top: NDArray[np.bool_]


def compare(
    base: NDArray[np.floating],
    other: NDArray[np.floating],
    tokens: Sequence[int],
) -> Compared:
    """Hold logits against those of the original.

    base, other: (tokens, vocabulary)
    KL = Σ p (ln p - ln q), p the original's
    Raises ValueError where the shapes differ.
    """
    if not len(tokens) == len(base) == len(other):
        raise ValueError(
            f"{len(tokens)} tokens, logits of "
            f"{len(base)} and {len(other)}: the "
            "same number is needed"
        )
    p = log_softmax(base[:-1])
    q = log_softmax(other[:-1])
    at = np.arange(len(tokens) - 1)
    asked = list(tokens[1:])
    same = p.argmax(axis=1) == q.argmax(axis=1)
    return Compared(
        nats=-q[at, asked],
        base_nats=-p[at, asked],
        divergence=(np.exp(p) * (p - q)).sum(
            axis=1
        ),
        same_top=same,
    )


# --8<-- [end:compare]


# --8<-- [start:summary]
class Quality(BaseModel):
    """What a file type does to a model.

    bits_per_weight: of all weights, scales included
    nats: mean loss of a token
    rise_nats: loss above the original's
    error_nats: standard error of that rise
    divergence_nats: mean KL divergence
    same_top_percent: likeliest token unchanged
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    file_type: str = Field(min_length=1)
    run_by: str = Field(min_length=1)
    bits_per_weight: float = Field(gt=0, le=32)
    nats: float = Field(gt=0, le=100)
    rise_nats: float = Field(ge=-100, le=100)
    error_nats: float = Field(ge=0, le=100)
    divergence_nats: float = Field(ge=-1e-6, le=100)
    same_top_percent: Annotated[
        float, Field(ge=0, le=100)
    ]

    @property
    def perplexity(self) -> float:
        """e to the mean loss."""
        return float(np.exp(self.nats))


def summarize(
    file_type: str,
    run_by: str,
    bits_per_weight: float,
    windows: Sequence[Compared],
) -> Quality:
    """Average windows of one length.

    The error is that of the mean over windows, as
    tokens of one window are not independent.
    """
    rises = [
        (w.nats - w.base_nats).mean()
        for w in windows
    ]
    spread = np.std(rises, ddof=1)
    tops = [w.same_top.mean() for w in windows]
    far = [w.divergence.mean() for w in windows]
    nats = [w.nats.mean() for w in windows]
    return Quality(
        file_type=file_type,
        run_by=run_by,
        bits_per_weight=bits_per_weight,
        nats=float(np.mean(nats)),
        rise_nats=float(np.mean(rises)),
        error_nats=float(
            spread / len(rises) ** 0.5
        ),
        divergence_nats=float(np.mean(far)),
        same_top_percent=float(100 * np.mean(tops)),
    )


def read_measured(
    lines: Iterable[str],
) -> dict[str, Quality]:
    """Read quality.csv of the small model, by type.

    Raises ValueError where a type stands twice.
    """
    found: dict[str, Quality] = {}
    for row in csv.DictReader(lines):
        one = Quality.model_validate(row)
        if one.file_type in found:
            raise ValueError(
                f"{one.file_type} stands twice"
            )
        found[one.file_type] = one
    return found


# --8<-- [end:summary]
