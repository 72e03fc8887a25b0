"""How is a GGUF file written?"""

# --8<-- [start:write]
from collections.abc import Mapping, Sequence
from math import prod
from struct import pack
from typing import BinaryIO, NamedTuple

from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
)

from snippets.model_formats.gguf_file import (
    DEFAULT_ALIGNMENT,
    LONGEST_NAME,
    MAGIC,
    padded,
)
from snippets.model_formats.gguf_values import (
    Value,
    text_bytes,
    value_bytes,
)

VERSION = 3


class Stored(NamedTuple):
    """A tensor to be written.

    shape: row length first
    type: F32, Q4_K and so on
    data: its bytes, row after row
    """

    name: str
    shape: tuple[int, ...]
    type: str
    data: bytes


def check(tensor: Stored) -> None:
    """Refuse what could not be read again.

    Raises ValueError naming the tensor for an unknown
    type, a long name, or bytes that are not as many as
    shape and type need.
    """
    name = tensor.name
    if (
        tensor.type
        not in GGMLQuantizationType.__members__
    ):
        raise ValueError(
            f"{name}: type {tensor.type!r} is not known"
        )
    if not 0 < len(name.encode()) <= LONGEST_NAME:
        raise ValueError(
            f"{name!r}: a name has 1 to {LONGEST_NAME} "
            "bytes"
        )
    kind = GGMLQuantizationType[tensor.type]
    block, size = GGML_QUANT_SIZES[kind]
    rest = tensor.shape[0] % block
    needed = prod(tensor.shape) // block * size
    if rest or len(tensor.data) != needed:
        raise ValueError(
            f"{name}: {len(tensor.data)} bytes for "
            f"{tensor.shape} in {tensor.type}, needed "
            f"are {needed} and rows of a multiple of "
            f"{block}"
        )


def write_gguf(
    file: BinaryIO,
    metadata: Mapping[str, Value],
    tensors: Sequence[Stored],
) -> None:
    """Write header, metadata, descriptions and data.

    Raises ValueError for names that stand twice, and
    for what `check` refuses.
    """
    names = [tensor.name for tensor in tensors]
    if len(set(names)) < len(names):
        raise ValueError(
            "a tensor's name stands twice"
        )
    for tensor in tensors:
        check(tensor)
    said = metadata.get(
        "general.alignment",
        Value("u32", DEFAULT_ALIGNMENT),
    )
    alignment = said.data
    if not isinstance(alignment, int):
        raise TypeError(
            "general.alignment: not a number"
        )
    head = [
        MAGIC,
        pack(
            "<IQQ",
            VERSION,
            len(names),
            len(metadata),
        ),
    ]
    for key, value in metadata.items():
        head += [
            text_bytes(key),
            value_bytes(value),
        ]
    offset = 0
    for tensor in tensors:
        kind = GGMLQuantizationType[tensor.type]
        shape = tensor.shape
        head += [
            text_bytes(tensor.name),
            pack(
                f"<I{len(shape)}Q",
                len(shape),
                *shape,
            ),
            pack("<IQ", kind.value, offset),
        ]
        offset += padded(
            len(tensor.data), alignment
        )
    for data in (
        b"".join(head),
        *(tensor.data for tensor in tensors),
    ):
        file.write(data)
        gap = padded(len(data), alignment) - len(
            data
        )
        file.write(bytes(gap))


# --8<-- [end:write]
