"""Names, shapes and the order of rows are those of llama.cpp's own converter."""

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.small_forward import rotate
from snippets.data.small_model import Floats, read_small_model
from snippets.model_formats.convert_names import faults, interleave, places, separate

MODEL = read_small_model()


@pytest.mark.parametrize("layers", [1, 4, 33])
def test_names_are_those_of_the_gguf_library(layers: int) -> None:
    config = MODEL.config.model_copy(update={"num_hidden_layers": layers})
    table = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, layers)
    found = {one.name: one.gguf_name for one in places(config, tied=False)}
    assert found == {name: table.get_name(name, (".weight",)) for name in found}
    assert len(found) == 3 + 9 * layers


def test_shapes_are_those_of_the_model_and_each_part_counts_on_its_own() -> None:
    assert {one.name: one.shape for one in places(MODEL.config, tied=True)} == {
        name: matrix.shape for name, matrix in MODEL.weights.items()
    }
    other = MODEL.config.model_copy(
        update={
            "vocab_size": 7,
            "hidden_size": 5,
            "num_attention_heads": 6,
            "num_key_value_heads": 3,
            "head_dim": 2,
            "intermediate_size": 11,
            "num_hidden_layers": 1,
        }
    )
    found = {one.gguf_name.removeprefix("blk.0."): one.shape for one in places(other, tied=False)}
    assert found == {
        "token_embd.weight": (7, 5),
        "output_norm.weight": (5,),
        "output.weight": (7, 5),
        "attn_norm.weight": (5,),
        "attn_q.weight": (12, 5),
        "attn_k.weight": (6, 5),
        "attn_v.weight": (6, 5),
        "attn_output.weight": (5, 12),
        "ffn_norm.weight": (5,),
        "ffn_gate.weight": (11, 5),
        "ffn_up.weight": (11, 5),
        "ffn_down.weight": (5, 11),
    }
    assert {one.gguf_name: one.heads for one in places(other, tied=False) if one.heads} == {
        "blk.0.attn_q.weight": 6,
        "blk.0.attn_k.weight": 3,
    }


def test_a_model_without_faults_has_none() -> None:
    assert faults(MODEL.config, MODEL.weights, tied=True) == []


def test_every_fault_is_named() -> None:
    weights = dict(MODEL.weights)
    norm = weights.pop("model.norm.weight")
    weights["model.layers.0.self_attn.q_proj.bias"] = norm
    weights["model.layers.1.mlp.up_proj.weight"] = norm[:9]
    broken = weights["model.layers.2.mlp.up_proj.weight"].copy()
    broken[3, 4] = np.nan
    weights["model.layers.2.mlp.up_proj.weight"] = broken
    assert set(faults(MODEL.config, weights, tied=True)) == {
        "model.norm.weight is missing",
        "model.layers.1.mlp.up_proj.weight is (9,), not (512, 256)",
        "model.layers.2.mlp.up_proj.weight has values that are not finite",
        "model.layers.0.self_attn.q_proj.bias is not known",
    }


def test_an_output_matrix_is_needed_without_tied_embeddings_and_unknown_with_them() -> None:
    assert faults(MODEL.config, MODEL.weights, tied=False) == ["lm_head.weight is missing"]
    untied = {**MODEL.weights, "lm_head.weight": MODEL.weights["model.embed_tokens.weight"]}
    assert faults(MODEL.config, untied, tied=False) == []
    assert faults(MODEL.config, untied, tied=True) == ["lm_head.weight is not known"]


def numbered(heads: int, half: int, columns: int) -> Floats:
    return np.arange(heads * 2 * half * columns, dtype=np.float32).reshape(-1, columns)


def test_rows_of_each_head_are_interleaved() -> None:
    assert interleave(numbered(2, 2, 1), 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


@given(st.integers(1, 5), st.integers(1, 5), st.integers(1, 3))
def test_separate_undoes_interleave(heads: int, half: int, columns: int) -> None:
    rows = numbered(heads, half, columns)
    assert np.array_equal(separate(interleave(rows, heads), heads), rows)


def rotate_neighbors(x: Floats, theta: float) -> Floats:
    """RoPE as llama.cpp's "llama" has it: values 2 i and 2 i + 1 turn together."""
    turns = theta ** -(np.arange(x.shape[-1] // 2) / (x.shape[-1] // 2))
    turned = (x[..., 0::2] + 1j * x[..., 1::2]) * np.exp(1j * np.outer(np.arange(x.shape[-2]), turns))
    return np.stack([turned.real, turned.imag], -1).reshape(x.shape).astype(np.float32)


def test_what_attention_sees_stays_the_same() -> None:
    config, weights = MODEL.config, MODEL.weights
    x = np.random.default_rng(0).standard_normal((9, config.hidden_size)).astype(np.float32)

    def split(matrix: Floats, heads: int) -> Floats:
        return (x @ matrix.T).reshape(9, heads, -1).transpose(1, 0, 2)

    def scores(q: Floats, k: Floats) -> Floats:
        return q @ np.repeat(k, len(q) // len(k), axis=0).transpose(0, 2, 1)

    attn = "model.layers.1.self_attn."
    q, k = weights[f"{attn}q_proj.weight"], weights[f"{attn}k_proj.weight"]
    theta, queries, keys = config.rope_theta, config.num_attention_heads, config.num_key_value_heads
    ours = scores(rotate(split(q, queries), 0, theta), rotate(split(k, keys), 0, theta))
    theirs = scores(
        rotate_neighbors(split(interleave(q, queries), queries), theta),
        rotate_neighbors(split(interleave(k, keys), keys), theta),
    )
    assert np.allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    unordered = scores(rotate_neighbors(split(q, queries), theta), rotate_neighbors(split(k, keys), theta))
    assert not np.allclose(ours, unordered, rtol=1e-2, atol=1e-2)
