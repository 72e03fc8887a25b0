"""Measure quantized KV caches on the small model: `python -m tests.quantization.measure_cache`.

Writes snippets/data/small_model/kv_cache.csv, which the page reads: by this guide's NumPy, and by llama.cpp,
which gets the same weights as a GGUF file, with and without the rotation that it does unless told otherwise.
"""

from __future__ import annotations

import csv
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from snippets.data.small_model import Floats, read_small_model, small_model_file
from snippets.quantization.block_formats import FORMATS
from snippets.quantization.kv_cache import CacheOutcome, Rounded, Rounder, block, half, integers, rotated
from snippets.quantization.quality import Compared, compare, summarize
from tests.model_formats import llama
from tests.quantization.measure import CHUNK, build, types_of, windows

FIRST = 6
# Tokens of a range over tokens, and weights of any other range.
GROUP = 32
NO_ROTATION = "LLAMA_ATTN_ROT_DISABLE"
BLOCKS = ("q8_0", "q5_0", "q4_0")


def judged() -> tuple[list[int], ...]:
    """Every fifth window of the held-back text."""
    return windows()[::5]


def rounder(name: str, turn: bool) -> Rounder:
    """f16, a block format, or bits and what a range is along: `4 by token`."""
    if name == "f16":
        return half
    bits, _, along = name.partition(" by ")
    if along == "token":
        found = integers(int(bits), "token")
    elif along == "channel":
        found = integers(int(bits), "channel")
    else:
        found = block(name.upper())
    return rotated(found) if turn else found


def bits(name: str) -> float:
    """Bits of a number that is stored so."""
    if name == "f16":
        return 16
    if " by " in name:
        # Ends of a range are two numbers of 16 bits.
        return int(name.partition(" ")[0]) + 32 / GROUP
    return FORMATS[name.upper()].bits_per_weight


def read_numpy(keys: str, values: str, turn: bool, window: list[int]) -> Floats:
    """Logits of a window; 32 tokens a call where ranges are over tokens."""
    whole = " by " in keys + values
    reading = Rounded(read_small_model(), rounder(keys, turn), rounder(values, turn), whole)
    step = GROUP if whole else len(window)
    return np.concatenate([reading.read(window[i : i + step]) for i in range(0, len(window), step)])


@cache
def unrounded(window: int) -> NDArray[np.float32]:
    """Logits with an f16 cache."""
    return read_numpy("f16", "f16", False, judged()[window])


def by_numpy(keys: str, values: str, turn: bool, count: int | None = None) -> list[Compared]:
    """Hold a cache against one in f16."""
    return [
        compare(unrounded(i), read_numpy(keys, values, turn, w), w) for i, w in enumerate(judged()[:count])
    ]


@contextmanager
def rotation(on: bool) -> Iterator[None]:
    """What llama.cpp, a child of this process, finds in its environment."""
    before = os.environ.pop(NO_ROTATION, None)
    if not on:
        os.environ[NO_ROTATION] = "1"
    try:
        yield
    finally:
        os.environ.pop(NO_ROTATION, None)
        if before is not None:
            os.environ[NO_ROTATION] = before


def by_llama(path: Path, keys: str, values: str, turn: bool, count: int | None = None) -> list[Compared]:
    """The same, by the engine."""
    asked, found = judged()[:count], []
    for start in range(0, len(asked), CHUNK):
        some = list(asked[start : start + CHUNK])
        base = llama.logits(path, some)
        with rotation(turn):
            other = llama.logits(path, some, type_k=keys, type_v=values)
        found += [compare(a, b, tokens) for a, b, tokens in zip(base, other, some, strict=True)]
    return found


def first_divergence(compared: list[Compared]) -> float:
    """Mean divergence on the first windows, which a test measures again."""
    return max(float(np.mean([one.divergence.mean() for one in compared[:FIRST]])), 0)


def engine_caches() -> Iterator[tuple[str, str, bool]]:
    """Keys, values and rotation of each cache that llama.cpp is asked for."""
    for name in BLOCKS:
        yield from ((name, name, True), (name, "f16", True), ("f16", name, True), (name, name, False))
    yield from (("q4_0", "f16", False), ("f16", "q4_0", False))


def numpy_caches() -> Iterator[tuple[str, str, bool]]:
    """Those that NumPy reads with."""
    for name in BLOCKS:
        yield from ((name, name, turn) for turn in (True, False))
    for width in (4, 2):
        for keys in ("token", "channel"):
            for values in ("token", "channel"):
                yield f"{width} by {keys}", f"{width} by {values}", False
        yield f"{width} by token", f"{width} by token", True


def outcome(run_by: str, stored: tuple[str, str, bool], compared: list[Compared]) -> CacheOutcome:
    """One row."""
    keys, values, turn = stored
    width = (bits(keys) + bits(values)) / 2
    found = summarize("-", run_by, width, compared)
    return CacheOutcome.model_validate(
        {
            "run_by": run_by,
            "keys": keys,
            "values": values,
            "rotated": turn,
            "bits": width,
            "rise_nats": found.rise_nats,
            "error_nats": found.error_nats,
            "divergence_nats": max(found.divergence_nats, 0),
            "same_top_percent": found.same_top_percent,
            "first_divergence_nats": first_divergence(compared),
        }
    )


def rows(path: Path) -> Iterator[CacheOutcome]:
    """All that is measured, with a file for the engine."""
    for one in engine_caches():
        yield outcome("llama.cpp", one, by_llama(path, *one))
    for one in numpy_caches():
        yield outcome("NumPy", one, by_numpy(*one))


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        small_model_file("kv_cache.csv").open("w", encoding="utf-8", newline="") as file,
    ):
        path = Path(folder) / "small.gguf"
        build(path, types_of("F32"))
        out = csv.DictWriter(file, fieldnames=list(CacheOutcome.model_fields), lineterminator="\n")
        out.writeheader()
        for found in rows(path):
            row = found.model_dump()
            out.writerow({k: round(v, 7) if isinstance(v, float) else v for k, v in row.items()})
            file.flush()
            sys.stderr.write(f"{row}\n")


if __name__ == "__main__":
    main()
