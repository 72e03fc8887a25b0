"""Which architecture has a GGUF file?"""

# --8<-- [start:imports]
from math import prod
from typing import Any

from snippets.data.models import Architecture
from snippets.hardware.architectures import (
    BESIDE,
    FAMILIES,
    NORMS,
)
from snippets.hardware.config_mixers import (
    every,
    rolled,
)
from snippets.hardware.header import Header

# --8<-- [end:imports]

# --8<-- [start:outline]
# Which layers slide where a file is silent: all
# but each second, sixth and so on.
# Source: llama.cpp, src/models, 0c1e57098bba.
PERIODS = {
    "gemma2": 2,
    "gemma3": 6,
    "gemma3n": 5,
    "gpt-oss": 2,
    "llama4": 4,
    "cohere2": 4,
}
WINDOWS = {"gemma2": 4096, "llama4": 8192}
MOST_LAYERS = 999
Shapes = dict[str, tuple[int, ...]]


class Outline:
    """A header, looked at by layer."""

    def __init__(self, header: Header) -> None:
        """Sort shapes by layer; -1: in none."""
        self.entries = header.entries
        name = header.entries.get(
            "general.architecture"
        )
        if name not in NORMS:
            raise ValueError(
                f"architecture {name!r} is not of "
                f"{', '.join(NORMS)}"
            )
        self.name = str(name)
        count = self.size("block_count")
        if not 1 <= count <= MOST_LAYERS:
            raise ValueError(
                f"{name}.block_count is {count}, "
                f"not 1 to {MOST_LAYERS}"
            )
        self.layers = count - self.size(
            "nextn_predict_layers", 0
        )
        self.shapes: dict[int, Shapes] = {
            index: {}
            for index in range(-1, self.layers)
        }
        for one in header.tensors:
            layer, rest = -1, one.name
            if one.name.startswith("blk."):
                _, number, *names = one.name.split(
                    ".", 2
                )
                if not (
                    number.isdecimal() and names
                ):
                    raise ValueError(
                        f"{one.name}: no layer"
                    )
                layer, rest = int(number), names[0]
            if layer in self.shapes:
                self.shapes[layer][rest] = one.shape

    def entry(self, key: str) -> object:
        """Look up what the architecture says."""
        return self.entries.get(
            f"{self.name}.{key}"
        )

    def size(
        self, key: str, default: int | None = None
    ) -> int:
        """Read a number; of a list, the largest.

        Raises ValueError, naming the key, where it
        is missing or no whole number.
        """
        value = self.entry(key)
        if isinstance(value, tuple) and value:
            value = max(value)
        if value is None and default is not None:
            return default
        if isinstance(
            value, bool
        ) or not isinstance(value, int):
            raise ValueError(
                f"{self.name}.{key} is {value!r}, "
                "not a whole number"
            )
        return value

    def first(self, name: str) -> tuple[int, ...]:
        """Find a shape in the first layer with it.

        Empty where no layer has such a tensor.
        """
        return next(
            (
                shapes[name]
                for layer, shapes in sorted(
                    self.shapes.items()
                )
                if layer >= 0 and name in shapes
            ),
            (),
        )


# --8<-- [end:outline]


# --8<-- [start:layers]
def sliding(outline: Outline) -> tuple[bool, ...]:
    """Say which layers look back a window only."""
    layers = outline.layers
    given = outline.entry(
        "attention.sliding_window_pattern"
    )
    period = PERIODS.get(outline.name)
    window = outline.entry(
        "attention.sliding_window"
    )
    if window == 0 or outline.name in {
        "llama",
        "phi3",
    }:
        return (False,) * layers
    if isinstance(given, tuple):
        return tuple(bool(one) for one in given)[
            :layers
        ]
    if isinstance(given, int):
        period = given
    if not period:
        return (False,) * layers
    return tuple(
        kind == "sliding"
        for kind in every(
            "sliding", "full", period, layers
        )
    )


