"""What was checked, counted: the JSON of a run, and the README's table from the line at every page's foot."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from tests.pages.collect import ROOT, find_pages

if TYPE_CHECKING:
    from tests.pages.page import Check

FIGURE_CLASSES = ("printed", "input", "cited", "exempt")


def report(checks: Iterable[Check]) -> dict[str, Any]:
    """Per page: blocks by language and class, figures by class, seconds; and their sums."""
    pages: dict[str, Any] = {}
    for check in checks:
        if check.page.path.startswith("tests/"):
            continue  # the corpus is about the checker, not about the guide
        blocks: dict[str, dict[str, int]] = {}
        for (language, role), count in sorted(check.blocks.items()):
            blocks.setdefault(language, {})[role] = count
        pages[check.page.path] = {
            "blocks": blocks,
            "figures": {name: check.figures[name] for name in FIGURE_CLASSES},
            "problems": len(check.page.problems),
            "seconds": round(check.seconds + sum(r.seconds for r in check.run.results.values()), 3),
        }
    totals = {
        "pages": len(pages),
        "blocks": dict(sum((Counter(r) for p in pages.values() for r in p["blocks"].values()), Counter())),
        "figures": dict(sum((Counter(p["figures"]) for p in pages.values()), Counter())),
    }
    return {"pages": pages, "totals": totals}


def report_table() -> str:
    """What was checked on every page, read from the line at its foot, which the page's own check proves."""
    columns = ("blocks run", "validated", "not run here", "outputs compared", "figures checked")
    table = [f"| page | {' | '.join(columns)} |", f"|---|{'---:|' * len(columns)}"]
    sums: Counter[str] = Counter()
    for path in find_pages():
        found = re.search(r"<!-- checked -->\s*\[(?P<said>[^\]]*)\]", path.read_text(encoding="utf-8"))
        said = re.findall(r"(\d+) ([a-z ]+)", re.sub(r"\([^)]*\)", "", found["said"])) if found else []
        counts = {
            re.sub(r"^(block|output|figure)\b", r"\1s", name.strip()): int(count) for count, name in said
        }
        sums.update(counts)
        cells = [str(counts.get(column, 0)) for column in columns]
        name = path.relative_to(ROOT).as_posix()
        table.append(f"| [{name}]({name}) | {' | '.join(cells)} |")
    total = " | ".join(f"**{sums[column]}**" for column in columns)
    return "\n".join([*table, f"| **all {len(find_pages())} pages** | {total} |"])
