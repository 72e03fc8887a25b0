"""Writes golden_floats.json: what PyTorch and bitsandbytes make of the tensors that the tests make.

Run it where torch and bitsandbytes are installed, on a CPU; the guide itself needs neither:
    python tests/quantization/golden_floats.py
"""

from __future__ import annotations

import hashlib
import json
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent


def weights() -> np.ndarray:
    """320 blocks of 64 and a short one: two groups of scales."""
    return np.random.default_rng(5).normal(0, 0.02, 64 * 320 + 17).astype(np.float32)


def every_half() -> np.ndarray:
    """All values of float16, without NaN."""
    values = np.arange(65_536, dtype=np.uint16).view(np.float16).astype(np.float32)
    return values[~np.isnan(values)]


def digest(array: np.ndarray) -> str:
    """A short name of an array's bytes."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]


def main() -> None:
    """Ask both libraries, and write what they answer."""
    torch: Any = import_module("torch")
    functional: Any = import_module("bitsandbytes.functional")
    x = weights()
    given: dict[str, Any] = {
        "versions": {name: version(name) for name in ("torch", "bitsandbytes", "numpy")},
        "nf4_values": functional.get_4bit_type("nf4", device="cpu").tolist(),
        "dynamic_values": digest(functional.create_dynamic_map().numpy()),
    }
    for name, doubled in (("nf4", False), ("nf4_doubled", True)):
        data, state = functional.quantize_4bit(
            torch.tensor(x), blocksize=64, compress_statistics=doubled, quant_type="nf4"
        )
        packed = data.numpy().ravel()
        codes = np.stack([packed >> 4, packed & 15], axis=1).ravel()[: x.size]
        given[name] = {
            "codes": digest(codes.astype(np.uint8)),
            "scales": digest(state.absmax.numpy()),
            "decoded": digest(functional.dequantize_4bit(data, state).numpy()),
        }
        if doubled:
            given[name]["mean"] = float(state.offset)
            given[name]["group_scales"] = state.state2.absmax.tolist()
    # PyTorch saturates E4M3, and lets E5M2 become infinite.
    for name in ("float8_e4m3fn", "float8_e5m2"):
        cast = torch.tensor(every_half()).to(getattr(torch, name))
        given[name] = digest(cast.view(torch.uint8).numpy())
    path = HERE / "golden_floats.json"
    path.write_text(json.dumps(given, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