# The tensor that only such a layer has; attention
# last, since others have an output too.
SIGNS = {
    "attn_kv_a_mqa.weight": "latent",
    "ssm_conv1d_q.weight": "delta",
    "ssm_in.weight": "mamba",
    "ssm_out.weight": "linear",
    "shortconv.conv.weight": "conv",
    "attn_output.weight": "full",
}


# What picks blocks of tokens (MiniMax-M3).
BLOCKS = "indexer.q_proj.weight"


def mixer(
    outline: Outline, index: int, slides: bool
) -> str:
    """Name what mixes tokens in a layer, from 0."""
    shapes = outline.shapes[index]
    kind = next(
        (
            kind
            for name, kind in SIGNS.items()
            if name in shapes
        ),
        "none",
    )
    if (
        kind == "mamba"
        and "attn_q.weight" in shapes
    ):
        return "parallel"
    if kind == "full" and BLOCKS in shapes:
        return "sparse"
    if kind != "full" or not slides:
        return kind
    return (
        "chunked"
        if outline.name == "llama4"
        else "sliding"
    )


def feed(outline: Outline, index: int) -> str:
    """Name how a layer transforms a token."""
    shapes = outline.shapes[index]
    if "ffn_down_exps.weight" in shapes:
        return "experts"
    own = shapes.get("ffn_down.weight")
    if own is None:
        return "none"
    first = outline.first("ffn_down.weight")
    return "dense" if own == first else "wide"


# --8<-- [end:layers]

# --8<-- [start:mixers]
Parts = dict[str, Any]


def heads(outline: Outline, index: int) -> Parts:
    """Read the heads of a layer, from 0.

    Lengths and counts are in the metadata; what
    biases and norms there are, tensors show.
    """
    shapes = outline.shapes[index]
    count = outline.size("attention.head_count")
    hidden = outline.size("embedding_length")
    given = outline.entry("attention.head_count_kv")
    keys = (
        given[index]
        if isinstance(given, tuple)
        else outline.size(
            "attention.head_count_kv", count
        )
    )
    tail = ""
    window = sliding(outline)[index]
    swa = "attention.key_length_swa"
    if window and outline.entry(swa):
        tail = "_swa"
    key = outline.size(
        f"attention.key_length{tail}",
        hidden // count,
    )
    value = outline.size(
        f"attention.value_length{tail}",
        hidden // count,
    )
    norm = shapes.get("attn_q_norm.weight")
    kind = "none"
    if norm:
        kind = "head" if norm == (key,) else "layer"
    query = shapes.get("attn_q.weight")
    wide = bool(
        query and query[1] == 2 * count * key
    )
    widths = {
        "attn_q.weight": count * key * (1 + wide),
        "attn_k.weight": keys * key,
        "attn_v.weight": keys * value,
    }
    for tensor, width in widths.items():
        shape = shapes.get(tensor)
        if shape and shape != (hidden, width):
            raise ValueError(
                f"{tensor} is {shape}, and by the "
                f"metadata {(hidden, width)}"
            )
    blocks: Parts | None = None
    if BLOCKS in shapes:
        picks = "attention.indexer"
        blocks = {
            field: outline.size(
                f"{picks}.{key_name}"
            )
            for field, key_name in (
                ("heads", "head_count"),
                ("head_dim", "key_length"),
                ("block_tokens", "block_size"),
                ("selected_blocks", "top_k"),
            )
        }
    return {
        "blocks": blocks,
        "heads": count,
        "kv_heads": keys,
        "key_head_dim": key,
        "value_head_dim": value,
        "values_are_keys": "attn_k.weight" in shapes
        and "attn_v.weight" not in shapes,
        "bias": "attn_q.bias" in shapes
        or "attn_qkv.bias" in shapes,
        "output_bias": "attn_output.bias" in shapes,
        "query_key_norm": kind,
        "output_gate": wide,
        "sinks": "attn_sinks.weight" in shapes,
    }


