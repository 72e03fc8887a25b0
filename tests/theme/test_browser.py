"""The built site in a real browser: what a reader sees, reaches, copies, and whom the page asks."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest

from tests.theme.conftest import BuiltPage, Visitor, chromium
from theme.build import ROOT, SITE, ZENSICAL

pytestmark = pytest.mark.browser
chromium()  # or nothing of this file

AXE = ROOT / "theme" / "node_modules" / "axe-core" / "axe.min.js"
STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
DESKTOP, PHONE = 1280, 360
SHOWN_ONLY = ("Fails", "Not run here")


@pytest.fixture(scope="module")
def visit(reader: Visitor, source: str) -> Visitor:
    """The reader, at one page; each page is loaded once for all tests of it."""
    reader.page.set_viewport_size({"width": DESKTOP, "height": 900})
    reader.page.emulate_media(color_scheme="light")
    reader.open(BuiltPage(SITE, source).url)
    return reader


def foreign(visitor: Visitor) -> list[str]:
    """Addresses the browser asked for outside the site."""
    ours = (visitor.origin, "data:", f"blob:{visitor.origin}")
    return [url for url in visitor.requests if not url.startswith(ours)]


def axe(visitor: Visitor) -> list[str]:
    """What axe objects to, one line each."""
    visitor.page.evaluate("document.querySelectorAll('details').forEach(box => box.open = true)")
    # From the top, where the fixed header covers nothing: a button half under it is no small button.
    visitor.page.evaluate("scrollTo({ top: 0, behavior: 'instant' })")
    visitor.page.wait_for_function("scrollY === 0 && !document.querySelector('.md-top:not([hidden])')")
    if not visitor.page.evaluate("'axe' in window"):
        visitor.page.evaluate(AXE.read_text("utf-8"))
    options = {"runOnly": {"type": "tag", "values": STANDARD}, "resultTypes": ["violations"]}
    result = visitor.page.evaluate("options => axe.run(options)", options)
    return [
        f"{violation['id']}: {node['target']} {node['failureSummary']}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def test_scripts_find_nothing_to_complain_about(visit: Visitor) -> None:
    assert visit.complaints == []


def test_nothing_is_asked_of_anyone_else(visit: Visitor) -> None:
    assert visit.requests
    assert foreign(visit) == []


def test_diagrams_are_drawn(visit: Visitor) -> None:
    drawn = visit.page.evaluate(
        """() => [...document.querySelectorAll("div.mermaid")].map(box => {
             const svg = box.shadowRoot?.querySelector("svg")
             return svg ? [svg.getAttribute("aria-roledescription"), svg.clientWidth] : ["none", 0]
           })"""
    )
    wanted = BuiltPage(SITE, visit_source(visit)).html.count('class="mermaid"')
    wanted -= BuiltPage(SITE, visit_source(visit)).html.count("""'class="mermaid"'""")
    assert len(drawn) == wanted
    assert [kind for kind, width in drawn if kind in {"none", "error"} or width < 100] == []


def visit_source(visit: Visitor) -> str:
    """Path under docs/ of the page the visitor is at."""
    stem = visit.page.url.removeprefix(visit.origin).partition("#")[0].strip("/")
    return next(
        path
        for path in (f"{stem}.md", f"{stem}/index.md".lstrip("/"), f"{stem}.ipynb")
        if (ROOT / "docs" / path).is_file()
    )


def test_what_is_copied_runs(visit: Visitor, tmp_path: Path) -> None:
    page = visit.page
    page.set_viewport_size({"width": DESKTOP, "height": 900})
    page.bring_to_front()
    copied = page.evaluate(
        """async () => {
             document.querySelectorAll("details").forEach(box => box.open = true)
             const found = []
             for (const block of document.querySelectorAll("article .highlight")) {
               const button = block.querySelector("button[data-md-type=copy]")
               const code = block.querySelector("pre > code").cloneNode(true)
               code.querySelectorAll("aside, nav").forEach(part => part.remove())
               const shown = code.textContent.trim()
               const title = block.querySelector(".filename")?.textContent ?? ""
               button?.click()
               let text = ""
               for (let tries = 0; tries < 200 && text !== shown; tries++) {
                 if (tries) await new Promise(resolve => setTimeout(resolve, 5))
                 text = (await navigator.clipboard.readText()).trim()
               }
               found.push([block.className, title, button ? text : "no copy button", shown])
             }
             return found
           }"""
    )
    for kind, title, text, shown in copied:
        assert text == shown, f"{kind} {title}: copied is not what is shown"
    blocks = [
        text
        for kind, title, text, _ in copied
        if "language-python" in kind.split() and title.partition(":")[0] not in SHOWN_ONLY
    ]
    if not blocks:
        return
    script = tmp_path / "copied.py"
    script.write_text("\n\n".join(blocks), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("width", [DESKTOP, PHONE])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(visit: Visitor, scheme: str, width: int) -> None:
    visit.page.set_viewport_size({"width": width, "height": 900})
    visit.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    wanted = "slate" if scheme == "dark" else "default"
    visit.page.wait_for_function("wanted => document.body.dataset.mdColorScheme === wanted", arg=wanted)
    assert axe(visit) == []


def test_no_rule_is_trimmed_that_an_element_needs(visit: Visitor) -> None:
    """Each selector of the theme's stylesheets that matches something here is still there."""
    folder = distribution("mkdocs-material").locate_file("material/templates/assets/stylesheets")
    for original in Path(str(folder)).glob("*.css"):
        trimmed = SITE / "assets" / "stylesheets" / original.name
        lost = visit.page.evaluate(
            r"""([original, trimmed]) => {
                 const selectors = text => {
                   const sheet = new CSSStyleSheet()
                   sheet.replaceSync(text)
                   const walk = rules => [...rules].flatMap(rule => rule.selectorText
                     ? rule.selectorText.split(/,(?![^(]*\))/).map(one => one.trim())
                     : walk(rule.cssRules ?? []))
                   return new Set(walk(sheet.cssRules))
                 }
                 const state = /::?(before|after|marker|hover|focus|active|checked|target|-[\w-]+)(?![\w(-])/g
                 const kept = selectors(trimmed)
                 const matches = one => {
                   try { return document.querySelector(one.replace(state, "") || "*") }
                   catch { return false }
                 }
                 return [...selectors(original)].filter(one => !kept.has(one) && matches(one))
               }""",
            [original.read_text("utf-8"), trimmed.read_text("utf-8")],
        )
        assert lost == []


