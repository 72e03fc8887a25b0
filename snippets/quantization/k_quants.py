"""How does a K-quant store 256 weights?"""

# --8<-- [start:shifted]
import numpy as np

from snippets.quantization.blocks import (
    BlockFormat,
    Bytes,
    Floats,
)
from snippets.quantization.k_layouts import (
    WEIGHTS,
    decode_five,
    decode_four,
    decode_six,
    decode_three,
    decode_two,
)
from snippets.quantization.k_refine import (
    refined_centered,
)
from snippets.quantization.k_search import (
    Search,
    in_order,
    search_centered,
    search_shifted,
)
from snippets.quantization.k_store import (
    grouped,
    share,
    share_signed,
    store_six,
    store_sixes,
    store_three,
    store_two,
    ungrouped,
)

TWO = Search(3, -0.5, 0.1, 15, absolute=True)
FOUR = Search(15, -1.0, 0.1, 20)
FIVE = Search(31, -0.5, 0.1, 15)


def encode_two(x: Floats) -> Bytes:
    """Q2_K: 16 groups, scales and mins of 4 bits.

    An error counts by the size of its weight.
    """
    groups = grouped(x, 16)
    found = search_shifted(
        groups, np.abs(groups), TWO
    )
    blocks = x.shape[1]
    scales, d = share(found.scale, blocks, 15)
    mins, low = share(found.minus, blocks, 15)
    codes = ungrouped(found.codes, blocks)
    return store_two(
        x, codes, (scales, mins), (d, low)
    )


def encode_sixes(
    x: Floats, search: Search
) -> Bytes:
    """Q4_K, Q5_K: 8 groups, scales in 6 bits.

    An error counts by the size of its weight, plus
    the root mean square of the group.
    """
    groups = grouped(x, 32)
    mean = in_order(groups * groups) / np.float32(
        32
    )
    weights = np.sqrt(mean) + np.abs(groups)
    found = search_shifted(groups, weights, search)
    blocks = x.shape[1]
    scales, d = share(found.scale, blocks, 63)
    mins, low = share(found.minus, blocks, 63)
    codes = ungrouped(found.codes, blocks)
    return store_sixes(
        x,
        codes,
        (scales, mins),
        (d, low),
        search.most,
    )


# --8<-- [end:shifted]


# --8<-- [start:centered]
def encode_three(x: Floats) -> Bytes:
    """Q3_K: 16 groups, signed scales of 6 bits."""
    blocks = x.shape[1]
    found = refined_centered(grouped(x, 16), 4)
    scales = found.scale.reshape(16, blocks)
    levels, d = share_signed(scales, 32)
    levels = np.minimum(levels, 31)
    codes = ungrouped(found.codes, blocks)
    return store_three(x, codes, levels, d)


def encode_six(x: Floats) -> Bytes:
    """Q6_K: 16 groups, signed scales of 8 bits."""
    blocks = x.shape[1]
    groups = grouped(x, 16)
    found = search_centered(
        groups, 32, groups * groups
    )
    codes = ungrouped(found.codes, blocks)
    return store_six(
        x, codes, found.scale.reshape(16, blocks)
    )


# --8<-- [end:centered]


# --8<-- [start:formats]
FORMATS = {
    name: BlockFormat(
        name, WEIGHTS, size, encode, decode
    )
    for name, size, encode, decode in (
        ("Q2_K", 84, encode_two, decode_two),
        ("Q3_K", 110, encode_three, decode_three),
        (
            "Q4_K",
            144,
            lambda x: encode_sixes(x, FOUR),
            decode_four,
        ),
        (
            "Q5_K",
            176,
            lambda x: encode_sixes(x, FIVE),
            decode_five,
        ),
        ("Q6_K", 210, encode_six, decode_six),
    )
}
# --8<-- [end:formats]
