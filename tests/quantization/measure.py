"""Measure what each file type does to the small model: `python -m tests.quantization.measure`.

Writes snippets/data/small_model/quality.csv. The types of a file's tensors are those that llama-quantize would
choose, their bytes come from the engine's own quantizers, and llama.cpp runs the file. LLAMA_QUANTIZE, where it
names that program, is held against each file, tensor by tensor.
"""

from __future__ import annotations

import csv
import ctypes as c
import os
import subprocess
from functools import cache
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from snippets.data.layers import Attention, Dense
from snippets.data.models import Model, model
from snippets.data.small_model import read_small_model, read_text, small_model_file
from snippets.data.small_tokenizer import read_tokenizer
from snippets.hardware.weights import tensor_types
from snippets.quantization.quality import Compared, Quality, compare
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
BY_ENGINE = "llama.cpp"


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


def measure(base: Path, path: Path, count: int | None = None) -> list[Compared]:
    """Compare two files over the first windows, or over all of them."""
    asked = windows()[:count]
    found = []
    for start in range(0, len(asked), CHUNK):
        some = list(asked[start : start + CHUNK])
        first, second = llama.logits(base, some), llama.logits(path, some)
        found += [compare(a, b, tokens) for a, b, tokens in zip(first, second, some, strict=True)]
    return found


def same_as_llama_quantize(base: Path, path: Path, file_type: str) -> str:
    """Hold a file's tensors against those of llama-quantize."""
    program = os.environ.get("LLAMA_QUANTIZE")
    if not program or file_type in UNIFORM:
        return "not compared"
    theirs = path.with_suffix(".theirs")
    subprocess.run([program, str(base), str(theirs), file_type, "1"], check=True, capture_output=True)
    ours = {t.name: t for t in gguf.GGUFReader(path).tensors}
    reader = gguf.GGUFReader(theirs)
    wrong = [
        t.name
        for t in reader.tensors
        if t.tensor_type != ours[t.name].tensor_type or t.data.tobytes() != ours[t.name].data.tobytes()
    ]
    same = len(reader.tensors) == len(ours) and not wrong
    theirs.unlink()
    return "equal" if same else f"differs: {wrong}"


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
