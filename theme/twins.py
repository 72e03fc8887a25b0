"""Every page's Markdown twin, and llms.txt: the site as text, for who reads without a browser.

A twin lies where its source lies under docs/, so links from twin to twin and to images hold.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown import Markdown
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.utils.meta import get_data


@dataclass(frozen=True)
class Twin:
    """One page of the navigation as plain Markdown."""

    path: str
    section: str
    title: str
    description: str
    text: str


def nav_paths(nav: Iterable[object], section: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield (path, title or empty, chapter) for each page of `nav:`, in order."""
    for item in nav:
        entries = item.items() if isinstance(item, dict) else [("", item)]
        for title, value in entries:
            if isinstance(value, list):
                yield from nav_paths(value, section or str(title))
            else:
                yield str(value), str(title), section


def expand(text: str, config: MkDocsConfig) -> str:
    """Replace includes by what they include, with the site's own settings for it."""
    name = "pymdownx.snippets"
    markdown = Markdown(extensions=[name], extension_configs={name: config.mdx_configs[name]})
    return "\n".join(markdown.preprocessors["snippet"].run(text.split("\n")))


def notebook_description(source: str) -> str:
    """The first sentence of a notebook, without its links."""
    opening = "".join(json.loads(source)["cells"][0]["source"])
    said = next(part for part in opening.split("\n\n") if not part.startswith("#"))
    plain = " ".join(re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", said).split())
    return re.split(r"(?<=[.!?])\s", plain)[0]


def twins(config: MkDocsConfig) -> Iterator[Twin]:
    """Yield the twin of each page of the navigation, in order; a notebook is its own."""
    for path, title, section in nav_paths(config.nav or []):
        source = Path(config.docs_dir, path).read_text(encoding="utf-8")
        if path.endswith(".ipynb"):
            yield Twin(path, section, title, notebook_description(source), source)
            continue
        body, meta = get_data(source)
        headings = (line[2:].strip() for line in body.split("\n") if line.startswith("# "))
        yield Twin(
            path=path,
            section=section,
            title=title or next(headings, path),
            description=str(meta.get("description", "")),
            text=expand(body, config).strip() + "\n",
        )


def llms_txt(config: MkDocsConfig, pages: list[Twin]) -> str:
    """List the pages by chapter, each with its description (llmstxt.org's format)."""
    lines = [f"# {config.site_name}", "", f"> {config.site_description}"]
    section = None
    for page in pages:
        if page.section != section:
            section = page.section
            lines += ["", f"## {section or 'Pages'}", ""]
        about = f": {page.description}" if page.description else ""
        lines.append(f"- [{page.title}]({page.path}){about}")
    return "\n".join(lines) + "\n"


def write_twins(config: MkDocsConfig, site: Path) -> int:
    """Write the twins and llms.txt into a built site; return how many pages there are."""
    pages = list(twins(config))
    for page in pages:
        target = site / page.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page.text, encoding="utf-8")
    (site / "llms.txt").write_text(llms_txt(config, pages), encoding="utf-8")
    return len(pages)
