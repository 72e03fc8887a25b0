"""Would anyone notice a wrong record? Change one digit of one value in the data, and require red.

A value that no page prints and no test holds is a figure that nobody checks. The pages that cite the record
are run again in a copy of the project, and then the tests of the data.
"""

from __future__ import annotations

import os
import random
import re
import tempfile
import tomllib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.copies import Copy
from tests.pages.citations import uses
from tests.pages.collect import ROOT

DATA = Path("snippets", "data")
# What is said of a value, and when: no figure that a page could print wrong.
NO_VALUES = re.compile(r"^\s*(?:as_of|expires|sources|says|note|name|vendor|architecture)\s*=")
# [id], ["id.with.dots"], and their parts: [id.part], ["id.with.dots".part]
TABLE = re.compile(r"^\[(?:\"(?P<quoted>[^\"]+)\"|(?P<bare>[\w-]+))")
DIGIT = re.compile(r"(?<![\w\"-])\d|(?<=[\d.])\d")


@dataclass(frozen=True)
class RecordMutant:
    """One digit of one line of a data file."""

    path: Path
    record: str
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.before.strip()!r} → {self.after.strip()!r}"


def record_mutants(seed: int) -> Iterator[RecordMutant]:
    """One changed digit for each record, chosen by a seed."""
    chance = random.Random(seed)  # noqa: S311 - seeded, so that a rate can be repeated
    for path in sorted((ROOT / DATA).glob("*/*.toml")):
        if path.parent.name == "sources":
            continue
        lines = path.read_text(encoding="utf-8").split("\n")
        record, places = "", dict[str, list[tuple[int, int]]]()
        for number, line in enumerate(lines):
            if match := TABLE.match(line):
                record = match["quoted"] or match["bare"]
            elif record and not NO_VALUES.match(line) and "=" in line:
                found = [(number, digit.start()) for digit in DIGIT.finditer(line)]
                places.setdefault(record, []).extend(found)
        for key, digits in places.items():
            mutant = _changed(path, key, lines, digits, chance)
            if mutant:
                yield mutant


def _changed(
    path: Path, record: str, lines: list[str], digits: list[tuple[int, int]], chance: random.Random
) -> RecordMutant | None:
    """A digit of the record changed so that the file is still TOML; None where there is none."""
    for number, place in chance.sample(digits, len(digits)):
        old = lines[number]
        other = chance.choice([digit for digit in "123456789" if digit != old[place]])
        new = old[:place] + other + old[place + 1 :]
        try:
            tomllib.loads("\n".join([*lines[:number], new, *lines[number + 1 :]]))
        except tomllib.TOMLDecodeError:
            continue
        return RecordMutant(path.relative_to(ROOT), record, number + 1, old, new)
    return None


def _notices(mutant: RecordMutant, pages: list[str], copy: Copy) -> bool:
    """Whether a page that cites the record, or a test of the data, goes red."""
    lines = (ROOT / mutant.path).read_text(encoding="utf-8").split("\n")
    lines[mutant.line - 1] = mutant.after
    text = "\n".join(lines)
    return any(
        copy.status(tests, mutant.path, text, engine=True) for tests in (pages, ["tests/data"]) if tests
    )


def mutate_records(limit: int, seed: int = 0) -> tuple[int, list[str]]:
    """Change a sample of records, one digit each; how many were changed, and which went unnoticed.

    Raises ValueError where a page or a test is red before anything is changed: it would notice everything.
    """
    every = [*record_mutants(seed)]
    chosen = random.Random(seed).sample(every, min(limit, len(every)))  # noqa: S311 - as above
    cited = {
        key: [path.relative_to(ROOT).as_posix() for path in paths if path.name != "catalog.md"]
        for key, paths in uses().items()
    }
    workers = min(2, os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(workers) as pool:
        copies = [Copy(Path(name, str(worker))) for worker in range(workers)]
        pages = sorted({page for one in chosen for page in cited.get(one.record, [])})
        if copies[0].status([*pages, "tests/data"], engine=True):
            raise ValueError(f"mend what is red before records are changed: {', '.join(pages)}, tests/data")

        def judge(worker: int) -> list[str]:
            mine = chosen[worker::workers]
            return [str(one) for one in mine if not _notices(one, cited.get(one.record, []), copies[worker])]

        survivors = [line for lines in pool.map(judge, range(workers)) for line in lines]
    return len(chosen), sorted(survivors)
