"""Which type does each tensor of a file get?"""

# --8<-- [start:imports]
from typing import NamedTuple

from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
)

from snippets.data.layers import Attention, Latent
from snippets.data.models import Model
from snippets.hardware.mixer_tensors import Tensor
from snippets.hardware.tensors import (
    gguf_architecture,
    gguf_tensors,
)

# --8<-- [end:imports]

# --8<-- [start:bases]
# What most tensors of a file type are made to.
BASES = {
    "F32": "F32",
    "BF16": "BF16",
    "F16": "F16",
    "Q8_0": "Q8_0",
    "Q6_K": "Q6_K",
    "Q5_K_M": "Q5_K",
    "Q5_K_S": "Q5_K",
    "Q5_1": "Q5_1",
    "Q5_0": "Q5_0",
    "Q4_K_M": "Q4_K",
    "Q4_K_S": "Q4_K",
    "Q4_1": "Q4_1",
    "Q4_0": "Q4_0",
    "IQ4_NL": "IQ4_NL",
    "IQ4_XS": "IQ4_XS",
    "MXFP4_MOE": "MXFP4",
    "Q3_K_L": "Q3_K",
    "Q3_K_M": "Q3_K",
    "Q3_K_S": "Q3_K",
    "IQ3_M": "IQ3_S",
    "IQ3_S": "IQ3_S",
    "IQ3_XS": "IQ3_S",
    "IQ3_XXS": "IQ3_XXS",
    "Q2_K": "Q2_K",
    "Q2_K_S": "Q2_K",
    "IQ2_M": "IQ2_S",
    "IQ2_S": "IQ2_XS",
    "IQ2_XS": "IQ2_XS",
    "IQ2_XXS": "IQ2_XXS",
    "IQ1_M": "IQ1_M",
    "IQ1_S": "IQ1_S",
}
PLAIN = {"F32", "BF16", "F16"}
# What a row takes that its type does not divide.
FALLBACKS = {
    "Q4_K": "Q5_0",
    "Q5_K": "Q5_1",
    "Q6_K": "Q8_0",
    "Q2_K": "Q4_0",
    "Q3_K": "Q4_0",
}


def block_size(kind: str) -> int:
    """How many weights of a row share a block."""
    quant = GGMLQuantizationType[kind]
    return GGML_QUANT_SIZES[quant][0]


def fallback(kind: str, row: int) -> str:
    """Choose a type whose blocks divide the row.

    Blocks of 256 give way to blocks of 32, and
    those to 16 bits, as in the engine.
    """
    if row % block_size(kind) == 0:
        return kind
    if block_size(kind) > 32:
        kind = FALLBACKS.get(kind, "IQ4_NL")
    if row % block_size(kind):
        return "F16"
    return kind


# --8<-- [end:bases]


# --8<-- [start:place]
class Place(NamedTuple):
    """Where a tensor stands, for the rules.

    turn: how many of its kind went before it
    turns: how many of its kind the file has
    """

    role: str
    layer: int
    layers: int
    turn: int
    turns: int
    row: int
    matrices: int
    experts: int
    query_groups: int
    tied: bool
    seventy: bool
    imatrix: bool

    @property
    def more(self) -> bool:
        """First eighth, last eighth, each third."""
        return more_bits(self.turn, self.turns)

    @property
    def more_by_layer(self) -> bool:
        """The same by layer."""
        return more_bits(self.layer, self.layers)

    def early(self, part: int) -> bool:
        """Is it in the first 1/part of layers?"""
        return self.layer < self.layers // part

    @property
    def wide(self) -> bool:
        """Do four queries share a value?"""
        return self.query_groups >= 4


def more_bits(index: int, count: int) -> bool:
    """Does a mixture spend more bits here?

    Source: llama.cpp, src/llama-quant.cpp.
    """
    eighth = count // 8
    return (
        index < eighth
        or index >= 7 * count // 8
        or (index - eighth) % 3 == 2
    )


