"""The checker is tested: every bad page is caught at the right line with advice, no good page is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.pages.collect import DOCS, Problem, read_page
from tests.pages.page import Check

CORPUS = Path(__file__).with_name("corpus")


@pytest.fixture
def short_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.pages.execute.SECONDS_A_BLOCK", 0.5)


def _problems(path: Path) -> list[Problem]:
    return Check.of(path).everything()


@pytest.mark.usefixtures("short_limit")
@pytest.mark.parametrize("path", sorted((CORPUS / "bad").glob("*.md")), ids=lambda path: path.stem)
def test_bad_page_is_caught_at_its_line_with_advice(path: Path) -> None:
    expected = read_page(path).front["expect"]
    found = _problems(path)
    for wanted in expected:
        hits = [problem for problem in found if wanted["says"] in problem.message]
        assert hits, f"nothing says {wanted['says']!r} among {[*map(str, found)]}"
        assert wanted["line"] in {problem.line for problem in hits}, [*map(str, hits)]
        assert any(wanted["advice"] in problem.advice for problem in hits)
        assert all(problem.path == path.relative_to(CORPUS.parents[2]).as_posix() for problem in hits)


@pytest.mark.parametrize("path", sorted((CORPUS / "good").glob("*.md")), ids=lambda path: path.stem)
def test_good_page_has_no_problem(path: Path) -> None:
    assert [*map(str, _problems(path))] == []


def test_notebook_cells_are_blocks_and_stored_outputs_are_compared(tmp_path: Path) -> None:
    printed = {"output_type": "stream", "name": "stdout", "text": "7 GB\n"}
    value = {
        "output_type": "execute_result",
        "data": {"text/plain": "900"},
        "metadata": {},
        "execution_count": 1,
    }
    code: dict[str, object] = {"cell_type": "code", "metadata": {}, "execution_count": None}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# Notebook\n\nIt takes 8 GB, not 9 GB."},
        code | {"source": 'print("8 GB")', "outputs": [printed]},
        code | {"source": "assert 1 == 2", "outputs": []},
        code | {"source": "900", "outputs": [value]},
    ]
    path = tmp_path / "lab.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    said = [problem.message for problem in _problems(path)]
    assert any("7 GB" in text and "8 GB" in text for text in said)
    assert any("“9 GB”" in text for text in said)
    assert any("AssertionError: assert 1 == 2" in text for text in said)
    assert any("execute_result is not compared" in text for text in said)


def test_a_notebook_is_updated_cell_by_cell(tmp_path: Path) -> None:
    printed = {"output_type": "stream", "name": "stdout", "text": "old\n"}
    code: dict[str, object] = {"cell_type": "code", "metadata": {}, "execution_count": None}
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": "# Notebook"},
        code | {"source": "a = 'x'", "outputs": []},
        code | {"source": "print(a)", "outputs": [printed]},
        code | {"source": "b = 1 / 0", "outputs": [printed]},
    ]
    path = tmp_path / "lab.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}))
    _, quoted, fine, failed = json.loads(Check.of(path).updated())["cells"]
    assert "".join(quoted["source"]) == 'a = "x"'
    assert "".join(fine["outputs"][0]["text"]) == "x\n"
    assert "".join(failed["outputs"][0]["text"]) == "old\n"  # nothing is lost where a cell fails


def test_a_file_that_is_no_notebook_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "lab.ipynb"
    path.write_text('{"cells": 3}', encoding="utf-8")
    assert _problems(path)[0].advice == "save it from Jupyter again"


def test_a_new_page_of_the_site_needs_navigation_and_description() -> None:
    """Not even a page with the name of another chapter's page is in the navigation by itself."""
    said = [
        str(problem)
        for problem in Check.of(DOCS / "cost.md", "---\ntitle: T\n---\n# T\n\nWords.\n").everything()
    ]
    assert any("the navigation does not name this page" in text for text in said)
    assert any("the page has no description" in text for text in said)


@pytest.mark.parametrize("folder", ["bad", "good"])
def test_the_corpus_is_there(folder: str) -> None:
    assert len(list((CORPUS / folder).glob("*.md"))) >= 15
