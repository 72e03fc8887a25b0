"""How many bytes do a file's weights take?"""

# --8<-- [start:imports]
from math import prod
from typing import NamedTuple

from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
)

from snippets.data.models import Model
from snippets.hardware.mixer_tensors import Tensor
from snippets.hardware.mixtures import (
    layer_of,
    tensor_types,
)

# --8<-- [end:imports]


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
GROUPS = {
    "embedding": ("token_embd",),
    "output": ("output.weight",),
    "experts": ("_exps.",),
    "feed-forward": ("ffn_",),
    "norms": ("_norm",),
    "state": ("ssm_",),
    "attention": ("attn_", "indexer."),
}


def group_of(tensor: Tensor) -> str:
    """Say to which part of a model it belongs."""
    for group, parts in GROUPS.items():
        if any(
            part in tensor.name for part in parts
        ):
            return group
    return "other"


class Weights(NamedTuple):
    """What a file's weights are.

    types: each tensor with its type
    """

    types: list[tuple[Tensor, str]]

    @property
    def bytes(self) -> int:
        """All of them."""
        return sum(
            tensor_bytes(*pair)
            for pair in self.types
        )

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
        for tensor, kind in self.types:
            group = group_of(tensor)
            size = tensor_bytes(tensor, kind)
            found[group] = (
                found.get(group, 0) + size
            )
        return found

    def by_layer(self) -> dict[int, int]:
        """Bytes by layer; -1 is what is in none."""
        found: dict[int, int] = {}
        for tensor, kind in self.types:
            index = layer_of(tensor)
            size = tensor_bytes(tensor, kind)
            found[index] = (
                found.get(index, 0) + size
            )
        return found


def weights(
    built: Model,
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
