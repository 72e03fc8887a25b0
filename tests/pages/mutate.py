"""Would the checker notice? Change one digit of one figure, output or constant at a time, and require red.

Figures and outputs are changed on the page as it stands, and judged against what its blocks printed.
Constants are changed in the code that a page shows, included or typed, and the page is run again; where
the page stays green, the unit test of the included snippet has to be the one that notices.
"""

from __future__ import annotations

import ast
import multiprocessing
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from tests.pages import figures
from tests.pages.collect import DOCS, ROOT, find_pages
from tests.pages.execute import Run
from tests.pages.page import Check

LOWEST_RATE = 0.98
KINDS = ("figure", "output", "constant")
INCLUDE = re.compile(r"-8<-+\s+\"(?P<path>[^\":]+)")


@dataclass(frozen=True)
class Mutant:
    """One change: what stood there, what stands there now, and where."""

    kind: str
    page: str
    line: int
    before: str
    after: str
    column: int = 0
    block: int = -1


def _another(text: str, chance: random.Random) -> str:
    """The same text with one digit changed, or another number word in place of one."""
    places = [n for n, character in enumerate(text) if character.isdigit()]
    if places:
        place = chance.choice(places)
        digit = chance.choice([d for d in "0123456789" if d != text[place]])
        return text[:place] + digit + text[place + 1 :]
    words = [word for word in figures.WORDS if re.match(rf"{word}\b", text, re.IGNORECASE)]
    return (
        chance.choice([w for w in figures.WORDS if w not in words]) + text[len(words[0]) :] if words else text
    )


def mutants_of(check: Check, seed: int) -> Iterator[Mutant]:
    """Every mutant of a page, one for each place, the digit chosen by the page's own seeded chance."""
    page = check.page
    chance = random.Random(f"{page.path} {seed}")  # noqa: S311 - seeded, so that a rate can be repeated
    shown = {line for r in page.regions if r.name == "output" for line in range(r.line, r.end + 1)}
    seen: set[tuple[int, int]] = set()
    for text in dict.fromkeys(figure.text for figure, _, _ in check.claims()):
        for line, column in check.places(text):
            whole = page.lines[line - 1][column:].startswith(text)
            if whole and line not in shown and (line, column) not in seen:
                seen.add((line, column))
                yield Mutant("figure", page.path, line, text, _another(text, chance), column)
    outputs = [(b.line + 1, b.end - 1) for b in page.blocks if b.role in {"output", "error"}]
    outputs += [(r.line + 1, r.end - 1) for r in page.regions if r.name == "output"]
    for first, last in outputs:
        for number in range(first, last + 1):
            before = page.lines[number - 1]
            if any(character.isdigit() for character in before):
                yield Mutant("output", page.path, number, before, _another(before, chance))
    for block in page.blocks:
        if block.language == "python" and block.role == "run" and not block.must_fail:
            lines = block.code.split("\n")
            for node in ast.walk(ast.parse(block.code)):
                if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
                    before = lines[node.lineno - 1][node.col_offset : node.end_col_offset]
                    after = _another(before, chance)
                    if re.fullmatch(r"0\d+", after):  # not a Python literal
                        after = before + "1"
                    yield Mutant(
                        "constant", page.path, node.lineno, before, after, node.col_offset, block.index
                    )


def _changed(text: str, number: int, mutant: Mutant) -> str:
    """A text with the mutant's change made in one of its lines."""
    lines = text.split("\n")
    head, tail = lines[number - 1][: mutant.column], lines[number - 1][mutant.column :]
    lines[number - 1] = head + mutant.after + tail.removeprefix(mutant.before)
    return "\n".join(lines)


