"""A specification of what a model accepts: each field's lowest and highest value, and its default."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf, nan, nextafter, ulp
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

SMALLEST = ulp(0.0)  # the lowest value of what has to be more than zero


def assert_accepts_exactly(
    model: type[BaseModel], valid: Mapping[str, Any], field: str, lowest: float, highest: float
) -> None:
    """Require that both ends are accepted, and that the next number beyond either is refused by name."""
    for accepted in (lowest, highest):
        assert getattr(model.model_validate({**valid, field: accepted}), field) == accepted
    beyond = [
        value + step if isinstance(value, int) else nextafter(value, step * inf)
        for value, step in ((lowest, -1), (highest, 1))
    ]
    for refused in (*beyond, nan, inf, -inf):
        with pytest.raises(ValidationError) as failure:
            model.model_validate({**valid, field: refused})
        assert {error["loc"] for error in failure.value.errors()} == {(field,)}


def defaults(model: type[BaseModel]) -> dict[str, Any]:
    """The fields that may be left out, with what they are then."""
    return {name: field.default for name, field in model.model_fields.items() if not field.is_required()}
