"""Floats that a layer computes in: by hand for small parts, and how they grow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.layers import Attention, Delta, Dense, Experts, Indexer, Latent, Linear, Mamba
from snippets.hardware.moments import (
    Step,
    attention_floats,
    delta_floats,
    dense_floats,
    expert_floats,
    latent_floats,
    linear_floats,
    mamba_floats,
)

STEP = Step(hidden=8, tokens=10, sequences=2, cells=100, streams=1, flash=True, rotates=True, room=0)
HEADS = Attention(heads=2, kv_heads=1, key_head_dim=4, value_head_dim=4)
LATENT = Latent(heads=2, query_rank=0, key_value_rank=16, rope_head_dim=2, nope_head_dim=6, value_head_dim=6)
LINEAR = Linear(key_heads=2, value_heads=4, key_head_dim=8, value_head_dim=8, conv_kernel=4)
DELTA = Delta(heads=2, head_dim=8, conv_kernel=4)
MAMBA = Mamba(heads=4, head_dim=8, state_size=16, groups=1, conv_kernel=4)


def step(**changes: Any) -> Step:
    return STEP._replace(**changes)


def experts(**changes: Any) -> Experts:
    return Experts.model_validate(
        {"experts": 8, "active": 2, "size": 5, "shared": 0, "shared_size": 0, **changes}
    )


def test_dense_holds_gate_up_and_product_or_up_alone() -> None:
    assert dense_floats(Dense(size=20), STEP) == 3 * 20 * 10
    assert dense_floats(Dense(size=20, gated=False), STEP) == 20 * 10
    assert dense_floats(Dense(size=20), step(room=20)) == 2 * 20 * 10
    assert dense_floats(Dense(size=20), step(room=19)) == 3 * 20 * 10


def test_what_goes_down_takes_the_place_of_gate_and_up_where_it_fits() -> None:
    assert expert_floats(experts(), STEP, before=False) == 2 * 3 * 5 * 10
    assert expert_floats(experts(size=4), STEP, before=False) == 2 * 3 * 4 * 10
    assert expert_floats(experts(size=3), STEP, before=False) == 2 * (3 * 3 + 8) * 10
    assert expert_floats(experts(), STEP, before=True) == 2 * (3 * 5 + 8) * 10
    assert expert_floats(experts(gated=False), STEP, before=False) == 2 * (5 + 8) * 10
    assert expert_floats(experts(gated=False, latent_size=3), STEP, before=False) == 2 * (5 + 3) * 10


@pytest.mark.parametrize(
    ("part", "at", "floats"),
    [
        ({}, {}, 8),  # rotated, beside the row
        ({}, {"rotates": False}, 0),
        ({}, {"hidden": 7}, 2 * 8),  # and as projected, which a row has no place for
        ({"output_gate": True}, {"hidden": 7}, 3 * 8),
        ({"output_gate": True}, {}, 2 * 8),
        ({"values_are_keys": True}, {}, 8 + 2 * 4),
        ({}, {"flash": False}, 8 + 2 * 100),
        ({}, {"hidden": 7, "room": 8}, 8),
        ({}, {"hidden": 7, "room": 16}, 0),
        ({}, {"hidden": 7, "room": 99}, 0),
    ],
)
def test_attention_holds_queries_and_scores(part: dict[str, Any], at: dict[str, Any], floats: int) -> None:
    assert attention_floats(HEADS.model_copy(update=part), step(**at)) == floats * 10


def test_latent_attention_holds_queries_before_and_after() -> None:
    query, rank, rope = 2 * 8, 2 * 16, 2 * 2
    assert latent_floats(LATENT, STEP) == (query + rank + rank + rope) * 10
    assert latent_floats(LATENT, step(hidden=3)) == (query + rank + rope + rank + rope) * 10


def test_latent_scores_need_a_place_where_they_are_larger_than_the_room() -> None:
    base = (16 + 32 + 32 + 4) * 10
    assert latent_floats(LATENT, step(flash=False, cells=24)) == base
    assert latent_floats(LATENT, step(flash=False, cells=25)) == base + 2 * 25 * 10
    # The latents, turned, in f16: half of 16 · cells, over streams.
    assert latent_floats(LATENT, step(flash=False, cells=65)) == base + 2 * 65 * 10
    assert latent_floats(LATENT, step(flash=False, cells=66)) == base + 2 * 66 * 10 + 8 * 66
    assert latent_floats(LATENT, step(flash=False, cells=66, streams=2)) == base + 2 * 66 * 10 + 16 * 66


@pytest.mark.parametrize(
    ("cells", "floats"),
    [
        (10, 16 + 32 + 4 + 32 + 4),  # all fits
        (16, 16 + 32 + 4 + 32 + 4),
        (17, 16 + 32 + 32 + 4 + 32),  # the result lies on top
        (48, 16 + 32 + 32 + 4 + 32),
        (49, 16 + 32 + 32 + 4 + 49 + 3 * 5),  # and so do the scores of the indexer
    ],
)
def test_an_indexer_takes_the_room_of_the_queries_first(cells: int, floats: int) -> None:
    indexer = Indexer(heads=3, head_dim=5, selected_tokens=7, pattern=("own",))
    assert latent_floats(LATENT.model_copy(update={"indexer": indexer}), step(cells=cells)) == floats * 10


def test_a_delta_net_holds_rows_twice_and_its_states_in_and_out() -> None:
    mixed, joined, states, out = 64 * 10, 64 * 10 + 3 * 64 * 2, 32 * 8 * 2, 32 * 10 + 32 * 8 * 2
    room = mixed - states + joined
    assert room > out
    assert linear_floats(LINEAR, STEP) == 2 * mixed + joined
    small = step(tokens=4)
    assert linear_floats(LINEAR, small) == 256 + 640 + 512 + (32 * 4 + 512)


def test_a_row_has_a_place_for_queries_or_keys_of_a_delta_net_if_they_are_no_wider() -> None:
    tight = LINEAR.model_copy(update={"value_heads": 8})
    mixed, joined, out = 96 * 14, 96 * 14 + 3 * 96 * 2, 64 * 14 + 64 * 8 * 2
    assert linear_floats(tight, step(tokens=14, hidden=16)) == 2 * mixed + joined
    assert linear_floats(tight, step(tokens=14, hidden=15)) == 2 * mixed + joined + out


def test_kimis_delta_attention_holds_six_widths_and_its_states_in_and_out() -> None:
    assert delta_floats(DELTA, STEP) == 6 * 16 * 10 + (3 * 3 * 16 + 2 * 16 * 8) * 2


def test_mamba_holds_rows_states_and_those_that_move() -> None:
    mixed, inner, state = 32 + 2 * 16, 32, 32 * 16
    base = (2 * inner + 3 * mixed + 4) * 10 + (3 * mixed + state) * 2
    assert mamba_floats(MAMBA, STEP) == base
    few = (2 * inner + 3 * mixed + 4) * 1 + (3 * mixed + state) * 2
    assert mamba_floats(MAMBA, step(tokens=1)) == few + state
    assert mamba_floats(MAMBA, step(tokens=1, sequences=1)) == few - 3 * mixed - state


@given(st.integers(1, 4_096), st.integers(1, 4_096))
def test_more_tokens_never_take_less(tokens: int, more: int) -> None:
    less, most = step(tokens=tokens), step(tokens=tokens + more)
    assert dense_floats(Dense(size=20), less) < dense_floats(Dense(size=20), most)
    assert attention_floats(HEADS, less) < attention_floats(HEADS, most)
    assert delta_floats(DELTA, less) < delta_floats(DELTA, most)
