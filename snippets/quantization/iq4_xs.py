"""What do uneven steps gain in a super-block?"""

# --8<-- [start:scales]
import numpy as np

from snippets.quantization.block_formats import (
    farthest,
    half_floats,
)
from snippets.quantization.blocks import (
    BlockFormat,
    Bytes,
    Floats,
)
from snippets.quantization.iq4_nl import (
    CODES,
    TINY,
    VALUES,
    places,
    search,
)
from snippets.quantization.k_layouts import (
    REST,
    WEIGHTS,
    down,
    low,
    unweave,
    up,
    weave,
)
from snippets.quantization.k_search import nearest
from snippets.quantization.k_store import (
    grouped,
    stored,
    ungrouped,
)


def inverse(scales: Floats) -> Floats:
    """1 / scale, and 0 where the scale is 0."""
    found = np.float32(1) / scales
    found[scales == 0] = 0
    return found


def search_scales(x: Floats) -> Floats:
    """Find the scale of each group, as IQ4_NL does.

    x: (32, groups)
    """
    far = farthest(x)
    scales = search(x, far)
    scales[np.abs(far) < TINY] = 0
    return scales


# --8<-- [end:scales]


# --8<-- [start:blocks]
def encode(x: Floats) -> Bytes:
    """IQ4_XS: d, 8 scales of 6 bits, 256 codes.

    The farthest scale gets the code -32.
    Source: llama.cpp, ggml/src/ggml-quants.c,
    quantize_row_iq4_nl_impl, commit 0c1e57098bba
    """
    blocks = x.shape[1]
    groups = grouped(x, 32)
    scales = search_scales(groups)
    scales = scales.reshape(8, blocks)
    d = farthest(scales) / np.float32(-32)
    steps = nearest(inverse(d) * scales)
    steps = np.minimum(steps, 31)
    factor = inverse(d * steps.astype(np.float32))
    codes = CODES.take(
        places(groups * factor.reshape(REST)),
        mode="clip",
    )
    levels = (steps + 32).astype(np.uint8)
    return np.concatenate(
        [
            stored(d)[0],
            weave(down(levels, 4), 2, 1),
            weave(low(levels, 4), 4, 1),
            weave(ungrouped(codes, blocks), 4, 16),
        ]
    )


def decode(data: Bytes) -> Floats:
    """d (scale - 32) times the value of a code."""
    levels = unweave(data[4:8], 4, 1)
    levels |= up(unweave(data[2:4], 2, 1), 4)
    steps = levels.astype(np.float32)
    scales = half_floats(data[:2]) * (steps - 32)
    values = VALUES[unweave(data[8:], 4, 16)]
    groups = values.reshape(8, 32, REST)
    out = scales[:, None] * groups
    return out.reshape(WEIGHTS, REST)


IQ4_XS = BlockFormat(
    "IQ4_XS", WEIGHTS, 136, encode, decode
)
FORMATS = {IQ4_XS.name: IQ4_XS}
# --8<-- [end:blocks]