ROLES = {
    "attn_qkv.weight": "value",
    "attn_kv_b.weight": "value",
    "attn_v.weight": "value",
    "attn_k.weight": "key",
    "attn_q.weight": "query",
    "attn_output.weight": "output",
    "ffn_up": "up",
    "ffn_gate": "gate",
    "ffn_down": "down",
}


def role_of(name: str) -> str:
    """Say what a tensor does, by its name."""
    if name == "output.weight":
        return "logits"
    if name.endswith("token_embd.weight"):
        return "embedding"
    for part, role in ROLES.items():
        if part in name:
            return role
    return "other"


# --8<-- [end:place]


# --8<-- [start:ends]
SMALL = {
    "IQ1_S",
    "IQ1_M",
    "IQ2_XXS",
    "IQ2_XS",
    "IQ2_S",
    "IQ2_M",
}


def logits_type(file: str, row: int) -> str:
    """Choose for the output matrix."""
    base = BASES[file]
    if file == "MXFP4_MOE" or row % block_size(
        base
    ):
        return "Q8_0"
    if file in SMALL or file == "IQ3_XXS":
        return "Q5_K"
    return "Q8_0" if base == "Q8_0" else "Q6_K"


def embedding_type(file: str) -> str:
    """Choose for an input matrix of its own."""
    if file in {"IQ2_S", "IQ2_M", "IQ3_XXS"}:
        return "IQ3_S"
    if file in SMALL:
        return "Q2_K"
    return BASES[file]


# --8<-- [end:ends]


# --8<-- [start:small]
def small_type(file: str, at: Place) -> str:
    """Choose below three bits."""
    base = BASES[file]
    larger = file in {"IQ2_S", "IQ2_M"}
    raised = "IQ3_S" if larger else "Q2_K"
    eight = at.experts == 8
    early = at.turn < at.layers // 8
    many = at.wide or at.experts >= 4
    output = {
        "IQ1_S": "IQ2_XXS",
        "IQ1_M": "IQ2_XXS",
        "IQ2_S": "IQ3_S",
        "IQ2_M": "IQ3_S",
    }.get(file, base)
    return {
        "value": "Q4_K" if many else raised,
        "key": "Q4_K" if eight else base,
        "down": raised if early else base,
        "output": "Q5_K" if eight else output,
    }.get(at.role, base)


# --8<-- [end:small]


# --8<-- [start:value]
def value_type(file: str, at: Place) -> str:
    """Choose for the values, or all in one."""
    kind = BASES[file]
    match file:
        case "Q2_K":
            kind = "Q4_K" if at.wide else "Q3_K"
        case "Q3_K_M":
            kind = "Q5_K" if at.turn < 2 else "Q4_K"
        case "Q3_K_L":
            kind = "Q5_K"
        case "Q4_K_S" if at.turn < 4:
            kind = "Q5_K"
        case "Q4_K_M" | "Q5_K_M" if at.more:
            kind = "Q6_K"
        case "IQ3_M":
            kind = "Q4_K"
        case "IQ4_NL" | "IQ4_XS" if at.wide:
            kind = "Q5_K"
        case "Q2_K_S" | "IQ3_XS" | "IQ3_S" if (
            at.wide
        ):
            kind = "Q4_K"
        case "IQ3_XXS" if at.wide:
            kind = "Q4_K"
        case "IQ3_XXS" if not at.imatrix:
            kind = "IQ3_S"
    if at.seventy and kind in {"Q3_K", "Q4_K"}:
        kind = "Q5_K"
    return "Q8_0" if at.experts == 8 else kind


# --8<-- [end:value]


