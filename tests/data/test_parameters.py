"""Parameters counted from the architecture, against two oracles: Transformers, and what is published.

transformers_parameters.csv is not made by this project's tests, which do without Transformers. It was made
once, in an environment of its own with `transformers` and `torch`: for each record here, the configuration
class of its model type was filled with the published configuration that the record's sources name, the model
was made on the `meta` device, and the sizes of its parameters were added up:

    config = CONFIG_MAPPING[model_type](**published)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    sum(parameter.numel() for parameter in model.parameters())

`parameters()` yields a tied matrix once and no buffers, so that the corrections of routers are not in it; the
class of ERNIE 4.5 makes them parameters, and there they are taken off again. Of
models with encoders for pictures or sound it is the text model. Layers that predict further tokens are not
part of these classes.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from snippets.data.layers import Dense, Experts
from snippets.data.mixers import mixer_parameters
from snippets.data.models import Model, model, read_models
from snippets.data.parameters import (
    beside_parameters,
    dense_parameters,
    expert_parameters,
    layer_parameters,
    parameters,
    per_layer_parameters,
)
from tests.data.samples import architectures, experts, sizes

MODELS = read_models()
with Path(__file__).with_name("transformers_parameters.csv").open(encoding="utf-8", newline="") as file:
    ROWS = [*csv.DictReader(file)]

ORACLE = {row["model"]: int(row["parameters"]) for row in ROWS}


# Published totals that count something else, with the share that it makes of them.
OTHER_TOTAL = {
    "gemma-3n-e4b": ("with encoders for pictures and sound", 0.13),
    "llama-4-scout": ("with an encoder for pictures", 0.012),
    "gemma-3n-e2b": ("with encoders for pictures and sound", 0.19),
    "gemma-4-e2b": ("with encoders for pictures and sound", 0.1),
    "gemma-4-e4b": ("with encoders for pictures and sound", 0.06),
    "minimax-m3": ("with an encoder for pictures", 0.0047),
    "command-r7b-12-2024": ("without the embedding", 0.15),
    "kimi-linear-48b-a3b": ("without the embedding and the output matrix", 0.024),
    "glm-4.6": ("between this count and one with the layer that predicts a further token", 0.0063),
    "glm-4.7": ("between this count and one with the layer that predicts a further token", 0.0063),
}


OTHER_ACTIVE = {
    "glm-5.3": "neither with the embedding nor with the output matrix",
    "minimax-m3": "neither with the embedding nor with the output matrix",
}


# Models whose class in Transformers makes parameters of what other classes keep in buffers.
CORRECTIONS_COUNTED = {"ernie-4.5-21b-a3b"}


def corrections(one: Model) -> int:
    """One number for each expert that steers which are used."""
    part = one.experts
    assert part
    assert part.selection_bias
    return part.experts * one.layer_feed_forwards.count("experts")


def with_(one: Model, **changes: Any) -> Model:
    """The same model with some fields changed, checked again."""
    return Model.model_validate({**one.model_dump(), **changes})


def test_the_oracle_has_every_model_and_no_other() -> None:
    assert ORACLE.keys() == MODELS.keys()
    assert {row["transformers"] for row in ROWS} == {"5.24.0"}


@pytest.mark.parametrize("name", sorted(MODELS))
def test_total_is_that_of_transformers_to_the_parameter(name: str) -> None:
    counted = corrections(MODELS[name]) if name in CORRECTIONS_COUNTED else 0
    assert parameters(MODELS[name]).total + counted == ORACLE[name]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_total_is_the_published_one_within_its_rounding(name: str) -> None:
    one = MODELS[name]
    error = abs(parameters(one).total - one.published_parameters)
    if name in OTHER_TOTAL:
        share = error / one.published_parameters
        assert 0.9 * OTHER_TOTAL[name][1] < share < OTHER_TOTAL[name][1]
    elif one.published_rounding_parameters == 1:
        assert error == 0
    else:
        assert error < one.published_rounding_parameters


@pytest.mark.parametrize(
    ("name", "rounding"),
    [
        (name, one.active_rounding_parameters)
        for name, one in sorted(MODELS.items())
        if one.active_rounding_parameters
    ],
)
def test_active_is_the_published_one_with_or_without_what_is_looked_up(name: str, rounding: int) -> None:
    count = parameters(MODELS[name])
    published = MODELS[name].published_active_parameters
    assert published
    near = min(abs(count.active - published), abs(count.active + count.looked_up - published))
    assert (near < rounding) != (name in OTHER_ACTIVE)


def test_command_r7b_is_published_without_the_embedding() -> None:
    command = model("command-r7b-12-2024")
    rest = parameters(command).total - command.vocabulary * command.hidden_size
    assert abs(rest - command.published_parameters) < 30_000_000


def test_kimi_linear_is_published_without_the_embedding_and_the_output_matrix() -> None:
    kimi = model("kimi-linear-48b-a3b")
    rest = parameters(kimi).total - 2 * kimi.vocabulary * kimi.hidden_size
    assert abs(rest - kimi.published_parameters) < kimi.published_rounding_parameters


def test_both_gemma_3n_are_published_with_the_same_encoders() -> None:
    """Their files also hold keys and values of the layers that share, which the model leaves unused."""
    beside = []
    for name in ("gemma-3n-e2b", "gemma-3n-e4b"):
        gemma = model(name)
        unused = mixer_parameters(gemma, 0) - mixer_parameters(gemma, gemma.layers - 1)
        total = parameters(gemma).total + unused * gemma.kv_shared_layers
        beside.append(gemma.published_parameters - total)
    assert beside == [983_438_688, 983_438_688]


def test_layers_of_gemma_4_e2b_that_share_are_twice_as_wide() -> None:
    gemma = model("gemma-4-e2b")
    own, shared = gemma.dense_of(14), gemma.dense_of(15)
    assert own is gemma.dense
    assert shared is gemma.wide
    assert own
    assert shared
    assert shared.size == 2 * own.size
    assert gemma.layers - 15 == gemma.kv_shared_layers


def test_glm_4_6_is_published_between_this_count_and_one_with_the_predicting_layer() -> None:
    glm = model("glm-4.6")
    total = parameters(glm).total
    predicting = layer_parameters(glm, glm.layers - 1).total + 2 * glm.hidden_size**2
    assert total < glm.published_parameters < total + predicting


@pytest.mark.parametrize("name", OTHER_ACTIVE)
def test_other_active_counts_are_near_this_one_without_the_output_matrix(name: str) -> None:
    one = model(name)
    used = parameters(one).active - one.vocabulary * one.hidden_size
    assert one.published_active_parameters
    assert abs(used - one.published_active_parameters) < 1e9


@pytest.mark.parametrize(
    ("name", "digits"),
    [
        ("llama-3.1-8b", 8_030_261_248),
        ("gpt-oss-120b", 116_829_156_672),
        ("qwen3-30b-a3b", 30_532_122_624),
        ("gemma-3-27b", 27_009_002_240),
    ],
)
def test_exactly_published_totals(name: str, digits: int) -> None:
    assert parameters(model(name)).total == digits


@pytest.mark.parametrize("one", MODELS.values(), ids=str)
def test_stored_is_used_looked_up_and_idle(one: Model) -> None:
    count = parameters(one)
    assert 0 < count.active <= count.active + count.looked_up <= count.total
    assert (count.active + count.looked_up == count.total) == (one.experts is None)


@given(architectures())
def test_no_token_uses_more_than_there_is(one: Model) -> None:
    count = parameters(one)
    assert 0 < count.active <= count.total - count.looked_up


@given(architectures())
def test_counts_add_up_over_layers(one: Model) -> None:
    longer = with_(one, layers=one.layers + 1)
    added = layer_parameters(longer, one.layers)
    assert parameters(longer).total - parameters(one).total == added.total >= 0
    assert parameters(longer).active - parameters(one).active == added.active >= 0


@given(architectures())
def test_an_output_matrix_of_its_own_is_as_large_as_the_embedding(one: Model) -> None:
    tied = parameters(with_(one, tied_embeddings=True))
    own = parameters(with_(one, tied_embeddings=False))
    table = one.vocabulary * one.hidden_size
    assert (own.total - tied.total, own.looked_up, tied.looked_up) == (table, table, 0)
    assert own.active == tied.active


@given(experts, sizes)
def test_one_more_active_expert_is_used_and_not_stored(part: Experts, hidden: int) -> None:
    one, two, three = (expert_parameters(part, hidden, used) for used in (1, 2, 3))
    assert two - one == three - two > 0


@given(sizes, sizes)
def test_a_gate_is_a_third_matrix(size: int, hidden: int) -> None:
    gated = dense_parameters(Dense(size=size), hidden)
    assert gated - dense_parameters(Dense(size=size, gated=False), hidden) == size * hidden


def test_gemma_3n_looks_up_an_embedding_for_each_layer() -> None:
    gemma = model("gemma-3n-e4b")
    assert parameters(gemma).looked_up == 262_144 * 256 * 35
    assert gemma.per_layer
    assert beside_parameters(gemma.per_layer, gemma.hidden_size) > 0
    assert per_layer_parameters(model("phi-4")) == 0
