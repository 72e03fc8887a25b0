"""What does a GPU format store of a matrix?"""

# --8<-- [start:table]
from math import prod
from typing import NamedTuple

# Name, dtype as in safetensors, and dimensions: of
# a matrix (out, in), in the groups usual for each;
# "/^" rounds up. The JSON of bitsandbytes is left
# out, and EXL3 has 4 bits.
LAYOUTS = {
    "GPTQ": (
        "qweight I32 in/8 out",
        "qzeros I32 in/128 out/8",
        "scales F16 in/128 out",
        "g_idx I32 in",
    ),
    "AWQ": (
        "qweight I32 in out/8",
        "qzeros I32 in/128 out/8",
        "scales F16 in/128 out",
    ),
    "pack-quantized": (
        "weight_packed I32 out in/8",
        "weight_scale BF16 out in/128",
        "weight_shape I64 2",
    ),
    "MLX": (
        "weight U32 out in/8",
        "scales BF16 out in/64",
        "biases BF16 out in/64",
    ),
    "MatMulNBits": (
        "B U8 out in/^32 16",
        "scales F16 out in/^32",
        "zero_points U8 out in/^64",
    ),
    "int-quantized": (
        "weight I8 out in",
        "weight_scale BF16 out 1",
    ),
    "FP8, tensor": (
        "weight F8_E4M3 out in",
        "weight_scale F32",
    ),
    "FP8, channel": (
        "weight F8_E4M3 out in",
        "weight_scale BF16 out 1",
    ),
    "FP8, block": (
        "weight F8_E4M3 out in",
        "weight_scale_inv F32 out/^128 in/^128",
    ),
    "MXFP4": (
        "_blocks U8 out in/32 16",
        "_scales U8 out in/32",
    ),
    "NVFP4": (
        "weight U8 out in/2",
        "weight_scale F8_E4M3 out in/16",
        "weight_scale_2 F32",
    ),
    "NF4": (
        "weight U8 out*in/^2 1",
        "weight.absmax F32 out*in/^64",
        "weight.quant_map F32 16",
    ),
    "NF4, double": (
        "weight U8 out*in/^2 1",
        "weight.absmax U8 out*in/^64",
        "weight.quant_map F32 16",
        "weight.nested_absmax F32 out*in/^16384",
        "weight.nested_quant_map F32 256",
    ),
    "LLM.int8": (
        "weight I8 out in",
        "SCB F32 out",
        "weight_format U8",
    ),
    "EXL3": (
        "trellis I16 in/16 out/16 64",
        "suh F16 in",
        "svh F16 out",
        "mcg I32",
    ),
}
# --8<-- [end:table]

# --8<-- [start:count]
DTYPE_BITS = {
    "I64": 64,
    "I32": 32,
    "U32": 32,
    "F32": 32,
    "I16": 16,
    "F16": 16,
    "BF16": 16,
    "I8": 8,
    "U8": 8,
    "F8_E4M3": 8,
}


class Stored(NamedTuple):
    """A tensor that holds a part of a matrix."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def bits(self) -> int:
        """Count its bits."""
        return DTYPE_BITS[self.dtype] * prod(
            self.shape
        )


def length(
    term: str, out: int, columns: int
) -> int:
    """Compute a dimension of the table.

    Raises ValueError where a rest would be left.
    """
    sides = {"out": out, "in": columns}
    factors, _, size = term.partition("/")
    whole = prod(
        sides[each] if each in sides else int(each)
        for each in factors.split("*")
    )
    if size.startswith("^"):
        return -(-whole // int(size[1:]))
    if whole % int(size or 1):
        raise ValueError(
            f"{factors} is {whole}, a multiple "
            f"of {size} is needed"
        )
    return whole // int(size or 1)


def layout(
    name: str, out: int, columns: int
) -> tuple[Stored, ...]:
    """Name the tensors of a matrix in a format.

    Raises ValueError for a format not known here,
    and for sides it cannot hold.
    """
    if name not in LAYOUTS:
        raise ValueError(
            f"format {name!r} is not of "
            f"{', '.join(LAYOUTS)}"
        )
    if out < 1 or columns < 1:
        raise ValueError(
            f"a matrix of {out} by {columns}: "
            "sides from 1 are needed"
        )
    found = []
    for line in LAYOUTS[name]:
        tensor, dtype, *terms = line.split()
        shape = tuple(
            length(each, out, columns)
            for each in terms
        )
        found.append(Stored(tensor, dtype, shape))
    return tuple(found)


def bits_per_weight(
    name: str, out: int, columns: int
) -> float:
    """All bits stored, over out * columns."""
    stored = sum(
        each.bits
        for each in layout(name, out, columns)
    )
    return stored / (out * columns)


# --8<-- [end:count]
