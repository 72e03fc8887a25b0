"""How fast blocks are made and read, next to gguf's own code and to the engine's on one thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import perf_counter
from typing import NamedTuple

import gguf
import numpy as np

from snippets.quantization import block_formats, four_bit_floats, iq4_nl, iq4_xs, k_quants, nvfp4
from snippets.quantization.blocks import BlockFormat
from snippets.quantization.engine import Bytes, Floats, engine_dequantize, engine_quantize, find_engine

# Each dictionary of formats, by name; a module of formats is added here.
FORMATS: dict[str, BlockFormat] = {
    **block_formats.FORMATS,
    **iq4_nl.FORMATS,
    **iq4_xs.FORMATS,
    **k_quants.FORMATS,
    "MXFP4": four_bit_floats.MXFP4,
    "NVFP4": nvfp4.NVFP4,
}
SIDE = 4_096


def _seconds(call: Callable[[], object], times: int = 3) -> float:
    """The shortest of some calls."""
    taken = []
    for _ in range(times):
        start = perf_counter()
        call()
        taken.append(perf_counter() - start)
    return min(taken)


class Timed(NamedTuple):
    """How long one way of one format takes."""

    name: str
    ours: float
    gguf: float | None
    engine: float
    weights: int

    def __str__(self) -> str:
        others = f"engine on one thread {self.engine / self.ours:.2f} times"
        if self.gguf is not None:
            others = f"gguf {self.gguf / self.ours:.2f} times, {others}"
        return f"  {self.name}: {1e9 * self.ours / self.weights:.1f} ns a weight; {others}"


def _gguf(call: Callable[[], object]) -> float | None:
    try:
        return _seconds(call)
    except NotImplementedError:
        return None


def _quantize(name: str, rows: Floats) -> Timed:
    """Time a whole tensor where gguf does it too, its first rows otherwise: types that search are slow."""
    member, engine = gguf.GGMLQuantizationType[name], find_engine()
    theirs = _gguf(partial(gguf.quantize, rows, member))
    rows = rows if theirs is not None else rows[:128]
    ours = _seconds(partial(FORMATS[name].quantize, rows))
    in_c = _seconds(partial(engine_quantize, engine, name, rows), 1)
    return Timed(f"{name} quantize", ours, theirs, in_c, rows.size)


def _dequantize(name: str, data: Bytes, columns: int) -> Timed:
    member, engine = gguf.GGMLQuantizationType[name], find_engine()
    theirs = _gguf(partial(gguf.dequantize, data, member))
    ours = _seconds(partial(FORMATS[name].dequantize, data))
    in_c = _seconds(partial(engine_dequantize, engine, name, data, columns), 1)
    return Timed(f"{name} dequantize", ours, theirs, in_c, len(data) * columns)


def bench(side: int = SIDE) -> str:
    """Time both ways for each format: ours, and how many times as long gguf and the engine take."""
    rows = np.random.default_rng(1).normal(0, 0.02, (side, side)).astype(np.float32)
    timed = []
    for name in FORMATS:
        timed.append(_quantize(name, rows))
        few = engine_quantize(find_engine(), name, rows[:128])
        data = np.tile(few, (side // 128, 1))
        timed.append(_dequantize(name, data, side))
    slower = [each.name for each in timed if each.gguf is not None and each.gguf < each.ours]
    return "\n".join(
        [
            f"quantizers: {side} by {side} float32, and how long others take:",
            *map(str, timed),
            f"  slower than gguf: {', '.join(slower) or 'none'}",
        ]
    )


if __name__ == "__main__":
    print(bench())
