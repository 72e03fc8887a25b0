"""How do GPTQ and AWQ put codes into int32?"""

# --8<-- [start:stream]
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]
Words = NDArray[np.int32]
Floats = NDArray[np.float32]
Tensors = dict[str, NDArray[Any]]


def check_codes(codes: Codes, bits: int) -> None:
    """Raise ValueError for codes out of range."""
    if not 2 <= bits <= 8:
        raise ValueError(
            f"bits is {bits}, not 2 to 8"
        )
    least, most = int(codes.min()), int(codes.max())
    if least < 0 or most >= 1 << bits:
        raise ValueError(
            f"codes from {least} to {most}: {bits} "
            f"bits hold 0 to {(1 << bits) - 1}"
        )


def pack_bits(codes: Codes, bits: int) -> Words:
    """Write each row as one stream of bits.

    Code i takes bits i * bits and up, the lowest
    first, across the borders of words where bits is
    3, 5 or 6.
    (rows, columns) to (rows, columns * bits / 32)
    Raises ValueError for codes out of range, and
    rows that do not fill whole words.
    """
    check_codes(codes, bits)
    rows, columns = codes.shape
    if columns * bits % 32:
        raise ValueError(
            f"{columns} codes of {bits} bits do "
            "not fill whole words of 32 bits"
        )
    places = np.arange(bits, dtype=np.uint8)
    wide = (
        codes.astype(np.uint8)[..., None] >> places
    )
    stream = (wide & 1).reshape(
        rows, columns * bits
    )
    data = np.packbits(stream, 1, bitorder="little")
    return data.view("<i4")


def unpack_bits(words: Words, bits: int) -> Codes:
    """Read (rows, words * 32 / bits) codes.

    Raises ValueError where bits do not divide a
    row.
    """
    rows, count = words.shape
    if not 2 <= bits <= 8 or count * 32 % bits:
        raise ValueError(
            f"{count} words hold no whole number "
            f"of codes of {bits} bits"
        )
    data = np.ascontiguousarray(words).view(
        np.uint8
    )
    stream = np.unpackbits(
        data, 1, bitorder="little"
    )
    many = count * 32 // bits
    wide = stream.reshape(rows, many, bits)
    codes = np.packbits(wide, 2, bitorder="little")
    return codes.reshape(rows, many)


# --8<-- [end:stream]


# --8<-- [start:matrix]
class IntegerMatrix(NamedTuple):
    """A matrix as integer codes, (out, in).

    codes: (out, in), of so many bits
    zeros: (out, groups), the code that means 0
    scales: (out, groups)
    group_of: (in,), to which group a column belongs
    """

    codes: Codes
    zeros: Codes
    scales: NDArray[np.floating[Any]]
    group_of: NDArray[np.int32]
    bits: int = 4

    def check(self) -> None:
        """Raise ValueError for odd shapes."""
        check_codes(self.codes, self.bits)
        check_codes(self.zeros, self.bits)
        out, columns = self.codes.shape
        groups = int(self.group_of.max()) + 1
        for name, found, expected in (
            ("zeros", self.zeros, (out, groups)),
            ("scales", self.scales, (out, groups)),
            ("group_of", self.group_of, (columns,)),
        ):
            if found.shape != expected:
                raise ValueError(
                    f"{name}: shape {found.shape}, "
                    f"{expected} is needed"
                )

    def dequantize(self) -> Floats:
        """(code - zero) * scale, group by group."""
        zeros = self.zeros[:, self.group_of]
        steps = (
            self.codes.astype(np.float32) - zeros
        )
        return steps * self.scales[:, self.group_of]


def in_order(columns: int, size: int) -> Words:
    """Columns of a group stand side by side.

    Raises ValueError where groups do not divide a
    row.
    """
    if size < 1 or columns % size:
        raise ValueError(
            f"rows of {columns} weights, a "
            f"multiple of the group of {size} is "
            "needed"
        )
    return (
        np.arange(columns, dtype=np.int32) // size
    )


# --8<-- [end:matrix]


# --8<-- [start:gptq]
def stored_less(version: int) -> int:
    """Say what is taken off a zero in the file.

    Raises ValueError for a version not known.
    """
    if version not in (1, 2):
        raise ValueError(
            f"version is {version}, not 1 or 2"
        )
    return 2 - version


def gptq_tensors(
    matrix: IntegerMatrix, version: int = 1
) -> Tensors:
    """Lay a matrix out as GPTQ does.

    qweight: int32 (in * bits / 32, out), a word
        holds neighbors of one column of the input
    qzeros: int32 (groups, out * bits / 32), each
        zero minus one in version 1, as it is in
        version 2
    Raises ValueError for a zero of 0 in version 1.
    """
    matrix.check()
    least = stored_less(version)
    if int(matrix.zeros.min()) < least:
        raise ValueError(
            "a zero of 0 has no place in version 1"
        )
    codes, bits = matrix.codes, matrix.bits
    zeros = (matrix.zeros - np.uint8(least)).T
    return {
        "qweight": pack_bits(codes, bits).T,
        "qzeros": pack_bits(zeros, bits),
        "scales": matrix.scales.T.astype("<f2"),
        "g_idx": matrix.group_of,
    }


def gptq_matrix(
    tensors: Tensors, bits: int, version: int = 1
) -> IntegerMatrix:
    """Read a matrix out of GPTQ's four tensors."""
    zeros = unpack_bits(tensors["qzeros"], bits).T
    more = np.uint8(stored_less(version))
    return IntegerMatrix(
        unpack_bits(tensors["qweight"].T, bits),
        (zeros + more) & np.uint8((1 << bits) - 1),
        tensors["scales"].T,
        tensors["g_idx"],
        bits,
    )


# --8<-- [end:gptq]
