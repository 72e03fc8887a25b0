"""A format is offered where an engine runs it and the model fits, in an order that depends on who asks."""

from __future__ import annotations

from typing import get_args

import gguf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.engines import Engine, Format, Hardware, Support, read_engines
from snippets.model_formats.which_format import KEEPS, LEAST_BITS, Case, runs_on, which_formats

ENGINES = [*read_engines().values()]
HARDWARE: list[Hardware] = [*get_args(Hardware)]
B8 = 8_030_000_000


def first(hardware: Hardware, memory_gib: float, at_a_time: int = 1, parameters: int = B8) -> Format:
    case = Case(hardware=hardware, memory_gib=memory_gib, parameters=parameters, at_a_time=at_a_time)
    return which_formats(ENGINES, case)[0].format


def made(name: str, *runs: tuple[str, tuple[str, ...]]) -> Engine:
    rows = [{"format": kind, "hardware": where} for kind, where in runs]
    said = {"id": name, "engine": name, "sources": ["a"], "as_of": "2026-11-25", "runs": rows}
    return Engine.model_validate(said)


@pytest.mark.parametrize(
    ("hardware", "memory_gib", "at_a_time", "expected"),
    [
        ("apple", 12, 1, "gguf"),
        ("cpu", 6, 1, "gguf"),
        ("nvidia", 6, 1, "gguf"),
        ("nvidia", 6, 3, "gguf"),
        ("nvidia", 20, 4, "safetensors"),
        ("nvidia", 10, 4, "fp8"),
        ("nvidia", 6, 4, "nvfp4"),
        ("nvidia", 4.1, 4, "mxfp4"),
        ("intel", 6, 4, "awq"),
        ("apple", 6, 4, "gguf"),
    ],
)
def test_who_asks_and_what_fits_decide(
    hardware: Hardware, memory_gib: float, at_a_time: int, expected: Format
) -> None:
    assert first(hardware, memory_gib, at_a_time) == expected


def test_all_engines_of_a_format_are_named_in_their_order() -> None:
    engines = [
        made("one", ("gguf", ("cpu", "nvidia")), ("awq", ("nvidia",))),
        made("two", ("gguf", ("cpu",))),
        made("three", ("mlx", ("apple",))),
    ]

    def at(hardware: Hardware) -> Case:
        return Case(hardware=hardware, memory_gib=1, parameters=1)

    assert runs_on(engines, at("cpu")) == {"gguf": ("one", "two")}
    assert runs_on(engines, at("nvidia")) == {"gguf": ("one",), "awq": ("one",)}
    assert runs_on(engines, at("amd")) == {}


@given(
    st.sampled_from(HARDWARE),
    st.floats(0.1, 1_000),
    st.integers(10**8, 10**12),
    st.integers(1, 100),
)
def test_only_what_runs_and_fits_is_offered_and_more_memory_takes_nothing_away(
    hardware: Hardware, memory_gib: float, parameters: int, at_a_time: int
) -> None:
    case = Case(hardware=hardware, memory_gib=memory_gib, parameters=parameters, at_a_time=at_a_time)
    found = which_formats(ENGINES, case)
    there = runs_on(ENGINES, case)
    assert all(there[one.format] == one.engines for one in found)
    assert {one.format for one in found} == {kind for kind in there if LEAST_BITS[kind] <= case.room_bits}
    more = which_formats(ENGINES, case.model_copy(update={"memory_gib": 2 * memory_gib}))
    kept = [one for one in more if one.format in {before.format for before in found}]
    assert [one.format for one in kept] == [one.format for one in found]
    assert all({*before.engines} <= {*one.engines} for before, one in zip(found, kept, strict=True))


def test_room_is_memory_over_parameters() -> None:
    case = Case(hardware="cpu", memory_gib=2, parameters=2**30)
    assert case.room_bits == 16
    assert case.at_a_time == 1


