"""How models are built: which ones are here, what is published of them, and what a record has to have."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.models import Model, model, read_models
from snippets.data.providers import read_hosted
from snippets.data.records import UnknownNameError
from snippets.data.stack import Stack
from tests.bounds import assert_accepts_exactly, defaults
from tests.data.samples import ATTENTION, RECORD

MODELS = read_models()


WITHOUT_ARCHITECTURE = {
    "deepseek-v4.1-flash": "an encoder-decoder with compressed attention and Engram tables, which no part is",
}


def built(**changes: Any) -> Model:
    """A model with some fields changed, and without those that are None."""
    changed = {**RECORD, **changes}
    return Model.model_validate({name: value for name, value in changed.items() if value is not None})


def test_there_are_at_least_forty_models() -> None:
    assert len(MODELS) >= 40


@pytest.mark.parametrize("weights", sorted({one.weights for one in read_hosted().values() if one.weights}))
def test_weights_that_others_host_are_models_here(weights: str) -> None:
    assert (weights in MODELS) != (weights in WITHOUT_ARCHITECTURE)


@pytest.mark.parametrize("one", MODELS.values(), ids=str)
def test_what_is_published_is_rounded_to_a_power_of_ten(one: Model) -> None:
    for count, rounding in (
        (one.published_parameters, one.published_rounding_parameters),
        (one.published_active_parameters or 0, one.active_rounding_parameters or 1),
    ):
        assert str(rounding).strip("0") == "1"
        assert count % rounding == 0


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("llama-3.3-7b", "llama-3.3-70b"), ("Gemma-3-27B", "gemma-3-27b"), ("gpt-oss", "gpt-oss-20b")],
)
def test_an_unknown_name_is_an_error_with_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=nearest):
        model(name)


def test_a_name_that_resembles_none_is_an_error_without_a_guess() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown model 'zzzz'$"):
        model("zzzz")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"active_rounding_parameters": None}, "active parameters and their rounding go together"),
        ({"published_active_parameters": None}, "active parameters and their rounding go together"),
        ({"published_parameters": 10**9 - 1}, "1000000000 active parameters of 999999999"),
    ],
)
def test_active_parameters_that_do_not_fit_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as failure:
        built(**changes)
    assert said in str(failure.value)


@pytest.mark.parametrize(
    ("field", "lowest", "highest"),
    [
        ("context_tokens", 1_024, 100_000_000),
        ("vocabulary", 1, 1_000_000),
        ("published_parameters", 10**9, 10**14),
        ("published_rounding_parameters", 1, 10**12),
        ("published_active_parameters", 1_000_000, 10**14),
        ("active_rounding_parameters", 1, 10**12),
    ],
)
def test_bounds_of_a_model(field: str, lowest: int, highest: int) -> None:
    valid = RECORD if field != "published_parameters" else _without_active()
    assert_accepts_exactly(Model, valid, field, lowest if field != "published_parameters" else 10**6, highest)


def _without_active() -> dict[str, Any]:
    return {name: value for name, value in RECORD.items() if not name.count("active")}


def test_what_a_model_may_leave_out() -> None:
    assert defaults(Model) == defaults(Stack) | {
        "expires": None,
        "published_active_parameters": None,
        "active_rounding_parameters": None,
        "note": "",
    }


def test_a_misspelled_field_of_a_part_is_refused() -> None:
    with pytest.raises(ValidationError) as failure:
        built(attention={**ATTENTION, "kv_head": 8})
    assert {error["loc"] for error in failure.value.errors()} == {("attention", "kv_head")}


def test_a_model_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        model("phi-4").layers = 41  # type: ignore[misc]  # what is refused at run time too
