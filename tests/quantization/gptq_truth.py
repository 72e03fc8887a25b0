"""Codes that GPTQModel gives: `python -m tests.quantization.gptq_truth tests/quantization/gptq_truth.json`.

For a virtual environment of its own with GPTQModel and torch, which the lock file lacks; the tests read only
the JSON. Its blocks are made as long as the groups: it fits the grid of a group before it has carried over
the errors of earlier columns of the same block, so in longer blocks its grids are those of older weights.
"""

from __future__ import annotations

import base64
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROWS, COLUMNS, TOKENS = 8, 128, 256


def case(seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights, and inputs whose channels differ in size and depend on each other."""
    rng = np.random.default_rng(seed)
    mix = rng.normal(size=(COLUMNS, COLUMNS)) * np.geomspace(1, 0.01, COLUMNS)
    inputs = (rng.normal(size=(TOKENS, COLUMNS)) @ mix).astype(np.float32)
    return rng.normal(size=(ROWS, COLUMNS)).astype(np.float32), inputs


def theirs(bits: int, group_size: int, act_order: bool) -> NDArray[np.uint8]:
    """Codes of GPTQModel for the case of so many bits."""
    torch = import_module("torch")
    config = import_module("gptqmodel.quantization.config").QuantizeConfig(
        bits=bits,
        group_size=group_size,
        sym=False,
        desc_act=act_order,
        act_group_aware=False,
        damp_percent=0.01,
    )
    weight, inputs = case(bits)
    layer = torch.nn.Linear(COLUMNS, ROWS, bias=False)
    layer.weight.data = torch.from_numpy(weight)
    made = import_module("gptqmodel.quantization.gptq").GPTQ(layer, config)
    made.quantizer.configure(perchannel=True)
    made.fallback = None
    made.add_batch(torch.from_numpy(inputs)[None], None)
    values, scale, zero, group_of, *_ = (
        one.detach().numpy() if hasattr(one, "detach") else one for one in made.quantize(blocksize=group_size)
    )
    codes = values.astype(np.float64) / scale[:, group_of] + zero[:, group_of]
    whole: NDArray[np.uint8] = np.rint(codes).astype(np.uint8)
    return whole


def main() -> None:
    cases: list[dict[str, Any]] = []
    for bits in (2, 3, 4, 8):
        for group_size in (32, 64, 128):
            for act_order in (False, True):
                codes = base64.b64encode(theirs(bits, group_size, act_order).tobytes()).decode()
                found = {"bits": bits, "group_size": group_size, "act_order": act_order, "codes": codes}
                cases.append(found)
    by = {name: import_module(name).__version__ for name in ("gptqmodel", "torch")}
    Path(sys.argv[1]).write_text(json.dumps({"by": by, "cases": cases}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
