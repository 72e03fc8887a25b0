"""Leave out of the theme's stylesheets what no page of this site can match.

The theme styles blogs, banners, tags, scripts written right to left and twenty palettes, and every
reader would load them all. A rule stays if each class and attribute value its selector asks for
occurs, as a word, in some tag or script of the built site (scripts add classes); a custom property
stays if something refers to it. That takes away more than a third. Pages lose the indents of the templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import tinycss2
from tinycss2.ast import AtRule, Comment, Declaration, Node, QualifiedRule

WORD = re.compile(r"[\w-]+")
TAG_OR_SCRIPT = re.compile(r"<script.*?</script>|<[a-zA-Z](?:[^>\"']|\"[^\"]*\"|'[^']*')*>", re.DOTALL)
NEGATION = re.compile(r":not\([^()]*(?:\([^()]*\)[^()]*)*\)")
KEPT = re.compile(r"(<(?:pre|script|style|textarea)\b.*?</(?:pre|script|style|textarea)>)", re.DOTALL)
INDENT = re.compile(r"\s*\n\s*")
AROUND_CELLS = re.compile(r"\n(?=</?t[rdh]\b)|(?<=<tr>)\n")
ASKED_FOR = re.compile(r"\.(-?[_a-zA-Z][\w-]*)|\[[\w-]+[~|^$*]?=[\"']?([\w-]+)[\"']?\]")


def selectors(prelude: str) -> Iterator[str]:
    """Split a rule's prelude at the commas that separate selectors."""
    depth, start = 0, 0
    for at, character in enumerate(prelude):
        depth += (character in "([") - (character in ")]")
        if character == "," and not depth:
            yield prelude[start:at]
            start = at + 1
    yield prelude[start:]


def can_match(selector: str, words: set[str]) -> bool:
    """Whether every class and attribute value the selector asks for occurs somewhere.

    Scripts put some names together from a stem and a variable (`tabbed-control--${side}`): there the
    stem with its dashes is the word that occurs.
    """
    asked = (name or value for name, value in ASKED_FOR.findall(NEGATION.sub("", selector)))
    return all(word in words or f"{word.partition('--')[0]}--" in words for word in asked)


def kept_declarations(content: Iterable[Node], used: set[str]) -> str:
    """Write out a rule's declarations without the custom properties nobody refers to."""
    found = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    return ";".join(
        node.serialize()
        for node in found
        if not (isinstance(node, Declaration) and node.name.startswith("--") and node.name not in used)
    )


def kept_rules(rules: Iterable[Node], words: set[str], used: set[str]) -> str:
    """Write out the rules that can match, also those within media queries."""
    kept = []
    for rule in rules:
        if isinstance(rule, QualifiedRule):
            prelude = tinycss2.serialize(rule.prelude)
            alive = ",".join(one for one in selectors(prelude) if can_match(one, words))
            declarations = kept_declarations(rule.content, used)
            if alive and declarations:
                kept.append(f"{alive}{{{declarations}}}")
        elif isinstance(rule, AtRule) and rule.lower_at_keyword in {"media", "supports", "layer"}:
            inner = kept_rules(tinycss2.parse_rule_list(rule.content or []), words, used)
            if inner:
                kept.append(f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{inner}}}")
        elif not isinstance(rule, Comment):
            kept.append(rule.serialize())
    return "".join(kept)


def words_of(site: Path) -> set[str]:
    """Every word in the tags of the site's pages, and in its scripts."""
    pages = [path.read_text("utf-8") for path in site.rglob("*.html")]
    scripts = [*site.glob("assets/*.js"), *site.glob("assets/javascripts/*.js")]
    texts = [tag for page in pages for tag in TAG_OR_SCRIPT.findall(page)]
    texts += [path.read_text("utf-8") for path in scripts]
    words = {word for text in texts for word in WORD.findall(text)}
    if not any('dir="rtl"' in page for page in pages):
        words.discard("rtl")  # scripts ask for it, no page is
    return words


def without_indents(html: str) -> str:
    """Take out the indents of the templates, and line breaks around cells, where no reader sees them."""
    parts = KEPT.split(html)
    parts[::2] = [AROUND_CELLS.sub("", INDENT.sub("\n", part)) for part in parts[::2]]
    return "".join(parts)


def trim(site: Path) -> None:
    """Trim the pages and the theme's stylesheets of a built site in place."""
    for page in site.rglob("*.html"):
        page.write_text(without_indents(page.read_text("utf-8")), encoding="utf-8")
    words = words_of(site)
    sheets = {path: path.read_text("utf-8") for path in site.glob("assets/stylesheets/**/*.css")}
    ours = WORD.findall((site / "assets" / "guide.css").read_text("utf-8"))
    everything = "".join(sheets.values())
    for _ in range(2):  # a rule that goes takes references along
        used = {*words, *ours, *re.findall(r"var\((--[\w-]+)", everything)}
        for path, css in sheets.items():
            sheets[path] = kept_rules(tinycss2.parse_stylesheet(css), words, used)
        everything = "".join(sheets.values())
    for path, css in sheets.items():
        path.write_text(css, encoding="utf-8")
