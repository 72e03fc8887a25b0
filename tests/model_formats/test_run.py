"""The engine is asked for the likeliest token, quietly and exactly; what it says is held against NumPy."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from snippets.data.small_forward import forward, generate
from snippets.data.small_model import read_small_model
from snippets.data.small_tokenizer import read_tokenizer
from snippets.model_formats.convert import build
from snippets.model_formats.gguf_writer import write_gguf
from snippets.model_formats.run import Completion, apart, complete, engine

MODEL = read_small_model()
PROMPT = [1, 400, 500]


class Stub:
    """A server that remembers what it was asked, and answers as llama.cpp does."""

    def __init__(self, asked: Any) -> None:
        self.asked = asked

    def handle_completions(self, request: dict[str, Any]) -> dict[str, Any]:
        self.request = request
        content = [{"id": 7, "logprob": -0.5}, {"id": 9, "logprob": -0.25}]
        choices = [{"text": " a b", "logprobs": {"content": content}}, {"text": "another"}]
        return {"choices": choices}


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Stub:
    def params() -> Any:
        return SimpleNamespace(model=SimpleNamespace(), cpuparams=SimpleNamespace())

    library = SimpleNamespace(
        CommonParams=params,
        Server=Stub,
        ggml_type=SimpleNamespace(GGML_TYPE_F32="F32"),
        llama_flash_attn_type=SimpleNamespace(LLAMA_FLASH_ATTN_TYPE_DISABLED="off"),
    )
    monkeypatch.setitem(sys.modules, "xllamacpp", library)
    server: Stub = engine("a.gguf")
    return server


def test_the_engine_is_loaded_quietly_with_one_thread_at_a_free_port_and_exact(stub: Stub) -> None:
    asked = stub.asked
    assert asked.model.path == "a.gguf"
    assert (asked.cache_type_k, asked.cache_type_v, asked.flash_attn_type) == ("F32", "F32", "off")
    assert (asked.cpuparams.n_threads, asked.verbosity, asked.port, asked.warmup) == (1, 0, 0, False)


def test_the_likeliest_tokens_are_asked_for_with_their_probabilities(stub: Stub) -> None:
    assert complete(stub, "And", 2) == Completion(" a b", (7, 9), (-0.5, -0.25))
    assert stub.request == {"prompt": "And", "max_tokens": 2, "temperature": 0, "logprobs": 1}
    complete(stub, (1, 2), 3)
    assert stub.request["prompt"] == [1, 2]


def log_p(tokens: list[int]) -> list[float]:
    rows = forward(MODEL, tokens).astype(np.float64)[len(PROMPT) - 1 : -1]
    chosen = rows[np.arange(len(rows)), tokens[len(PROMPT) :]]
    return list(chosen - np.log(np.exp(rows).sum(axis=1)))


def test_apart_is_the_largest_difference_in_either_direction() -> None:
    tokens = (600, 700, 800)
    ours = log_p([*PROMPT, *tokens])
    same = Completion("", tokens, tuple(ours))
    assert apart(MODEL, PROMPT, same) < 1e-9
    for place, off in ((0, 0.25), (1, -0.5), (2, 0.125)):
        moved = list(ours)
        moved[place] += off
        assert apart(MODEL, PROMPT, same._replace(log_p=tuple(moved))) == pytest.approx(abs(off))


@pytest.mark.skipif(
    "WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set: mutants are judged by what is quick"
)
def test_the_engine_itself_says_what_numpy_says(tmp_path: Path) -> None:
    with (tmp_path / "a.gguf").open("wb") as file:
        write_gguf(file, *build(MODEL, read_tokenizer(), "small"))
    said = complete(engine(str(tmp_path / "a.gguf")), PROMPT, 8)
    assert list(said.tokens) == generate(MODEL, PROMPT, 8)
    assert apart(MODEL, PROMPT, said) < 1e-4