def test_every_format_of_the_data_has_fewest_bits_and_those_of_a_fixed_size_are_the_formats() -> None:
    assert set(LEAST_BITS) == set(get_args(Format))
    for kind, name in (("mxfp4", "MXFP4"), ("nvfp4", "NVFP4"), ("safetensors", "BF16")):
        block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
        assert LEAST_BITS[kind] == 8 * size / block  # type: ignore[index]
    # Four bits, a scale of 16 and a zero of 4 bits or more for 128 weights: not below 4.15, not above 4.5.
    assert 4.15 < LEAST_BITS["awq"] == LEAST_BITS["gptq"] <= 4.25


@pytest.mark.parametrize(
    ("kind", "memory_gib", "fits"),
    [
        ("fp8", 8, True),
        ("fp8", 7.99, False),
        ("bitsandbytes", 4.5, True),
        ("bitsandbytes", 4.49, False),
        ("onnx", 4.5, True),
        ("onnx", 4.49, False),
        ("mlx", 4.5, True),
        ("mlx", 4.49, False),
        ("awq", 4.25, True),
        ("awq", 4.24, False),
        ("gptq", 4.25, True),
        ("gptq", 4.24, False),
        ("gguf", 3, True),
        ("gguf", 2.99, False),
        ("exl3", 3, True),
        ("exl3", 2.99, False),
    ],
)
def test_below_its_fewest_bits_a_format_is_not_offered(kind: str, memory_gib: float, fits: bool) -> None:
    engines = [made("one", (kind, ("nvidia",)))]
    case = Case(hardware="nvidia", memory_gib=memory_gib, parameters=8 * 2**30)
    assert bool(which_formats(engines, case)) == fits


def test_nothing_is_offered_where_nothing_fits() -> None:
    assert which_formats(ENGINES, Case(hardware="cpu", memory_gib=1, parameters=B8)) == []


@pytest.mark.parametrize(
    "change",
    [
        {"memory_gib": 0},
        {"memory_gib": 1_000_001},
        {"memory_gib": float("nan")},
        {"parameters": 0},
        {"parameters": 10**14 + 1},
        {"at_a_time": 0},
        {"hardware": "tpu"},
        {"gpu": 1},
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, object]) -> None:
    good = {"hardware": "cpu", "memory_gib": 1_000_000, "parameters": 10**14}
    assert Case.model_validate(good).room_bits > 0
    with pytest.raises(ValidationError):
        Case.model_validate(good | change)


def test_embeddings_in_16_bits_count_where_a_format_leaves_them() -> None:
    case = Case(hardware="nvidia", memory_gib=6, parameters=8_000, outer_parameters=1_000)
    assert case.needed_bits("awq") == 4.25 + (16 - 4.25) / 8
    assert case.needed_bits("gguf") == 3
    assert {kind for kind in LEAST_BITS if case.needed_bits(kind) > LEAST_BITS[kind]} == KEEPS


def test_more_outer_parameters_than_parameters_are_refused() -> None:
    assert Case(hardware="cpu", memory_gib=1, parameters=5, outer_parameters=5)
    with pytest.raises(ValidationError, match="outer_parameters: 6, at most 5, parameters"):
        Case(hardware="cpu", memory_gib=1, parameters=5, outer_parameters=6)
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        Case(hardware="cpu", memory_gib=1, parameters=5, outer_parameters=-1)


def test_an_engine_that_widens_a_format_needs_the_room_of_16_bits() -> None:
    wide = Support(format="gguf", hardware=("cpu",), widens=True)
    engine = ENGINES[0].model_copy(update={"engine": "wide", "runs": (wide,)})
    fits = Case(hardware="cpu", memory_gib=2, parameters=2**30)
    assert fits.room_bits == 16
    assert runs_on([engine], fits) == {"gguf": ("wide",)}
    assert runs_on([engine], Case(hardware="cpu", memory_gib=1.9, parameters=2**30)) == {}
