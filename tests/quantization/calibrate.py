"""Measure what GPTQ and AWQ save on the small model: `python -m tests.quantization.calibrate`.

Writes snippets/data/small_model/calibrated.csv, which the pages read. NumPy only; ten minutes of one core.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snippets.data.small_forward import forward
from snippets.data.small_model import SmallModel, read_small_model, small_model_file
from snippets.quantization.gptq_and_awq import Outcome, Recipe, calibrated
from snippets.quantization.quality import Compared, compare, summarize
from tests.quantization.measure import calibration, windows

FIRST = 6
DEFAULT = 32


def judged() -> tuple[list[int], ...]:
    """Every fourth window of the held-back text."""
    return windows()[::4]


@cache
def original(window: int) -> NDArray[np.float32]:
    """Logits of the original, which every recipe is held against."""
    return forward(read_small_model(), judged()[window])


def judge(model: SmallModel, count: int | None = None) -> list[Compared]:
    """Hold a model against the original, on held-back windows."""
    return [compare(original(i), forward(model, w), w) for i, w in enumerate(judged()[:count])]


def first_nats(compared: list[Compared]) -> float:
    """Mean loss on the first windows, which a test measures again."""
    return float(np.mean([one.nats.mean() for one in compared[:FIRST]]))


def recipes() -> Iterator[tuple[dict[str, Any], str, int]]:
    """Every recipe that is measured, with the text and the windows for it."""
    for bits, group_sizes in ((4, (128, 32)), (3, (128, 32)), (2, (128, 32)), (8, (128,))):
        for group_size in group_sizes:
            for method in ("nearest", "gptq", "awq"):
                yield {"bits": bits, "group_size": group_size, "method": method}, "same kind", DEFAULT
    for count in (1, 4, 16, 128):
        for method in ("gptq", "awq"):
            yield {"bits": 3, "method": method}, "same kind", count
    for text in ("shuffled", "random"):
        for method in ("gptq", "awq"):
            yield {"bits": 3, "method": method}, text, DEFAULT
    yield {"bits": 3, "method": "gptq", "act_order": True}, "same kind", DEFAULT
    yield {"bits": 3, "method": "awq", "clip": True}, "same kind", DEFAULT
    yield {"bits": 3, "method": "nearest", "clip": True}, "same kind", DEFAULT
    yield {"bits": 3, "method": "gptq", "sequential": True}, "same kind", DEFAULT


def outcome(fields: dict[str, Any], text: str, count: int) -> Outcome:
    """Calibrate, and judge on the held-back text."""
    recipe = Recipe.model_validate(fields)
    used = calibration(text, count)
    compared = judge(calibrated(read_small_model(), used, recipe))
    found = summarize("-", "-", recipe.bits_per_weight, compared)
    return Outcome(
        **recipe.model_dump(),
        text=text,
        tokens=sum(map(len, used)),
        nats=found.nats,
        rise_nats=found.rise_nats,
        error_nats=found.error_nats,
        divergence_nats=max(found.divergence_nats, 0),
        same_top_percent=found.same_top_percent,
        first_nats=first_nats(compared),
    )


def main() -> None:
    with small_model_file("calibrated.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, fieldnames=list(Outcome.model_fields), lineterminator="\n")
        out.writeheader()
        for asked in recipes():
            row = outcome(*asked).model_dump()
            out.writerow({k: round(v, 6) if isinstance(v, float) else v for k, v in row.items()})
            file.flush()
            sys.stderr.write(f"{row}\n")


if __name__ == "__main__":
    main()
