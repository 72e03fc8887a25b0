"""How is a GGUF file written?"""

# --8<-- [start:imports]
from collections import Counter
from collections.abc import Mapping, Sequence
from struct import pack
from typing import BinaryIO, NamedTuple

from gguf import GGMLQuantizationType

from snippets.model_formats.gguf_file import (
    ALIGNMENT,
    DEFAULT_ALIGNMENT_BYTES,
    LONGEST_KEY,
    MAGIC,
    VERSION,
    aligned,
    is_alignment,
)
from snippets.model_formats.gguf_tensors import (
    LONGEST_NAME,
    MOST_DIMENSIONS,
    TensorInfo,
    pack_info,
    stored_bytes,
)
from snippets.model_formats.gguf_values import (
    CODES,
    U32,
    Value,
    pack_text,
    pack_value,
)

# --8<-- [end:imports]


# --8<-- [start:tensor]
class GgufTensor(NamedTuple):
    """A tensor to be written.

    shape: row length first
    kind: F32, Q4_K and so on
    data: its bytes, as the kind stores them
    """

    name: str
    shape: tuple[int, ...]
    kind: str
    data: bytes


def check_tensor(tensor: GgufTensor) -> None:
    """Raise ValueError for what no reader takes."""
    name, shape, kind, data = tensor
    size = len(name.encode())
    if not 1 <= size <= LONGEST_NAME or (
        not name.isprintable()
    ):
        raise ValueError(
            f"name {name!r} has {size} bytes, not "
            f"1 to {LONGEST_NAME} that print"
        )
    if not 1 <= len(shape) <= MOST_DIMENSIONS or (
        min(shape) < 1
    ):
        raise ValueError(
            f"{name}: shape {shape} is not of 1 to "
            f"{MOST_DIMENSIONS} lengths above 0"
        )
    if kind not in GGMLQuantizationType.__members__:
        raise ValueError(
            f"{name}: kind {kind} is not known"
        )
    try:
        expected = stored_bytes(kind, shape)
    except ValueError as error:
        raise ValueError(
            f"{name}: {error}"
        ) from error
    if len(data) != expected:
        raise ValueError(
            f"{name}: {len(data)} bytes, not "
            f"{expected} as {kind} of {shape}"
        )


# --8<-- [end:tensor]


# --8<-- [start:entry]
def pack_entry(key: str, value: Value) -> bytes:
    """Write a key, the kind and the value.

    Raises ValueError, naming the key, for one that
    is empty, long or not printable ASCII, and for a
    value that has no kind.
    """
    if not 1 <= len(key) <= LONGEST_KEY or not (
        key.isascii() and key.isprintable()
    ):
        raise ValueError(
            f"key {key[:63]!r} is not 1 to "
            f"{LONGEST_KEY} letters of ASCII"
        )
    try:
        packed = pack_value(value)
    except ValueError as error:
        raise ValueError(
            f"{key}: {error}"
        ) from error
    code = CODES[type(value)]
    return (
        pack_text(key) + pack("<I", code) + packed
    )


# --8<-- [end:entry]


# --8<-- [start:write]
def write_gguf(
    file: BinaryIO,
    metadata: Mapping[str, Value],
    tensors: Sequence[GgufTensor],
) -> None:
    """Write a whole file, as `read_gguf` reads it.

    Raises ValueError, naming key or tensor, before
    a byte is written.
    """
    alignment = metadata.get(
        ALIGNMENT, U32(DEFAULT_ALIGNMENT_BYTES)
    )
    if not isinstance(alignment, U32) or (
        not is_alignment(alignment)
    ):
        raise ValueError(
            f"{ALIGNMENT} is {alignment!r}, not a "
            "U32 and a power of two from 8"
        )
    names = Counter(
        tensor.name for tensor in tensors
    )
    for name, count in names.items():
        if count > 1:
            raise ValueError(f"{name} stands twice")
    parts = [
        MAGIC,
        pack(
            "<IQQ",
            VERSION,
            len(tensors),
            len(metadata),
        ),
    ]
    parts += [
        pack_entry(key, value)
        for key, value in metadata.items()
    ]
    offset = 0
    for tensor in tensors:
        check_tensor(tensor)
        name, shape, kind, data = tensor
        parts.append(
            pack_info(
                TensorInfo(
                    name, shape, kind, offset
                )
            )
        )
        offset += aligned(len(data), alignment)
    at = 0
    for part in parts:
        at += file.write(part)
    for tensor in tensors:
        at += file.write(bytes(-at % alignment))
        at += file.write(tensor.data)
    if tensors:
        file.write(bytes(-at % alignment))


# --8<-- [end:write]
