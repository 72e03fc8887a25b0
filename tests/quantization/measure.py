"""Measure what each file type does to the small model: `python -m tests.quantization.measure`.

Writes snippets/data/small_model/quality.csv and tests/quantization/measured.json. The types of a file's
tensors are those that llama-quantize would choose, their bytes come from the engine's own quantizers, and
llama.cpp runs it. LLAMA_QUANTIZE names that program: each file is held against its, tensor by tensor.
"""

from __future__ import annotations

import csv
import ctypes as c
import hashlib
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from snippets.data.layers import Attention, Dense
from snippets.data.models import Model, model
from snippets.data.small_forward import forward
from snippets.data.small_model import Floats, SmallModel, read_small_model, read_text, small_model_file
from snippets.data.small_tokenizer import read_tokenizer
from snippets.hardware.weights import tensor_types
from snippets.model_formats.convert import to_gguf
from snippets.model_formats.convert_metadata import gguf_metadata
from snippets.model_formats.convert_types import Encoded, as_f32
from snippets.model_formats.gguf_writer import write_gguf
from snippets.quantization import block_formats, float8, four_bit_floats, integers, k_quants, nf4, nvfp4
from snippets.quantization.gptq_and_awq import Recipe, calibrated, matrices
from snippets.quantization.quality import Compared, Quality, compare, summarize
from tests.model_formats import llama
from tests.model_formats.llama_worker import engine

CONTEXT = 256
CHUNK = 20
FILE_TYPES = (
    *("BF16", "F16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q5_1", "Q5_0", "Q4_K_M", "Q4_K_S", "Q4_1", "Q4_0"),
    *("IQ4_NL", "IQ4_XS", "Q3_K_L", "Q3_K_M", "Q3_K_S", "IQ3_S", "Q2_K"),
)
# All matrices in one type, which llama-quantize offers for mixtures of experts only, or not at all.
UNIFORM = ("MXFP4", "NVFP4")
BLOCKS = {
    **block_formats.FORMATS,
    **k_quants.FORMATS,
    "MXFP4": four_bit_floats.MXFP4,
    "NVFP4": nvfp4.NVFP4,
}
BY_ENGINE = "llama.cpp"
BY_NUMPY = "NumPy"
Quantize = Callable[[str, Floats], NDArray[np.uint8]]
FIRST = 10  # windows that the tests measure again
RECORD = Path(__file__).with_name("measured.json")


def small() -> Model:
    """The small model as the hardware chapter describes one."""
    config = read_small_model().config
    heads = Attention(
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        key_head_dim=config.head_dim,
        value_head_dim=config.head_dim,
    )
    shapes = {
        "hidden_size": config.hidden_size,
        "layers": config.num_hidden_layers,
        "attention": heads,
        "dense": Dense(size=config.intermediate_size),
        "context_tokens": config.max_position_embeddings,
        "vocabulary": config.vocab_size,
    }
    return model("llama-3.2-1b").model_copy(update=shapes)


def types_of(file_type: str) -> dict[str, str]:
    """The type of each tensor in a file."""
    if file_type in UNIFORM:
        types = types_of("Q8_0")
        return {name: file_type if kind == "Q8_0" else kind for name, kind in types.items()}
    return {tensor.name: kind for tensor, kind in tensor_types(small(), file_type)}


