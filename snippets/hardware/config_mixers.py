"""What mixes tokens, by a configuration file?"""

# --8<-- [start:imports]
from collections.abc import Mapping
from itertools import count, groupby
from typing import NamedTuple

from snippets.data.layers import (
    Attention,
    Indexer,
    Latent,
    Linear,
    Mamba,
)

# --8<-- [end:imports]

# --8<-- [start:fields]
# What a field is for, said where it is missing.
PURPOSES = {
    "hidden_size": "the width of a token",
    "num_hidden_layers": "how many layers",
    "num_attention_heads": "how many queries",
    "num_key_value_heads": "how many keys",
    "head_dim": "the length of a key",
    "intermediate_size": "feed-forward width",
    "intermediate_size_mlp": "its dense width",
    "max_position_embeddings": "the context",
    "vocab_size": "the size of the embedding",
    "sliding_window": "how far a layer sees",
    "attention_chunk_size": "how far a layer sees",
    "num_experts": "how many experts",
    "num_local_experts": "how many experts",
    "n_routed_experts": "how many experts",
    "num_experts_per_tok": "experts a token uses",
    "top_k_experts": "experts a token uses",
    "moe_intermediate_size": "width of an expert",
    "kv_lora_rank": "the length of the latent",
    "qk_rope_head_dim": "a key's rotated part",
    "qk_nope_head_dim": "a key's other part",
    "v_head_dim": "the length of a value",
}


LARGEST = 100_000_000


class Fields(NamedTuple):
    """What a file says, and what it leaves out.

    fallbacks: what Transformers takes for a field
    that the file does not have
    """

    model_type: str
    given: Mapping[str, object]
    fallbacks: Mapping[str, int | bool]

    def has(self, name: str) -> bool:
        """Say whether it is there and not null."""
        return self.given.get(name) is not None

    @property
    def layers(self) -> int:
        """Read how many layers there are."""
        return self.size(
            "num_hidden_layers", 1, 999
        )

    def size(
        self,
        name: str,
        least: int = 1,
        most: int = LARGEST,
    ) -> int:
        """Read a whole number, or fall back.

        Raises ValueError, naming the field, where
        it is missing, no number or out of bounds.
        """
        value = self.given.get(name)
        if value is None:
            value = self.fallbacks.get(name)
        if value is None:
            purpose = PURPOSES.get(name, "a size")
            raise ValueError(
                f"{self.model_type} needs {name}: "
                f"{purpose}"
            )
        if isinstance(value, list) and value:
            # By layer: one if all are alike.
            first, *rest = value
            if rest.count(first) == len(rest):
                value = first
        if isinstance(
            value, bool
        ) or not isinstance(value, int):
            raise ValueError(
                f"{self.model_type}: {name} is "
                f"{value!r}, not a whole number"
            )
        if not least <= value <= most:
            raise ValueError(
                f"{self.model_type}: {name} is "
                f"{value}, not {least} to {most}"
            )
        return value

    def flag(self, name: str) -> bool:
        """Read true or false; false if missing."""
        value = self.given.get(name)
        if value is None:
            value = self.fallbacks.get(name, False)
        if not isinstance(value, bool):
            raise ValueError(
                f"{self.model_type}: {name} is "
                f"{value!r}, not true or false"
            )
        return value

    def inside(self, name: str) -> "Fields":
        """Read a section; empty if missing."""
        given = self.given.get(name)
        if not isinstance(given, Mapping):
            given = {}
        return Fields(
            f"{self.model_type}.{name}", given, {}
        )

    def listed(
        self, name: str
    ) -> tuple[object, ...]:
        """Read a list; empty if missing."""
        value = self.given.get(name)
        if value is None:
            return ()
        if not isinstance(value, (list, tuple)):
            raise ValueError(
                f"{self.model_type}: {name} is "
                f"{value!r}, not a list"
            )
        return tuple(value)


# --8<-- [end:fields]

# --8<-- [start:layers]
KINDS = {
    "full_attention": "full",
    "attention": "full",
    "sliding_attention": "sliding",
    "chunked_attention": "chunked",
    "linear_attention": "linear",
    "mamba": "mamba",
    "conv": "conv",
}


def rolled(kinds: tuple[str, ...]) -> list[str]:
    """Write ("3 linear", "full"): as it repeats.

    The shortest start of the kinds that repeats
    to all of them, runs counted.
    """
    once = next(
        kinds[:length]
        for length in count(1)
        if all(
            kind == kinds[index % length]
            for index, kind in enumerate(kinds)
        )
    )
    runs = []
    for kind, run in groupby(once):
        size = len(list(run))
        runs.append(
            f"{size} {kind}" if size > 1 else kind
        )
    return runs


def every(
    kind: str, other: str, step: int, layers: int
) -> tuple[str, ...]:
    """Make each step-th layer the other kind."""
    return tuple(
        kind if (index + 1) % step else other
        for index in range(layers)
    )


