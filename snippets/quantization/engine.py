"""What does llama.cpp itself make of a tensor?"""

# --8<-- [start:load]
import ctypes
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
)
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]


def find_engine() -> Path:
    """Find llama.cpp in the package xllamacpp.

    Raises ModuleNotFoundError where it is not
    installed. The package itself is not imported.
    """
    spec = find_spec("xllamacpp")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(
            "xllamacpp is not installed: it brings "
            "llama.cpp"
        )
    folder = Path(spec.origin).parent
    (path,) = folder.glob("xllamacpp*.so")
    return path


@cache
def load(path: Path) -> ctypes.CDLL:
    """Load the library, once."""
    return ctypes.CDLL(str(path))


class Kind(NamedTuple):
    """A tensor type as the engine counts it."""

    name: str
    number: int
    weights: int
    bytes: int


def find_kind(name: str) -> Kind:
    """Look a type up by name, as "Q4_K".

    Raises ValueError for a type that gguf has not.
    """
    if name not in GGMLQuantizationType.__members__:
        raise ValueError(
            f"{name} is no type of gguf's: Q4_0, "
            "Q4_K and so on"
        )
    member = GGMLQuantizationType[name]
    sizes = GGML_QUANT_SIZES[member]
    return Kind(name, member.value, *sizes)


# --8<-- [end:load]


# --8<-- [start:quantize]
def engine_quantize(
    path: Path,
    name: str,
    rows: Floats,
    importance: Floats | None = None,
    any_value: bool = False,
) -> Bytes:
    """Have the engine quantize a tensor.

    path: of its library
    name: "Q4_0", "Q6_K", "F16" and so on
    rows: float32 (rows, columns)
    importance: float32 (columns), as llama-imatrix
        measures it
    any_value: hand on what is not finite, too;
        some types then end the process
    Returns uint8 (rows, bytes). Raises ValueError
    for what the engine would end the process on.
    """
    kind = find_kind(name)
    lib = load(path)
    reader(lib, name)
    rows = np.ascontiguousarray(rows, np.float32)
    if rows.ndim != 2 or not rows.size:
        raise ValueError(
            f"{name}: shape {rows.shape}, rows and "
            "columns are needed"
        )
    count, columns = rows.shape
    if columns % kind.weights:
        raise ValueError(
            f"{name}: rows of {columns}, multiples "
            f"of {kind.weights} are needed"
        )
    if not (any_value or np.isfinite(rows).all()):
        raise ValueError(
            f"{name}: finite values are needed"
        )
    weighted = None
    if importance is not None:
        weighted = np.ascontiguousarray(
            importance, np.float32
        )
        if weighted.shape != (columns,):
            raise ValueError(
                f"importance: {weighted.shape}, "
                f"not one for each of {columns}"
            )
    needs = lib.ggml_quantize_requires_imatrix
    needs.restype = ctypes.c_bool
    if weighted is None and needs(kind.number):
        raise ValueError(
            f"{name}: the engine needs importance"
        )
    size = columns // kind.weights * kind.bytes
    out = np.zeros((count, size), np.uint8)
    lib.ggml_quantize_chunk.restype = (
        ctypes.c_size_t
    )
    lib.ggml_quantize_chunk(
        ctypes.c_int(kind.number),
        pointer(rows),
        pointer(out),
        ctypes.c_int64(0),
        ctypes.c_int64(count),
        ctypes.c_int64(columns),
        None
        if weighted is None
        else pointer(weighted),
    )
    return out


def pointer(
    array: NDArray[np.generic],
) -> ctypes.c_void_p:
    """Where an array lies."""
    return array.ctypes.data_as(ctypes.c_void_p)


# --8<-- [end:quantize]


# --8<-- [start:dequantize]
# Plain numbers have functions of their own.
PLAIN = {
    "F16": "ggml_fp16_to_fp32_row",
    "BF16": "ggml_bf16_to_fp32_row",
}


def reader(lib: ctypes.CDLL, name: str) -> str:
    """Name the function that reads a type.

    Raises ValueError for a type without one.
    """
    ends = name.lower().replace("_k", "_K")
    found = PLAIN.get(
        name, f"dequantize_row_{ends}"
    )
    # Q8_K is for sums that are under way.
    if name == "Q8_K" or not hasattr(lib, found):
        raise ValueError(
            f"{name}: the engine stores none"
        )
    return found


def engine_dequantize(
    path: Path, name: str, data: Bytes, columns: int
) -> Floats:
    """Have the engine read a tensor's bytes.

    data: uint8 (rows, bytes)
    Returns float32 (rows, columns). Raises
    ValueError for bytes that are not whole rows.
    """
    kind = find_kind(name)
    data = np.ascontiguousarray(data, np.uint8)
    row = columns // kind.weights * kind.bytes
    if columns % kind.weights or row < 1:
        raise ValueError(
            f"{name}: rows of {columns}, multiples "
            f"of {kind.weights} are needed"
        )
    if data.ndim != 2 or data.shape[1] != row:
        raise ValueError(
            f"{name}: shape {data.shape}, rows of "
            f"{row} bytes are needed"
        )
    out = np.empty((len(data), columns), np.float32)
    lib = load(path)
    getattr(lib, reader(lib, name))(
        pointer(data),
        pointer(out),
        ctypes.c_int64(out.size),
    )
    return out


def engine_accepts(
    path: Path, name: str, data: Bytes
) -> bool:
    """Ask whether the engine takes these bytes.

    It looks at scales: one that is not finite is
    refused by llama-quantize, and by a loader that
    is told to check.
    """
    kind = find_kind(name)
    check = load(path).ggml_validate_row_data
    check.restype = ctypes.c_bool
    data = np.ascontiguousarray(data, np.uint8)
    accepted: bool = check(
        ctypes.c_int(kind.number),
        pointer(data),
        ctypes.c_size_t(data.size),
    )
    return accepted


# --8<-- [end:dequantize]


# --8<-- [start:hard]
def hard_tensors(
    seed: int, rows: int = 16
) -> dict[str, Floats]:
    """Tensors (rows, 256) where quantizers differ.

    Ties, zeros with a sign, scales that float16 or
    float32 hardly holds. All values are finite, and
    all scales fit.
    """
    chance = np.random.default_rng(seed)
    shape = rows, 256
    normal = chance.normal(0, 0.02, shape)
    sign = chance.choice([-1.0, 1.0], shape)
    halves = chance.integers(-254, 255, shape) / 2
    halves[:, ::32] = 127
    eighths = chance.integers(-16, 16, shape) / 2
    eighths[:, ::32] = -8
    far = normal.copy()
    far[:, 7::32] *= 100
    power = chance.integers(-60, 13, shape)
    wide = np.ldexp(normal, power) * 50
    near = np.nextafter(
        halves.astype(np.float32), np.float32(0)
    )
    found = {
        "normal": normal,
        "zeros, both signs": normal * 0,
        "one value": 0 * normal + normal[:, :1],
        "zeros and ones": np.where(
            normal > 0, 1, 0 * sign
        ),
        "plus and minus": 0.3 * sign,
        "ties, 8 bits": halves,
        "ties, 4 bits": eighths,
        "beside a tie": near,
        "one far out": far,
        "from tiny to large": np.clip(
            wide, -1e4, 1e4
        ),
        "1e-6": normal * 5e-5,
        "1e-15": normal * 5e-14,
        "1e-38": normal * 5e-37,
        "denormal": normal * 5e-39,
        "large": 5e5 * normal,
    }
    return {
        name: tensor.astype(np.float32)
        for name, tensor in found.items()
    }


# --8<-- [end:hard]
