"""Writes golden_floats.json: what PyTorch, bitsandbytes and compressed-tensors make of the tests' tensors.

Run it where the three are installed, on a CPU; the guide itself needs none of them:
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


def rows() -> np.ndarray:
    """Rows of four groups of 128; some groups have one sign."""
    some = np.random.default_rng(6).normal(0, 0.02, (64, 512)).astype(np.float32)
    some[:4, :128] = np.abs(some[:4, :128]) + np.float32(0.01)
    some[4:8, :128] = -np.abs(some[4:8, :128])
    return some


def int4(symmetric: bool) -> dict[str, str]:
    """What compressed-tensors makes of rows; it counts from -8, the guide from 0."""
    torch: Any = import_module("torch")
    quantization: Any = import_module("compressed_tensors.quantization")
    utils: Any = import_module("compressed_tensors.quantization.utils")
    forward: Any = import_module("compressed_tensors.quantization.lifecycle.forward")
    arguments = quantization.QuantizationArgs(
        num_bits=4, symmetric=symmetric, strategy="group", group_size=128
    )
    x = torch.tensor(rows())
    groups = x.reshape(64, 4, 128)
    scales, zeros = utils.calculate_qparams(groups.amin(2), groups.amax(2), arguments)
    halves = scales.to(torch.float16)
    codes = forward.quantize(x, halves.float(), zeros, arguments, dtype=torch.int8)
    return {
        "scales": digest(halves.numpy()),
        "zeros": digest((zeros.numpy() + 8).astype(np.uint8)),
        "codes": digest((codes.numpy() + 8).astype(np.uint8)),
    }


def main() -> None:
    """Ask the libraries, and write what they answer."""
    torch: Any = import_module("torch")
    functional: Any = import_module("bitsandbytes.functional")
    x = weights()
    given: dict[str, Any] = {
        "versions": {
            name: version(name) for name in ("torch", "bitsandbytes", "compressed-tensors", "numpy")
        },
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
    for symmetric in (False, True):
        given["int4_symmetric" if symmetric else "int4"] = int4(symmetric)
    path = HERE / "golden_floats.json"
    path.write_text(json.dumps(given, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
