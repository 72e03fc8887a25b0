"""What is a file type made of?"""

# --8<-- [start:imports]
from gguf import (
    GGML_QUANT_SIZES,
    GGMLQuantizationType,
)

from snippets.hardware.mixer_tensors import Tensor

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
    if block_size(kind) == 256:
        kind = FALLBACKS.get(kind, "IQ4_NL")
    if row % block_size(kind):
        return "F16"
    return kind


# --8<-- [end:bases]


# --8<-- [start:kept]
# Rows that stay as the converter wrote them: in
# 32 bits what it does not make 16.
KEPT = (
    "altup",
    "laurel",
    "per_layer_model_proj",
    "indexer.q_proj",
    "indexer.k_proj",
)
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


# --8<-- [end:kept]


# --8<-- [start:roles]
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


# --8<-- [end:roles]
