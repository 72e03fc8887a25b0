"""Published sizes of GGUF files: what each source prints, that it is plausible, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.file_sizes import File, FileSizes, file_sizes, read_file_sizes
from snippets.data.models import model, read_models
from snippets.data.parameters import parameters
from snippets.data.records import UnknownNameError
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

RECORDS = [*read_file_sizes().values()]
FILE = {"file_type": "Q4_K_M", "size_gib": 1}
VALID: dict[str, Any] = {
    "id": "a",
    "sources": ["a"],
    "as_of": "2026-11-24",
    "model": "a",
    "weights_of": "A",
    "mixture": "not stated",
    "files": [FILE],
}


def of_type(name: str, file_type: str) -> File:
    return {file.file_type: file for file in file_sizes(name).files}[file_type]


# --- what the sources state -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "file_type", "size_gib", "bits_per_weight"),
    [
        ("files-llama-3.1-8b", "IQ1_S", 1.87, 2.0042),
        ("files-llama-3.1-8b", "Q4_K_M", 4.58, 4.8944),
        ("files-llama-3.1-8b", "F16", 14.96, 16.0005),
        ("files-deepseek-v3-q4-k-m", "Q4_K_M", 357.623, 4.578),
        ("files-deepseek-v3-q4-k-m-again", "Q4_K_M", 379.03, 4.852),
        ("files-qwen3-32b-q4-0", "Q4_0", 17.413, 4.566),
        ("files-llama-3-8b", "Q4_K_M", 4.58, 4.89),
    ],
)
def test_a_file_has_the_size_that_its_source_prints(
    name: str, file_type: str, size_gib: float, bits_per_weight: float
) -> None:
    file = of_type(name, file_type)
    assert (file.size_gib, file.bits_per_weight) == (size_gib, bits_per_weight)


def test_sizes_in_gb_are_those_of_the_readme() -> None:
    assert of_type("files-llama-3.1-405b-in-gb", "Q4_K_M").size_gb == 249.1
    assert of_type("files-llama-3.1-8b-in-gb", "F32").size_gb == 32.1


@pytest.mark.parametrize("one", RECORDS, ids=lambda one: one.id)
def test_bits_per_weight_are_the_size_over_the_parameters(one: FileSizes) -> None:
    total = parameters(model(one.model)).total
    for file in one.files:
        if file.bits_per_weight and file.size_gib:
            assert 8 * file.size_gib * 2**30 / total == pytest.approx(file.bits_per_weight, rel=0.004)


def test_the_table_of_llama_cpp_rises_with_the_bits() -> None:
    files = sorted(file_sizes("files-llama-3.1-8b").files, key=lambda file: file.bits_per_weight or 0)
    sizes = [file.size_gib or 0 for file in files]
    assert len(sizes) == 23
    assert sizes == sorted(sizes)


def test_the_file_that_its_log_names_otherwise_is_a_mixture_of_its_own() -> None:
    assert [one.id for one in RECORDS if one.mixture == "its own"] == ["files-deepseek-v3-q2-k-xl"]


# --- names ------------------------------------------------------------------------------------


def test_every_model_is_a_record() -> None:
    assert {one.model for one in RECORDS} <= read_models().keys()


def test_a_footnote_names_the_weights_and_the_file_types() -> None:
    assert file_sizes("files-llama-3.1-8b").name == "Llama-3.1-8B, 23 file types"
    assert file_sizes("files-qwen3-32b-q4-0").name == "Qwen3-32B, Q4_0"


@pytest.mark.parametrize("near", ["llama-3.1-8b", "files-Llama-3.1-8B"])
def test_a_name_is_never_guessed(near: str) -> None:
    with pytest.raises(
        UnknownNameError, match=rf"unknown file size '{near}'; nearest: .*files-llama-3\.1-8b"
    ):
        file_sizes(near)


# --- bounds -----------------------------------------------------------------------------------


def test_bounds_of_a_file() -> None:
    assert_accepts_exactly(File, FILE, "size_gib", SMALLEST, 10_000)
    assert_accepts_exactly(File, {"file_type": "F16"}, "size_gb", SMALLEST, 10_000)
    assert_accepts_exactly(File, FILE, "bits_per_weight", SMALLEST, 32)


def test_what_may_be_left_out() -> None:
    assert defaults(File) == {"size_gib": None, "size_gb": None, "bits_per_weight": None}
    assert defaults(FileSizes) == {"expires": None, "note": ""}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"files": []}, "files"),
        ({"files": [FILE, {**FILE, "size_gib": 2}]}, "a file type stands twice"),
        ({"files": [{"file_type": "F16"}]}, "F16: size_gib or size_gb, one of them"),
        ({"files": [{**FILE, "size_gb": 1}]}, "Q4_K_M: size_gib or size_gb, one of them"),
        ({"mixture": "unsloth"}, "mixture"),
        ({"weights_of": " "}, "weights_of"),
        ({"model": "Llama 3.3"}, "model"),
        ({"size": 1}, "size"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        FileSizes.model_validate({**VALID, **changes})
