import json
from pathlib import Path

import pytest

from snippets.data.models import model
from tests.hardware.measure import FILE_TYPES, fill, fitting, rows
from tests.hardware.sparse import write


def test_the_best_and_the_median_of_the_repeats_are_kept() -> None:
    said = [
        {"n_prompt": 128, "n_gen": 0, "n_depth": 0, "samples_ts": [10.0, 30.0, 20.0]},
        {"n_prompt": 0, "n_gen": 16, "n_depth": 512, "samples_ts": [3.0, 1.0, 2.0004]},
    ]
    prefill, decode = rows(json.dumps(said))
    assert prefill == {
        "kind": "prefill",
        "tokens": 128,
        "depth_tokens": 0,
        "best_tokens_per_s": 30.0,
        "median_tokens_per_s": 20.0,
    }
    assert (decode["kind"], decode["tokens"], decode["depth_tokens"]) == ("decode", 16, 512)
    assert (decode["best_tokens_per_s"], decode["median_tokens_per_s"]) == (3.0, 2.0)


def test_what_does_not_fit_is_left_out_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    built = model("qwen3-4b")
    assert [kind for _, kind in fitting([built], 100, 0)] == list(FILE_TYPES)
    assert [kind for _, kind in fitting([built], 5, 0)] == ["Q4_K_M", "Q8_0"]
    assert "left out: qwen3-4b in F16 does not fit" in capsys.readouterr().err
    assert list(fitting([built], 5, 32_768)) != list(fitting([built], 5, 0))


def test_random_weights_keep_the_length_and_the_header(tmp_path: Path) -> None:
    path = tmp_path / "model.gguf"
    write(model("qwen3-0.6b"), path, "Q4_K_M")
    size, head = path.stat().st_size, path.read_bytes()[:4_096]
    fill(path)
    with path.open("rb") as file:
        assert file.read(4_096) == head
        file.seek(2**21)
        assert any(file.read(1_000))
    assert path.stat().st_size == size
