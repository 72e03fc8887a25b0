"""Formats: bits of a weight by hand, what stays in 16 bit, uneven rows, and what is refused."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.models import model
from snippets.hardware.checkpoint import checkpoint_bytes
from snippets.hardware.formats import FORMATS, Format, part_of, stored_bytes
from snippets.hardware.mixer_tensors import Tensor
from tests.bounds import defaults

MATRIX = Tensor("blk.0.ffn_up.weight", (4_096, 14_336))
EXPERTS = Tensor("blk.0.ffn_up_exps.weight", (2_880, 2_880, 32))
COUNT = 4_096 * 14_336


# --- formats, by hand -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "bits"),
    [
        ("bf16", 16),
        ("fp8", 8 + 16 / 4_096),
        ("fp8-block", 8 + 32 / 128**2),
        ("int8", 8 + 16 / 4_096),
        ("awq", 4 + 20 / 128),
        ("gptq", 4 + 20 / 128 + 32 / 14_336),
        ("nvfp4", 4 + 8 / 16 + 64 / COUNT),
        ("nf4", 4 + 32 / 64),
        ("nf4-double", 4 + 8 / 64 + 32 / (64 * 256)),
        ("mlx-4", 4 + 32 / 64),
        ("mlx-8", 8 + 32 / 64),
    ],
)
def test_bits_of_a_weight(kind: str, bits: float) -> None:
    assert stored_bytes(MATRIX, kind) == ceil(round(COUNT * bits, 3) / 8)


def test_mxfp4_reaches_experts_only() -> None:
    assert stored_bytes(EXPERTS, "mxfp4") == 2_880 * 2_880 * 32 * 17 // 32
    assert stored_bytes(MATRIX, "mxfp4") == 2 * COUNT


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if not kind.startswith(("mlx", "bf16"))])
def test_tables_routers_and_norms_stay_as_they_are(kind: str) -> None:
    full, small = (checkpoint_bytes(model("qwen3-30b-a3b"), name).groups for name in ("bf16", kind))
    if kind not in ("awq", "gptq"):
        assert small["experts"] < full["experts"]
    for part in ("embedding", "output", "router", "norms"):
        assert small[part] == full[part]


def test_mlx_quantizes_the_tables_too() -> None:
    full, small = (checkpoint_bytes(model("llama-3.2-1b"), name).groups for name in ("bf16", "mlx-4"))
    assert small["embedding"] / full["embedding"] == pytest.approx(4.5 / 16)
    assert small["norms"] == full["norms"]


def test_the_attentions_output_is_attention() -> None:
    assert part_of(Tensor("blk.3.attn_output.weight", (1, 1))) == "attention"
    assert part_of(Tensor("output.weight", (1, 1))) == "output"
    assert part_of(Tensor("blk.3.ffn_gate_inp.weight", (1, 1))) == "router"


def test_uneven_rows() -> None:
    odd = Tensor("blk.0.ffn_down.weight", (10_944, 2_048))
    assert stored_bytes(odd, "fp8-block") == 10_944 * 2_048 + 86 * 16 * 4
    assert stored_bytes(Tensor("blk.0.ffn_up.weight", (100, 64)), "mlx-4") == 2 * 6_400
    with pytest.raises(ValueError, match=r"ffn_down.weight: awq has groups of 128, and a row has 10944"):
        checkpoint_bytes(model("deepseek-v2-lite"), "awq")


@given(st.integers(64, 512), st.integers(1, 64))
def test_fewer_bits_never_take_more(rows: int, columns: int) -> None:
    matrix = Tensor("blk.0.ffn_up.weight", (columns * 128, rows))
    sizes = [stored_bytes(matrix, kind) for kind in ("nf4-double", "awq", "mlx-4", "mlx-8", "bf16")]
    assert sizes == sorted(sizes)


# --- what is refused --------------------------------------------------------------------------


def test_a_format_has_bounds() -> None:
    for bits in (1, 17):
        with pytest.raises(ValidationError, match="bits"):
            Format(bits=bits)
    assert defaults(Format) == {
        "group": 0,
        "group_rows": 1,
        "group_bits": 0,
        "column_bits": 0,
        "nested": 0,
        "matrix_bits": 0,
        "covers": "linear",
        "uneven": "refused",
    }


def test_nothing_is_a_size_too_and_less_is_none() -> None:
    for field in ("group", "group_bits", "column_bits", "nested", "matrix_bits"):
        assert getattr(Format.model_validate({"bits": 4, field: 0}), field) == 0
        with pytest.raises(ValidationError, match=field):
            Format.model_validate({"bits": 4, field: -1})
    assert Format(bits=2, group_rows=1).bits == 2
    assert Format(bits=16).bits == 16
    with pytest.raises(ValidationError, match="group_rows"):
        Format(bits=4, group_rows=0)


def test_a_routers_bias_is_stored_in_32_bits() -> None:
    assert stored_bytes(Tensor("blk.0.exp_probs_b.bias", (256,)), "fp8") == 1_024
