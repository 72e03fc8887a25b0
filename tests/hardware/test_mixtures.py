"""Mixtures: which layers get more bits, and what each role takes, as llama.cpp's rules say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.hardware.file_types import BASES, PLAIN
from snippets.hardware.mixtures import SMALL, Place, chosen_type, more_bits

MIXED = sorted({*BASES} - PLAIN)
ROLES = ("logits", "embedding", "value", "key", "query", "output", "up", "gate", "down", "other")


def place(**changes: Any) -> Place:
    """A matrix in the middle of a model like Llama 3.1 8B, in a layer without more bits."""
    usual = {
        "role": "other",
        "layer": 13,
        "layers": 32,
        "turn": 13,
        "turns": 32,
        "row": 4096,
        "matrices": 1,
        "experts": 0,
        "query_groups": 4,
        "tied": False,
        "seventy": False,
        "imatrix": False,
    }
    return Place(**{**usual, **changes})


def test_more_bits_go_to_the_first_and_the_last_eighth_and_to_each_third_layer_between() -> None:
    more = [index for index in range(32) if more_bits(index, 32)]
    assert more == [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31]


@given(count=st.integers(8, 200))
def test_the_ends_always_get_more_bits_and_at_least_a_third_does(count: int) -> None:
    more = [index for index in range(count) if more_bits(index, count)]
    assert {0, count - 1} <= {*more}
    assert len(more) >= count // 3


@pytest.mark.parametrize(
    ("file", "changes", "kind"),
    [
        # The output matrix, and what stands for it.
        ("Q4_K_M", {"role": "logits"}, "Q6_K"),
        ("Q8_0", {"role": "logits"}, "Q8_0"),
        ("IQ3_XXS", {"role": "logits"}, "Q5_K"),
        ("Q4_K_M", {"role": "logits", "row": 2880}, "Q8_0"),
        ("Q4_K_M", {"role": "embedding", "tied": True}, "Q6_K"),
        ("Q4_K_M", {"role": "embedding"}, "Q4_K"),
        ("IQ2_M", {"role": "embedding"}, "IQ3_S"),
        ("IQ1_S", {"role": "embedding"}, "Q2_K"),
        # Values.
        ("Q4_K_M", {"role": "value", "turn": 0}, "Q6_K"),
        ("Q4_K_M", {"role": "value"}, "Q4_K"),
        ("Q4_K_S", {"role": "value", "turn": 3}, "Q5_K"),
        ("Q4_K_S", {"role": "value", "turn": 4}, "Q4_K"),
        ("Q3_K_M", {"role": "value", "turn": 1}, "Q5_K"),
        ("Q3_K_M", {"role": "value", "turn": 2}, "Q4_K"),
        ("Q2_K", {"role": "value"}, "Q4_K"),
        ("Q2_K", {"role": "value", "query_groups": 3}, "Q3_K"),
        ("Q3_K_M", {"role": "value", "seventy": True}, "Q5_K"),
        ("Q4_K_M", {"role": "value", "experts": 8}, "Q8_0"),
        ("Q4_K_M", {"role": "key", "experts": 8}, "Q8_0"),
        ("Q4_K_M", {"role": "key", "experts": 9}, "Q4_K"),
        # The way down.
        ("Q4_K_M", {"role": "down", "layer": 12}, "Q6_K"),
        ("Q4_K_M", {"role": "down"}, "Q4_K"),
        ("Q4_K_S", {"role": "down", "layer": 3}, "Q5_K"),
        ("Q4_K_S", {"role": "down", "layer": 4}, "Q4_K"),
        ("Q3_K_M", {"role": "down", "layer": 1}, "Q5_K"),
        ("Q3_K_M", {"role": "down", "layer": 2}, "Q4_K"),
        ("Q4_0", {"role": "down", "layer": 3, "imatrix": True}, "Q4_1"),
        ("Q4_0", {"role": "down", "layer": 3}, "Q4_0"),
        ("Q5_0", {"role": "down", "layer": 3, "imatrix": True}, "Q5_1"),
        ("Q5_0", {"role": "down", "layer": 4, "imatrix": True}, "Q5_0"),
        ("IQ4_XS", {"role": "down", "layer": 3}, "Q5_K"),
        ("IQ4_XS", {"role": "down", "layer": 3, "imatrix": True}, "IQ4_XS"),
        ("IQ4_NL", {"role": "down", "layer": 3, "imatrix": True}, "IQ4_NL"),
        ("IQ3_XXS", {"role": "down", "imatrix": True}, "IQ3_XXS"),
        ("IQ3_XXS", {"role": "down"}, "Q3_K"),
        ("IQ3_M", {"role": "down", "layer": 12, "experts": 8}, "Q4_K"),
        ("IQ3_M", {"role": "down", "layer": 12}, "IQ3_S"),
        # What attention hands on, and the rest.
        ("Q3_K_M", {"role": "output"}, "Q4_K"),
        ("Q4_K_M", {"role": "output"}, "Q4_K"),
        ("Q4_K_M", {"role": "output", "experts": 8}, "Q5_K"),
        ("Q3_K_L", {"role": "output", "experts": 8}, "Q3_K"),
        ("IQ3_XS", {"role": "query"}, "IQ3_XXS"),
        ("IQ3_XXS", {"role": "query"}, "IQ2_S"),
        ("IQ3_XS", {"role": "up", "layer": 4}, "IQ3_XXS"),
        ("IQ3_XS", {"role": "up", "layer": 3}, "IQ3_S"),
        ("IQ3_XS", {"role": "up", "layer": 27}, "IQ3_XXS"),
        ("IQ3_XS", {"role": "up", "layer": 28}, "IQ3_S"),
        ("IQ3_XXS", {"role": "value", "query_groups": 1}, "IQ3_S"),
        ("IQ3_XXS", {"role": "value", "query_groups": 1, "imatrix": True}, "IQ3_XXS"),
        # Below three bits.
        ("IQ2_XS", {"role": "value"}, "Q4_K"),
        ("IQ2_XS", {"role": "value", "query_groups": 3}, "Q2_K"),
        ("IQ2_XS", {"role": "value", "query_groups": 3, "experts": 4}, "Q4_K"),
        ("IQ2_M", {"role": "value", "query_groups": 3, "experts": 3}, "IQ3_S"),
        ("IQ2_XS", {"role": "down", "turn": 3}, "Q2_K"),
        ("IQ2_XS", {"role": "down", "turn": 4}, "IQ2_XS"),
        ("IQ1_M", {"role": "output"}, "IQ2_XXS"),
        ("IQ2_XXS", {"role": "key", "experts": 8}, "Q4_K"),
        ("IQ2_XXS", {"role": "output", "experts": 8}, "Q5_K"),
        # Experts in four bits, all else in eight.
        ("MXFP4_MOE", {"role": "up", "matrices": 2}, "MXFP4"),
        ("MXFP4_MOE", {"role": "up", "matrices": 1}, "Q8_0"),
        ("MXFP4_MOE", {"role": "embedding"}, "Q8_0"),
    ],
)
def test_a_tensor_gets_the_type_that_llama_cpps_rules_say(
    file: str, changes: dict[str, Any], kind: str
) -> None:
    assert chosen_type(file, place(**changes)) == kind


@pytest.mark.parametrize("file", ["Q8_0", "Q6_K", "Q5_1", "Q4_1", "Q3_K_S", "Q5_K_S"])
def test_file_types_without_a_mixture_differ_in_the_output_matrix_alone(file: str) -> None:
    kinds = {chosen_type(file, place(role=role)) for role in ROLES if role != "logits"}
    assert kinds == {BASES[file]}


@given(
    file=st.sampled_from(MIXED),
    role=st.sampled_from(ROLES),
    layer=st.integers(0, 31),
    experts=st.sampled_from([0, 4, 8, 128]),
    groups=st.integers(0, 16),
    imatrix=st.booleans(),
)
def test_what_nothing_is_known_of_takes_the_base(
    file: str, role: str, layer: int, experts: int, groups: int, imatrix: bool
) -> None:
    at = place(layer=layer, turn=layer, experts=experts, query_groups=groups, imatrix=imatrix)
    if file != "MXFP4_MOE":
        assert chosen_type(file, at) == BASES[file]
    # And nothing below three bits is spent where a larger file type was asked for.
    if file not in SMALL and file not in {"Q2_K", "Q2_K_S", "IQ3_XXS"}:
        assert chosen_type(file, at._replace(role=role)) not in {"IQ2_S", "Q2_K", "IQ2_XXS"}
