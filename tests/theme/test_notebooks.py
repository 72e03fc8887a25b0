"""A notebook is shown as a page is: cells as blocks, outputs below them, links that lead somewhere."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from theme.notebooks import as_markdown, notebooks_as_pages, with_site_links


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A small guide with one notebook."""
    code = {"cell_type": "code", "id": "b", "metadata": {}, "execution_count": 1, "source": "print(8)"}
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# A lab\n\nSee [it](it.md)."},
        code | {"outputs": [{"output_type": "stream", "name": "stdout", "text": "8\n"}]},
        code | {"id": "c", "source": "x = 1", "outputs": []},
    ]
    notebook = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "docs" / "deep").mkdir(parents=True)
    (tmp_path / "docs" / "deep" / "lab.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    (tmp_path / "docs" / "it.md").write_text("See [the lab](deep/lab.ipynb).", encoding="utf-8")
    nav = "docs_dir: docs\nnav:\n  - it.md\n  - A lab: deep/lab.ipynb\nplugins: ['*.ipynb']\n"
    (tmp_path / "mkdocs.yml").write_text(nav, encoding="utf-8")
    return tmp_path


def test_cells_are_blocks_and_outputs_stand_below_them(root: Path) -> None:
    text = as_markdown(root / "docs" / "deep" / "lab.ipynb")
    assert text == (
        "# A lab\n\nSee [it](it.md).\n\n```python\nprint(8)\n```\n\n"
        '```text title="Output"\n8\n```\n\n```python\nx = 1\n```\n'
    )


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ("it.md", "../it/"),
        ("it.md#part", "../it/#part"),
        ("../data/it.md", "../../data/it/"),
        ("index.md", "../"),
        ("../data/index.md", "../../data/"),
        ("other.ipynb", "../other/"),
        ("https://example.com/it.md", "https://example.com/it.md"),
        ("#part", "#part"),
    ],
)
def test_links_lead_to_the_pages_made_of_their_targets(link: str, address: str) -> None:
    assert with_site_links(f'<a class="x" href="{link}">') == f'<a class="x" href="{address}">'


def test_zensical_gets_pages_for_notebooks_and_nothing_stays(root: Path) -> None:
    with notebooks_as_pages(root) as config:
        docs = root / "build" / "docs"
        assert config.read_text("utf-8").splitlines()[0] == "docs_dir: build/docs"
        assert "A lab: deep/lab.md" in config.read_text("utf-8")
        assert "['*.ipynb']" in config.read_text("utf-8")
        assert sorted(path.name for path in docs.rglob("*.*")) == ["it.md", "lab.md"]
        assert (docs / "it.md").read_text("utf-8") == "See [the lab](deep/lab.md)."
    assert not docs.exists()
    assert not config.exists()
    assert (root / "docs" / "deep" / "lab.ipynb").exists()