def quantized(kind: str, rows: NDArray[np.float32]) -> NDArray[np.uint8]:
    """What the engine makes of rows, as bytes (rows, bytes)."""
    lib = engine()
    lib.ggml_quantize_chunk.restype = c.c_size_t
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    rows = np.ascontiguousarray(rows, np.float32)
    count, columns = rows.shape
    out = np.zeros((count, columns // block * size), np.uint8)
    lib.ggml_quantize_chunk(
        c.c_int(gguf.GGMLQuantizationType[kind].value),
        rows.ctypes.data_as(c.c_void_p),
        out.ctypes.data_as(c.c_void_p),
        *(c.c_int64(number) for number in (0, count, columns)),
        None,
    )
    return out


@cache
def windows() -> tuple[list[int], ...]:
    """The held-back text in windows of one length, a token for the beginning in front of each chapter."""
    tokenizer = read_tokenizer()
    stream: list[int] = []
    for chapter in read_text("held_back.txt").splitlines():
        stream += [1, *tokenizer.encode(chapter)]
    return tuple(stream[i : i + CONTEXT] for i in range(0, len(stream) - CONTEXT, CONTEXT))


def logits(path: Path, count: int | None = None) -> Iterator[NDArray[np.float32]]:
    """What llama.cpp computes for the first windows, or for all of them."""
    asked = list(windows()[:count])
    for start in range(0, len(asked), CHUNK):
        yield from llama.logits(path, asked[start : start + CHUNK])


def measure(base: Iterable[NDArray[np.float32]], path: Path, count: int | None = None) -> list[Compared]:
    """Compare a file with the original's logits."""
    rows = zip(base, logits(path, count), windows()[:count], strict=True)
    return [compare(first, second, tokens) for first, second, tokens in rows]


def build(path: Path, types: dict[str, str], quantize: Quantize = quantized) -> None:
    """Write the small model as a GGUF file with tensors of these types."""
    model = read_small_model()

    def encode(name: str, matrix: Floats) -> Encoded:
        kind = types[name]
        return as_f32(name, matrix) if kind == "F32" else Encoded(kind, quantize(kind, matrix).tobytes())

    with path.open("wb") as file:
        metadata = gguf_metadata(model.config, read_tokenizer(), "small")
        write_gguf(file, metadata, to_gguf(model.config, model.weights, encode, tied=True))


def digest(path: Path) -> str:
    """One sum over the names, types and bytes of a file's tensors, in the order of their names."""
    found = hashlib.sha256()
    for tensor in sorted(gguf.GGUFReader(path).tensors, key=lambda one: one.name):
        found.update(f"{tensor.name} {tensor.tensor_type.name}\n".encode() + tensor.data.tobytes())
    return found.hexdigest()


def llama_quantize(base: Path, file_type: str) -> str:
    """The sum of what llama-quantize writes."""
    theirs = base.with_suffix(".theirs")
    command = [os.environ["LLAMA_QUANTIZE"], str(base), str(theirs), file_type, "1"]
    subprocess.run(command, check=True, capture_output=True)
    return digest(theirs)


def by_numpy() -> Iterator[tuple[str, float, SmallModel]]:
    """What llama.cpp does not run: name, bits of a layer's weights, and the model with rounded matrices.

    The table of tokens and the norms stay as they are, as checkpoints in these formats have them.
    """
    model = read_small_model()
    e4m3, e5m2 = float8.E4M3, float8.E5M2

    def eight(rows: Floats, kind: float8.SmallFloat) -> tuple[float, Floats]:
        scaled = float8.encode_scaled(rows, kind, (1, rows.shape[1]))
        return scaled.bits_per_weight, float8.decode_scaled(scaled, kind)

    def int8(rows: Floats) -> tuple[float, Floats]:
        codes = integers.encode_eight(rows)
        return 8 + 32 / rows.shape[1], integers.decode_eight(codes)

    def int4(rows: Floats) -> tuple[float, Floats]:
        groups = integers.encode_groups(rows, 4, 128)
        return groups.bits_per_weight, integers.decode_groups(groups)

    def normal(rows: Floats) -> tuple[float, Floats]:
        doubled = nf4.encode_doubled(rows)
        return doubled.bits_per_weight, nf4.decode_doubled(doubled).reshape(rows.shape)

    def blocks(name: str, rows: Floats) -> tuple[float, Floats]:
        each = BLOCKS[name]
        return each.bits_per_weight, each.dequantize(each.quantize(rows))

    ways: dict[str, Callable[[Floats], tuple[float, Floats]]] = {
        "FP8 E4M3": lambda rows: eight(rows, e4m3),
        "FP8 E5M2": lambda rows: eight(rows, e5m2),
        "INT8": int8,
        "INT4": int4,
        "NF4": normal,
        **{f"{name}, layers": partial(blocks, name) for name in ("Q4_K", "Q4_0", "Q3_K", "NVFP4", "MXFP4")},
    }
    names = [name for layer in range(model.config.num_hidden_layers) for name in matrices(layer)]
    for way, call in ways.items():
        done = {name: call(model.weights[name]) for name in names}
        bits = sum(done[name][0] * model.weights[name].size for name in names)
        bits /= sum(model.weights[name].size for name in names)
        weights = dict(model.weights) | {name: rows for name, (_, rows) in done.items()}
        yield way, bits, SmallModel(model.config, weights)
    for way, recipe in (("GPTQ", Recipe(method="gptq")), ("AWQ", Recipe(method="awq"))):
        yield way, recipe.bits_per_weight, calibrated(model, calibration(), recipe)


@cache
def calibration(text: str = "same kind", count: int = 32) -> tuple[list[int], ...]:
    """Windows to calibrate with, cut as those that judge."""
    tokenizer = read_tokenizer()
    stream: list[int] = []
    for chapter in read_text("calibration.txt").splitlines():
        stream += [1, *tokenizer.encode(chapter)]
    if text == "shuffled":
        stream = [int(token) for token in np.random.default_rng(0).permutation(stream)]
    if text == "random":
        drawn = np.random.default_rng(0).integers(3, len(tokenizer.pieces), len(stream))
        stream = [int(token) for token in drawn]
    found = [stream[i : i + CONTEXT] for i in range(0, len(stream) - CONTEXT, CONTEXT)]
    return tuple(found[:count])


def measure_by_numpy(model: SmallModel, count: int | None = None) -> list[Compared]:
    """Compare a model with the original, both computed by NumPy."""
    original = read_small_model()
    return [compare(forward(original, one), forward(model, one), one) for one in windows()[:count]]


def bits_per_weight(path: Path) -> float:
    """Bits of all tensors over their weights."""
    tensors = gguf.GGUFReader(path).tensors
    return float(8 * sum(int(t.n_bytes) for t in tensors) / sum(int(t.n_elements) for t in tensors))


def write(rows: list[Quality]) -> None:
    """Write what the pages read."""
    with small_model_file("quality.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.DictWriter(file, fieldnames=list(Quality.model_fields), lineterminator="\n")
        out.writeheader()
        for row in rows:
            values = row.model_dump()
            out.writerow({k: round(v, 6) if isinstance(v, float) else v for k, v in values.items()})


def main() -> None:
    """Measure all of it, in some five minutes on two cores."""
    rows = []
    sums = {}
    first = {}
    two = {}
    with tempfile.TemporaryDirectory() as folder:
        base, path = Path(folder) / "base.gguf", Path(folder) / "other.gguf"
        build(base, types_of("F32"))
        original = list(logits(base))
        for file_type in ("F32", *FILE_TYPES, *UNIFORM):
            build(path, types_of(file_type))
            found = measure(original, path)
            rows.append(summarize(file_type, BY_ENGINE, bits_per_weight(path), found))
            first[file_type] = summarize(
                file_type, BY_ENGINE, bits_per_weight(path), found[:FIRST]
            ).model_dump()
            if file_type in FILE_TYPES:
                sums[file_type] = llama_quantize(base, file_type)
            print(rows[-1], flush=True)
    for name, bits, changed in by_numpy():
        found = measure_by_numpy(changed)
        rows.append(summarize(name, BY_NUMPY, bits, found))
        two[name] = summarize(name, BY_NUMPY, bits, found[:2]).model_dump()
        print(rows[-1], flush=True)
    write(rows)
    kept = {"llama_quantize": sums, "first_windows": first, "two_windows": two}
    RECORD.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
