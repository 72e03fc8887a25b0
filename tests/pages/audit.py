"""What does today's date change, and what takes too long for every run? Old sources, and every mutant.

`make test` never looks at the calendar, so an old commit stays as green as it was. This does.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from tests.pages.collect import ROOT, read_page
from tests.pages.front import read_front
from tests.pages.mutate import LOWEST_RATE, mutate, real_pages

OLDEST_DAYS = 365
SEEDS = (0, 1, 2)  # `make test` takes the first


def old_sources(pages: list[Path], today: date) -> Iterator[str]:
    """Sources that expired, or that nobody has read for a year."""
    for path in pages:
        for name, source in read_front(read_page(path).front)[0].sources.items():
            read, expires = source.read, source.expires
            where = f"{path.relative_to(ROOT).as_posix()}: source {name}"
            if read > today:
                yield f"{where} was read on {read}, which is not yet"
            elif expires and expires <= today:
                yield f"{where} expired on {expires}"
            elif (today - read).days > OLDEST_DAYS:
                yield f"{where} was read on {read}, {(today - read).days} days ago"


def audit() -> int:
    """Print what is old and what the checker misses; the exit status says whether either is too much."""
    pages = real_pages()
    old = list(old_sources(pages, datetime.now(UTC).date()))
    print("\n".join(old) or f"no source expired or was read more than {OLDEST_DAYS} days ago")
    lowest = 1.0
    for seed in SEEDS:
        result = mutate(pages, seed=seed)
        lowest = min(lowest, *result["rate"].values())
        print(f"seed {seed}: caught {result['caught']} of {result['total']}: {result['rate']}", flush=True)
        print("\n".join(f"  survived: {survivor}" for survivor in result["survivors"]), flush=True)
    return int(bool(old) or lowest < LOWEST_RATE)
