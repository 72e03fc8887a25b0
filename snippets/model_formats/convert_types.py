"""What do F16 and BF16 keep of a weight?"""

# --8<-- [start:imports]
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from snippets.data.small_model import Floats

# --8<-- [end:imports]


# --8<-- [start:kinds]
class Encoded(NamedTuple):
    """A matrix as a kind of GGUF stores it."""

    kind: str
    data: bytes


# What encodes a matrix (out, in), given its name.
Encode = Callable[[str, Floats], Encoded]
# What decodes bytes of a kind to (out, in).
Decode = Callable[
    [str, bytes, tuple[int, ...]], Floats
]


def as_f32(_: str, matrix: Floats) -> Encoded:
    """Store all 32 bits."""
    return Encoded(
        "F32", matrix.astype("<f4").tobytes()
    )


def as_f16(name: str, matrix: Floats) -> Encoded:
    """Round to 16 bits, 5 of them exponent.

    Raises ValueError above 65,504, where F16 ends.
    """
    with np.errstate(over="ignore"):
        narrow = matrix.astype("<f2")
    if np.isinf(narrow).any():
        largest = np.abs(matrix).max()
        raise ValueError(
            f"{name} reaches {largest:g}: F16 ends "
            f"at {np.finfo(np.float16).max:g}"
        )
    return Encoded("F16", narrow.tobytes())


def as_bf16(_: str, matrix: Floats) -> Encoded:
    """Round to the upper 16 of 32 bits.

    To the nearest; halfway, to the even one.
    """
    bits = matrix.astype("<f4").view("<u4")
    even = (bits >> 16) & 1
    upper = (bits + even + 0x7FFF) >> 16
    return Encoded(
        "BF16", upper.astype("<u2").tobytes()
    )


# --8<-- [end:kinds]


# --8<-- [start:plain]
def plain(
    kind: str, data: bytes, shape: tuple[int, ...]
) -> Floats:
    """Widen F32, F16 or BF16 to float32.

    Raises ValueError for another kind.
    """
    if kind == "BF16":
        upper = np.frombuffer(data, "<u2")
        wide = upper.astype("<u4") << 16
        return wide.view("<f4").reshape(shape)
    if kind not in ("F32", "F16"):
        raise ValueError(
            f"kind {kind}: F32, F16 and BF16 are "
            "plain; give a decoder for others"
        )
    form = "<f4" if kind == "F32" else "<f2"
    values = np.frombuffer(data, form)
    return values.astype(np.float32).reshape(shape)


# --8<-- [end:plain]
