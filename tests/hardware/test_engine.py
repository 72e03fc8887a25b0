"""The harness: what it projects is what the engine allocates, and what goes wrong is said with its job."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from snippets.data.models import Model, model
from tests.hardware.engine import EngineError, Load, ask, load, load_all, missing, read
from tests.hardware.sparse import write

pytestmark = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")


def small(name: str) -> Model:
    """The same layers, and few of them, with a small vocabulary: for good, it takes some megabytes."""
    built = model(name)
    return built.model_copy(update={"layers": 6, "vocabulary": 1_024})


@pytest.fixture(params=["gemma-3-4b", "qwen3-0.6b", "lfm2-1.2b"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / "small.gguf"
    write(small(request.param), file, "Q4_K_M")
    return file


def test_what_is_projected_is_what_is_allocated(path: Path) -> None:
    asked = Load(path=path, context_tokens=1_024, ubatch_tokens=64, sequences=2)
    projected, real = load_all([asked, asked.model_copy(update={"allocate": True})])
    assert (projected.caches, projected.states) == (real.caches, real.states)
    assert projected.compute_mib == real.compute_mib
    assert projected.output_mib == real.output_mib
    whole = projected.model_mib["Host"]
    # Whole MiB, rounded down; a mapped file counts from its first tensor to its last.
    assert whole <= sum(real.model_mib.values()) < whole + 1.01
    assert real.file_gib * 1_024 == pytest.approx(sum(real.model_mib.values()), rel=0.01, abs=10)


def test_jobs_come_back_in_their_order(path: Path) -> None:
    lengths = [256, 1_024, 512, 768, 1_280]
    loaded = load_all(Load(path=path, context_tokens=length) for length in lengths)
    assert [answer.context_tokens for answer in loaded] == lengths
    assert {answer.version for answer in loaded} == {loaded[0].version}


def test_what_the_engine_refuses_stands_in_its_place_with_its_reason(tmp_path: Path) -> None:
    file = tmp_path / "small.gguf"
    write(small("qwen3-0.6b"), file, "Q4_K_M")
    plain = Load(path=file, context_tokens=256)
    refused = plain.model_copy(update={"value_type": "q8_0", "flash_attention": "off"})
    absent = plain.model_copy(update={"path": tmp_path / "absent.gguf"})
    first, second, third, last = ask([plain, refused, absent, plain])
    assert not isinstance(first, EngineError)
    assert not isinstance(last, EngineError)
    assert isinstance(second, EngineError)
    assert "quantized V cache requires flash_attn" in second.reason
    assert isinstance(third, EngineError)
    assert str(third).startswith("absent.gguf: ")
    assert "failed to open GGUF file" in third.reason
    with pytest.raises(EngineError, match="printed last"):
        load(refused)


def test_a_job_that_takes_too_long_is_ended_and_named(tmp_path: Path) -> None:
    file = tmp_path / "small.gguf"
    write(small("qwen3-0.6b"), file, "Q4_K_M")
    with pytest.raises(EngineError, match=re.escape("small.gguf: nothing after 0 s, status 9")):
        load(Load(path=file, context_tokens=256, seconds=0))


def test_a_worker_that_cannot_start_names_the_first_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.hardware.engine.WORKER", tmp_path / "no worker.py")
    with pytest.raises(EngineError, match=r"model\.gguf: the worker ended with 2"):
        load(Load(path=tmp_path / "model.gguf", context_tokens=256))


def test_no_jobs_are_no_loads() -> None:
    assert load_all([]) == []


def test_a_log_without_sizes_is_no_result() -> None:
    with pytest.raises(LookupError, match="file size"):
        read("1", "llama_context: n_ctx = 256")
