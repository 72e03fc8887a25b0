"""How many bytes does a checkpoint take?"""

# --8<-- [start:imports]
from math import ceil, prod
from typing import NamedTuple

from snippets.data.layers import Attention
from snippets.data.models import Model
from snippets.hardware.formats import (
    part_of,
    stored_bytes,
    weight_format,
)
from snippets.hardware.mixer_tensors import Tensor
from snippets.hardware.tensors import gguf_tensors

# --8<-- [end:imports]


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
    for part in (
        built.attention,
        built.full_attention,
    ):
        if part:
            kept_heads(
                part.kv_heads, tensor_parallel
            )
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
