"""What counts as a figure, what it is worth, and what proves it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pages.figures import Figure, find_figures, literal_truths, printed_truths, proof, unit_from_name

DAY = 86_400


def _claims(text: str, *, heading: bool = False) -> list[Figure]:
    return [figure for figure in find_figures(text, heading=heading) if figure.is_claim]


@pytest.mark.parametrize(
    ("text", "value", "unit", "per"),
    [
        ("$1,500", 1500, "usd", ""),
        ("€5", 5, "eur", ""),
        ("1500 USD", 1500, "usd", ""),
        ("15 cents", 0.15, "usd", ""),
        ("10M", 10e6, "", ""),
        ("100K", 100e3, "", ""),
        ("3 billion parameters", 3e9, "parameter", ""),
        ("62 %", 62, "percent", ""),
        ("62 percent", 62, "percent", ""),
        ("16 GiB", 16 * 2**30, "byte", ""),
        ("24-GB", 24e9, "byte", ""),
        ("4-bit", 4, "bit", ""),
        ("250 ms", 0.25, "second", ""),
        ("1.5x", 1.5, "times", ""),
        ("3.2× faster", 3.2, "times", ""),
        ("12-fold", 12, "times", ""),
        ("tenfold", 10, "times", ""),
        ("three times", 3, "times", ""),
        ("twelve gigabytes", 12e9, "byte", ""),
        ("twenty-four hours", DAY, "second", ""),
        ("two hundred milliseconds", 0.2, "second", ""),
        ("50 tokens/s", 50, "token", "second"),
        ("$2.6/h", 2.6, "usd", "second"),
        ("$500 a month", 500, "usd", "month"),
        ("$2,250 monthly", 2250, "usd", "month"),
        ("$0.15 per million tokens", 0.15, "usd", "token"),
        ("$0.01 per 1K tokens", 0.01, "usd", "token"),
        ("300 W", 300, "watt", ""),
        ("57", 57, "", ""),
    ],
)
def test_a_figure_has_value_unit_and_rate(text: str, value: float, unit: str, per: str) -> None:
    (figure,) = _claims(f"It is {text}.")
    assert figure.value == pytest.approx(value)
    assert (figure.unit, figure.per) == (unit, per)


@pytest.mark.parametrize(
    "text",
    [
        "on 2026-11-22", "in November 2026", "on 22 November 2026", "since 2023", "at 10:30", "v1.2",
        "version 3.11",
        "release 1.2.3", "Python 3.11", "the 21st", "H100", "GPT-4o", "Llama-3.1-8B", "Q4_K_M", "x86-64",
        "RTX 4090",
        "SOC 2", "ISO 27001", "Article 28(3)", "45 CFR 164.308", "Regulation (EU) 2024/1689", "24/7",
        "a 3D plot",
        "https://example.org/4096", "step 3", "two of them", "one hour",
    ],
)  # fmt: skip
def test_what_is_no_figure_is_recognized(text: str) -> None:
    assert _claims(text) == []


def test_the_numbering_of_a_heading_is_no_figure() -> None:
    assert _claims("12. Why 40 ms matter", heading=True)[0].text == "40 ms"
    assert len(_claims("12. Why 40 ms matter", heading=True)) == 1


@pytest.mark.parametrize("text", ["2–8 hours", "2-8 hours", "2 to 8 hours"])
def test_both_ends_of_a_range_have_its_unit(text: str) -> None:
    assert [(figure.value, figure.unit) for figure in _claims(text)] == [(7200, "second"), (28_800, "second")]


def test_both_ends_of_a_range_of_money_have_its_currency() -> None:
    assert [(f.value, f.unit) for f in _claims("$40,000–60,000")] == [(40_000, "usd"), (60_000, "usd")]


@pytest.mark.parametrize(
    ("prose", "printed"),
    [
        ("$1,500", "$1500.00"),
        ("1.5 s", "1500 ms"),
        ("17.2 GB", "16 GiB"),
        ("−4 %", "-4.1 %"),
        ("4 % too low", "-4.1 %"),
        ("+220 %", "220 %"),
        ("61.5 %", "61.53 %"),
        ("62 %", "share=0.62"),
        ("$500 a month", "$500.00/month"),
        ("$500", "$500.00/month"),
        ("10M tokens a day", "tokens_per_day=10000000"),
        ("$0.15 per million tokens", "usd_per_million_tokens: 0.15"),
    ],
)
def test_a_printed_number_proves_its_rounding_in_its_unit(prose: str, printed: str) -> None:
    assert proof(_claims(prose)[0], [*printed_truths(printed)])


@pytest.mark.parametrize(
    ("prose", "printed"),
    [
        ("$1,501", "$1500.00"),
        ("16 GB", "16 GiB"),
        ("−4 %", "+4 %"),
        ("+4 %", "-4 %"),
        ("61.4 %", "61.5 %"),
        ("16 s", "16 ms"),
        ("$500 a month", "$500/hour"),
        ("$500 a month", "$500"),
        ("50 GB", "50"),
        ("$0.15 per million tokens", "$0.15 per 1K tokens"),
        ("$000", "$0"),
        ("0,000,000", "0 and 0,000,000"),
        ("0M tokens", "300000 tokens"),
        ("763,162,479,761 tokens", "763,162,479,760 tokens"),
    ],
)
def test_another_value_unit_or_rate_proves_nothing(prose: str, printed: str) -> None:
    assert proof(_claims(prose)[0], [*printed_truths(printed)]) is None


@pytest.mark.parametrize(
    ("name", "unit", "per"),
    [
        ("gpu_usd_per_month", "usd", "month"),
        ("usd_per_1k_tokens", "usd", "token"),
        ("tokens_per_day", "token", "second"),
        ("setup_hours", "second", ""),
        ("memory_gib", "byte", ""),
        ("utilization", "percent", ""),
        ("layers", "", ""),
    ],
)
def test_the_unit_of_an_input_is_read_from_its_name(name: str, unit: str, per: str) -> None:
    assert (unit_from_name(name)[0], unit_from_name(name)[2]) == (unit, per)


@pytest.mark.parametrize(
    "code",
    [
        "setup_hours = 8",
        "f(setup_hours=8)",
        "f(setup_hours=-8)",
        "def f(setup_hours=8): ...",
        "def f(*, setup_hours=8): ...",
        "x = {'setup_hours': 8}",
        "setup_hours: float = Field(default=8, ge=0)",
        "[f(setup_hours) for setup_hours in (2, 8)]",
        "for setup_hours in (2, 8): ...",
        ">>> setup_hours = 8",
    ],
)
def test_a_literal_proves_under_the_name_it_is_bound_to(code: str) -> None:
    language = "pycon" if code.startswith(">>>") else "python"
    assert proof(_claims("8 hours")[0], [*literal_truths(code, language)])


@pytest.mark.parametrize(
    "code", ["setup_hours: float = Field(ge=8)", "x = 8", '"""8 hours"""', 'x = "8 hours"']
)
def test_bounds_docstrings_strings_and_nameless_numbers_prove_no_hours(code: str) -> None:
    assert proof(_claims("8 hours")[0], [*literal_truths(code, "python")]) is None


@given(st.integers(10, 10**12), st.data())
def test_one_changed_digit_is_never_proved_by_the_number_itself(number: int, data: st.DataObject) -> None:
    text = f"{number:,}"
    place = data.draw(st.sampled_from([n for n, c in enumerate(text) if c.isdigit()]))
    digit = data.draw(st.sampled_from([d for d in "0123456789" if d != text[place]]))
    changed = text[:place] + digit + text[place + 1 :]
    truths = [*printed_truths(f"{text} tokens")]
    assert proof(find_figures(f"{text} tokens")[0], truths)
    assert all(proof(figure, truths) is None for figure in find_figures(f"{changed} tokens"))
