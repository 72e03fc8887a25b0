"""How do AWQ and compressed-tensors use int32?"""

# --8<-- [start:awq]
import numpy as np

from snippets.model_formats.int32_packing import (
    Codes,
    IntegerMatrix,
    Tensors,
    Words,
    in_order,
    pack_bits,
    unpack_bits,
)

# Which of eight neighbors stands in which nibble of
# a word, the lowest first.
AWQ_ORDER = (0, 2, 4, 6, 1, 3, 5, 7)
AWQ_BITS = 4


def pack_awq(codes: Codes) -> Words:
    """Mix eight neighbors into a word.

    (rows, columns) to int32 (rows, columns / 8)
    Raises ValueError unless 8 divides columns.
    """
    rows, columns = codes.shape
    if columns % len(AWQ_ORDER):
        raise ValueError(
            f"{columns} columns: AWQ needs a "
            f"multiple of {len(AWQ_ORDER)}"
        )
    size = len(AWQ_ORDER)
    eights = codes.reshape(
        rows, columns // size, size
    )
    mixed = eights[..., list(AWQ_ORDER)]
    return pack_bits(
        mixed.reshape(rows, columns), AWQ_BITS
    )


def unpack_awq(words: Words) -> Codes:
    """Put them back in order."""
    mixed = unpack_bits(words, AWQ_BITS)
    eights = mixed.reshape(
        *words.shape, len(AWQ_ORDER)
    )
    back = np.argsort(AWQ_ORDER)
    return eights[..., back].reshape(mixed.shape)


def awq_tensors(matrix: IntegerMatrix) -> Tensors:
    """Lay a matrix out as AWQ's "gemm" does.

    qweight: int32 (in, out / 8), a word holds
        neighbors of the output
    qzeros: int32 (groups, out / 8), as they are
    scales: float16 (groups, out)
    Raises ValueError for bits that are not 4.
    """
    matrix.check()
    if matrix.bits != AWQ_BITS:
        raise ValueError(
            f"bits is {matrix.bits}: AWQ has 4"
        )
    return {
        "qweight": pack_awq(matrix.codes.T),
        "qzeros": pack_awq(matrix.zeros.T),
        "scales": matrix.scales.T.astype("<f2"),
    }


def awq_matrix(tensors: Tensors) -> IntegerMatrix:
    """Read a matrix out of AWQ's three tensors."""
    codes = unpack_awq(tensors["qweight"]).T
    zeros = unpack_awq(tensors["qzeros"]).T
    columns, groups = codes.shape[1], zeros.shape[1]
    return IntegerMatrix(
        codes,
        zeros,
        tensors["scales"].T,
        in_order(columns, columns // groups),
    )


# --8<-- [end:awq]


# --8<-- [start:compressed]
def compressed_tensors(
    matrix: IntegerMatrix,
) -> Tensors:
    """Lay a matrix out as "pack-quantized" does.

    weight_packed: int32 (out, in * bits / 32)
    weight_zero_point: int32
        (out * bits / 32, groups)
    weight_shape: int64 (2,), out and in
    A library that has codes from -8 to 7 adds 8.
    """
    matrix.check()
    codes, bits = matrix.codes, matrix.bits
    zeros = pack_bits(matrix.zeros.T, bits).T
    shape = np.array(codes.shape, dtype="<i8")
    return {
        "weight_packed": pack_bits(codes, bits),
        "weight_scale": matrix.scales,
        "weight_zero_point": zeros,
        "weight_shape": shape,
    }


def compressed_matrix(
    tensors: Tensors, bits: int
) -> IntegerMatrix:
    """Read a matrix out of its four tensors."""
    packed = tensors["weight_packed"]
    zeros = tensors["weight_zero_point"].T
    codes = unpack_bits(packed, bits)
    groups = tensors["weight_scale"].shape[1]
    columns = codes.shape[1]
    return IntegerMatrix(
        codes,
        unpack_bits(zeros, bits).T,
        tensors["weight_scale"],
        in_order(columns, columns // groups),
        bits,
    )


# --8<-- [end:compressed]