def latent(outline: Outline) -> Parts:
    """Read latent attention, and its indexer."""
    rope = outline.size("rope.dimension_count")
    key = outline.size("attention.key_length_mla")
    found: Parts = {
        "heads": outline.size(
            "attention.head_count"
        ),
        "query_rank": outline.size(
            "attention.q_lora_rank", 0
        ),
        "key_value_rank": outline.size(
            "attention.kv_lora_rank"
        ),
        "rope_head_dim": rope,
        "nope_head_dim": key - rope,
        "value_head_dim": outline.size(
            "attention.value_length_mla"
        ),
    }
    own = "indexer.attn_k.weight"
    if outline.first(own):
        whose = tuple(
            "own"
            if own in outline.shapes[index]
            else "shared"
            for index in range(outline.layers)
        )
        part = "attention.indexer"
        found["indexer"] = {
            "heads": outline.size(
                f"{part}.head_count"
            ),
            "head_dim": outline.size(
                f"{part}.key_length"
            ),
            "selected_tokens": outline.size(
                f"{part}.top_k"
            ),
            "pattern": rolled(whose),
        }
    return found


def delta(outline: Outline) -> Parts:
    """Read Kimi delta attention."""
    return {
        "heads": outline.first("ssm_a")[1],
        "head_dim": outline.size("kda.head_dim"),
        "conv_kernel": outline.size(
            "ssm.conv_kernel"
        ),
    }


def states(outline: Outline, kind: str) -> Parts:
    """Read a gated delta net, or Mamba-2."""
    inner = outline.size("ssm.inner_size")
    count = outline.size("ssm.time_step_rank")
    groups = outline.size("ssm.group_count")
    state = outline.size("ssm.state_size")
    kernel = outline.size("ssm.conv_kernel")
    if kind == "mamba":
        return {
            "heads": count,
            "head_dim": inner // count,
            "state_size": state,
            "groups": groups,
            "conv_kernel": kernel,
            "norm": bool(
                outline.first("ssm_norm.weight")
            ),
        }
    return {
        "key_heads": groups,
        "value_heads": count,
        "key_head_dim": state,
        "value_head_dim": inner // count,
        "conv_kernel": kernel,
    }


# Layers with heads; what is said of all, first.
HEADED = ("sliding", "chunked", "sparse", "full")


def attentions(
    outline: Outline, kinds: tuple[str, ...]
) -> Parts:
    """Read the heads, and a window if used."""
    first = {
        kind: heads(outline, kinds.index(kind))
        for kind in HEADED
        if kind in kinds
    }
    if not first:
        return {}
    part = next(iter(first.values()))
    found: Parts = {"attention": part}
    full = first.get("full", part)
    if full != part:
        found["full_attention"] = full
    if {"sliding", "chunked"} & {*first}:
        found["window_tokens"] = outline.size(
            "attention.sliding_window",
            WINDOWS.get(outline.name),
        )
    return found


def others(
    outline: Outline, kinds: tuple[str, ...]
) -> Parts:
    """Read what mixes tokens otherwise."""
    found: Parts = {}
    if "latent" in kinds:
        found["latent"] = latent(outline)
    for kind in ("linear", "mamba"):
        if kind in kinds:
            found[kind] = states(outline, kind)
    if "delta" in kinds:
        found["delta"] = delta(outline)
    if "conv" in kinds:
        kernel = outline.size("shortconv.l_cache")
        found["conv"] = {"conv_kernel": kernel}
    if "parallel" in kinds:
        found["parallel"] = {
            "attention": heads(outline, 0),
            "mamba": states(outline, "mamba"),
        }
    return found


# --8<-- [end:mixers]


# --8<-- [start:feeds]
def experts(outline: Outline) -> Parts:
    """Read the experts, by their tensors."""
    first = outline.first
    size, width, count = first(
        "ffn_down_exps.weight"
    )
    hidden = outline.size("embedding_length")
    tail = "_shexp"
    if first("ffn_up.weight") and first(
        "ffn_gate_inp.scale"
    ):
        tail = ""
    shared = first(f"ffn_down{tail}.weight")
    many = outline.size("expert_shared_count", 1)
    many = many or 1
    return {
        "experts": count,
        "active": outline.size("expert_used_count"),
        "size": size,
        "gated": bool(
            first("ffn_gate_exps.weight")
            or first("ffn_gate_up_exps.weight")
        ),
        "bias": bool(first("ffn_up_exps.bias")),
        "latent_size": 0
        if width == hidden
        else width,
        "shared": many if shared else 0,
        "shared_size": shared[0] // many
        if shared
        else 0,
        "shared_gate": bool(
            first("ffn_gate_inp_shexp.weight")
        ),
        "selection_bias": bool(
            first("exp_probs_b.bias")
        ),
    }


