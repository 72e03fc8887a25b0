"""How many bits does a weight take in a format?"""

# --8<-- [start:imports]
from math import ceil, prod
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from snippets.hardware.mixer_tensors import Tensor

# --8<-- [end:imports]


# --8<-- [start:formats]
class Format(BaseModel):
    """How the weights of a matrix are stored."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    bits: int = Field(ge=2, le=16)
    group: int = Field(
        default=0,
        ge=0,
        description="weights a scale; 0: a row's",
    )
    group_rows: int = Field(
        default=1,
        ge=1,
        description="rows that share a scale",
    )
    group_bits: int = Field(
        default=0,
        ge=0,
        description="scale, and zero point",
    )
    column_bits: int = Field(
        default=0,
        ge=0,
        description="of each weight of a row",
    )
    nested: int = Field(
        default=0,
        ge=0,
        description="scales that share one, FP32",
    )
    matrix_bits: int = Field(
        default=0,
        ge=0,
        description="of each matrix or expert",
    )
    covers: Literal[
        "nothing", "linear", "experts", "all"
    ] = "linear"
    uneven: Literal[
        "refused", "padded", "runs on", "16 bit"
    ] = Field(
        default="refused",
        description="where groups do not divide",
    )


FORMATS = {
    "bf16": Format(bits=16, covers="nothing"),
    "fp8": Format(bits=8, group_bits=16),
    "fp8-block": Format(
        bits=8,
        group=128,
        group_rows=128,
        group_bits=32,
        uneven="padded",
    ),
    "int8": Format(bits=8, group_bits=16),
    # A scale of 16 bits and a zero point of 4.
    "awq": Format(bits=4, group=128, group_bits=20),
    "gptq": Format(
        bits=4,
        group=128,
        group_bits=20,
        column_bits=32,
    ),
    "mxfp4": Format(
        bits=4,
        group=32,
        group_bits=8,
        covers="experts",
    ),
    "nvfp4": Format(
        bits=4,
        group=16,
        group_bits=8,
        matrix_bits=64,
    ),
    "nf4": Format(
        bits=4,
        group=64,
        group_bits=32,
        uneven="runs on",
    ),
    "nf4-double": Format(
        bits=4,
        group=64,
        group_bits=8,
        nested=256,
        uneven="runs on",
    ),
    "mlx-4": Format(
        bits=4,
        group=64,
        group_bits=32,
        covers="all",
        uneven="16 bit",
    ),
    "mlx-8": Format(
        bits=8,
        group=64,
        group_bits=32,
        covers="all",
        uneven="16 bit",
    ),
}


def weight_format(name: str) -> Format:
    """Look a format up.

    Raises ValueError for a name that is not there.
    """
    if name not in FORMATS:
        raise ValueError(
            f"format {name!r} is not of "
            f"{', '.join(FORMATS)}"
        )
    return FORMATS[name]


# --8<-- [end:formats]


# --8<-- [start:bytes]
# Left in 16 bit by every format: no matrices, or
# small and sensitive ones.
SMALL = (
    "_norm",
    "gate_inp",
    "conv1d",
    "ssm_a",
    "ssm_b",
    "ssm_d",
    "altup",
    "sinks",
    "indexer.proj",
    ".bias",
    ".scale",
)


GROUPS = {
    "token_embd": "embedding",
    "norm": "norms",
    "gate_inp": "router",
    "exp_probs_b": "router",
    "_exps": "experts",
    "ffn_": "feed-forward",
    "ssm_": "state",
    "attn_": "attention",
    "indexer": "attention",
}


def part_of(tensor: Tensor) -> str:
    """Say to which part of a model it belongs."""
    if tensor.name == "output.weight":
        return "output"
    for part, group in GROUPS.items():
        if part in tensor.name:
            return group
    return "other"


def is_covered(tensor: Tensor, covers: str) -> bool:
    """Say whether a format reaches a tensor."""
    if covers == "nothing" or any(
        part in tensor.name for part in SMALL
    ):
        return False
    group = part_of(tensor)
    if covers == "experts":
        return group == "experts"
    tables = ("embedding", "output")
    return covers == "all" or not (
        group in tables
        or "per_layer" in tensor.name
    )


def stored_bytes(tensor: Tensor, name: str) -> int:
    """Bytes of a tensor, with scales and zeros.

    weights · bits + groups · bits a group
    + what each column and each matrix adds.
    Raises ValueError where groups do not divide a
    row and the format's tools refuse that.
    """
    kind = weight_format(name)
    plain = 2 * prod(tensor.shape)
    if "exp_probs_b" in tensor.name:
        return 2 * plain
    if not is_covered(tensor, kind.covers):
        return plain
    row, rows, *rest = tensor.shape
    matrices = prod(rest)
    group = kind.group or row
    if row % group and kind.uneven == "16 bit":
        return plain
    if row % group and kind.uneven == "refused":
        raise ValueError(
            f"{tensor.name}: {name} has groups of "
            f"{group}, and a row has {row}"
        )
    groups = ceil(row / group) * ceil(
        rows / kind.group_rows
    )
    if kind.uneven == "runs on":
        groups = ceil(row * rows / group)
    shared = (
        ceil(groups / kind.nested)
        if kind.nested
        else 0
    )
    bits = (
        row * rows * kind.bits
        + groups * kind.group_bits
        + 32 * shared
        + row * kind.column_bits
        + kind.matrix_bits
    )
    return matrices * ceil(bits / 8)


# --8<-- [end:bytes]
