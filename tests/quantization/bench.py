"""How fast blocks are made and read, next to gguf's own code and to the engine's on one thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter

import gguf
import numpy as np

from snippets.quantization import block_formats, iq4_nl
from snippets.quantization.engine import engine_dequantize, engine_quantize, find_engine

# Each dictionary of formats, by name; a module of formats is added here.
FORMATS = {**block_formats.FORMATS, **iq4_nl.FORMATS}
SIDE = 4_096


def _seconds(call: Callable[[], object], times: int = 3) -> float:
    """The shortest of some calls."""
    taken = []
    for _ in range(times):
        start = perf_counter()
        call()
        taken.append(perf_counter() - start)
    return min(taken)


def _ratio(theirs: float | None, ours: float) -> str:
    return f"{theirs / ours:.2f} times" if theirs is not None else "none"


def bench(side: int = SIDE) -> str:
    """Time both ways for each format: ours, and how many times as long gguf and the engine take."""
    engine = find_engine()
    rows = np.random.default_rng(1).normal(0, 0.02, (side, side)).astype(np.float32)
    lines = [f"blocks of a {side} by {side} float32 tensor, and what others take:"]
    slower = []
    for name, kind in FORMATS.items():
        member = gguf.GGMLQuantizationType[name]
        data = kind.quantize(rows)
        ways: dict[str, tuple[Callable[[], object], ...]] = {
            "quantize": (
                partial(kind.quantize, rows),
                partial(gguf.quantize, rows, member),
                partial(engine_quantize, engine, name, rows),
            ),
            "dequantize": (
                partial(kind.dequantize, data),
                partial(gguf.dequantize, data, member),
                partial(engine_dequantize, engine, name, data, side),
            ),
        }
        for way, (our, their, in_c) in ways.items():
            ours = _seconds(our)
            try:
                theirs = _seconds(their)
            except NotImplementedError:
                theirs = None
            if theirs is not None and theirs < ours:
                slower.append(f"{name} {way}")
            lines.append(
                f"  {name} {way}: {1e3 * ours:.0f} ms, "
                f"gguf {_ratio(theirs, ours)}, engine on one thread {_ratio(_seconds(in_c, 1), ours)}"
            )
    lines.append(f"  slower than gguf: {', '.join(slower) or 'none'}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(bench())
