"""Which model and type is best for a memory?"""

# --8<-- [start:options]
from collections.abc import Sequence
from typing import NamedTuple

from snippets.data.quality import Quality


class Option(NamedTuple):
    """A file that could be run.

    size_gib: of the file, before any context
    perplexity: on the text that all options share
    """

    model: str
    file_type: str
    size_gib: float
    perplexity: float


def options(
    runs: Sequence[Quality],
) -> list[Option]:
    """List files whose size is on record.

    Raises ValueError where runs were measured on
    different texts: they do not compare. Nor do
    those of different tokenizers, which no record
    tells.
    """
    texts = sorted({run.text for run in runs})
    if len(texts) > 1:
        raise ValueError(
            f"text: one is needed, not {texts}"
        )
    found = [
        Option(
            run.model,
            score.file_type,
            score.size_gib,
            score.perplexity,
        )
        for run in runs
        for score in run.scores
        if score.size_gib and score.perplexity
    ]
    return sorted(
        found, key=lambda one: one.size_gib
    )


# --8<-- [end:options]


# --8<-- [start:best]
def best(
    choice: Sequence[Option], memory_gib: float
) -> Option | None:
    """Take the lowest perplexity that fits.

    memory_gib: what is left for weights
    """
    fits = [
        one
        for one in choice
        if one.size_gib <= memory_gib
    ]
    return min(
        fits,
        key=lambda one: one.perplexity,
        default=None,
    )


def frontier(
    choice: Sequence[Option],
) -> list[Option]:
    """Leave out what a smaller file does better."""
    found: list[Option] = []
    for one in sorted(
        choice,
        key=lambda o: (o.size_gib, o.perplexity),
    ):
        if (
            not found
            or one.perplexity < found[-1].perplexity
        ):
            found.append(one)
    return found


# --8<-- [end:best]
