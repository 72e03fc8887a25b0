import json
import os
from pathlib import Path

import numpy as np
import pytest

from snippets.quantization import block_formats, iq4_nl, iq4_xs, k_quants
from snippets.quantization.quality import Quality, summarize
from tests.quantization import measure

RECORDED = json.loads(measure.RECORD.read_text(encoding="utf-8"))
FORMATS = block_formats.FORMATS | iq4_nl.FORMATS | iq4_xs.FORMATS | k_quants.FORMATS
OURS = [one for one in measure.FILE_TYPES if set(measure.types_of(one).values()) <= {*FORMATS, "F32"}]
ENGINE = pytest.mark.skipif(
    "WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set: mutants are judged by what is quick"
)


@ENGINE
@pytest.mark.parametrize("file_type", measure.FILE_TYPES)
def test_a_file_is_what_llama_quantize_writes(file_type: str, tmp_path: Path) -> None:
    path = tmp_path / "file.gguf"
    measure.build(path, measure.types_of(file_type))
    assert measure.digest(path) == RECORDED["llama_quantize"][file_type]


def test_what_numpy_runs_loses_what_was_measured() -> None:
    found = {}
    for name, bits, changed in measure.by_numpy():
        windows = measure.measure_by_numpy(changed, 2)
        found[name] = (bits, float(np.mean([one.divergence for one in windows])))
    for name, (bits, divergence) in found.items():
        then = Quality.model_validate(RECORDED["two_windows"][name])
        assert bits == pytest.approx(then.bits_per_weight)
        assert divergence == pytest.approx(then.divergence_nats, rel=0.01), name
    assert set(found) == set(RECORDED["two_windows"])


def test_all_but_the_plain_types_and_one_are_written_by_the_code_of_the_pages() -> None:
    assert set(measure.FILE_TYPES) - set(OURS) == {"BF16", "F16", "IQ3_S"}


@pytest.mark.parametrize("file_type", OURS)
def test_the_code_of_the_pages_writes_the_file_that_llama_quantize_writes(
    file_type: str, tmp_path: Path
) -> None:
    path = tmp_path / "file.gguf"
    measure.build(path, measure.types_of(file_type), lambda kind, rows: FORMATS[kind].quantize(rows))
    assert measure.digest(path) == RECORDED["llama_quantize"][file_type]


@ENGINE
@pytest.mark.parametrize("file_type", ["Q8_0", "Q4_K_M", "Q2_K", "NVFP4"])
def test_the_first_windows_lose_what_was_measured(file_type: str, tmp_path: Path) -> None:
    base, path = tmp_path / "base.gguf", tmp_path / "file.gguf"
    measure.build(base, measure.types_of("F32"))
    measure.build(path, measure.types_of(file_type))
    found = measure.measure(measure.logits(base, measure.FIRST), path, measure.FIRST)
    again = summarize(file_type, measure.BY_ENGINE, measure.bits_per_weight(path), found)
    then = Quality.model_validate(RECORDED["first_windows"][file_type])
    # llama.cpp rounds what it multiplies, in an order that depends on the processor.
    assert again.divergence_nats == pytest.approx(then.divergence_nats, rel=0.02, abs=2e-5)
    assert again.nats == pytest.approx(then.nats, abs=5e-4)
    assert again.same_top_percent == pytest.approx(then.same_top_percent, abs=0.5)
    assert again.bits_per_weight == then.bits_per_weight
