"""All 65,536 values of each codebook are those of GPTQModel's reader, in float16."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from snippets.model_formats.exl3_codebook import codebook
from tests.model_formats.goldens import golden, same


@pytest.mark.parametrize("name", ["3inst", "mcg", "mul1"])
def test_values_are_those_of_gptqmodel(name: str) -> None:
    values = codebook(name)
    assert same(values[:256], golden("exl3")[f"first_{name}"])
    digest = hashlib.sha256(values.astype("<f2").tobytes()).hexdigest()
    assert digest == golden("exl3")[f"sha256_{name}"].item()


@pytest.mark.parametrize("name", ["3inst", "mcg", "mul1"])
def test_values_are_spread_like_weights(name: str) -> None:
    values = codebook(name).astype(np.float64)
    assert abs(values.mean()) < 0.05
    assert 0.9 < values.std() < 1.3


def test_another_codebook_is_refused() -> None:
    with pytest.raises(ValueError, match="codebook 'mad' is not of 3inst, mcg, mul1"):
        codebook("mad")
