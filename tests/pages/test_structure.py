"""The house as a whole: page, snippet and test share a stem; both built sites show the checked blocks."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from tests.pages.collect import DOCS, ROOT, find_pages, read_page

SNIPPETS = ROOT / "snippets"
INCLUDE = re.compile(r'-8<-+\s+"(?P<path>snippets/[^":]+)')


def _snippets() -> list[str]:
    """Every module of the package that explains something, by path."""
    modules = sorted(path for path in SNIPPETS.rglob("*.py") if path.name != "__init__.py")
    return [path.relative_to(ROOT).as_posix() for path in modules]


def _page_of(snippet: str) -> Path:
    """The page of a snippet: snippets/why_self_host/cost.py → docs/why-self-host/cost.md."""
    return ROOT / Path("docs", *Path(snippet.replace("_", "-")).parts[1:]).with_suffix(".md")


@pytest.mark.parametrize("snippet", _snippets())
def test_every_snippet_is_on_the_page_that_shares_its_stem(snippet: str) -> None:
    shown = {match["path"] for match in INCLUDE.finditer(_page_of(snippet).read_text(encoding="utf-8"))}
    assert snippet in shown


@pytest.mark.parametrize("snippet", _snippets())
def test_every_snippet_has_a_test_that_shares_its_stem(snippet: str) -> None:
    path = Path("tests", *Path(snippet).parts[1:])
    assert (ROOT / path).with_name(f"test_{path.name}").is_file()


@pytest.mark.parametrize("page", find_pages(), ids=lambda path: path.relative_to(DOCS).as_posix())
def test_every_included_snippet_is_proved(page: Path) -> None:
    for match in INCLUDE.finditer(page.read_text(encoding="utf-8")):
        path = Path("tests", *Path(match["path"]).parts[1:])
        if path.suffix != ".py":  # a file to copy: its chapter's folder has the name of what proves it
            path = Path(*path.parts[:3]).with_suffix(".py")
        assert (ROOT / path).with_name(f"test_{path.name}").is_file(), match["path"]


def test_every_section_of_every_snippet_is_shown() -> None:
    """What is in a snippet is on a page: no public code that no reader sees."""
    pages = "\n".join(page.read_text(encoding="utf-8") for page in find_pages() if page.suffix == ".md")
    sections = [
        f"{snippet}:{name}"
        for snippet in _snippets()
        for name in re.findall(r"--8<-- \[start:(\w+)\]", (ROOT / snippet).read_text(encoding="utf-8"))
    ]
    assert sections
    assert [section for section in sections if f'"{section}"' not in pages] == []


def shown_blocks(html: Path) -> int:
    """How many code blocks and notebook cells a built page shows."""
    article = BeautifulSoup(html.read_text(encoding="utf-8"), "html.parser").find("article")
    assert article is not None, html
    cells = len(article.select(".jp-CodeCell"))
    outputs = len(article.select(".jp-OutputArea-output[data-mime-type*=stdout]"))
    inside = len(article.select(".jp-CodeCell pre, .jp-OutputArea pre"))
    return len(article.find_all("pre")) - inside + cells + outputs


@pytest.mark.parametrize("site", ["site", "zensical"])
def test_both_built_sites_show_the_blocks_that_were_checked(site: str) -> None:
    built = ROOT / "build" / site
    assert built.is_dir(), "run make build first"
    for page in find_pages():
        relative = page.relative_to(DOCS).with_suffix("")
        folder = relative.parent if relative.name == "index" else relative
        assert shown_blocks(built / folder / "index.html") == len(read_page(page).blocks), page


def test_a_built_site_of_the_corpus_shows_the_blocks_that_were_checked(tmp_path: Path) -> None:
    """Tabs, admonitions, details, quotes, includes and a notebook, through mkdocs itself."""
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "tests" / "pages" / "corpus" / "good", docs)
    for name in ("fence_in_a_quote", "failing_block_in_raw_details", "long_fence_in_a_list", "tilde_fence"):
        shutil.copy(ROOT / "tests" / "pages" / "corpus" / "bad" / f"{name}.md", docs)
    cell = {"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "print(8)"}
    outputs = [{"output_type": "stream", "name": "stdout", "text": "8\n"}]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    notebook = {
        "cells": [cell | {"outputs": outputs}],
        "metadata": kernel,
        "nbformat": 4,
        "nbformat_minor": 4,
    }
    (docs / "lab.ipynb").write_text(json.dumps(notebook), encoding="utf-8")
    config = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    config = re.sub(r"^nav:\n(?:[ \t-].*\n|\n)*", "", config, flags=re.MULTILINE)
    config = re.sub(r"^(docs_dir|site_dir|strict|INHERIT):.*\n", "", config, flags=re.MULTILINE)
    (tmp_path / "mkdocs.yml").write_text(config, encoding="utf-8")
    for part in ("snippets", "tests", "theme"):
        (tmp_path / part).symlink_to(ROOT / part)
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = [*sorted(docs.glob("*.md")), docs / "lab.ipynb"]
    for page in pages:
        assert shown_blocks(tmp_path / "site" / page.stem / "index.html") == len(read_page(page).blocks), page
    assert sum(len(read_page(page).blocks) for page in pages) >= 40
