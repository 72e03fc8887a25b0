"""Parts, a stack and a model, as small as they can be written or as Hypothesis draws them."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from snippets.data.layers import Attention, Delta, Dense, Experts, Latent, Linear, Mamba, Parallel, ShortConv
from snippets.data.models import Model

ATTENTION = {"heads": 32, "kv_heads": 8, "key_head_dim": 128, "value_head_dim": 128}


BLOCKS = {"heads": 4, "head_dim": 128, "block_tokens": 128, "selected_blocks": 16}


EXPERTS = {"experts": 1_000_000, "active": 1, "size": 768, "shared": 1, "shared_size": 768}


INDEXER = {"heads": 64, "head_dim": 128, "selected_tokens": 2048, "pattern": ["own"]}


LATENT = {
    "heads": 128,
    "query_rank": 1536,
    "key_value_rank": 512,
    "rope_head_dim": 64,
    "nope_head_dim": 128,
    "value_head_dim": 128,
}


LINEAR = {"key_heads": 16, "value_heads": 48, "key_head_dim": 128, "value_head_dim": 128, "conv_kernel": 4}


DELTA = {"heads": 32, "head_dim": 128, "conv_kernel": 4}


MAMBA = {"heads": 128, "head_dim": 64, "state_size": 128, "groups": 1, "conv_kernel": 4}


PER_LAYER = {"vocabulary": 262_144, "size": 256, "streams": 4, "laurel_rank": 64}


STACK: dict[str, Any] = {
    "hidden_size": 4096,
    "layers": 999,
    "mixers": ["5 sliding", "full"],
    "feed_forwards": ["dense"],
    "window_tokens": 1024,
    "attention": ATTENTION,
    "dense": {"size": 14_336},
}


RECORD: dict[str, Any] = {
    **STACK,
    "id": "some-model",
    "name": "Some model",
    "maker": "Somebody",
    "family": "Some",
    "license": "MIT",
    "sources": ["card"],
    "as_of": "2026-11-24",
    "context_tokens": 131_072,
    "published_parameters": 10**14,
    "published_rounding_parameters": 1,
    "published_active_parameters": 10**9,
    "active_rounding_parameters": 1,
    "vocabulary": 128_256,
    "tied_embeddings": False,
}


sizes = st.integers(1, 64)


attentions = st.builds(
    Attention,
    heads=sizes,
    kv_heads=sizes,
    key_head_dim=sizes,
    value_head_dim=sizes,
    values_are_keys=st.booleans(),
    bias=st.booleans(),
    output_bias=st.booleans(),
    query_key_norm=st.sampled_from(["none", "head", "layer"]),
    output_gate=st.booleans(),
    sinks=st.booleans(),
)


latents = st.builds(
    Latent,
    heads=sizes,
    query_rank=st.integers(0, 64),
    key_value_rank=sizes,
    rope_head_dim=sizes,
    nope_head_dim=sizes,
    value_head_dim=sizes,
)


linears = st.builds(
    Linear, key_heads=sizes, value_heads=sizes, key_head_dim=sizes, value_head_dim=sizes, conv_kernel=sizes
)


deltas = st.builds(Delta, heads=sizes, head_dim=sizes, conv_kernel=sizes)


mambas = st.builds(
    Mamba,
    heads=sizes,
    head_dim=sizes,
    state_size=sizes,
    groups=sizes,
    conv_kernel=sizes,
    norm=st.booleans(),
)


convs = st.builds(ShortConv, conv_kernel=sizes)


parallels = st.builds(Parallel, attention=attentions, mamba=mambas)


experts = st.builds(
    Experts,
    experts=st.integers(8, 64),
    active=st.integers(1, 8),
    size=sizes,
    gated=st.booleans(),
    bias=st.booleans(),
    latent_size=st.integers(0, 8),
    shared=st.just(1),
    shared_size=sizes,
    shared_gate=st.booleans(),
)


@st.composite
def architectures(draw: st.DrawFn) -> Model:
    """A small model with any kinds of layers."""
    parts: dict[str, Any] = {
        "full": ("attention", attentions),
        "latent": ("latent", latents),
        "linear": ("linear", linears),
        "delta": ("delta", deltas),
        "mamba": ("mamba", mambas),
        "conv": ("conv", convs),
        "parallel": ("parallel", parallels),
    }
    dense = st.builds(Dense, size=sizes, gated=st.booleans())
    feeds: dict[str, Any] = {"dense": dense, "wide": dense, "experts": experts}
    mixers = draw(st.lists(st.sampled_from([*parts]), min_size=1, max_size=4))
    kinds = draw(st.lists(st.sampled_from([*feeds]), min_size=1, max_size=4))
    layers = draw(st.integers(max(len(mixers), len(kinds)), 12))
    return Model.model_validate(
        {
            "id": "drawn",
            "name": "Drawn",
            "maker": "Hypothesis",
            "family": "Drawn",
            "license": "MIT",
            "sources": ["none"],
            "as_of": "2026-11-24",
            "context_tokens": 4096,
            "published_parameters": 10**9,
            "published_rounding_parameters": 1,
            "vocabulary": draw(st.integers(1, 1000)),
            "tied_embeddings": draw(st.booleans()),
            "hidden_size": draw(sizes),
            "layers": layers,
            "mixers": mixers,
            "feed_forwards": kinds,
            "norms_per_layer": draw(st.integers(0, 4)),
            **{parts[mixer][0]: draw(parts[mixer][1]) for mixer in dict.fromkeys(mixers)},
            **{kind: draw(feeds[kind]) for kind in dict.fromkeys(kinds)},
        }
    )