def dense(outline: Outline, index: int) -> Parts:
    """Read the block that all tokens use."""
    shapes = outline.shapes[index]
    size = shapes["ffn_down.weight"][0]
    up = shapes["ffn_up.weight"][1]
    return {
        "size": size,
        "gated": up == 2 * size
        or "ffn_gate.weight" in shapes,
    }


def transformed(
    outline: Outline, feeds: tuple[str, ...]
) -> Parts:
    """Read what transforms a token."""
    found: Parts = {}
    if "experts" in feeds:
        found["experts"] = experts(outline)
    for kind in ("dense", "wide"):
        if kind in feeds:
            found[kind] = dense(
                outline, feeds.index(kind)
            )
    return found


def per_layer(
    outline: Outline, table: tuple[int, ...]
) -> Parts:
    """Read embeddings for each layer (Gemma)."""
    rank = outline.first("laurel_l.weight")
    return {
        "vocabulary": table[1],
        "size": table[0] // outline.layers,
        "streams": outline.size(
            "altup.num_inputs", 0
        ),
        "laurel_rank": rank[1] if rank else 0,
    }


# --8<-- [end:feeds]


# --8<-- [start:read]
def family_of(outline: Outline) -> str:
    """Name a family that has such a file.

    Families whose files are alike share a name.
    """
    name = outline.name
    rotated = "rope_freqs.weight"
    steered = bool(
        outline.first("exp_probs_b.bias")
    )
    if name == "llama":
        turns = rotated in outline.shapes[-1]
        return "Llama 3" if turns else "Mistral"
    if name == "deepseek32" or (
        name == "deepseek2" and steered
    ):
        return "DeepSeek-V3"
    return next(
        family
        for family, names in FAMILIES.items()
        if name in names
    )


def architecture_from_header(
    header: Header,
) -> Architecture:
    """Read the architecture of a GGUF file.

    Raises ValueError for an architecture that is
    not known here, and for what is missing.
    """
    outline = Outline(header)
    slides = sliding(outline)
    every_one = range(outline.layers)
    kinds = tuple(
        mixer(outline, index, slides[index])
        for index in every_one
    )
    feeds = tuple(
        feed(outline, index) for index in every_one
    )
    world = outline.shapes[-1]
    if "token_embd.weight" not in world:
        raise ValueError(
            "token_embd.weight is missing"
        )
    hidden, vocabulary = world["token_embd.weight"]
    first = outline.shapes[0]
    norms = {
        *NORMS[outline.name],
        *BESIDE,
    }
    found: Parts = {
        "family": family_of(outline),
        "hidden_size": hidden,
        "layers": outline.layers,
        "vocabulary": vocabulary,
        "context_tokens": outline.size(
            "context_length"
        ),
        "tied_embeddings": "output.weight"
        not in world,
        "mixers": rolled(kinds),
        "feed_forwards": rolled(feeds),
        "kv_shared_layers": outline.size(
            "attention.shared_kv_layers", 0
        ),
        "norms_per_layer": sum(
            norm in first for norm in norms
        ),
        "layer_extras": sum(
            prod(shape)
            for name, shape in first.items()
            if name.endswith(".scale")
        ),
    }
    found |= attentions(outline, kinds)
    found |= others(outline, kinds)
    found |= transformed(outline, feeds)
    table = world.get("per_layer_token_embd.weight")
    if table:
        found["per_layer"] = per_layer(
            outline, table
        )
    return Architecture.model_validate(found)


# --8<-- [end:read]
