"""What does today's date change, and what takes too long for every run? Old facts, every mutant, records.

`make test` never looks at the calendar, so an old commit stays as green as it was. This does.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

from tests.hybrid.leaks.__main__ import check as leaks_differ
from tests.pages.citations import Library, library_of
from tests.pages.mutate import LOWEST_RATE, enough, mutate, real_pages
from tests.pages.mutate_records import mutate_records

OLDEST_DAYS = 365
SOON_DAYS = 30
SEEDS = (0, 1, 2)  # `make test` takes the first
RECORDS = 100
FUZZED = 200_000  # broken files of each kind; `make test` takes a twentieth, and the same on every run


def aging(library: Library, today: date) -> tuple[list[str], list[str]]:
    """What is too old for today: expired records, sources unread for a year; and what expires soon."""
    old, soon = [], []
    for key, record in library.records.items():
        if record.as_of > today:
            old.append(f"{key} is as of {record.as_of}, which is not yet")
        if record.expires and record.expires <= today:
            old.append(f"{key} expired on {record.expires}")
        elif record.expires and (record.expires - today).days <= SOON_DAYS:
            soon.append(f"{key} expires on {record.expires}")
    for key, source in library.sources.items():
        if source.read > today:
            old.append(f"source {key} was read on {source.read}, which is not yet")
        elif (today - source.read).days > OLDEST_DAYS:
            old.append(f"source {key} was read on {source.read}, {(today - source.read).days} days ago")
    return old, soon


def fuzz() -> bool:
    """Read far more broken files than `make test` does, others each time."""
    files = sorted(map(str, Path("tests").rglob("test_*_fuzz.py")))
    command = [sys.executable, "-m", "pytest", "--quiet", "-s", *files]
    environment = os.environ | {"FUZZ_EXAMPLES": str(FUZZED)}
    return subprocess.run(command, env=environment, check=False).returncode == 0


def audit() -> int:
    """Print what is old and what the checker misses; the exit status says whether either is too much."""
    pages = real_pages()
    old, soon = aging(library_of("docs"), datetime.now(UTC).date())
    print("\n".join(soon) or f"no record expires within {SOON_DAYS} days")
    print("\n".join(old) or f"no record has expired, no source was read more than {OLDEST_DAYS} days ago")
    caught = True
    for seed in SEEDS:
        result = mutate(pages, seed=seed)
        caught = caught and enough(result["rate"])
        print(f"seed {seed}: caught {result['caught']} of {result['total']}: {result['rate']}", flush=True)
        print("\n".join(f"  survived: {survivor}" for survivor in result["survivors"]), flush=True)
    count, unnoticed = mutate_records(RECORDS)
    caught = caught and 1 - len(unnoticed) / count >= LOWEST_RATE
    print(f"records: caught {count - len(unnoticed)} of {count}")
    print("\n".join(f"  survived: {survivor}" for survivor in unnoticed), flush=True)
    fuzzed = fuzz()
    leaked = leaks_differ()
    return int(bool(old) or not caught or not fuzzed or bool(leaked))
