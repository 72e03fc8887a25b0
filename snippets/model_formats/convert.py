"""How does a model become a GGUF file, and back?"""

# --8<-- [start:imports]
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
)
from typing import BinaryIO, NamedTuple

import numpy as np

from snippets.data.small_model import (
    Floats,
    LlamaConfig,
)
from snippets.model_formats.convert_names import (
    faults,
    interleave,
    places,
    separate,
)
from snippets.model_formats.gguf_file import (
    read_gguf,
)
from snippets.model_formats.gguf_values import Value
from snippets.model_formats.gguf_writer import (
    GgufTensor,
)

# --8<-- [end:imports]


# --8<-- [start:kinds]
class Encoded(NamedTuple):
    """A matrix as a type of GGUF stores it."""

    type: str
    data: bytes


# What encodes a matrix (out, in), given its name.
Encode = Callable[[str, Floats], Encoded]
# What decodes bytes of a type to (out, in).
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


def plain(
    kind: str, data: bytes, shape: tuple[int, ...]
) -> Floats:
    """Widen F32, F16 or BF16 to float32.

    Raises ValueError for another type.
    """
    if kind == "BF16":
        upper = np.frombuffer(data, "<u2")
        wide = upper.astype("<u4") << 16
        return wide.view("<f4").reshape(shape)
    if kind not in ("F32", "F16"):
        raise ValueError(
            f"type {kind}: F32, F16 and BF16 are "
            "plain; give a decoder for others"
        )
    form = "<f4" if kind == "F32" else "<f2"
    values = np.frombuffer(data, form)
    return values.astype(np.float32).reshape(shape)


# --8<-- [end:kinds]


# --8<-- [start:to]
def to_gguf(
    config: LlamaConfig,
    weights: Mapping[str, Floats],
    encode: Encode = as_f32,
    *,
    tied: bool,
) -> list[GgufTensor]:
    """Name, order and encode what a file stores.

    encode: for matrices; vectors stay in F32
    tied: as tie_word_embeddings of config.json
    Raises ValueError with all faults.
    """
    wrong = faults(config, weights, tied=tied)
    if wrong:
        raise ValueError("; ".join(wrong))
    found = []
    for one in places(config, tied=tied):
        values = weights[one.name]
        if one.heads:
            values = interleave(values, one.heads)
        kept = (
            as_f32 if values.ndim == 1 else encode
        )
        kind, data = kept(one.gguf_name, values)
        found.append(
            GgufTensor(
                one.gguf_name,
                one.shape[::-1],
                kind,
                data,
            )
        )
    return found


# --8<-- [end:to]


# --8<-- [start:from]
def read_stored(
    file: BinaryIO,
) -> tuple[Mapping[str, Value], list[GgufTensor]]:
    """Read all that `write_gguf` was given.

    Raises FormatError as `read_gguf` does.
    """
    found = read_gguf(file)
    return found.metadata, [
        GgufTensor(
            one.name,
            one.shape,
            one.kind,
            found.read(file, one),
        )
        for one in found.tensors
    ]


def from_gguf(
    config: LlamaConfig,
    tensors: Iterable[GgufTensor],
    decode: Decode = plain,
    *,
    tied: bool,
) -> dict[str, Floats]:
    """Undo `to_gguf`: Hugging Face's names, order.

    Raises ValueError with all faults.
    """
    by_name = {
        one.gguf_name: one
        for one in places(config, tied=tied)
    }
    found: dict[str, Floats] = {}
    wrong = []
    for name, reversed_shape, kind, data in tensors:
        shape = reversed_shape[::-1]
        place = by_name.get(name)
        if place is None:
            wrong.append(f"{name} is not known")
            continue
        if place.name in found:
            wrong.append(f"{name} stands twice")
        values = decode(kind, data, shape)
        if place.heads and shape == place.shape:
            values = separate(values, place.heads)
        found[place.name] = values
    wrong += faults(config, found, tied=tied)
    if wrong:
        raise ValueError("; ".join(wrong))
    return found


# --8<-- [end:from]
