"""How many bytes do a file's weights take?"""

# --8<-- [start:imports]
from dataclasses import dataclass
from functools import cached_property
from math import prod

from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
)

from snippets.data.layers import (
    Attention,
    Latent,
    Parallel,
)
from snippets.data.models import Architecture
from snippets.hardware.architectures import (
    gguf_architecture,
)
from snippets.hardware.file_types import (
    BASES,
    PLAIN,
    fallback,
    kept_type,
    role_of,
)
from snippets.hardware.mixer_tensors import Tensor
from snippets.hardware.mixtures import (
    Place,
    chosen_type,
)
from snippets.hardware.tensors import gguf_tensors

# --8<-- [end:imports]


# --8<-- [start:types]
def query_groups(built: Architecture) -> int:
    """Say how many queries share a key, at first.

    0 where the first layer has no keys: so the
    engine sees hybrids whose header counts keys by
    layer.
    """
    part = built.mixer_of(0)
    if built.linear:
        part = built.attention
    if isinstance(part, Parallel):
        part = part.attention
    if isinstance(part, Attention):
        return part.heads // part.kv_heads
    if isinstance(part, Latent):
        return part.heads
    return 0


def layer_of(tensor: Tensor) -> int:
    """Say in which layer it is; -1: in none."""
    name = tensor.name
    if not name.startswith("blk."):
        return -1
    return int(name.split(".")[1])


def visit(tensor: Tensor) -> tuple[int, str]:
    """Order tensors as the engine visits them."""
    return layer_of(tensor), tensor.name


def tensor_types(
    built: Architecture,
    file: str,
    imatrix: bool = False,
) -> list[tuple[Tensor, str]]:
    """Give each tensor of a file its type.

    file: a file type of llama-quantize
    imatrix: quantized with an importance matrix
    Raises ValueError for an unknown file type.
    Source: llama.cpp, src/llama-quant.cpp,
    commit 0c1e57098bba.
    """
    if file not in BASES:
        raise ValueError(
            f"file type {file!r} is not of "
            f"{', '.join(BASES)}"
        )
    base = BASES[file]
    half = base if file in PLAIN else "F16"
    tensors = sorted(gguf_tensors(built), key=visit)
    taken = {
        tensor
        for tensor in tensors
        if not kept_type(tensor, half)
    }
    turns: dict[str, int] = {}
    for tensor in taken:
        role = role_of(tensor.name)
        turns[role] = turns.get(role, 0) + 1
    turn: dict[str, int] = {}
    name = gguf_architecture(built)
    found = []
    for tensor in tensors:
        if tensor not in taken or file in PLAIN:
            kept = kept_type(tensor, half) or base
            found.append((tensor, kept))
            continue
        role = role_of(tensor.name)
        at = Place(
            role=role,
            layer=layer_of(tensor),
            layers=built.layers,
            turn=turn.get(role, 0),
            turns=turns[role],
            row=tensor.shape[0],
            matrices=(*tensor.shape, 1)[2],
            experts=(
                built.experts.experts
                if built.experts
                else 0
            ),
            query_groups=query_groups(built),
            tied=built.tied_embeddings,
            seventy=built.layers == 80
            and name in {"llama", "qwen2"},
            imatrix=imatrix,
        )
        turn[role] = at.turn + 1
        kind = chosen_type(file, at)
        kind = fallback(kind, tensor.shape[0])
        found.append((tensor, kind))
    return found


# --8<-- [end:types]


# --8<-- [start:bytes]
def tensor_bytes(tensor: Tensor, kind: str) -> int:
    """Bytes of a tensor: rows, each of its blocks.

    rows · row / weights a block · bytes a block
    kind: a type of ggml, as "Q4_K"
    Raises ValueError where blocks do not divide
    the row.
    """
    quant = GGMLQuantizationType[kind]
    block, size = GGML_QUANT_SIZES[quant]
    row, *rest = tensor.shape
    if row % block:
        raise ValueError(
            f"{tensor.name}: {kind} has blocks of "
            f"{block}, and a row has {row}"
        )
    return row // block * size * prod(rest)


# --8<-- [end:bytes]


# --8<-- [start:groups]
# By parts of names; the first that fits counts.
GROUPS = {
    "layer table": ("per_layer_token_embd",),
    "embedding": ("token_embd.weight",),
    "experts": ("_exps.",),
    "state": ("ssm_",),
    "norms": ("_norm",),
    "feed-forward": ("ffn_", "exp_probs"),
    "attention": ("attn_", "indexer."),
    "output": ("output.weight",),
    "layer input": (
        "proj",
        "gate",
        "altup",
        "laurel",
    ),
}


def group_of(tensor: Tensor) -> str:
    """Say to which part of a model it belongs."""
    for group, parts in GROUPS.items():
        if any(
            part in tensor.name for part in parts
        ):
            return group
    return "other"


@dataclass(frozen=True, eq=False)
class Weights:
    """What a file's weights are.

    types: each tensor with its type
    """

    types: list[tuple[Tensor, str]]

    @cached_property
    def by_part(self) -> dict[tuple[int, str], int]:
        """Bytes by layer (-1: none) and part."""
        found: dict[tuple[int, str], int] = {}
        for tensor, kind in self.types:
            at = layer_of(tensor), group_of(tensor)
            size = tensor_bytes(tensor, kind)
            found[at] = found.get(at, 0) + size
        return found

    @property
    def bytes(self) -> int:
        """All of them."""
        return sum(self.by_part.values())

    @property
    def parameters(self) -> int:
        """How many weights there are."""
        return sum(
            prod(tensor.shape)
            for tensor, _ in self.types
        )

    @property
    def bits_per_weight(self) -> float:
        """8 · bytes / weights."""
        return 8 * self.bytes / self.parameters

    def by_group(self) -> dict[str, int]:
        """Bytes by part of the model."""
        found: dict[str, int] = {}
        for (
            _,
            group,
        ), size in self.by_part.items():
            found[group] = (
                found.get(group, 0) + size
            )
        return found

    def by_layer(self) -> dict[int, int]:
        """Bytes by layer; -1 is what is in none."""
        found: dict[int, int] = {}
        for (at, _), size in self.by_part.items():
            found[at] = found.get(at, 0) + size
        return found


def weights(
    built: Architecture,
    file: str,
    imatrix: bool = False,
) -> Weights:
    """Give a file's weights, without the file.

    Raises ValueError for an unknown file type or
    family.
    """
    return Weights(
        tensor_types(built, file, imatrix)
    )


# --8<-- [end:groups]