def layer_kinds(
    read: Fields, name: str = "layer_types"
) -> tuple[str, ...]:
    """Translate a list of layers, if there is one.

    Raises ValueError for a kind that is not known
    here, by its name, or if layers are missing.
    """
    given = read.listed(name)
    kinds = tuple(
        KINDS.get(str(kind), "") for kind in given
    )
    if "" in kinds:
        unknown = given[kinds.index("")]
        raise ValueError(
            f"{read.model_type}: {name} has "
            f"{unknown!r}, which is not of "
            f"{', '.join(KINDS)}"
        )
    layers = read.layers
    if given and len(given) != layers:
        raise ValueError(
            f"{read.model_type}: {name} has "
            f"{len(given)} of {layers} layers"
        )
    return kinds


# --8<-- [end:layers]


# --8<-- [start:attention]
def attention_part(
    read: Fields, **known: object
) -> Attention:
    """Read the heads.

    Where a file is silent, each head has keys of
    its own, and heads share the width of a token.
    known: what the family has, and no field says
    """
    heads = read.size("num_attention_heads")
    size = (
        read.size("head_dim")
        if read.has("head_dim")
        or "head_dim" in read.fallbacks
        else read.size("hidden_size") // heads
    )
    keys = (
        read.size("num_key_value_heads")
        if read.has("num_key_value_heads")
        or "num_key_value_heads" in read.fallbacks
        else heads
    )
    return Attention.model_validate(
        {
            "heads": heads,
            "kv_heads": keys,
            "key_head_dim": size,
            "value_head_dim": size,
            "bias": read.flag("attention_bias"),
            **known,
        }
    )


def latent_part(
    read: Fields, own: tuple[str, ...] = ()
) -> Latent:
    """Read latent attention, and its indexer.

    own: which layers choose tokens themselves
    """
    return Latent(
        heads=read.size("num_attention_heads"),
        query_rank=read.size("q_lora_rank")
        if read.has("q_lora_rank")
        else 0,
        key_value_rank=read.size("kv_lora_rank"),
        rope_head_dim=read.size("qk_rope_head_dim"),
        nope_head_dim=read.size("qk_nope_head_dim"),
        value_head_dim=read.size("v_head_dim"),
        indexer=Indexer(
            heads=read.size("index_n_heads"),
            head_dim=read.size("index_head_dim"),
            selected_tokens=read.size("index_topk"),
            pattern=tuple(rolled(own)),
        )
        if own
        else None,
    )


def indexers(read: Fields) -> tuple[str, ...]:
    """Say which layers choose tokens (GLM-5)."""
    layers = read.layers
    given = read.listed("indexer_types")
    names = {"full": "own", "shared": "shared"}
    if not given:
        step = 1
        if read.has("index_topk_freq"):
            step = read.size("index_topk_freq")
        first = 2
        if read.has("index_skip_topk_offset"):
            first = read.size(
                "index_skip_topk_offset", 0
            )
        return tuple(
            "shared"
            if max(index - first + 1, 0) % step
            else "own"
            for index in range(layers)
        )
    for kind in given:
        if kind not in names:
            raise ValueError(
                f"{read.model_type}: indexer_types "
                f"has {kind!r}, which is not of "
                f"{', '.join(names)}"
            )
    return tuple(names[str(one)] for one in given)


# --8<-- [end:attention]


# --8<-- [start:states]
def linear_part(read: Fields) -> Linear:
    """Read a gated delta net (Qwen3-Next)."""
    return Linear(
        key_heads=read.size("linear_num_key_heads"),
        value_heads=read.size(
            "linear_num_value_heads"
        ),
        key_head_dim=read.size(
            "linear_key_head_dim"
        ),
        value_head_dim=read.size(
            "linear_value_head_dim"
        ),
        conv_kernel=read.size(
            "linear_conv_kernel_dim"
        ),
    )


def mamba_part(
    read: Fields, norm: bool = True
) -> Mamba:
    """Read Mamba-2, by either set of names."""
    if read.model_type == "nemotron_h":
        return Mamba(
            heads=read.size("mamba_num_heads"),
            head_dim=read.size("mamba_head_dim"),
            state_size=read.size("ssm_state_size"),
            groups=read.size("n_groups"),
            conv_kernel=read.size("conv_kernel"),
            norm=norm,
        )
    heads = read.size("mamba_n_heads")
    size = read.given.get("mamba_d_head")
    if size in ("auto", None):
        width = (
            read.size("mamba_d_ssm")
            if read.has("mamba_d_ssm")
            else read.size("hidden_size")
            * read.size("mamba_expand")
        )
        head_dim = width // heads
    else:
        head_dim = read.size("mamba_d_head")
    return Mamba(
        heads=heads,
        head_dim=head_dim,
        state_size=read.size("mamba_d_state"),
        groups=read.size("mamba_n_groups"),
        conv_kernel=read.size("mamba_d_conv"),
        norm=norm,
    )


# --8<-- [end:states]
