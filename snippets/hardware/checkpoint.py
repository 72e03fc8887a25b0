"""How many bytes does a checkpoint take?"""

# --8<-- [start:imports]
from math import ceil, prod
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from snippets.data.layers import Attention
from snippets.data.models import Model
from snippets.hardware.mixer_tensors import Tensor
from snippets.hardware.tensors import gguf_tensors

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
    matrix_bits: int = Field(
        default=0,
        ge=0,
        description="of each matrix or expert",
    )
    covers: Literal[
        "nothing", "linear", "experts", "all"
    ] = "linear"
    uneven: Literal[
        "refused", "padded", "16 bit"
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
        uneven="padded",
    ),
    # Their scales in groups of 256 in turn.
    "nf4-double": Format(
        bits=4,
        group=64 * 256,
        group_bits=256 * 8 + 32,
        uneven="padded",
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
    if row % group and kind.uneven != "padded":
        if kind.uneven == "16 bit":
            return plain
        raise ValueError(
            f"{tensor.name}: {name} has groups of "
            f"{group}, and a row has {row}"
        )
    if name.startswith("nf4"):
        # Its groups run on over the ends of rows.
        groups = ceil(row * rows / group)
    else:
        groups = ceil(row / group) * ceil(
            rows / kind.group_rows
        )
    bits = (
        row * rows * kind.bits
        + groups * kind.group_bits
        + row * kind.column_bits
        + kind.matrix_bits
    )
    return matrices * ceil(bits / 8)


# --8<-- [end:bytes]


# --8<-- [start:shards]
def checkpoint_tensors(
    built: Model,
) -> list[Tensor]:
    """Name the tensors, in GGUF's words and order.

    One that only GGUF has is left out; the two
    halves of a latent's matrix have its rows.
    """
    found = []
    for tensor in gguf_tensors(built):
        name, shape = tensor
        if "rope_freqs" in name:
            continue
        if "attn_k_b" in name:
            rank, width = shape[1], shape[0]
            shape = (rank, width * shape[2])
        if "attn_v_b" in name:
            shape = (shape[0], shape[1] * shape[2])
        found.append(Tensor(name, shape))
    return found


# Whole on each rank, beside the small ones.
WHOLE = (
    "_norm",
    "gate_inp",
    "exp_probs_b",
    "attn_q_a.",
    "attn_kv_a_mqa",
    "indexer.",
    "attn_output.bias",
    "ffn_down_exps.bias",
    "altup",
    "laurel",
    "per_layer",
    "inp_gate",
    ".proj.",
    ".scale",
)
# Split along the row; the others by rows.
BY_ROW = ("attn_output", "ffn_down", "ssm_out")


def kept_heads(heads: int, ranks: int) -> int:
    """KV heads on a rank: 1 or more.

    Raises ValueError where neither divides.
    """
    if heads < ranks and ranks % heads == 0:
        return 1
    return divide(heads, ranks, "KV heads")


def divide(size: int, ranks: int, what: str) -> int:
    """Divide what has to come out even."""
    if size % ranks:
        raise ValueError(
            f"tensor_parallel {ranks} does not "
            f"divide {size} {what}"
        )
    return size // ranks


def shard(
    tensor: Tensor, built: Model, ranks: int
) -> Tensor:
    """Give what a rank of tensor parallelism holds.

    Raises ValueError where a size does not divide.
    Source: vLLM, model_executor/layers/linear.py
    and vocab_parallel_embedding.py.
    """
    name, shape = tensor
    if ranks == 1 or any(
        part in name for part in WHOLE
    ):
        return tensor
    row, *rest = shape
    if part_of(tensor) in ("embedding", "output"):
        # Padded to 64, before it is divided.
        padded = ceil(rest[0] / 64) * 64
        rest[0] = divide(padded, ranks, "words")
        return Tensor(name, (row, *rest))
    part = built.attention or built.full_attention
    if isinstance(part, Attention) and any(
        key in name
        for key in ("attn_k.", "attn_v.")
    ):
        layer = int(name.split(".")[1])
        own = built.mixer_of(layer)
        heads = (
            own.kv_heads
            if isinstance(own, Attention)
            else part.kv_heads
        )
        kept = kept_heads(heads, ranks)
        if not rest:
            return Tensor(
                name, (row * kept // heads,)
            )
        return Tensor(
            name, (row, rest[0] * kept // heads)
        )
    if (
        not rest
        or ".bias" in name
        or any(key in name for key in BY_ROW)
    ):
        row = divide(row, ranks, f"of {name}")
        return Tensor(name, (row, *rest))
    rest[0] = divide(rest[0], ranks, f"of {name}")
    return Tensor(name, (row, *rest))


# --8<-- [end:shards]


# --8<-- [start:total]
class Checkpoint(NamedTuple):
    """Bytes by part of the model, of a rank."""

    groups: dict[str, int]
    parameters: int

    @property
    def bytes(self) -> int:
        """All parts."""
        return sum(self.groups.values())

    @property
    def gib(self) -> float:
        """All parts, in GiB."""
        return self.bytes / 2**30

    @property
    def bits_per_weight(self) -> float:
        """8 · bytes / weights."""
        return 8 * self.bytes / self.parameters


def heads_of(built: Model) -> set[int]:
    """Heads by which a model's layers divide."""
    parts = (
        built.attention,
        built.full_attention,
        built.latent,
        built.mamba,
    )
    found = {part.heads for part in parts if part}
    if built.linear:
        found.add(built.linear.key_heads)
    return found


def checkpoint_bytes(
    built: Model,
    name: str,
    tensor_parallel: int = 1,
) -> Checkpoint:
    """Bytes of weights, by part, on each rank.

    name: of FORMATS, "bf16" to "mlx-8"
    Raises ValueError for an unknown format or
    family, ranks that do not divide the heads, and
    groups that do not divide a row.
    """
    weight_format(name)
    if not 1 <= tensor_parallel <= 1_024:
        raise ValueError(
            "tensor_parallel is "
            f"{tensor_parallel}; 1 to 1,024"
        )
    for heads in sorted(heads_of(built)):
        divide(heads, tensor_parallel, "heads")
    groups: dict[str, int] = {}
    count = 0
    for tensor in checkpoint_tensors(built):
        own = shard(tensor, built, tensor_parallel)
        group = part_of(tensor)
        groups[group] = groups.get(
            group, 0
        ) + stored_bytes(own, name)
        count += prod(own.shape)
    return Checkpoint(groups, count)


# --8<-- [end:total]
