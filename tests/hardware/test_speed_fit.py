"""The fit of speeds: it finds what made the data, holds sources out whole, and is as wrong as said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.machines import machine, read_machines
from snippets.data.models import read_models
from snippets.data.speeds import read_speeds, speed
from snippets.hardware.roofline import Cache, Prompt, Roof, Step, Weights
from snippets.hardware.speed import Rates, model_weights
from snippets.hardware.speed_fit import (
    PEAK,
    Case,
    Judged,
    all_cases,
    by_rule,
    files,
    fit,
    held_out,
    middle,
    prefill_efficiency,
    quantile,
    run_cases,
    shape_weights,
    solve,
    spread,
    under,
    within,
)
from tests.bounds import SMALLEST, assert_accepts_exactly

CASES = all_cases(read_speeds().values(), read_models(), read_machines())
WEIGHTS = Weights(
    shared_bytes=1e9,
    active_parameters=1e9,
    layers=10,
    hidden_size=1000,
    caches=(Cache(bytes_per_token=1, flop_per_pair=1),),
)
ROOF = Roof(bandwidth_gb_per_s=1000, dense_tflops=100, split="layer")
TRUE = Rates(memory_efficiency=0.8, layer_overhead_s=2e-5, compute_efficiency=0.4)


def case(
    group: str = "a",
    family: str = "one",
    gigabytes: float = 1,
    ask: Step | Prompt | None = None,
    share: float = 1,
    faster: float = 1,
    devices: int = 1,
) -> Case:
    """A case whose speed is what TRUE gives, times faster."""
    one = Case(
        group=group,
        machine=group,
        family=family,
        experts=False,
        weights=WEIGHTS.model_copy(update={"shared_bytes": gigabytes * 1e9}),
        roof=ROOF.model_copy(update={"devices": devices}),
        ask=ask or Step(),
        tokens_per_s=1,
        weight_bytes=gigabytes * 1e9,
        share=share,
    )
    return one.model_copy(update={"tokens_per_s": faster * under(one, TRUE)})


MADE = [
    case(group, family, size, ask)
    for group in ("a", "b")
    for family in ("one", "two")
    for size in (1, 4, 16)
    for ask in (Step(), Prompt(tokens=2000))
]


def judged(*ratios: float, group: str = "a", share: float = 1) -> list[Judged]:
    """Cases of 1 token/s, predicted so many times too high."""
    one = case(group).model_copy(update={"tokens_per_s": 1, "share": share})
    return [Judged(case=one, predicted_tokens_per_s=ratio) for ratio in ratios]


# --- cases ------------------------------------------------------------------------------------


def test_every_decode_row_of_the_data_is_a_case() -> None:
    rows = sum(len(run.decode) for one in read_speeds().values() for run in one.runs)
    assert sum(isinstance(one.ask, Step) for one in CASES) == rows


def test_a_file_on_a_machine_counts_as_one_however_many_rows() -> None:
    record = speed("speed-dai-2024-1-rtx-4090")
    run = record.runs[0]
    cases = run_cases(record, run, read_models(), machine("rtx-4090"))
    assert [isinstance(one.ask, Step) for one in cases] == [True] * 4 + [False] * 4
    assert [one.share for one in cases] == [1 / 4] * 8
    assert {(one.group, one.machine, one.family) for one in cases} == {("dai", "rtx-4090", "NVIDIA GDDR")}
    assert cases[0].weight_bytes == 4.58 * 2**30
    assert cases[0].ask == Step(context_tokens=256)
    assert cases[4].ask == Prompt(tokens=512)
    assert not cases[0].experts


def test_experts_and_depth_and_chunks_of_a_run_come_through() -> None:
    record = speed("speed-llama-cpp-spark-1-gb10")
    cases = run_cases(record, record.runs[0], read_models(), machine("gb10"))
    assert cases[1].ask == Step(context_tokens=4096 + 16)
    assert cases[0].experts
    built = read_models()["gpt-oss-20b"]
    assert cases[0].weights == model_weights(built, 11.27 * 2**30, 4.25)
    seen = run_cases(record, record.runs[0], read_models(), machine("rtx-4090"))
    prompts = [one.ask for one in seen if isinstance(one.ask, Prompt)]
    assert prompts[1] == Prompt(tokens=2048, cached_tokens=4096, chunk_tokens=2048)


def test_no_prefill_where_no_peak_is_known_or_where_layers_are_split() -> None:
    prompts = [one for one in CASES if isinstance(one.ask, Prompt)]
    assert {one.roof.devices for one in prompts} == {1}
    assert "Apple" not in {one.family for one in prompts}


def test_a_shape_is_read_like_a_model_of_equal_layers() -> None:
    run = speed("speed-dai-2023-1-rtx-4090").runs[0]
    assert run.shape is not None
    weights = shape_weights(run.shape, 2.0 * run.shape.parameters)
    assert weights.shared_bytes == pytest.approx(2 * (6_738_415_616 - 32_000 * 4096))
    assert weights.active_parameters == 6_738_415_616 - 32_000 * 4096
    assert weights.output_parameters == 32_000 * 4096
    # keys and values of 32 heads of 128 in 32 layers, 16 bits; two products a pair
    assert weights.caches == (Cache(bytes_per_token=2 * 32 * 4096 * 2, flop_per_pair=4 * 32 * 4096),)


def test_peak_rates_change_nothing() -> None:
    assert PEAK.model_dump() == {
        "memory_efficiency": 1,
        "layer_overhead_s": 0,
        "compute_efficiency": 1,
    }


# --- the fit ----------------------------------------------------------------------------------


def test_the_fit_finds_what_made_the_data() -> None:
    rates = fit(MADE)
    assert rates.keys() == {"all", "one", "two"}
    for one in rates.values():
        assert one.memory_efficiency == pytest.approx(0.8)
        assert one.layer_overhead_s == pytest.approx(2e-5)
        assert one.compute_efficiency == pytest.approx(0.4)


def test_a_family_without_prompts_takes_the_compute_of_all() -> None:
    steps = [case("c", "three", size) for size in (1, 4, 16)]
    assert fit(MADE + steps)["three"].compute_efficiency == pytest.approx(0.4)


def test_without_any_prompt_there_is_nothing_to_fit_compute_to() -> None:
    with pytest.raises(KeyError):
        fit([case()])


def test_layers_over_devices_do_not_enter_the_fit() -> None:
    odd = [case("c", "one", 1, faster=9, devices=2)]
    assert fit(MADE + odd) == fit(MADE)


def test_shares_beyond_the_peak_and_overheads_below_zero_are_cut() -> None:
    prompt = case(ask=Prompt(tokens=2000), faster=3)
    quick = [case(gigabytes=size, faster=2) for size in (1, 4, 16)]
    found = fit([*quick, prompt])["all"]
    assert (found.memory_efficiency, found.compute_efficiency) == (1, 1)
    slow_where_large = [case(gigabytes=1, faster=1), case(gigabytes=16, faster=0.5)]
    assert fit([*slow_where_large, prompt])["all"].layer_overhead_s == 0


def test_a_prior_counts_as_two_runs() -> None:
    # two runs say 1, the prior of two says 3: the solution lies where a mean of squares has it
    (free,) = solve([(1.0,), (1.0,)], [1.0, 1.0])
    (held,) = solve([(1.0,), (1.0,)], [1.0, 1.0], (3.0,))
    assert free == pytest.approx(1)
    # minimizes 2·(x − 1)² + 2·(x/3 − 1)²
    assert held == pytest.approx((2 + 2 / 3) / (2 + 2 / 9))


def test_a_share_weighs_as_much_as_so_many_rows() -> None:
    (once,) = solve([(1.0,), (2.0,)], [1.0, 0.5])
    (twice,) = solve([(1.0,), (1.0,), (2.0,)], [1.0, 1.0, 1.0])
    assert once == pytest.approx(twice)


def test_prefill_leaves_the_overhead_of_chunks_aside() -> None:
    one = case(ask=Prompt(tokens=2000))
    assert prefill_efficiency(one, 2e-5) == pytest.approx(0.4)
    assert prefill_efficiency(one, 0) < 0.4


def test_rates_of_the_data_are_those_of_the_page() -> None:
    rates = fit(CASES)
    assert rates["NVIDIA GDDR"].memory_efficiency == pytest.approx(0.86, abs=0.005)
    assert rates["NVIDIA HBM"].memory_efficiency == pytest.approx(0.62, abs=0.005)
    assert rates["Apple"].memory_efficiency == pytest.approx(0.74, abs=0.005)


# --- held out ---------------------------------------------------------------------------------


def test_a_group_is_predicted_without_its_own_data() -> None:
    wrong = [
        case("c", "one", size, ask, faster=5) for size in (1, 4, 16) for ask in (Step(), Prompt(tokens=2000))
    ]
    errors = [one.error for one in held_out(MADE + wrong, lambda one: one.group) if one.case.group == "c"]
    assert errors == pytest.approx([1 / 5 - 1] * 6)


def test_a_family_that_only_its_group_has_is_predicted_by_all() -> None:
    alone = [case("c", "three", size) for size in (1, 4)]
    errors = [one.error for one in held_out(MADE + alone, lambda one: one.group) if one.case.group == "c"]
    assert errors == pytest.approx([0, 0], abs=1e-9)


def test_a_rule_is_bandwidth_over_the_bytes_of_the_file() -> None:
    (naive,) = by_rule([case(gigabytes=4)], 1)
    (half,) = by_rule([case(gigabytes=4)], 0.5)
    assert naive.predicted_tokens_per_s == pytest.approx(250)
    assert half.predicted_tokens_per_s == pytest.approx(125)


def test_a_rule_counts_the_experts_of_one_token() -> None:
    sparse = WEIGHTS.model_copy(update={"expert_bytes": 8e9, "used_share": 0.25})
    one = case().model_copy(update={"weights": sparse, "experts": True})
    assert by_rule([one], 1)[0].predicted_tokens_per_s == pytest.approx(1000 / 3)


# --- errors and ranges ------------------------------------------------------------------------


def test_error_is_predicted_over_measured_less_one() -> None:
    assert [one.error for one in judged(0.5, 2)] == [-0.5, 1]


def test_medians_with_and_without_sign() -> None:
    some = judged(0.5, 0.9, 1.2)
    assert middle(some) == pytest.approx(0.2)
    assert middle(some, lambda error: error) == pytest.approx(-0.1)
    assert middle(judged(0.5, 1.2)) == pytest.approx(0.35)


def test_a_median_counts_shares() -> None:
    assert middle(judged(1.1) + judged(1.5, 1.5, share=0.25)) == pytest.approx(0.1)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=40), st.floats(0.05, 0.95))
def test_a_quantile_splits_where_numpy_does(values: list[float], level: float) -> None:
    found = quantile(values, [1.0] * len(values), level)
    near = (level - 1 / len(values), level + 1 / len(values))
    low, high = np.quantile(values, np.clip(near, 0, 1))
    assert low - 1e-9 <= found <= high + 1e-9


def test_a_range_holds_the_middle_of_the_ratios() -> None:
    # measured over predicted: 1/0.5 … 1/2
    wide = spread(judged(0.5, 0.8, 1, 1.25, 2), 0.8)
    assert (wide.low, wide.high) == pytest.approx((0.5, 2))
    narrow = spread(judged(0.5, 0.8, 1, 1.25, 2), 0.4)
    assert (narrow.low, narrow.high) == pytest.approx((0.8, 1.25))
    assert wide.low < narrow.low < 1 < narrow.high < wide.high


def test_coverage_is_judged_by_the_range_of_others() -> None:
    tight = judged(0.99, 1, 1.01, group="a")
    loose = judged(0.5, 2, group="b")
    # a lies within the range of b, and b outside that of a
    assert within(tight + loose, 0.8) == tight


def test_the_ends_of_a_range_are_within() -> None:
    some = judged(0.5, 2, group="a") + judged(0.5, 2, group="b")
    assert within(some, 0.8) == some


def test_files_count_shares() -> None:
    assert files(judged(1, 1, share=0.25) + judged(1)) == 1.5


# --- what the page claims -----------------------------------------------------------------------

STEPS = [
    one
    for one in held_out(CASES, lambda one: one.group)
    if isinstance(one.case.ask, Step) and one.case.roof.devices == 1
]
DENSE = [one for one in STEPS if not one.case.experts]


def test_goal_for_dense_models_on_gpus_is_met_on_sources_held_out() -> None:
    gpus = [one for one in DENSE if one.case.family in {"NVIDIA GDDR", "NVIDIA HBM", "AMD"}]
    assert middle(gpus) <= 0.12


def test_goal_for_dense_models_elsewhere_is_met_on_sources_held_out() -> None:
    others = [one for one in DENSE if one.case.family in {"Apple", "CPU", "unified"}]
    assert middle(others) <= 0.20


def test_the_range_holds_what_it_says_on_sources_held_out() -> None:
    assert files(within(STEPS, 0.8)) / files(STEPS) == pytest.approx(0.8, abs=0.05)


def test_both_rules_are_further_off() -> None:
    row = [one.case for one in STEPS]
    assert middle(STEPS) < middle(by_rule(row, 0.55)) < middle(by_rule(row, 1))


def test_bounds() -> None:
    valid = case().model_dump()
    assert_accepts_exactly(Case, valid, "tokens_per_s", SMALLEST, 1e7)
    assert_accepts_exactly(Case, valid, "weight_bytes", SMALLEST, 1e15)
    assert_accepts_exactly(Case, valid, "share", SMALLEST, 1.0)
