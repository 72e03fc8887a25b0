"""Seven models' exact bytes, against the engine and by hand; mistakes, each alone; what tools said."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.facts import fact
from snippets.data.models import Model, model, read_models
from snippets.hardware.calculators import (
    MISTAKES,
    SEVEN,
    Reading,
    answer,
    asked,
    by_bits,
    by_parameters,
    explain,
    right,
)
from tests.hardware.engine import ask, missing
from tests.hardware.loads import asked as load_of
from tests.hardware.quantize_truth import TRUTH
from tests.hardware.sparse import write

GIB, MIB = 2**30, 2**20
models = st.sampled_from([*read_models().values()])
needs_engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")


def error(name: str, mistake: str) -> float:
    one = right(model(name))
    return MISTAKES[mistake](one).gib / one.gib - 1


# --- truth ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SEVEN)
def test_weights_are_those_of_llama_quantize(name: str) -> None:
    with TRUTH.open(newline="") as file:
        said = {row["model"]: row["mib"] for row in csv.DictReader(file) if row["file_type"] == "Q4_K_M"}
    assert f"{answer(model(name)).weights_bytes / MIB:.2f}" == said[name]


@pytest.mark.parametrize(
    ("name", "tokens", "f16", "q8_0", "state"),
    [
        ("llama-3.1-8b", 131_072, 32 * 2 * 8 * 128 * 2 * 131_072, 8_704 * MIB, 0),
        ("llama-3.2-1b", 131_072, 16 * 2 * 8 * 64 * 2 * 131_072, 2_176 * MIB, 0),
        ("gemma-3-27b", 131_072, 2 * 16 * 128 * 2 * (10 * 131_072 + 52 * 1_536), 5_771.5 * MIB, 0),
        ("gemma-3n-e4b", 32_768, 2 * 2 * 256 * 2 * (4 * 32_768 + 16 * 1_024), 153 * MIB, 0),
        ("deepseek-v3", 131_072, 61 * 576 * 2 * 131_072, 4_666.5 * MIB, 0),
        (
            "qwen3.6-27b",
            131_072,
            16 * 2 * 4 * 256 * 2 * 131_072,
            4_352 * MIB,
            48 * 4 * (3 * 10_240 + 786_432),
        ),
        ("gpt-oss-120b", 131_072, 2 * 8 * 64 * 2 * 18 * (131_072 + 768), 2_462.34375 * MIB, 0),
    ],
)
def test_caches_and_states_by_hand(name: str, tokens: int, f16: int, q8_0: float, state: int) -> None:
    found = answer(model(name))
    assert found[0] == tokens
    assert found[2:] == (f16, q8_0, state)


@needs_engine
def test_caches_and_states_are_those_that_the_engine_prints(tmp_path: Path) -> None:
    jobs = []
    for name in SEVEN:
        path = tmp_path / f"{name}.gguf"
        write(model(name), path, "Q4_K_M")
        jobs += [load_of(path, asked(model(name), q8_0)) for q8_0 in (False, True)]
    answers = iter(ask(jobs))
    for name in SEVEN:
        known = answer(model(name))
        for expected in (known.kv_f16_bytes, known.kv_q8_0_bytes):
            loaded = next(answers)
            assert not isinstance(loaded, Exception), loaded
            kept = sum(cache.key_mib + cache.value_mib for cache in loaded.caches)
            assert kept == pytest.approx(expected / MIB, rel=1e-7, abs=0.03)


def test_no_one_is_asked_for_more_than_a_model_was_trained_for() -> None:
    assert asked(model("gemma-3n-e4b")).context_tokens == 32_768
    assert asked(model("qwen3-30b-a3b")).context_tokens == 40_960
    assert asked(model("qwen3.6-27b")).context_tokens == 131_072
    assert asked(model("llama-3.1-8b"), q8_0=True).value_type == "q8_0"
    assert asked(model("llama-3.1-8b")).key_type == "f16"


# --- mistakes, each alone ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mistake", "name", "times"),
    [
        ("a latent as heads", "deepseek-v3", 128 * (192 + 128) / 576),
        ("query heads for KV heads", "llama-3.1-8b", 32 / 8),
        ("query heads for KV heads", "gpt-oss-120b", 64 / 8),
        ("hidden size / heads", "gemma-3-27b", 168 / 128),
        ("hidden size / heads", "gpt-oss-120b", 45 / 64),
        ("no window", "gemma-3-27b", 62 * 131_072 / (10 * 131_072 + 52 * 1_536)),
        ("no window", "gpt-oss-120b", 2 * 131_072 / (131_072 + 768)),
        ("attention in all layers", "qwen3.6-27b", 32_768 / (8_192 + 149.625)),
        ("shared layers counted", "gemma-3n-e4b", (7 * 32_768 + 28 * 1_024) / (4 * 32_768 + 16 * 1_024)),
        ("no states", "qwen3.6-27b", 8_192 / (8_192 + 149.625)),
        ("GB for GiB", "llama-3.1-8b", 1.073741824),
    ],
)
def test_a_mistake_by_hand(mistake: str, name: str, times: float) -> None:
    assert error(name, mistake) == pytest.approx(times - 1)


def test_each_mistake_shows_in_one_of_the_seven_and_the_plainest_shows_two() -> None:
    for mistake in MISTAKES:
        assert any(abs(error(name, mistake)) > 0.015 for name in SEVEN), mistake
    shown = {mistake for mistake in MISTAKES if error("llama-3.1-8b", mistake)}
    assert shown == {"query heads for KV heads", "GB for GiB"}


@given(models, st.sampled_from([*MISTAKES]), st.sampled_from([*MISTAKES]))
def test_a_mistake_made_twice_is_made_once(built: Model, first: str, second: str) -> None:
    one = MISTAKES[second](MISTAKES[first](right(built)))
    assert MISTAKES[second](one).gib == pytest.approx(one.gib)


@given(models)
def test_what_counts_more_never_says_less(built: Model) -> None:
    one = right(built)
    for mistake in ("query heads for KV heads", "no window", "shared layers counted", "GB for GiB"):
        assert MISTAKES[mistake](one).gib >= one.gib
    assert MISTAKES["no states"](one).gib <= one.gib


def test_a_hybrid_with_a_latent_gets_more_of_the_latent() -> None:
    built = model("kimi-linear-48b-a3b")
    found = MISTAKES["attention in all layers"](right(built)).built
    assert set(found.layer_mixers) == {"latent"}
    nemotron = MISTAKES["attention in all layers"](right(model("nemotron-3-nano-30b-a3b"))).built
    assert set(nemotron.layer_mixers) == {"full", "none"}


# --- other formulas ---------------------------------------------------------------------------


def test_bits_and_parameters_by_hand() -> None:
    assert by_bits(model("llama-3.1-8b"), 4) == 8_030_261_248 / 2
    assert by_parameters(model("llama-3.1-8b"), 2_048) == pytest.approx(3.5 * MIB * 8.030261248 * 2)
    active = 5.132849472
    assert by_parameters(model("gpt-oss-120b"), 1_024) == pytest.approx(3.5 * MIB * active * 4)


# --- what gives a figure ----------------------------------------------------------------------


@pytest.mark.parametrize("name", SEVEN)
def test_what_is_right_has_no_mistake(name: str) -> None:
    assert explain(model(name), right(model(name)).gib) == ()


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize("name", SEVEN)
def test_a_mistake_is_found_by_its_figure(name: str, mistake: str) -> None:
    if abs(error(name, mistake)) > 0.015:
        said = MISTAKES[mistake](right(model(name))).gib
        assert explain(model(name), said) == (mistake,)


@pytest.mark.parametrize(
    ("name", "gib", "names"),
    [
        ("deepseek-v3", 213.5, ("a latent as heads", "hidden size / heads")),
        ("gemma-3n-e4b", 2.1875, ("no window", "shared layers counted")),
        ("gemma-3-27b", 81.375, ("hidden size / heads", "no window")),
        ("llama-3.1-8b", 3.0, None),
        ("llama-3.1-8b", 0, None),
    ],
)
def test_two_together(name: str, gib: float, names: tuple[str, ...] | None) -> None:
    assert explain(model(name), gib) == names


def test_three_together_are_not_found() -> None:
    one = right(model("gemma-3-27b"))
    for mistake in ("query heads for KV heads", "hidden size / heads", "no window"):
        one = MISTAKES[mistake](one)
    assert explain(model("gemma-3-27b"), one.gib) is None


def test_a_figure_may_be_rounded_to_a_hundredth() -> None:
    built = model("llama-3.1-8b")
    assert explain(built, 16.15) == ()
    assert explain(built, 15.85) == ()
    assert explain(built, 16.2) is None
    assert explain(built, 16.2, tolerance=0.02) == ()


def test_a_figure_below_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="said_gib is -1; 0 or more"):
        explain(model("llama-3.1-8b"), -1)


# --- tools ------------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", ["hf-mem", "llmfit", "fitllm", "whichllm", "webui"])
def test_what_a_tool_said_is_of_the_seven(tool: str) -> None:
    for value in fact(f"calculator-{tool}").values:
        name, part, unit = value.rsplit("_", 2)
        assert name in SEVEN
        assert part in {"kv", "weights", "total"}
        assert unit == ("gb" if (tool, part) == ("llmfit", "weights") else "gib")


def test_the_figures_of_hf_mem_are_all_explained() -> None:
    for value, gib in fact("calculator-hf-mem").values.items():
        assert explain(model(value.removesuffix("_kv_gib")), gib) is not None


def test_the_figures_of_whichllm_follow_its_formula_where_there_is_no_window() -> None:
    for name in ("llama-3.1-8b", "deepseek-v3", "qwen3.6-27b"):
        said = fact("calculator-whichllm").values[f"{name}_kv_gib"]
        ours = by_parameters(model(name), asked(model(name)).context_tokens) / GIB
        assert said == pytest.approx(ours, rel=1e-4)


def test_a_reading_says_what_it_counts() -> None:
    built = model("qwen3.6-27b")
    whole = Reading(built, asked(built))
    assert whole.gib * GIB == answer(built).kv_f16_bytes + answer(built).state_bytes
    assert whole._replace(binary=False).gib * 10**9 == pytest.approx(whole.gib * GIB)
