"""What the engine made of chosen blocks, kept so that it can be asked without the engine.

    python -m tests.quantization.golden_k

writes golden_k.npz: of a pool of blocks, those that a search with one changed constant would store otherwise,
and the engine's bytes for them, with an importance matrix and without.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from snippets.quantization import iq4_nl, iq4_xs, k_importance, k_quants, k_refine, k_search
from snippets.quantization.blocks import BlockFormat, Bytes, Floats
from snippets.quantization.engine import engine_quantize, find_engine
from snippets.quantization.k_importance import quantize_by_importance

FILE = Path(__file__).with_name("golden_k.npz")
FORMATS: dict[str, BlockFormat] = {**k_quants.FORMATS, **iq4_xs.FORMATS}
BLOCK = 256


@cache
def golden() -> dict[str, NDArray[Any]]:
    """Blocks, an importance, and bytes by type; `by Q4_K` has those with the importance."""
    with np.load(FILE) as stored:
        return {name: stored[name] for name in stored.files}


def pool() -> Floats:
    """Blocks of many kinds, (blocks, 256)."""
    draw = np.random.default_rng(5)
    normal = draw.standard_normal((2000, BLOCK))
    heavy = draw.laplace(size=(1000, BLOCK)) * 0.02
    far = np.where(draw.random((1500, BLOCK)) < 0.01, 1000, 1) * draw.standard_normal((1500, BLOCK))
    whole = np.round(draw.standard_normal((500, BLOCK)) * 3)
    tiny = draw.standard_normal((60, BLOCK)) * np.repeat(
        10.0 ** draw.integers(-17, -11, (60, 16)), 16, axis=1
    )
    tiny[:, ::16] = np.sign(tiny[:, ::16]) * draw.choice([5e-16, 1.5e-15, 5e-14], (60, 16))
    tiny[:6] = np.outer([2e-16, 5e-16, 1.5e-15, 5e-15, 3e-14, 1e-13], draw.choice([-1, 1, 0.5], BLOCK))
    edge = np.stack(
        [np.zeros(BLOCK), np.full(BLOCK, 3.7), np.full(BLOCK, -3.7), np.abs(normal[0]), normal[1] * 1e-40]
    )
    # One of few that a sixth round of Q3_K would still change.
    late = np.random.default_rng(26_502).standard_normal((1, BLOCK))
    return np.concatenate([normal, heavy, far, whole, tiny, late, edge]).astype(np.float32)


def importance() -> Floats:
    """Of half the columns nothing, so that a search meets weights of 0."""
    draw = np.random.default_rng(6)
    found: Floats = (draw.standard_normal(BLOCK) ** 2).astype(np.float32)
    found[draw.random(BLOCK) < 0.5] = 0
    return found


@contextmanager
def changed(module: Any, name: str, value: object) -> Iterator[None]:
    """Another constant, for a while."""
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def variants() -> Iterator[tuple[Any, str, object]]:
    """Constants of the searches, each a little off."""
    for name, search in (("TWO", k_quants.TWO), ("FOUR", k_quants.FOUR), ("FIVE", k_quants.FIVE)):
        for steps in (search.steps - 1, search.steps + 1):
            yield k_quants, name, search._replace(steps=steps)
        for first in (search.first - 0.1, search.first + 0.1):
            yield k_quants, name, search._replace(first=first)
    for rounds in (k_refine.ROUNDS - 1, k_refine.ROUNDS + 1):
        yield k_refine, "ROUNDS", rounds
    yield k_refine, "BYTE", 127
    yield k_refine, "BYTE", 254
    for tries in (iq4_nl.TRIES - 1, iq4_nl.TRIES + 1):
        yield iq4_nl, "TRIES", tries
    for smallest in (1e-16, 9e-16, 2e-15, 1e-14):
        yield k_search, "SMALLEST", np.float32(smallest)
        yield k_refine, "SMALLEST", np.float32(smallest)
        yield iq4_xs, "TINY", np.float32(smallest)


def chosen(blocks: Floats) -> list[int]:
    """Two blocks for each changed constant that changes any, and some of each kind."""
    makers: list[Callable[[], Bytes]] = [partial(kind.quantize, blocks) for kind in FORMATS.values()]
    makers += [partial(quantize_by_importance, name, blocks, importance()) for name in k_importance.ENCODERS]
    right = [make() for make in makers]
    found = {0, 1, 2000, *range(5000, 5006), 3000, 3001, 4500, *range(len(blocks) - 5, len(blocks))}
    for module, name, value in variants():
        with changed(module, name, value):
            for make, before in zip(makers, right, strict=True):
                (differ,) = np.nonzero((make() != before).any(axis=1))
                found.update(map(int, differ[:2]))
    return sorted(found)


def main() -> None:
    """Choose, ask, write."""
    every = pool()
    blocks = every[chosen(every)]
    engine = find_engine()
    kept = {"version": np.array(version("xllamacpp")), "blocks": blocks, "importance": importance()}
    for name in FORMATS:
        kept[name] = engine_quantize(engine, name, blocks)
    for name in k_importance.ENCODERS:
        kept[f"by {name}"] = engine_quantize(engine, name, blocks, importance())
    np.savez_compressed(FILE, allow_pickle=False, **kept)
    print(f"{len(blocks)} blocks, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
