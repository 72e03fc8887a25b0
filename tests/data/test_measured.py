from datetime import date

import pytest

from snippets.data.measured import Bench, Measured, read_measured
from snippets.data.models import read_models

ROW = {
    "model": "qwen3-0.6b",
    "file_type": "Q8_0",
    "weights": "zero",
    "kind": "decode",
    "tokens": 16,
    "depth_tokens": 0,
    "best_tokens_per_s": 10.0,
    "median_tokens_per_s": 9.0,
}
BENCH = {
    "machine": "a machine",
    "threads": 2,
    "bandwidth_gb_per_s": 30.0,
    "bandwidth_from": "vendor",
    "engine": "llama.cpp",
    "day": date(2026, 11, 25),
}


def test_rows_are_of_models_of_the_data_and_the_best_is_no_less_than_the_median() -> None:
    bench, rows = read_measured("cpu")
    assert bench.bandwidth_gb_per_s > 1
    assert rows
    for row in rows:
        assert row.model in read_models()
        assert row.best_tokens_per_s >= row.median_tokens_per_s


def test_each_test_stands_once() -> None:
    rows = read_measured("cpu").rows
    keys = [(row.model, row.file_type, row.weights, row.kind, row.tokens, row.depth_tokens) for row in rows]
    assert len(keys) == len(set(keys))


def test_random_weights_have_a_row_with_zeros_beside_them() -> None:
    rows = read_measured("cpu").rows
    zeros = {(row.model, row.file_type, row.kind, row.depth_tokens) for row in rows if row.weights == "zero"}
    random = {
        (row.model, row.file_type, row.kind, row.depth_tokens) for row in rows if row.weights == "random"
    }
    assert random
    assert random <= zeros


def test_a_name_that_nobody_measured_under_is_refused() -> None:
    with pytest.raises(FileNotFoundError, match="measured_tpu"):
        read_measured("tpu")


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("tokens", [1, 100_000], [0, 100_001]),
        ("depth_tokens", [0, 10_000_000], [-1, 10_000_001]),
        ("best_tokens_per_s", [0.001, 1e7], [0, 1.1e7]),
        ("median_tokens_per_s", [0.001, 1e7], [0, 1.1e7]),
    ],
)
def test_bounds_of_a_row(field: str, good: list[float], bad: list[float]) -> None:
    for value in good:
        assert getattr(Measured.model_validate(ROW | {field: value}), field) == value
    for value in bad:
        with pytest.raises(ValueError, match=field):
            Measured.model_validate(ROW | {field: value})


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("threads", [1, 1_000], [0, 1_001]),
        ("bandwidth_gb_per_s", [0.001, 100_000], [0, 100_001]),
        ("machine", ["x"], [""]),
        ("engine", ["x"], [""]),
    ],
)
def test_bounds_of_a_bench(field: str, good: list[float], bad: list[float]) -> None:
    for value in good:
        assert getattr(Bench.model_validate(BENCH | {field: value}), field) == value
    for value in bad:
        with pytest.raises(ValueError, match=field):
            Bench.model_validate(BENCH | {field: value})
