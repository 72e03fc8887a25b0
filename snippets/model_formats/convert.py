"""How does a model become a GGUF file, and back?"""

# --8<-- [start:imports]
from collections.abc import Iterable, Mapping
from typing import BinaryIO

from snippets.data.small_model import (
    Floats,
    LlamaConfig,
    SmallModel,
)
from snippets.data.small_tokenizer import Tokenizer
from snippets.model_formats import convert_metadata
from snippets.model_formats.convert_names import (
    faults,
    interleave,
    places,
    separate,
)
from snippets.model_formats.convert_types import (
    Decode,
    Encode,
    as_f32,
    plain,
)
from snippets.model_formats.gguf_file import (
    Metadata,
    read_gguf,
)
from snippets.model_formats.gguf_values import Value
from snippets.model_formats.gguf_writer import (
    GgufTensor,
)

# --8<-- [end:imports]


# --8<-- [start:to]
def to_gguf(
    config: LlamaConfig,
    weights: Mapping[str, Floats],
    encode: Encode = as_f32,
    *,
    tied: bool,
) -> list[GgufTensor]:
    """Name, order and encode what a file stores.

    encode: for matrices; vectors stay in F32
    tied: as tie_word_embeddings of config.json
    Raises ValueError with all faults.
    """
    wrong = faults(config, weights, tied=tied)
    if wrong:
        raise ValueError("; ".join(wrong))
    found = []
    for one in places(config, tied=tied):
        values = weights[one.name]
        if one.heads:
            values = interleave(values, one.heads)
        kept = (
            as_f32 if values.ndim == 1 else encode
        )
        kind, data = kept(one.gguf_name, values)
        found.append(
            GgufTensor(
                one.gguf_name,
                one.shape[::-1],
                kind,
                data,
            )
        )
    return found


def build(
    model: SmallModel,
    tokenizer: Tokenizer,
    name: str,
    encode: Encode = as_f32,
    *,
    tied: bool = True,
) -> tuple[dict[str, Value], list[GgufTensor]]:
    """Make all that `write_gguf` writes.

    Raises ValueError as its two parts do.
    """
    config, weights = model
    return (
        convert_metadata.gguf_metadata(
            config, tokenizer, name
        ),
        to_gguf(config, weights, encode, tied=tied),
    )


# --8<-- [end:to]


# --8<-- [start:from]
def read_stored(
    file: BinaryIO,
) -> tuple[Metadata, list[GgufTensor]]:
    """Read all that `write_gguf` was given.

    Raises FormatError as `read_gguf` does.
    """
    found = read_gguf(file)
    return found.metadata, [
        GgufTensor(
            one.name,
            one.shape,
            one.kind,
            found.read(file, one),
        )
        for one in found.tensors
    ]


def from_gguf(
    config: LlamaConfig,
    tensors: Iterable[GgufTensor],
    decode: Decode = plain,
    *,
    tied: bool,
) -> dict[str, Floats]:
    """Undo `to_gguf`: Hugging Face's names, order.

    Raises ValueError with all faults.
    """
    by_name = {
        one.gguf_name: one
        for one in places(config, tied=tied)
    }
    found: dict[str, Floats] = {}
    wrong = []
    for name, reversed_shape, kind, data in tensors:
        shape = reversed_shape[::-1]
        place = by_name.get(name)
        if place is None:
            wrong.append(f"{name} is not known")
            continue
        if place.name in found:
            wrong.append(f"{name} stands twice")
        values = decode(kind, data, shape)
        if place.heads and shape == place.shape:
            values = separate(values, place.heads)
        found[place.name] = values
    wrong += faults(config, found, tied=tied)
    if wrong:
        raise ValueError("; ".join(wrong))
    return found


# --8<-- [end:from]
