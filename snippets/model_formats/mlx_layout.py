"""How does MLX lay out quantized weights?"""

# --8<-- [start:mlx]
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from snippets.model_formats.int32_packing import (
    Codes,
    Floats,
    pack_bits,
    unpack_bits,
)

BITS = (2, 3, 4, 5, 6, 8)
GROUPS = (32, 64, 128)


class MlxTensors(NamedTuple):
    """The three tensors of a layer, as in the file.

    weight: uint32 (out, in * bits / 32)
    scales, biases: (out, in / group), float16, BF16
        or float32; `biases` is no bias of the layer
    """

    weight: NDArray[np.uint32]
    scales: NDArray[np.floating[Any]]
    biases: NDArray[np.floating[Any]]


def mlx_tensors(
    codes: Codes,
    scales: NDArray[np.floating[Any]],
    biases: NDArray[np.floating[Any]],
    bits: int,
) -> MlxTensors:
    """Pack codes (out, in) into 32-bit words.

    Raises ValueError for bits or groups that MLX
    has not, codes out of range and shapes that
    disagree.
    """
    if bits not in BITS:
        raise ValueError(
            f"bits is {bits}, not of {BITS}"
        )
    if scales.shape != biases.shape:
        raise ValueError(
            f"scales {scales.shape} and biases "
            f"{biases.shape} differ in shape"
        )
    group_size(codes.shape, scales.shape)
    words = pack_bits(codes, bits).view("<u4")
    return MlxTensors(words, scales, biases)


def group_size(
    weights: tuple[int, ...],
    scales: tuple[int, ...],
) -> int:
    """Say how many weights share a scale.

    Raises ValueError for what is no group of MLX.
    """
    size, rest = divmod(weights[1], scales[1])
    if (
        rest
        or size not in GROUPS
        or weights[0] != scales[0]
    ):
        raise ValueError(
            f"weights {weights} and scales "
            f"{scales}: groups have to be of "
            f"{GROUPS}"
        )
    return size


def mlx_codes(
    tensors: MlxTensors, bits: int
) -> Codes:
    """Take the codes out again: (out, in).

    Bits stand in config.json, not in the tensors: 4
    bits in groups of 64 and 8 bits in groups of 32
    have the same shapes.
    """
    words = tensors.weight.view("<i4")
    codes = unpack_bits(words, bits)
    group_size(codes.shape, tensors.scales.shape)
    return codes


def mlx_weights(
    tensors: MlxTensors, bits: int
) -> Floats:
    """scale * code + bias, in float32."""
    codes = mlx_codes(tensors, bits)
    shape = codes.shape
    size = group_size(shape, tensors.scales.shape)
    scales = np.repeat(tensors.scales, size, axis=1)
    biases = np.repeat(tensors.biases, size, axis=1)
    wide = codes.astype(np.float32) * scales.astype(
        np.float32
    )
    return wide + biases.astype(np.float32)


# --8<-- [end:mlx]
