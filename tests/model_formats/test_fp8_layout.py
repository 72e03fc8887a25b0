"""Values and scales of FP8 are those of PyTorch and compressed-tensors."""

from __future__ import annotations

import numpy as np
import pytest

from snippets.model_formats.fp8_layout import e4m3_values, fp8_weights, spread
from tests.model_formats.goldens import golden, same

WEIGHT = np.random.default_rng(6).integers(0, 127, (192, 160), dtype=np.uint8)


def test_each_byte_has_the_value_of_pytorch() -> None:
    ours, theirs = e4m3_values(), golden("floats")["e4m3"]
    assert golden("floats")["versions"].tolist()[:2] == ["compressed-tensors 0.20.0", "torch 2.13.0+cpu"]
    assert np.array_equal(np.isnan(ours), np.isnan(theirs))
    kept = ~np.isnan(ours)
    assert same(ours[kept], theirs[kept])
    assert np.nanmax(ours) == 448
    assert np.flatnonzero(np.isnan(ours)).tolist() == [0x7F, 0xFF]


@pytest.mark.parametrize("kind", ["tensor", "channel", "block"])
def test_weights_are_those_of_compressed_tensors(kind: str) -> None:
    theirs = golden("floats")
    found = fp8_weights(WEIGHT, theirs[f"fp8_{kind}_scale"])[::24, ::8].copy()
    assert same(found, theirs[f"fp8_{kind}_found"])


def test_a_scale_reaches_what_its_shape_says() -> None:
    one = np.float32(3)
    assert (spread(np.array(one), (2, 3)) == 3).all()
    assert spread(np.array([1, 2]), (2, 3)).tolist() == [[1, 1, 1], [2, 2, 2]]
    blocks = spread(np.array([[1, 2], [3, 4]]), (129, 129))
    assert blocks[[0, 127, 128]][:, [0, 127, 128]].tolist() == [[1, 1, 2], [1, 1, 2], [3, 3, 4]]


@pytest.mark.parametrize("shape", [(3,), (2, 2), (1, 3), (2, 1, 1)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"scales: shape .*, of \(\) or \(2, 1\) or \(1, 1\)"):
        fp8_weights(np.zeros((2, 4), np.uint8), np.ones(shape))