def is_caught(mutant: Mutant, check: Check) -> bool:
    """Whether the checker goes red; `check` is the page as it stands, run and without a problem."""
    if mutant.kind == "constant":
        return _constant_is_caught(mutant, check)
    lines = check.page.lines
    line = lines[mutant.line - 1]
    lines[mutant.line - 1] = line[: mutant.column] + line[mutant.column :].replace(
        mutant.before, mutant.after, 1
    )
    changed = Check.of(ROOT / mutant.page, "\n".join(lines))
    changed.run = Run(changed.page, check.run.results)
    for block in changed.page.blocks:
        if block.role in {"output", "error"}:
            changed.check_block(block)
    changed.check_figures()
    changed.check_regions()
    return bool(changed.page.problems)


def _constant_is_caught(mutant: Mutant, check: Check) -> bool:
    changed = Check.of(ROOT / mutant.page)
    block = changed.page.blocks[mutant.block]
    code = _changed(block.code, mutant.line, mutant)
    changed.page.blocks[mutant.block] = replace(block, code=code, included=True)
    for each in changed.page.blocks:
        if each.role != "run" or each.language == "python":
            changed.check_block(each)
        if changed.page.problems:
            return True
    changed.check_regions()
    changed.check_charts()
    changed.check_figures()
    return bool(changed.page.problems) or _unit_tests_notice(mutant, check)


def _unit_tests_notice(mutant: Mutant, check: Check) -> bool:
    """Whether the test of the snippet that holds the constant fails when the snippet is changed."""
    block = check.page.blocks[mutant.block]
    fence = "\n".join(check.page.lines[block.line - 1 : block.end])
    included = INCLUDE.search(fence)
    if not included:
        return False
    snippet = Path(included["path"])
    source = (ROOT / snippet).read_text(encoding="utf-8")
    if source.count(block.code.strip("\n")) != 1:
        return False
    above = source[: source.index(block.code.strip("\n"))].count("\n")
    test = Path("tests", *snippet.parts[1:-1], f"test_{snippet.name}")
    with tempfile.TemporaryDirectory() as name:
        copy = Path(name)
        for part in ("snippets", "tests", "theme"):
            ignored = shutil.ignore_patterns("node_modules", "__pycache__", "vendor")
            shutil.copytree(ROOT / part, copy / part, ignore=ignored)
        for part in ("pyproject.toml", "conftest.py", "mkdocs.yml"):
            shutil.copy(ROOT / part, copy / part)
        (copy / "docs").mkdir()
        (copy / snippet).write_text(_changed(source, above + mutant.line, mutant), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(test)]
        environment = os.environ | {"HYPOTHESIS_STORAGE_DIRECTORY": str(copy / "hypothesis")}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, check=False)
    return done.returncode == 1


def _judge(page: str, limit: int | None, seed: int) -> list[tuple[Mutant, bool]]:
    check = Check.of(ROOT / page)
    problems = check.everything()
    if problems:
        raise ValueError(f"mend the page before it is mutated:\n{problems[0]}")
    every = list(mutants_of(check, seed))
    chosen = every if limit is None else random.Random(page).sample(every, min(limit, len(every)))  # noqa: S311 - seeded
    return [(mutant, is_caught(mutant, check)) for mutant in chosen]


def mutate(pages: Iterable[Path], limit: int | None = None, seed: int = 0) -> dict[str, Any]:
    """Mutate pages, at most `limit` mutants of each; caught and total by kind, the rate, the survivors."""
    names = [path.relative_to(ROOT).as_posix() for path in pages]
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), mp_context=spawned) as pool:
        judged = [one for page in pool.map(partial(_judge, limit=limit, seed=seed), names) for one in page]
    caught = {kind: sum(red for mutant, red in judged if mutant.kind == kind) for kind in KINDS}
    total = {kind: sum(mutant.kind == kind for mutant, _ in judged) for kind in KINDS}
    survivors = sorted(
        f"{m.page}:{m.line}: {m.kind} {m.before.strip()} → {m.after.strip()}" for m, red in judged if not red
    )
    return {
        "caught": caught,
        "total": total,
        "rate": round(sum(caught.values()) / max(sum(total.values()), 1), 4),
        "survivors": survivors,
    }


def real_pages() -> list[Path]:
    """The pages of the site that are Markdown."""
    return [path for path in find_pages(DOCS) if path.suffix == ".md"]
