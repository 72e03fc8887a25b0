"""How fast the simulator is, next to a plain loop that takes each step of each sequence."""

from __future__ import annotations

from time import perf_counter

import numpy as np

from snippets.hardware.replica import Replica, StepTime
from snippets.hardware.simulator import Requests, simulate
from tests.hardware.step_by_step import serve_step_by_step

ONE = Replica(
    step=StepTime(overhead_s=0.0032, weights_s=0.0024, token_s=1.5e-5, context_token_s=2e-8, pair_s=5e-10),
    kv_tokens=1_000_000,
)


def _requests(count: int) -> Requests:
    chance = np.random.default_rng(1)
    return Requests(
        np.cumsum(chance.exponential(1 / 20, count)).tolist(),
        [1_000] * count,
        chance.geometric(1 / 300, count).tolist(),
    )


def _seconds_per_request(serve: object, count: int) -> float:
    requests = _requests(count)
    start = perf_counter()
    assert callable(serve)
    serve(ONE, requests)
    return (perf_counter() - start) / count


def bench(count: int = 1_000_000, few: int = 500) -> str:
    """Simulate; what it took, and how many times as long a plain loop takes for each request."""
    ours = _seconds_per_request(simulate, count)
    plain = _seconds_per_request(serve_step_by_step, few)
    return (
        f"simulator: {count:,} requests in {ours * count:.1f} s, {1e6 * ours:.1f} µs each; "
        f"a plain loop: {1e6 * plain:.0f} µs each ({few:,} requests), {plain / ours:.0f} times as long"
    )


if __name__ == "__main__":
    print(bench())
