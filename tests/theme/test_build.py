"""The built sites, both of them, as files: complete, light, and from nobody else."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

from bs4 import BeautifulSoup

from tests.theme.conftest import BuiltPage
from theme.build import ROOT, SITE, ZENSICAL, configured
from theme.twins import expand

FIRST_LOAD_KB = 75
LEAKS = re.compile(r"--8<--|\{:? ?[.#][\w-]|\{: |Traceback \(most|\[\^[\w-]+\]|<!--|:::|\{%|\}\}")


def loaded(soup: BeautifulSoup) -> list[str]:
    """Addresses that a browser asks for by itself."""
    links = [
        str(link["href"])
        for link in soup.select("link[href]")
        if not {"canonical", "prev", "next", "alternate"} & set(link.get("rel") or [])
    ]
    return links + [str(element["src"]) for element in soup.select("[src]")]


def local(page: BuiltPage, address: str) -> Path:
    """The file behind a relative address on a page."""
    return (page.site / page.url / address.partition("#")[0].partition("?")[0]).resolve()


def test_pages_load_only_files_of_the_site(pages: list[BuiltPage]) -> None:
    wrong = [
        f"{page.source}: {address}"
        for page in pages
        for address in loaded(page.soup)
        if re.match(r"(\w+:)?//", address) or not local(page, address).is_file()
    ]
    assert wrong == []


def test_stylesheets_load_nothing_from_elsewhere(site: Path) -> None:
    for sheet in site.rglob("*.css"):
        addresses = re.findall(r"(?:url\(|@import )[\"']?([^\"')]+)", sheet.read_text("utf-8"))
        assert [a for a in addresses if re.match(r"(https?:)?//", a)] == [], sheet


def test_every_page_says_what_it_is(pages: list[BuiltPage]) -> None:
    wrong = []
    for page in pages:
        soup = page.soup
        contents = {
            str(meta.get("name") or meta.get("property")): str(meta.get("content"))
            for meta in soup.select("meta[content]")
        }
        description = contents.get("description", "")
        checks = {
            "one h1": len(soup.select("h1")) == 1,
            "a title": bool(soup.title and soup.title.text.strip()),
            "a description": len(description) > 20,
            "the same description for whoever shares it": description
            == contents.get("og:description")
            == contents.get("twitter:description"),
            "an edit link": bool(soup.select(f'a[rel=edit][href$="/docs/{page.source}"]')),
            "a language": bool(soup.select("html[lang=en]")),
        }
        wrong += [f"{page.source}: lacks {what}" for what, holds in checks.items() if not holds]
    assert wrong == []


def test_every_page_has_a_markdown_twin_that_equals_its_expanded_source(
    pages: list[BuiltPage],
) -> None:
    config = configured(SITE)
    for page in pages:
        links = [
            str(link["href"])
            for link in page.soup.select('[type="text/markdown"]')
            if link.name == "a" or "alternate" in (link.get("rel") or [])
        ]
        assert len(links) == 2, f"{page.source}: {links}"
        (twin,) = {local(page, address) for address in links}
        text = twin.read_text("utf-8")
        source = Path(config.docs_dir, page.source).read_text("utf-8")
        body = re.sub(r"\A---\n.*?\n---\n", "", source, count=1, flags=re.DOTALL)
        assert text == expand(body, config).strip() + "\n", page.source
        assert "--8<--" not in text
        assert not text.startswith("---")


def test_llms_txt_lists_every_page_with_its_description(site: Path, pages: list[BuiltPage]) -> None:
    text = (site / "llms.txt").read_text("utf-8")
    listed = re.findall(r"^- \[[^\]]+\]\(([^)]+)\): \S", text, re.MULTILINE)
    assert listed == [page.source for page in pages]
    assert text.startswith(f"# {configured(SITE).site_name}\n\n> ")


def test_no_markup_leaks_into_what_readers_see(pages: list[BuiltPage]) -> None:
    wrong = []
    for page in pages:
        article = page.soup.select_one("article")
        assert article
        assert "--8<--" not in article.text, page.source
        for code in article.select("pre, code, script"):
            code.decompose()
        wrong += [f"{page.source}: {leak.group()}" for leak in LEAKS.finditer(article.text)]
    assert wrong == []


def test_no_block_lost_its_language(pages: list[BuiltPage]) -> None:
    wrong = [
        f"{page.source}: {block.text[:40]!r}"
        for page in pages
        for block in page.soup.select("article pre:not(.mermaid)")
        if not block.find_parent(class_=re.compile("^language-"))
    ]
    assert wrong == []


def weigh(page: BuiltPage) -> float:
    """Compressed KB of the HTML, stylesheets and scripts that the first view of a page loads."""
    soup = page.soup
    addresses = [str(link["href"]) for link in soup.select("link[rel=stylesheet]")] + [
        str(script["src"]) for script in soup.select("script[src]")
    ]
    files = [page.html.encode(), *(local(page, address).read_bytes() for address in addresses)]
    return sum(len(gzip.compress(content)) for content in files) / 1000


def test_first_load_is_light(pages: list[BuiltPage], record_property: Callable[[str, object], None]) -> None:
    weights = {page.source: weigh(page) for page in pages}
    heaviest = max(weights, key=lambda source: weights[source])
    name = pages[0].site.name
    record_property(f"{name}_kb", round(weights[heaviest], 1))
    print(f"{name}: {min(weights.values()):.1f} to {weights[heaviest]:.1f} KB ({heaviest})")
    if pages[0].site != ZENSICAL:
        assert weights[heaviest] <= FIRST_LOAD_KB


def test_mermaid_is_named_only_where_a_diagram_is(pages: list[BuiltPage]) -> None:
    for page in pages:
        has_diagram = bool(page.soup.select("pre.mermaid"))
        assert has_diagram == ("mermaid.esm" in page.html), page.source


def test_config_holds_nothing_that_only_one_generator_runs() -> None:
    config = configured(SITE)
    assert not config.hooks
    assert {name.split("/")[-1] for name in config.plugins} == {"search", "mkdocs-jupyter"}
    assert (ROOT / "theme/overrides/main.html").is_file()