def test_a_phone_never_scrolls_sideways(visit: Visitor) -> None:
    visit.page.set_viewport_size({"width": PHONE, "height": 740})
    wide = visit.page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
             [...document.querySelectorAll("body *")]
               .filter(e => e.getBoundingClientRect().right > innerWidth + 1)
               .map(e => `${e.tagName}.${e.className}`).slice(0, 5)"""
    )
    assert wide == []


def test_a_phone_shows_52_columns_of_code(visit: Visitor) -> None:
    """Blocks that keep to 52 columns, which the page checker asserts, never scroll."""
    visit.page.set_viewport_size({"width": PHONE, "height": 740})
    cut = visit.page.evaluate(
        """() => [...document.querySelectorAll("article > .highlight pre > code")]
             .filter(code => code.textContent.split("\\n").every(line => line.length <= 52))
             .filter(code => code.scrollWidth > code.clientWidth)
             .map(code => code.textContent.slice(0, 60))"""
    )
    assert cut == []


def test_the_page_reads_without_scripts(plain_reader: Visitor, source: str) -> None:
    page = plain_reader.page
    page.goto(plain_reader.origin + BuiltPage(SITE, source).url)
    article = page.locator("article")
    assert article.locator("h1").is_visible()
    paragraphs = article.locator("> p").all()
    assert paragraphs
    assert all(paragraph.is_visible() for paragraph in paragraphs)
    blocks = article.locator("> .highlight code").all()
    assert all(block.is_visible() for block in blocks)


def test_zensical_serves_it_just_as_privately(zensical_reader: Visitor, source: str) -> None:
    zensical_reader.open(BuiltPage(ZENSICAL, source).url)
    assert foreign(zensical_reader) == []
    assert zensical_reader.complaints == []


def test_everything_is_reached_by_keyboard_and_seen(reader: Visitor) -> None:
    reader.page.set_viewport_size({"width": DESKTOP, "height": 900})
    reader.page.emulate_media(color_scheme="light")
    reader.open("")
    reached = []
    for _ in range(30):
        reader.page.keyboard.press("Tab")
        focus = reader.page.evaluate(
            """() => {
                 const at = document.activeElement
                 const shown = at.matches(".md-option, .md-toggle")
                   ? document.querySelector(`.md-header__option label:not([hidden])`) : at
                 const style = getComputedStyle(shown)
                 const box = shown.getBoundingClientRect()
                 const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1
                 const kind = at.matches(".md-skip") ? "skip link"
                   : at.matches(".md-search__input") ? "search"
                   : at.matches("[name=__palette]") ? "theme"
                   : at.closest(".md-nav--primary") ? "navigation"
                   : at.closest("article") ? "content" : "other"
                 return { kind, tag: at.outerHTML.slice(0, 120),
                          seen: ring && box.width > 0 && box.height > 0 }
               }"""
        )
        reached.append(focus)
    kinds = [focus["kind"] for focus in reached]
    assert kinds[0] == "skip link"
    assert {"search", "theme", "navigation", "content"} <= set(kinds)
    unseen = "\n".join(
        focus["tag"] for focus in reached if not (focus["seen"] or focus["tag"].startswith("<body"))
    )
    assert not unseen, unseen


def test_the_theme_toggle_turns_it_dark_by_keyboard(reader: Visitor) -> None:
    reader.page.emulate_media(color_scheme="light")
    reader.open("")
    reader.page.locator("[name=__palette]").first.focus()
    for wanted in ("default", "slate"):
        reader.page.keyboard.press("Enter")
        reader.page.wait_for_function("wanted => document.body.dataset.mdColorScheme === wanted", arg=wanted)
    reader.page.evaluate("localStorage.clear()")


def test_search_finds_a_page(reader: Visitor) -> None:
    reader.page.set_viewport_size({"width": DESKTOP, "height": 900})
    reader.open("")
    reader.page.keyboard.press("/")
    reader.page.keyboard.type("hardware")
    first = reader.page.locator(".md-search-result__link").first
    first.wait_for(timeout=5000)
    assert first.get_attribute("href")
    assert foreign(reader) == []
