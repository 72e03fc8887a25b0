"""Types round as the gguf library and NumPy round, and say where they end."""

import gguf
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from snippets.data.small_model import Floats
from snippets.model_formats.convert_types import as_bf16, as_f16, as_f32, plain

FLOATS = arrays(np.float32, (3, 4), elements=st.floats(width=32, allow_nan=False, allow_infinity=False))


@given(FLOATS)
def test_bf16_is_rounded_as_the_gguf_library_rounds(matrix: Floats) -> None:
    kind, data = as_bf16("", matrix)
    bf16 = gguf.GGMLQuantizationType.BF16
    theirs = gguf.quants.quantize(matrix, bf16)
    assert kind == "BF16"
    assert data == theirs.tobytes()
    assert np.array_equal(
        plain(kind, data, (3, 4)), gguf.quants.dequantize(theirs, gguf.GGMLQuantizationType.BF16)
    )


@pytest.mark.parametrize(
    ("bits", "stored"),
    [
        (0x3F808000, 0x3F80),  # halfway: to the even one, down
        (0x3F818000, 0x3F82),  # halfway: to the even one, up
        (0x3F808001, 0x3F81),
        (0x3F807FFF, 0x3F80),
    ],
)
def test_bf16_rounds_to_the_nearest_and_halfway_to_the_even(bits: int, stored: int) -> None:
    matrix = np.array([[bits]], np.uint32).view(np.float32)
    assert as_bf16("", matrix).data == stored.to_bytes(2, "little")


@given(arrays(np.float32, (3, 4), elements=st.floats(-65_504, 65_504, width=32)))
def test_f16_is_rounded_as_numpy_rounds_and_f32_is_kept(matrix: Floats) -> None:
    kind, data = as_f16("", matrix)
    assert np.array_equal(plain(kind, data, (3, 4)), matrix.astype(np.float16).astype(np.float32))
    assert plain(*as_f32("", matrix), (3, 4)).tobytes() == matrix.tobytes()


def test_f16_ends_where_it_says() -> None:
    assert plain(*as_f16("", np.array([[-65_504]], np.float32)), (1, 1))[0, 0] == -65_504
    with pytest.raises(ValueError, match=r"blk\.0\.ffn_up\.weight reaches 65536: F16 ends at 65504"):
        as_f16("blk.0.ffn_up.weight", np.array([[1, -65_536]], np.float32))


def test_a_kind_that_is_not_plain_needs_a_decoder() -> None:
    with pytest.raises(ValueError, match="kind Q8_0: F32, F16 and BF16 are plain; give a decoder"):
        plain("Q8_0", bytes(34), (1, 32))
