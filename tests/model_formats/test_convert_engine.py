"""llama.cpp runs what was converted: its tokens, its greedy text and its logits are those of NumPy."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from snippets.data.small_forward import forward, generate
from snippets.data.small_model import SmallModel, read_small_model, read_text
from snippets.data.small_tokenizer import read_tokenizer
from snippets.model_formats.convert import from_gguf, to_gguf
from snippets.model_formats.convert_metadata import gguf_metadata
from snippets.model_formats.convert_types import Encode, as_bf16, as_f16, as_f32
from snippets.model_formats.gguf_writer import GgufTensor, write_gguf
from tests.model_formats import llama

pytestmark = pytest.mark.skipif(
    "WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set: mutants are judged by what is quick"
)

MODEL, TOKENIZER = read_small_model(), read_tokenizer()
CHAPTERS = read_text("held_back.txt").splitlines()
# The order of sums is all that differs then.
EXACT = {"type_k": "f32", "type_v": "f32", "flash": 0}


def write(path: Path, tensors: list[GgufTensor]) -> Path:
    with path.open("wb") as file:
        write_gguf(file, gguf_metadata(MODEL.config, TOKENIZER, "small"), tensors)
    return path


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("convert") / "f32.gguf"
    return write(path, to_gguf(MODEL.config, MODEL.weights, as_f32, tied=True))


@pytest.fixture(scope="module")
def said(converted: Path) -> list[list[int]]:
    return llama.generate(converted, PROMPTS, 64, **EXACT)


PROMPTS = [
    [MODEL.config.bos_token_id, *TOKENIZER.encode(" ".join(chapter.split()[:count]))]
    for count, chapter in enumerate(CHAPTERS[:24], start=1)
]


def agreement(found: list[list[int]], expected: list[list[int]]) -> float:
    pairs = [pair for rows in zip(found, expected, strict=True) for pair in zip(*rows, strict=True)]
    return sum(one == other for one, other in pairs) / len(pairs)


def lost(model: SmallModel, prompt: list[int], found: list[int]) -> float:
    """By how much, at most, NumPy likes another token better than the one that was chosen."""
    rows = forward(model, [*prompt, *found])[len(prompt) - 1 : -1]
    return float((rows.max(axis=1) - rows[np.arange(len(found)), found]).max())


def error_of(path: Path, model: SmallModel, window: list[int]) -> float:
    (found,) = llama.logits(path, [window], **EXACT)
    return float(np.abs(found - forward(model, window)).max())


def test_greedy_tokens_are_those_of_numpy(said: list[list[int]]) -> None:
    assert len(PROMPTS) >= 20
    assert {len(found) for found in said} == {64}
    assert len({tuple(found) for found in said}) > 20  # it does not say one thing
    for prompt, found in zip(PROMPTS, said, strict=True):
        # Each is the likeliest after those before it: what `generate` does, in one pass.
        assert lost(MODEL, prompt, found) == 0
    for prompt, found in zip(PROMPTS[:1], said, strict=False):
        assert generate(MODEL, prompt, 64) == found


def test_logits_differ_by_rounding_and_no_choice_was_near_enough_to_a_tie_to_flip(
    converted: Path, said: list[list[int]]
) -> None:
    error = error_of(converted, MODEL, PROMPTS[5] + said[5])
    assert 0 < error < 1e-4
    for prompt, found in zip(PROMPTS[:4], said, strict=False):
        rows = np.sort(forward(MODEL, [*prompt, *found])[len(prompt) - 1 : -1], axis=1)
        assert (rows[:, -1] - rows[:, -2]).min() > 2 * error


@pytest.mark.parametrize("encode", [as_bf16, as_f16])
def test_with_sixteen_bits_the_engine_rounds_activations_too_and_parts_at_near_ties_only(
    encode: Encode, tmp_path: Path, said: list[list[int]]
) -> None:
    tensors = to_gguf(MODEL.config, MODEL.weights, encode, tied=True)
    path = write(tmp_path / "16.gguf", tensors)
    kept = SmallModel(MODEL.config, from_gguf(MODEL.config, tensors, tied=True))
    error = error_of(path, kept, PROMPTS[5] + said[5])
    assert 1e-4 < error < 0.2
    prompts = PROMPTS[:8]
    for prompt, found in zip(prompts, llama.generate(path, prompts, 64, **EXACT), strict=True):
        assert lost(kept, prompt, found) < 2 * error


ODD = (
    *("", " ", "  ", "   a", "a  b", "a ", "\n", "\n\na\nb", "\t", "\r\n", "\x00", "a\x00b"),
    *("😀", "👩‍👩‍👧", "naïve café", "日本語", "\u2581", "a\u2581b", "\ufeff", "e\u0301"),
    *("<s>", "</s>", "<unk>", "<0x41>", "<0x", "s>", "x" * 1_000, "And" * 100, "=" * 50),
)


def test_tokens_are_those_of_the_tokenizer(converted: Path) -> None:
    texts = [read_text("held_back.txt"), read_text("calibration.txt"), *ODD]
    assert llama.tokenize(converted, texts) == [TOKENIZER.encode(text) for text in texts]


def test_rows_in_hugging_faces_order_make_another_model(tmp_path: Path, said: list[list[int]]) -> None:
    """The engine cannot notice: shapes fit. That is why tokens are compared."""
    tensors = [
        one._replace(data=MODEL.weights["model.layers.0.self_attn.q_proj.weight"].tobytes())
        if one.name == "blk.0.attn_q.weight"
        else one
        for one in to_gguf(MODEL.config, MODEL.weights, as_f32, tied=True)
    ]
    found = llama.generate(write(tmp_path / "order.gguf", tensors), PROMPTS, 16, **EXACT)
    assert agreement(found, [row[:16] for row in said]) < 0.9


def test_a_file_without_a_tensor_is_refused_by_the_engine_too(tmp_path: Path) -> None:
    tensors = to_gguf(MODEL.config, MODEL.weights, as_f32, tied=True)
    path = write(tmp_path / "short.gguf", [one for one in tensors if one.name != "blk.3.ffn_up.weight"])
    with pytest.raises(llama.LlamaError, match="refuses"):
        llama.tokenize(path, ["a"])
