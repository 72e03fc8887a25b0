"""Where does a mixture spend its bits?"""

# --8<-- [start:imports]
from typing import NamedTuple

from snippets.hardware.file_types import (
    BASES,
    block_size,
)

# --8<-- [end:imports]


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


# --8<-- [end:choose]