# --8<-- [start:others]
def down_type(file: str, at: Place) -> str:
    """Choose for the way down."""
    base = BASES[file]
    early = at.early(8)
    more = at.more_by_layer
    third = early or (at.experts == 8 and more)
    plain = early and not at.imatrix
    guard = early and at.imatrix
    least = "Q4_K" if early else "Q3_K"
    return {
        "Q2_K": "Q3_K",
        "Q2_K_S": "Q4_K" if early else base,
        "Q3_K_M": "Q5_K"
        if at.early(16)
        else "Q4_K",
        "Q3_K_L": "Q5_K",
        "Q4_K_S": "Q5_K" if early else base,
        "Q4_K_M": "Q6_K" if more else base,
        "Q5_K_M": "Q6_K" if more else base,
        "IQ3_XXS": base if at.imatrix else least,
        "IQ3_M": "Q4_K" if third else base,
        "IQ4_NL": "Q5_K" if plain else base,
        "IQ4_XS": "Q5_K" if plain else base,
        "Q4_0": "Q4_1" if guard else base,
        "Q5_0": "Q5_1" if guard else base,
    }.get(file, base)


def output_type(file: str, at: Place) -> str:
    """Choose for what attention hands on."""
    base = BASES[file]
    if at.experts == 8:
        low = {"Q2_K", "Q4_K"}
        low |= {"Q3_K", "IQ3_S", "IQ3_XXS"}
        low |= {"IQ4_NL", "IQ4_XS"}
        none = {"Q2_K_S", "Q3_K_L"}
        if base in low and file not in none:
            return "Q5_K"
        return base
    return {
        "Q2_K": "Q3_K",
        "Q3_K_M": "Q4_K",
        "Q3_K_L": "Q5_K",
        "IQ3_M": "Q4_K",
        "IQ3_XXS": "IQ3_S",
    }.get(file, base)


def other_type(file: str, at: Place) -> str:
    """Choose for queries, keys, gate, up, rest."""
    base = BASES[file]
    if at.role == "key" and at.experts == 8:
        return "Q8_0"
    if at.role in {"key", "query"}:
        return {
            "IQ3_XS": "IQ3_XXS",
            "IQ3_XXS": "IQ2_S",
        }.get(file, base)
    inner = not at.early(8)
    inner &= at.layer < 7 * at.layers // 8
    if at.role in {"gate", "up"} and inner:
        return (
            "IQ3_XXS" if file == "IQ3_XS" else base
        )
    return base


# --8<-- [end:others]


# --8<-- [start:choose]
def chosen_type(file: str, at: Place) -> str:
    """Choose a tensor's type, before fallback."""
    if at.role == "logits":
        return logits_type(file, at.row)
    if at.role == "embedding" and at.tied:
        return logits_type(file, at.row)
    if file == "MXFP4_MOE":
        return (
            "MXFP4" if at.matrices > 1 else "Q8_0"
        )
    if at.role == "embedding":
        return embedding_type(file)
    if file in SMALL:
        return small_type(file, at)
    return {
        "value": value_type,
        "down": down_type,
        "output": output_type,
    }.get(at.role, other_type)(file, at)


# Rows that stay as the converter wrote them: in
# 32 bits what it does not make 16.
KEPT = ("altup", "laurel", "per_layer_model_proj")
KEPT_32 = (
    "ffn_gate_inp",
    "ssm_conv1d",
    "shortconv.conv",
    "altup_correct_coef",
    "altup_predict_coef",
)


def kept_type(tensor: Tensor, half: str) -> str:
    """Say what a tensor is that is not quantized.

    half: the 16 bits that a converter writes
    Empty for one that is.
    """
    name = tensor.name
    if (
        len(tensor.shape) < 2
        or not name.endswith(".weight")
        or name.endswith("_norm.weight")
        or any(part in name for part in KEPT_32)
    ):
        return "F32"
    kept = any(part in name for part in KEPT)
    return half if kept else ""


# --8<-- [end:choose]


# --8<-- [start:types]
def query_groups(built: Model) -> int:
    """Say how many queries share a key, at first.

    0 where the first layer has no keys: so the
    engine sees hybrids whose header counts keys by
    layer.
    """
    part = built.mixer_of(0)
    if built.linear:
        part = built.attention
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
    built: Model,
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
