"""`python -m tests.pages check PAGE | update [PAGE] | bench | audit`: what the Makefile calls."""

from __future__ import annotations

import difflib
import sys
from pathlib import Path

import pytest

from tests.pages.collect import ROOT, find_pages

FRONT_DOORS = ["CONTRIBUTING.md", "README.md"]


def _page(name: str) -> str:
    """The path of a page, or one line that names the nearest ones; `docs/x.md:42` is docs/x.md."""
    known = [page.relative_to(ROOT).as_posix() for page in find_pages()] + FRONT_DOORS
    path = (ROOT / name.partition(":")[0]).resolve()
    inside = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else ""
    if inside in known:
        return inside
    by_stem = [page for page in known if Path(page).stem == Path(name).stem]
    near = by_stem or difflib.get_close_matches(name, known, n=3, cutoff=0.3) or known[:3]
    sys.exit(f"no page {name}; nearest: {', '.join(near)}")


def main(arguments: list[str]) -> int:
    """Run one command; its exit status."""
    command, *rest = arguments or ["help"]
    quiet = ["-q", "--no-header", "-p", "no:cacheprovider"]
    if command == "check" and len(rest) == 1:
        return int(pytest.main([*quiet, _page(rest[0])]))
    if command == "update":
        # The table in README counts every page, so it comes last and always.
        pages = [_page(name) for name in rest] or ["docs", "CONTRIBUTING.md"]
        pages = [page for page in [*pages, "README.md"] if (ROOT / page).exists()]
        return int(pytest.main([*quiet, "--update-pages", *pages]))
    if command == "bench":
        from tests.pages.bench import bench  # noqa: PLC0415 - each command loads what it needs

        return bench()
    if command == "audit":
        from tests.pages.audit import audit  # noqa: PLC0415 - likewise

        return audit()
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))
    raise SystemExit(main(sys.argv[1:]))
