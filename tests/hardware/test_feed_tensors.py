"""What feeds forward: gate, up and down; experts in one tensor; what stands beside them."""

from __future__ import annotations

import pytest

from snippets.data.models import model
from snippets.hardware.feed_tensors import beside_tensors, dense_tensors, expert_tensors
from snippets.hardware.mixer_tensors import Tensor


def shapes(found: list[Tensor]) -> dict[str, tuple[int, ...]]:
    assert len({name for name, _ in found}) == len(found)
    return dict(found)


def test_a_dense_block_of_llama_3_1_8b_is_gate_up_and_down() -> None:
    part = model("llama-3.1-8b").dense
    assert part
    assert shapes(dense_tensors(part, 4096, fused=False)) == {
        "ffn_gate.weight": (4096, 14336),
        "ffn_up.weight": (4096, 14336),
        "ffn_down.weight": (14336, 4096),
    }


def test_phi_has_gate_and_up_in_one() -> None:
    part = model("phi-4").dense
    assert part
    assert shapes(dense_tensors(part, 5120, fused=True)) == {
        "ffn_up.weight": (5120, 2 * 17920),
        "ffn_down.weight": (17920, 5120),
    }


def test_all_experts_of_a_layer_are_one_tensor() -> None:
    part = model("qwen3-30b-a3b").experts
    assert part
    assert shapes(expert_tensors(part, 2048, beside=False)) == {
        "ffn_gate_inp.weight": (2048, 128),
        "ffn_gate_exps.weight": (2048, 768, 128),
        "ffn_up_exps.weight": (2048, 768, 128),
        "ffn_down_exps.weight": (768, 2048, 128),
    }


def test_experts_of_gpt_oss_have_a_bias_each() -> None:
    part = model("gpt-oss-20b").experts
    assert part
    found = shapes(expert_tensors(part, 2880, beside=False))
    assert found["ffn_gate_inp.bias"] == (32,)
    assert found["ffn_up_exps.bias"] == found["ffn_gate_exps.bias"] == (2880, 32)
    assert found["ffn_down_exps.bias"] == (2880, 32)


def test_the_shared_expert_of_deepseek_v3_and_its_bias_of_selection_are_named() -> None:
    part = model("deepseek-v3").experts
    assert part
    found = shapes(expert_tensors(part, 7168, beside=False))
    assert found["exp_probs_b.bias"] == (256,)
    assert found["ffn_down_shexp.weight"] == (2048, 7168)


def test_two_shared_experts_are_one_of_twice_the_width() -> None:
    part = model("deepseek-v2-lite").experts
    assert part
    found = shapes(expert_tensors(part, 2048, beside=False))
    assert found["ffn_up_shexp.weight"] == (2048, 2 * 1408)


def test_a_shared_expert_of_qwen_has_a_gate_of_one_row() -> None:
    part = model("qwen3.6-35b-a3b").experts
    assert part
    assert shapes(expert_tensors(part, 2048, beside=False))["ffn_gate_inp_shexp.weight"] == (2048,)


def test_experts_in_a_latent_space_are_between_two_matrices() -> None:
    built = model("nemotron-3-super-120b-a12b")
    assert built.experts
    found = shapes(expert_tensors(built.experts, built.hidden_size, beside=False))
    width = built.experts.latent_size
    assert found["ffn_latent_down.weight"] == (built.hidden_size, width)
    assert found["ffn_latent_up.weight"] == (width, built.hidden_size)
    assert found["ffn_up_exps.weight"][0] == found["ffn_down_exps.weight"][1] == width
    assert "ffn_gate_exps.weight" not in found


def test_the_block_beside_the_experts_of_gemma_4_has_the_names_of_a_dense_one() -> None:
    built = model("gemma-4-26b-a4b")
    assert built.experts
    found = shapes(expert_tensors(built.experts, built.hidden_size, beside=True))
    assert {"ffn_gate.weight", "ffn_up.weight", "ffn_down.weight"} <= {*found}


@pytest.mark.parametrize(("name", "streams"), [("gemma-3n-e4b", 4), ("gemma-4-e4b", 0)])
def test_what_stands_beside_a_layer_with_an_embedding_of_its_own(name: str, streams: int) -> None:
    built = model(name)
    assert built.per_layer
    found = shapes(beside_tensors(built.per_layer, built.hidden_size))
    assert found["inp_gate.weight"] == (built.hidden_size, 256)
    assert found["proj.weight"] == (256, built.hidden_size)
    assert ("altup_predict_coef.weight" in found) == (streams > 0)
    if streams:
        assert found["altup_predict_coef.weight"] == (4, 16)
        assert found["laurel_l.weight"] == (built.hidden_size, 64)
        assert found["altup_router.weight"] == (built.hidden_size, 4)
