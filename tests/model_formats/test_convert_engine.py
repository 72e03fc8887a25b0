"""llama.cpp runs what was converted: its tokens, its greedy text and its logits are those of NumPy."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from snippets.data.small_forward import forward, generate
from snippets.data.small_model import SmallModel, read_small_model, read_text
from snippets.data.small_tokenizer import read_tokenizer
from snippets.model_formats.convert import Encode, as_bf16, as_f16, as_f32, from_gguf, to_gguf
from snippets.model_formats.convert_metadata import gguf_metadata
from snippets.model_formats.gguf_writer import Stored, write_gguf
from tests.model_formats import llama

pytestmark = pytest.mark.skipif("WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set")

MODEL, TOKENIZER = read_small_model(), read_tokenizer()
CHAPTERS = read_text("held_back.txt").splitlines()
# The order of sums is all that differs then.
EXACT = {"type_k": "f32", "type_v": "f32", "flash": 0}


def write(path: Path, tensors: list[Stored]) -> Path:
    with path.open("wb") as file:
        write_gguf(file, gguf_metadata(MODEL.config, TOKENIZER, "small"), tensors)
    return path


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("convert") / "f32.gguf"
    return write(path, to_gguf(MODEL.config, MODEL.weights, as_f32, tied=True))


PROMPTS = [
    [MODEL.config.bos_token_id, *TOKENIZER.encode(" ".join(chapter.split()[:count]))]
    for count, chapter in enumerate(CHAPTERS[:24], start=1)
]


def agreement(found: list[list[int]], expected: list[list[int]]) -> float:
    pairs = [pair for rows in zip(found, expected, strict=True) for pair in zip(*rows, strict=True)]
    return sum(one == other for one, other in pairs) / len(pairs)


def margins(
    model: SmallModel, prompt: list[int], found: list[int]
) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """By how much the likeliest token led at each place where one was chosen."""
    rows = np.sort(forward(model, [*prompt, *found])[len(prompt) - 1 : -1], axis=1)
    lead: np.ndarray[tuple[int], np.dtype[np.float32]] = rows[:, -1] - rows[:, -2]
    return lead


def test_greedy_tokens_are_those_of_numpy(converted: Path) -> None:
    assert len(PROMPTS) >= 20
    expected = [generate(MODEL, prompt, 64) for prompt in PROMPTS]
    assert llama.generate(converted, PROMPTS, 64, **EXACT) == expected
    assert len({tuple(row) for row in expected}) > 20  # it does not say one thing


def test_logits_differ_by_rounding_and_no_choice_is_near_enough_to_a_tie_to_flip(converted: Path) -> None:
    window = PROMPTS[5] + generate(MODEL, PROMPTS[5], 64)
    (found,) = llama.logits(converted, [window], **EXACT)
    error = np.abs(found - forward(MODEL, window)).max()
    assert 0 < error < 1e-4
    for prompt in PROMPTS:
        assert margins(MODEL, prompt, generate(MODEL, prompt, 64)).min() > 2 * error


@pytest.mark.parametrize("encode", [as_bf16, as_f16])
def test_sixteen_bits_store_the_weights_but_the_engine_rounds_activations_too(
    encode: Encode, tmp_path: Path
) -> None:
    tensors = to_gguf(MODEL.config, MODEL.weights, encode, tied=True)
    path = write(tmp_path / "16.gguf", tensors)
    kept = SmallModel(MODEL.config, from_gguf(MODEL.config, tensors, tied=True))
    window = PROMPTS[5] + generate(MODEL, PROMPTS[5], 64)
    (found,) = llama.logits(path, [window], **EXACT)
    error = np.abs(found - forward(kept, window)).max()
    assert 1e-4 < error < 0.2
    expected = [generate(kept, prompt, 64) for prompt in PROMPTS]
    for prompt, ours, theirs in zip(
        PROMPTS, expected, llama.generate(path, PROMPTS, 64, **EXACT), strict=True
    ):
        if ours != theirs:
            # They part where the two likeliest tokens were nearer than the error, and nowhere else.
            place = next(i for i, (one, other) in enumerate(zip(ours, theirs, strict=True)) if one != other)
            assert margins(kept, prompt, ours)[place] < 2 * error


ODD = (
    *("", " ", "  ", "   a", "a  b", "a ", "\n", "\n\na\nb", "\t", "\r\n", "\x00", "a\x00b"),
    *("😀", "👩‍👩‍👧", "naïve café", "日本語", "\u2581", "a\u2581b", "\ufeff", "e\u0301"),
    *("<s>", "</s>", "<unk>", "<0x41>", "<0x", "s>", "x" * 1_000, "And" * 100, "=" * 50),
)


def test_tokens_are_those_of_the_tokenizer(converted: Path) -> None:
    texts = [read_text("held_back.txt"), read_text("calibration.txt"), *ODD]
    assert llama.tokenize(converted, texts) == [TOKENIZER.encode(text) for text in texts]


def test_rows_in_hugging_faces_order_make_another_model(tmp_path: Path) -> None:
    """The engine cannot notice: shapes fit. That is why tokens are compared."""
    tensors = [
        one._replace(data=MODEL.weights["model.layers.0.self_attn.q_proj.weight"].tobytes())
        if one.name == "blk.0.attn_q.weight"
        else one
        for one in to_gguf(MODEL.config, MODEL.weights, as_f32, tied=True)
    ]
    found = llama.generate(write(tmp_path / "order.gguf", tensors), PROMPTS, 16, **EXACT)
    assert agreement(found, [generate(MODEL, prompt, 16) for prompt in PROMPTS]) < 0.9


def test_a_file_without_a_tensor_is_refused_by_the_engine_too(tmp_path: Path) -> None:
    tensors = to_gguf(MODEL.config, MODEL.weights, as_f32, tied=True)
    path = write(tmp_path / "short.gguf", [one for one in tensors if one.name != "blk.3.ffn_up.weight"])
    with pytest.raises(llama.LlamaError, match="refuses"):
        llama.tokenize(path, ["a"])
