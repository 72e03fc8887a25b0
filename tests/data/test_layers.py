"""What a layer is made of: which sizes a part accepts, and what may be left out."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from snippets.data.layers import (
    Attention,
    Blocks,
    Delta,
    Dense,
    Experts,
    Indexer,
    Latent,
    Linear,
    Mamba,
    Parallel,
    PerLayer,
    ShortConv,
)
from tests.bounds import assert_accepts_exactly, defaults
from tests.data.samples import ATTENTION, BLOCKS, DELTA, EXPERTS, INDEXER, LATENT, LINEAR, MAMBA, PER_LAYER


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"experts": 4, "active": 5}, "5 active of 4 experts"),
        ({"shared_size": 0}, "1 shared experts of size 0"),
        ({"shared": 0}, "0 shared experts of size 768"),
    ],
)
def test_experts_that_do_not_fit_are_refused(changes: dict[str, int], said: str) -> None:
    with pytest.raises(ValidationError) as failure:
        Experts.model_validate({**EXPERTS, **changes})
    assert said in str(failure.value)


SIZES: list[tuple[type[BaseModel], dict[str, Any], list[str]]] = [
    (Attention, ATTENTION, [*ATTENTION]),
    (Blocks, BLOCKS, [*BLOCKS]),
    (Indexer, INDEXER, ["heads", "head_dim", "selected_tokens"]),
    (Latent, LATENT, [name for name in LATENT if name != "query_rank"]),
    (Linear, LINEAR, [*LINEAR]),
    (Delta, DELTA, [*DELTA]),
    (Mamba, MAMBA, [*MAMBA]),
    (ShortConv, {"conv_kernel": 3}, ["conv_kernel"]),
    (Dense, {"size": 1}, ["size"]),
    (Experts, EXPERTS, ["active", "size", "experts"]),
    (PerLayer, PER_LAYER, ["vocabulary", "size"]),
]


@pytest.mark.parametrize(
    ("part", "valid", "field"),
    [(part, valid, field) for part, valid, fields in SIZES for field in fields],
    ids=lambda value: value.__name__ if isinstance(value, type) else "" if isinstance(value, dict) else value,
)
def test_sizes_are_at_least_one(part: type[BaseModel], valid: dict[str, Any], field: str) -> None:
    assert_accepts_exactly(part, valid, field, 1, 1_000_000)


COUNTS: list[tuple[type[BaseModel], dict[str, Any], list[str]]] = [
    (Latent, LATENT, ["query_rank"]),
    (Experts, EXPERTS, ["latent_size"]),
    (PerLayer, PER_LAYER, ["streams", "laurel_rank"]),
]


@pytest.mark.parametrize(
    ("part", "valid", "field"),
    [(part, valid, field) for part, valid, fields in COUNTS for field in fields],
    ids=lambda value: value.__name__ if isinstance(value, type) else "" if isinstance(value, dict) else value,
)
def test_counts_may_be_zero(part: type[BaseModel], valid: dict[str, Any], field: str) -> None:
    assert_accepts_exactly(part, valid, field, 0, 100_000)


def test_shared_experts_are_bounded_with_their_size() -> None:
    for size in (0, 100_000):
        assert Experts.model_validate({**EXPERTS, "shared": size, "shared_size": size}).shared == size
    for size in (-1, 100_001):
        with pytest.raises(ValidationError) as failure:
            Experts.model_validate({**EXPERTS, "shared": size, "shared_size": size})
        assert {error["loc"] for error in failure.value.errors()} == {("shared",), ("shared_size",)}


@pytest.mark.parametrize(
    ("part", "optional"),
    [
        (
            Attention,
            {
                "values_are_keys": False,
                "bias": False,
                "output_bias": False,
                "query_key_norm": "none",
                "output_gate": False,
                "sinks": False,
                "blocks": None,
            },
        ),
        (Blocks, {}),
        (Indexer, {}),
        (Latent, {"indexer": None}),
        (Linear, {}),
        (Delta, {}),
        (Mamba, {"norm": True}),
        (ShortConv, {}),
        (Parallel, {}),
        (Dense, {"gated": True}),
        (
            Experts,
            {"gated": True, "bias": False, "latent_size": 0, "shared_gate": False, "selection_bias": False},
        ),
        (PerLayer, {}),
    ],
)
def test_what_may_be_left_out(part: type[BaseModel], optional: dict[str, Any]) -> None:
    assert defaults(part) == optional
