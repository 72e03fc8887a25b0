"""How does bitsandbytes store its weights?"""

# --8<-- [start:four]
import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from snippets.model_formats.int32_packing import (
    Codes,
    Floats,
    Tensors,
    check_codes,
)


class QuantState(BaseModel):
    """The JSON that is kept in a tensor."""

    model_config = ConfigDict(
        frozen=True, allow_inf_nan=False
    )

    quant_type: str = Field(pattern="^(nf4|fp4)$")
    blocksize: int = Field(ge=32, le=4096)
    dtype: str
    shape: tuple[int, ...]
    nested_blocksize: int | None = None
    nested_dtype: str | None = None
    nested_offset: float | None = None


def pack_pairs(codes: Codes) -> NDArray[np.uint8]:
    """Put two codes in a byte, the first high.

    The matrix is one row: uint8 (ceil(n / 2), 1).
    Raises ValueError for codes above 15.
    """
    check_codes(codes, 4)
    flat = codes.astype(np.uint8).flatten()
    even = np.pad(flat, (0, len(flat) % 2))
    high = even[::2] << np.uint8(4)
    packed = high | even[1::2]
    return packed.reshape(len(packed), 1)


def unpack_pairs(
    data: NDArray[np.uint8], shape: tuple[int, ...]
) -> Codes:
    """Take the codes out, in their shape.

    Raises ValueError where bytes and shape
    disagree.
    """
    count = int(np.prod(shape))
    if data.size != -(-count // 2):
        raise ValueError(
            f"{data.size} bytes for {count} codes "
            "of 4 bits"
        )
    flat = data.flatten()
    pairs = np.stack([flat >> 4, flat & 15], axis=1)
    return pairs.flatten()[:count].reshape(shape)


def state_bytes(
    state: QuantState,
) -> NDArray[np.uint8]:
    """Write the JSON as a tensor of its letters."""
    kept = state.model_dump(exclude_none=True)
    text = json.dumps(kept).encode()
    return np.frombuffer(text, np.uint8)


def read_state(tensors: Tensors) -> QuantState:
    """Read it from the tensor of its name.

    Raises ValueError where there is none, or two,
    or it says what cannot be.
    """
    start = "quant_state.bitsandbytes__"
    names = [
        k for k in tensors if k.startswith(start)
    ]
    if len(names) != 1:
        raise ValueError(
            f"{len(names)} tensors named {start}…: "
            "one is needed"
        )
    text = tensors[names[0]].tobytes()
    return QuantState.model_validate_json(text)


def block_scales(tensors: Tensors) -> Floats:
    """Read absmax; undo the second quantization.

    absmax = nested_quant_map[code] * nested_absmax
    + nested_offset, where codes are stored
    """
    state = read_state(tensors)
    absmax = tensors["absmax"]
    if state.nested_blocksize is None:
        return absmax.astype(np.float32)
    levels = tensors["nested_quant_map"][absmax]
    outer = np.repeat(
        tensors["nested_absmax"],
        state.nested_blocksize,
    )[: len(absmax)]
    offset = np.float32(state.nested_offset or 0)
    scales: Floats = levels * outer + offset
    return scales


def four_bit_weights(tensors: Tensors) -> Floats:
    """quant_map[code] * absmax, block by block.

    tensors: weight, absmax, quant_map and the
    state, named as after "weight."; weight itself
    as "weight"
    Raises ValueError where blocks and scales
    disagree.
    """
    state = read_state(tensors)
    codes = unpack_pairs(
        tensors["weight"], state.shape
    )
    scales = block_scales(tensors)
    blocks = -(-codes.size // state.blocksize)
    if len(scales) != blocks:
        raise ValueError(
            f"absmax: {len(scales)} scales for "
            f"{blocks} blocks"
        )
    levels = tensors["quant_map"][codes].flatten()
    each = np.repeat(scales, state.blocksize)
    found = levels * each[: codes.size]
    return found.reshape(state.shape)


# --8<-- [end:four]


# --8<-- [start:eight]
def eight_bit_weights(
    weight: NDArray[np.int8], scb: NDArray[Any]
) -> Floats:
    """code * SCB / 127: float32 (out, in).

    weight: int8 (out, in); scb: float32 (out,), the
    largest of each row
    Raises ValueError where they disagree.
    """
    if scb.shape != weight.shape[:1]:
        raise ValueError(
            f"SCB: shape {scb.shape}, "
            f"{weight.shape[:1]} is needed"
        )
    steps = weight.astype(np.float32) * scb[:, None]
    weights: Floats = steps * np.float32(1 / 127)
    return weights


# --8<-- [end:eight]
