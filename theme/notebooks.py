"""Show a notebook as the site shows a page: its text, its cells as blocks, its stored outputs below them.

What the plugin makes of one brings half a megabyte of another program's styles, and links that lead nowhere;
Zensical has no such plugin. So the page that MkDocs built gets the notebook as the site renders Markdown, and
Zensical is given a copy of `docs/` in which each notebook is a page.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from markdown import Markdown
from mkdocs.config.defaults import MkDocsConfig

from theme.twins import nav_paths

LINK = re.compile(r'(?P<before><a [^>]*href=")(?P<path>[^":#]+)\.(?:md|ipynb)(?P<anchor>#[^"]*)?"')
ARTICLE = re.compile(r"(?P<open><article\b.*?>)(?P<inside>.*)(?P<close></article>)", re.DOTALL)
ACTIONS = re.compile(r'<a\b[^>]*class="md-content__button.*?</a>', re.DOTALL)


def as_markdown(notebook: Path) -> str:
    """Write a notebook as a page: cells and their outputs as fences."""
    parts = []
    for cell in nbformat.read(notebook, as_version=4).cells:  # type: ignore[no-untyped-call]
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        shown = "".join(out.text for out in cell.outputs if out.get("name") == "stdout").rstrip("\n")
        if shown:
            parts.append(f'```text title="Output"\n{shown}\n```')
    return "\n\n".join(parts) + "\n"


def with_site_links(html: str) -> str:
    """Lead links between sources to the pages made of them; the notebook's own page is a folder deeper."""

    def to_page(found: re.Match[str]) -> str:
        path = posixpath.normpath(f"../{found['path']}")
        folder = path.removesuffix("index") if posixpath.basename(path) == "index" else f"{path}/"
        return f'{found["before"]}{folder}{found["anchor"] or ""}"'

    return LINK.sub(to_page, html)


def show_notebooks(config: MkDocsConfig, site: Path) -> None:
    """Replace what the plugin wrote of each notebook in the navigation of a site that MkDocs built."""
    for path, _, _ in nav_paths(config.nav or []):
        if not path.endswith(".ipynb"):
            continue
        markdown = Markdown(extensions=config.markdown_extensions, extension_configs=config.mdx_configs)
        body = with_site_links(markdown.convert(as_markdown(Path(config.docs_dir, path))))
        page = site / path.removesuffix(".ipynb") / "index.html"
        html = page.read_text(encoding="utf-8")
        found = ARTICLE.search(html)
        if found is None:
            raise ValueError(f"{page} has no article")
        actions = "\n".join(ACTIONS.findall(found["inside"]))
        article = f"{found['open']}\n{actions}\n{body}\n{found['close']}"
        page.write_text(html[: found.start()] + article + html[found.end() :], encoding="utf-8")


def name_notebooks(config: MkDocsConfig, site: Path) -> None:
    """Lead from the pages that Zensical made of notebooks to the notebooks, not to the copies."""
    for path, _, _ in nav_paths(config.nav or []):
        if path.endswith(".ipynb"):
            page = site / path.removesuffix(".ipynb") / "index.html"
            copy = posixpath.basename(path).replace(".ipynb", ".md")
            html = page.read_text(encoding="utf-8").replace(f"/{copy}", f"/{posixpath.basename(path)}")
            page.write_text(html, encoding="utf-8")


@contextmanager
def notebooks_as_pages(root: Path) -> Iterator[Path]:
    """Yield a configuration like `mkdocs.yml`, for a copy of `docs/` in which notebooks are pages."""
    docs = root / "build" / "docs"
    shutil.rmtree(docs, ignore_errors=True)
    shutil.copytree(root / "docs", docs)
    for page in docs.rglob("*.md"):
        page.write_text(page.read_text(encoding="utf-8").replace(".ipynb)", ".md)"), encoding="utf-8")
    for notebook in docs.rglob("*.ipynb"):
        notebook.with_suffix(".md").write_text(as_markdown(notebook), encoding="utf-8")
        notebook.unlink()
    text = (root / "mkdocs.yml").read_text(encoding="utf-8")
    text = re.sub(r"^docs_dir: docs$", "docs_dir: build/docs", text, flags=re.MULTILINE)
    text = re.sub(r"(: [\w/-]+)\.ipynb$", r"\1.md", text, flags=re.MULTILINE)
    config = root / ".zensical.yml"
    config.write_text(text, encoding="utf-8")
    try:
        yield config
    finally:
        config.unlink()
        shutil.rmtree(docs)
