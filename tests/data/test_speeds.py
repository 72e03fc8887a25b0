"""Published speeds of one sequence: what each source states, that it is plausible, and what is refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.machines import machine, read_machines
from snippets.data.models import model, read_models
from snippets.data.parameters import parameters
from snippets.data.records import UnknownNameError
from snippets.data.speeds import Decode, Prefill, Run, Shape, Speed, read_speeds, speed
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

RECORDS = [*read_speeds().values()]
RUNS = [(one, run) for one in RECORDS for run in one.runs]
DECODE = {"context_tokens": 0, "tokens_per_s": 1}
PREFILL = {"prompt_tokens": 1, "tokens_per_s": 1}
SHAPE = {
    "parameters": 1,
    "embedding_parameters": 1,
    "layers": 1,
    "hidden_size": 1,
    "query_size": 1,
    "key_size": 1,
}
RUN: dict[str, Any] = {
    "model": "a",
    "measured": "A",
    "format": "F16",
    "weight_gib": 1,
    "decode": [DECODE],
}
VALID: dict[str, Any] = {
    "id": "a",
    "sources": ["a"],
    "as_of": "2026-11-24",
    "machine": "b",
    "devices": 1,
    "group": "c",
    "engine": "llama.cpp",
    "runs": [RUN],
}


def run_of(name: str, kind: str, index: int = 0) -> Run:
    return [run for run in speed(name).runs if run.format == kind][index]


# --- what the sources state -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "kind", "context", "tokens_per_s"),
    [
        ("speed-dai-2024-1-rtx-4090", "Q4_K_M", 512 / 2, 130.58),
        ("speed-dai-2024-1-rtx-4090", "F16", 8192 / 2, 50.88),
        ("speed-dai-2024-6-rtx-3090", "F16", 512 / 2, 46.23),
        ("speed-dai-2024-1-m2-ultra", "Q4_K_M", 512 / 2, 78.81),
        ("speed-dai-2023-1-h100-pcie", "F16", 512, 83.32),
        ("speed-llama-cpp-spark-1-gb10", "Q8_0", 32 / 2, 60.92),
        ("speed-llama-cpp-spark-1-gb10", "Q8_0", 32_768 + 32 / 2, 30.8),
        ("speed-geerling-1-m3-ultra", "MXFP4", 128 / 2, 115.29),
        ("speed-normiebench-1-m4", "Q4_K_M", 128 / 2, 20.87),
        ("speed-llmfit-1031-1-m2-pro", "Q8_0", 128, 22.0),
        ("speed-llama-cpp-26284-1-rx-7900-xtx", "Q4_K_M", 4096 + 64 / 2, 98.67),
        ("speed-continuum-1627-1-rtx-5090", "Q4_K_M", 128, 221.7),
        ("speed-coffie-1-rtx-3090", "Q4_K_M", 512 / 2, 188.7),
    ],
)
def test_a_decode_says_what_its_source_says(
    name: str, kind: str, context: float, tokens_per_s: float
) -> None:
    rows = {row.context_tokens: row.tokens_per_s for row in run_of(name, kind).decode}
    assert rows[context] == tokens_per_s


@pytest.mark.parametrize(
    ("name", "kind", "prompt", "cached", "tokens_per_s"),
    [
        ("speed-dai-2024-1-rtx-4090", "Q4_K_M", 1024, 0, 6898.71),
        ("speed-normiebench-1-m1-max", "Q4_K_M", 512, 0, 499.58),
        ("speed-llama-cpp-spark-1-gb10", "MXFP4", 2048, 4096, 3030.29),
        ("speed-llama-cpp-6766-1-rtx-4090", "F16", 512, 0, 9776),
    ],
)
def test_a_prefill_says_what_its_source_says(
    name: str, kind: str, prompt: int, cached: int, tokens_per_s: float
) -> None:
    rows = {(row.prompt_tokens, row.cached_tokens): row.tokens_per_s for row in run_of(name, kind).prefill}
    assert rows[prompt, cached] == tokens_per_s


@pytest.mark.parametrize("name", ["speed-dai-2024-1-l40s", "speed-dai-2024-1-a100-80gb-sxm"])
def test_a_prefill_that_its_source_marks_as_odd_is_left_out(name: str) -> None:
    assert run_of(name, "F16").prefill == ()
    assert run_of(name, "F16").decode != ()
    assert "F16 left out" in speed(name).note


# --- what is plausible --------------------------------------------------------------------------


@pytest.mark.parametrize(("one", "run"), RUNS, ids=lambda one: getattr(one, "id", ""))
def test_a_file_is_as_large_as_its_format_says(one: Speed, run: Run) -> None:
    del one
    total = run.shape.parameters if run.shape else parameters(model(run.model or "")).total
    bits = {"Q4_0": 4.6, "Q4_K_M": 4.9, "Q8_0": 8.5, "F16": 16, "MXFP4": 4.5}[run.format]
    assert run.weight_gib * 2**30 * 8 / total == pytest.approx(bits, rel=0.07)


@pytest.mark.parametrize(("one", "run"), RUNS, ids=lambda one: getattr(one, "id", ""))
def test_no_dense_model_is_read_faster_than_memory_allows(one: Speed, run: Run) -> None:
    if run.model and model(run.model).experts:
        return
    read = 0.93 * run.weight_gib * 2**30  # without the input embedding
    peak = machine(one.machine).bandwidth_gb_per_s * 1e9
    for row in run.decode:
        assert row.tokens_per_s < peak / read


@pytest.mark.parametrize(("one", "run"), RUNS, ids=lambda one: getattr(one, "id", ""))
def test_longer_contexts_decode_no_faster(one: Speed, run: Run) -> None:
    rows = sorted(run.decode, key=lambda row: row.context_tokens)
    for now, later in pairwise(rows):
        # two rows of the sources rise by a few percent
        assert later.tokens_per_s <= now.tokens_per_s * 1.05, one.id


def test_what_two_measured_agrees_within_seven_tenths() -> None:
    # the widest pair is 70B on an M1 Max: 4.3 in 2024, 7.3 later
    seen: dict[tuple[str, str, str], float] = {}
    for one, run in RUNS:
        key = (one.machine, run.model or "", run.format)
        if one.devices == 1 and run.model:
            first = seen.setdefault(key, run.decode[0].tokens_per_s)
            assert run.decode[0].tokens_per_s == pytest.approx(first, rel=0.7), key


# --- names ----------------------------------------------------------------------------------------


def test_every_machine_and_model_is_a_record() -> None:
    assert {one.machine for one in RECORDS} <= read_machines().keys()
    assert {run.model for _, run in RUNS if run.model} <= read_models().keys()


@pytest.mark.parametrize("one", RECORDS, ids=lambda one: one.id)
def test_the_id_of_a_record_names_who_devices_and_machine(one: Speed) -> None:
    assert one.id.startswith(f"speed-{one.group}-")
    assert one.id.endswith(f"-{one.devices}-{one.machine}")


def test_no_file_stands_twice_in_a_record() -> None:
    for one in RECORDS:
        files = [(run.measured, run.format) for run in one.runs]
        assert len({*files}) == len(files), one.id


def test_a_footnote_names_what_was_measured() -> None:
    assert speed("speed-dai-2024-4-rtx-4090").name == "4 rtx-4090, llama.cpp, by dai"


def test_a_name_is_never_guessed() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown measurement 'dai-2024-1-rtx-4090'; nearest: speed-dai"
    ):
        speed("dai-2024-1-rtx-4090")


# --- bounds ---------------------------------------------------------------------------------------


def test_bounds_of_rows() -> None:
    assert_accepts_exactly(Decode, DECODE, "context_tokens", 0.0, 1e8)
    assert_accepts_exactly(Decode, DECODE, "tokens_per_s", SMALLEST, 1e6)
    assert_accepts_exactly(Prefill, PREFILL, "prompt_tokens", 1, 10**8)
    assert_accepts_exactly(Prefill, PREFILL, "cached_tokens", 0.0, 1e8)
    assert_accepts_exactly(Prefill, PREFILL, "tokens_per_s", SMALLEST, 1e6)


def test_bounds_of_a_shape() -> None:
    for field, highest in {
        "parameters": 10**13,
        "embedding_parameters": 10**13,
        "layers": 999,
        "hidden_size": 1_000_000,
        "query_size": 1_000_000,
        "key_size": 1_000_000,
    }.items():
        assert_accepts_exactly(Shape, SHAPE, field, 1, highest)


def test_bounds_of_a_run_and_a_record() -> None:
    assert_accepts_exactly(Run, RUN, "weight_gib", SMALLEST, 2_000.0)
    assert_accepts_exactly(Run, RUN, "expert_bits_per_weight", SMALLEST, 32.0)
    assert_accepts_exactly(Run, RUN, "chunk_tokens", 1, 65_536)
    assert_accepts_exactly(Speed, VALID, "devices", 1, 64)


def test_what_may_be_left_out() -> None:
    assert defaults(Decode) == {}
    assert defaults(Prefill) == {"cached_tokens": 0}
    assert defaults(Shape) == {}
    assert defaults(Run) == {
        "model": None,
        "shape": None,
        "expert_bits_per_weight": None,
        "chunk_tokens": 512,
        "decode": (),
        "prefill": (),
    }
    assert defaults(Speed) == {"expires": None, "backend": None, "note": ""}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": None}, "a run has a model or a shape"),
        ({"shape": SHAPE}, "a run has a model or a shape"),
        ({"decode": []}, "nothing was measured"),
        ({"measured": " "}, "measured"),
        ({"tokens_per_s": 1}, "tokens_per_s"),
    ],
)
def test_what_a_run_refuses(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Run.model_validate({**RUN, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [({"runs": []}, "runs"), ({"group": "X. Dai"}, "group"), ({"machine": "RTX 4090"}, "machine")],
)
def test_what_a_record_refuses(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Speed.model_validate({**VALID, **changes})
