"""An old version is named with its flaw and the fix; what cannot be told is a complaint, too."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version as Packaged

from snippets.data.facts import read_facts
from snippets.operate.minimum_versions import (
    Flaw,
    complaints,
    minimum,
    parse,
    read_flaws,
)
from tests.pages.collect import ROOT

FLAWS = read_flaws((ROOT / "snippets" / "data" / "exposure" / "flaws.csv").read_text("utf-8").splitlines())


# --- reading a version ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "build"),
    [
        ("b8146", 8146),
        ("8146", 8146),
        ("version: 8146 (d7d826b)", 8146),
        (" b11549\n", 11549),
        ("b0", 0),
    ],
)
def test_llama_cpp_counts_builds(text: str, build: int) -> None:
    assert parse("llama.cpp", text) == ((build,), 1)


@pytest.mark.parametrize(
    ("text", "release", "final"),
    [
        ("0.14.1", (0, 14, 1), 1),
        ("v0.14.1", (0, 14, 1), 1),
        ("0.30.0", (0, 30), 1),
        ("0.14.1rc1", (0, 14, 1), 0),
        ("0.14.1-rc.2", (0, 14, 1), 0),
        ("0.35.0-beta", (0, 35), 0),
        ("0.14.1.dev20+gabc1234", (0, 14, 1), 0),
        ("0.14.1+cu129", (0, 14, 1), 1),
        ("0.14.1.post1", (0, 14, 1), 1),
        ("1.0.0a3", (1,), 0),
    ],
)
def test_others_number_releases(text: str, release: tuple[int, ...], final: int) -> None:
    assert parse("vllm", text) == (release, final)


@pytest.mark.parametrize(
    "text", ["", "latest", "main", "b8146", "0", "0.14.x", "1.2.3.4-foo", "0..1", "-1.0"]
)
def test_what_is_no_version_is_refused_with_the_engine_and_the_text(text: str) -> None:
    with pytest.raises(
        ValueError, match=rf"^vllm: {re.escape(repr(text.strip()))} is no version; b8146 is for"
    ):
        parse("vllm", text)
    with pytest.raises(ValueError, match=r"^llama\.cpp: '0\.14\.1' is no version"):
        parse("llama.cpp", "0.14.1")


NUMBERS = st.lists(st.integers(0, 40), min_size=2, max_size=4)
TAILS = st.sampled_from(["", "rc1", "rc2", "a1", "b3", ".dev4", ".post1", "+cu129"])


@given(NUMBERS, TAILS, NUMBERS)
def test_before_a_release_means_what_it_means_to_pip(one: list[int], tail: str, fix: list[int]) -> None:
    text, fixed = ".".join(map(str, one)) + tail, ".".join(map(str, fix))
    assert (parse("vllm", text) < parse("vllm", fixed)) == (Packaged(text) < Packaged(fixed))


# --- complaints -------------------------------------------------------------------------------


@pytest.mark.parametrize("one", FLAWS, ids=lambda one: f"{one.engine}-{one.fact}")
def test_the_first_version_with_a_flaw_is_complained_of_and_the_fix_is_not(one: Flaw) -> None:
    said = f"{one.engine} {one.first}: {one.fact}, fixed in {one.fixed}"
    assert complaints({one.engine: one.first}, [one]) == [said]
    assert complaints({one.engine: one.fixed}, [one]) == []


@pytest.mark.parametrize("one", FLAWS, ids=lambda one: f"{one.engine}-{one.fact}")
def test_each_flaw_is_a_record_that_names_both_versions(one: Flaw) -> None:
    says = read_facts()[one.fact].says
    if one.fact == "litellm-malware":  # the record lists what is bad; what follows is not in it
        assert "1.82.7 and 1.82.8" in says
        return
    assert one.fixed in says
    assert one.first in {"0.0.0", "b0"} or one.first in says


def test_the_build_before_the_fix_has_the_flaw_and_one_before_it_began_has_not() -> None:
    flaw = [Flaw("llama.cpp", "b8227", "b11393", "cve-2026-107183")]
    assert complaints({"llama.cpp": "b8226"}, flaw) == []
    assert len(complaints({"llama.cpp": "b8227"}, flaw)) == 1
    assert len(complaints({"llama.cpp": "version: 11392 (abcdef0)"}, flaw)) == 1
    assert complaints({"llama.cpp": "b11393"}, flaw) == []


def test_a_release_candidate_of_the_fix_is_not_the_fix() -> None:
    flaw = [Flaw("vllm", "0.8.3", "0.14.1", "cve-2026-22778")]
    assert complaints({"vllm": "0.14.1rc1"}, flaw) == ["vllm 0.14.1rc1: cve-2026-22778, fixed in 0.14.1"]
    assert len(complaints({"vllm": "0.8.3rc1"}, flaw)) == 1
    assert complaints({"vllm": "0.14.1+cu129"}, flaw) == []
    assert complaints({"vllm": "0.8.2"}, flaw) == []


def test_what_cannot_be_told_is_a_complaint_and_hides_no_other() -> None:
    said = complaints({"vllm": "latest", "llamafile": "0.9.3", "ollama": "0.17.0"}, FLAWS)
    assert said[0].startswith("vllm: 'latest' is no version")
    assert said[1:] == [
        "llamafile: no record of it",
        "ollama 0.17.0: cve-2026-7482, fixed in 0.17.1",
    ]


def test_nothing_installed_is_no_complaint() -> None:
    assert complaints({}, FLAWS) == []


@pytest.mark.parametrize("engine", sorted({one.engine for one in FLAWS}))
def test_the_minimum_has_no_known_flaw(engine: str) -> None:
    lowest = minimum(engine, FLAWS)
    assert complaints({engine: lowest}, FLAWS) == []
    assert lowest in {one.fixed for one in FLAWS if one.engine == engine}


def test_an_engine_without_a_record_has_no_minimum() -> None:
    with pytest.raises(ValueError, match="llamafile: no record of it"):
        minimum("llamafile", FLAWS)
    assert minimum("vllm", [*FLAWS, Flaw("vllm", "0.0.0", "0.9.9", "x")]) == "0.32.0"
