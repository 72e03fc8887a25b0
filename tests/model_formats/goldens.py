"""What the formats' own libraries wrote, read back for the tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "golden"


@cache
def golden(name: str) -> dict[str, Any]:
    """The arrays of one golden file, made by `golden.py`."""
    with np.load(FOLDER / f"{name}.npz") as file:
        return dict(file)


def integers(bits: int) -> tuple[Any, Any, Any]:
    """Codes (32, 128), zeros and float16 scales (32, 4) of rows of the small model, in groups of 32."""
    known = golden("inputs")
    return known[f"codes_{bits}"], known[f"zeros_{bits}"], known[f"scales_{bits}"]


def same(ours: Any, theirs: Any) -> bool:
    """Say whether two arrays have the same bytes, type and shape."""
    ours = np.asarray(ours)
    return bool(
        ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
    )
