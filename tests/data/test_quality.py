"""Published quality of quantized models: as each source prints it, plausible, and what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.quality import Quality, Score, quality, read_quality
from snippets.data.records import UnknownNameError

RECORDS = [*read_quality().values()]
SCORES = [{"file_type": "F16", "perplexity": 6}, {"file_type": "Q4_0", "perplexity": 7}]
VALID: dict[str, Any] = {
    "id": "a",
    "sources": ["a"],
    "as_of": "2026-11-25",
    "model": "A",
    "text": "a text",
    "unquantized": "F16",
    "scores": SCORES,
}


def score(name: str, file_type: str) -> Score:
    return {one.file_type: one for one in quality(name).scores}[file_type]


@pytest.mark.parametrize(
    ("name", "file_type", "perplexity"),
    [
        ("quality-llama-3-8b", "F16", 6.23316),
        ("quality-llama-3-8b", "Q4_K_M", 6.407115),
        ("quality-llama-3-8b", "IQ1_S, imatrix", 60.694593),
        ("quality-llama-3-70b", "IQ1_S", 9.8655),
        ("quality-llama-2-70b", "Q4_0", 3.555),
        ("quality-llama-7b", "F16", 5.9066),
        ("quality-llama-13b", "F16", 5.2543),
        ("quality-llama-7b-gptq", "FP16", 5.67),
    ],
)
def test_a_perplexity_is_the_one_its_source_prints(name: str, file_type: str, perplexity: float) -> None:
    assert score(name, file_type).perplexity == perplexity


def test_divergence_same_top_and_accuracy_are_those_of_their_sources() -> None:
    assert score("quality-llama-3-8b", "Q2_K").kl_divergence == 0.445132
    assert score("quality-llama-3-8b", "Q2_K").same_top_percent == 71.138
    assert score("quality-qwen2-0.5b", "GPTQ-Int4").accuracy_percent == 29.7
    assert quality("quality-qwen2-72b").original.accuracy_percent == 81.3


@pytest.mark.parametrize("one", RECORDS, ids=lambda one: one.id)
def test_nothing_is_better_than_the_original_by_more_than_noise(one: Quality) -> None:
    for row in one.scores:
        if row.perplexity and one.original.perplexity:
            assert row.perplexity > 0.995 * one.original.perplexity, row


def test_a_smaller_model_loses_more_accuracy_to_four_bits() -> None:
    def lost(name: str) -> float:
        first, second = quality(name).original.accuracy_percent, score(name, "GPTQ-Int4").accuracy_percent
        assert first
        assert second
        return 1 - second / first

    assert lost("quality-qwen2-0.5b") > lost("quality-qwen2-1.5b") > lost("quality-qwen2-7b")
    assert lost("quality-qwen2-7b") > lost("quality-qwen2-72b")


def test_a_footnote_names_the_model_and_how_many_types() -> None:
    assert quality("quality-llama-2-70b").name == "Llama 2 70B, quality of 13 types"


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UnknownNameError, match="quality-llama-3-8b"):
        quality("quality-llama-3-8")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"unquantized": "BF16"}, "unquantized: BF16; allowed: F16, Q4_0"),
        ({"scores": [*SCORES, SCORES[1]]}, "Q4_0 stands twice"),
        ({"scores": SCORES[:1]}, "at least 2"),
        ({"scores": [{"file_type": "F16"}, SCORES[1]]}, "F16: perplexity or accuracy_percent is needed"),
        ({"scores": [SCORES[0], {**SCORES[1], "same_top_percent": 101}]}, "less than or equal to 100"),
        ({"scores": [SCORES[0], {**SCORES[1], "accuracy_percent": -1}]}, "greater than or equal to 0"),
        ({"scores": [SCORES[0], {**SCORES[1], "perplexity": 0}]}, "greater than 0"),
        ({"scores": [SCORES[0], {**SCORES[1], "perplexity": 1e7}]}, "less than or equal to 1000000"),
        ({"scores": [SCORES[0], {**SCORES[1], "kl_divergence": -0.1}]}, "greater than or equal to 0"),
        ({"scores": [SCORES[0], {**SCORES[1], "kl_divergence": 101}]}, "less than or equal to 100"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    assert Quality.model_validate(VALID).original.perplexity == 6
    with pytest.raises(ValidationError, match=message):
        Quality.model_validate(VALID | change)
