"""MLX's own words are read and written, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from snippets.model_formats.fp4_layout import E2M1, e8m0_values, grouped
from snippets.model_formats.fp8_layout import e4m3_values
from snippets.model_formats.int32_packing import unpack_bits
from snippets.model_formats.mlx_layout import BITS, MlxTensors, mlx_codes, mlx_tensors, mlx_weights
from tests.model_formats.goldens import golden, same


def stored(bits: int) -> MlxTensors:
    """What MLX 0.32.4 made of rows of the small model."""
    theirs = golden("mlx")
    return MlxTensors(*(theirs[f"{name}_{bits}"] for name in ("weight", "scales", "biases")))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_weights_are_those_of_mlx(bits: int) -> None:
    assert golden("mlx")["versions"] == ["mlx 0.32.4"]
    assert same(mlx_weights(stored(bits), bits)[:8], golden("mlx")[f"found_{bits}"])


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
def test_words_are_those_of_mlx(bits: int) -> None:
    theirs = stored(bits)
    codes = mlx_codes(theirs, bits)
    assert codes.max() == (1 << bits) - 1
    assert same(mlx_tensors(codes, theirs.scales, theirs.biases, bits).weight, theirs.weight)


@pytest.mark.parametrize(("mode", "size"), [("mxfp4", 32), ("nvfp4", 16)])
def test_its_floats_of_four_bits_are_packed_alike(mode: str, size: int) -> None:
    theirs = golden("mlx")
    codes = grouped(unpack_bits(theirs[f"weight_{mode}"].view("<i4"), 4), size)
    scales = theirs[f"scales_{mode}"]
    levels = e8m0_values(scales) if mode == "mxfp4" else e4m3_values()[scales]
    assert same((E2M1[codes] * levels[..., None]).reshape(32, 128)[:8], theirs[f"found_{mode}"])


@pytest.mark.parametrize("size", [32, 64, 128])
def test_groups_of_mlx_are_taken(size: int) -> None:
    codes, scales = np.zeros((1, 128), np.uint8), np.ones((1, 128 // size), np.float16)
    assert mlx_weights(mlx_tensors(codes, scales, scales, 4), 4).tolist() == [[1.0] * 128]


@pytest.mark.parametrize("bits", BITS)
def test_bits_of_mlx_are_taken(bits: int) -> None:
    codes, scales = np.zeros((1, 64), np.uint8), np.ones((1, 1), np.float16)
    assert mlx_tensors(codes, scales, scales, bits).weight.shape == (1, 2 * bits)


@pytest.mark.parametrize(
    ("codes", "scales", "biases", "bits", "said"),
    [
        ((1, 64), (1, 1), (1, 1), 7, r"bits is 7, not of \(2, 3, 4, 5, 6, 8\)"),
        ((1, 64), (1, 1), (1, 2), 4, r"scales \(1, 1\) and biases \(1, 2\) differ in shape"),
        (
            (1, 64),
            (1, 4),
            (1, 4),
            4,
            r"weights \(1, 64\) and scales \(1, 4\): groups have to be of \(32, 64, 128\)",
        ),
        ((1, 256), (1, 1), (1, 1), 4, "groups have to be"),
        ((1, 96), (1, 2), (1, 2), 4, "groups have to be"),
        ((1, 65), (1, 2), (1, 2), 4, "groups have to be"),
        ((2, 64), (1, 1), (1, 1), 4, "groups have to be"),
    ],
)
def test_what_mlx_has_not_is_refused(
    codes: tuple[int, int], scales: tuple[int, int], biases: tuple[int, int], bits: int, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        mlx_tensors(np.zeros(codes, np.uint8), np.ones(scales), np.ones(biases), bits)


def test_codes_out_of_range_are_refused() -> None:
    one = np.ones((1, 1))
    with pytest.raises(ValueError, match="codes from 16 to 16: 4 bits hold 0 to 15"):
        mlx_tensors(np.full((1, 64), 16, np.uint8), one, one, 4)


def test_shapes_do_not_tell_bits() -> None:
    four = mlx_tensors(np.zeros((1, 128), np.uint8), np.ones((1, 2)), np.ones((1, 2)), 4)
    assert mlx_codes(four, 4).shape == (1, 128)
    assert mlx_codes(four, 8).shape == (1, 64)
    assert mlx_codes(four, 2).shape == (1, 256)
    with pytest.raises(ValueError, match="16 words hold no whole number of codes of 3 bits"):
        mlx_codes(four, 3)
    with pytest.raises(ValueError, match="groups have to be"):
        mlx_codes(four._replace(scales=np.ones((1, 8))), 4)
