"""Would the checker notice? Change one digit of one figure, output or constant at a time, and require red.

Figures are changed in the text that the renderer gives, in every digit and every way. Outputs are changed
on the page, one digit a line. Both are judged against what the blocks printed.
Inputs that a page types are changed and the page is run again. Constants of a snippet are changed for its own
unit tests, then for the page, then for the tests of the snippets that import it: one of them has to notice.
"""

from __future__ import annotations

import ast
import multiprocessing
import os
import random
import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.copies import Copy
from tests.pages import figures
from tests.pages.collect import DOCS, ROOT, Block, find_pages
from tests.pages.execute import Run
from tests.pages.page import Check, figures_of

LOWEST_RATE = 0.98
# An input that a page types may move nothing that it shows: the hours of a case that a constraint decides.
LOWEST_RATE_OF_INPUTS = 0.9
# What asks llama.cpp in the page's own process: wrong numbers end that, and what judges them with it. The
# tests that hold such numbers ask the engine, too, and mutants are judged without it.
IN_PROCESS = re.compile(
    r"xllamacpp import|quantization[./]engine\b|model_formats[./]run\b|hybrid[./]embedded\b"
)
INCLUDE = re.compile(r"-8<-+\s+\"(?P<path>[^\":]+)")


@dataclass(frozen=True)
class Mutant:
    """One change at an offset of the page's source, or of a block's code."""

    kind: str
    page: str
    line: int
    start: int
    before: str
    after: str
    block: int = -1

    def applied(self, text: str, shift: int = 0) -> str:
        """The text with the change made."""
        start = self.start + shift
        if not text.startswith(self.before, start):
            raise ValueError(f"{self.before!r} does not stand at {start}")
        return text[:start] + self.after + text[start + len(self.before) :]


def _others(text: str) -> list[str]:
    """The same text with one digit changed, in every way, or its first number word."""
    changed = [
        text[:place] + digit + text[place + 1 :]
        for place, character in enumerate(text)
        if character.isdigit()
        for digit in "0123456789"
        if digit != character
    ]
    word = re.split(r"\W", text, maxsplit=1)[0]
    plain = [name for name, value in figures.WORDS.items() if 1 < value < 100 and name != "dozen"]
    others = [other for other in plain if other != word.lower()] if word.lower() in plain else []
    return changed or [other + text[len(word) :] for other in others]


def _places(check: Check) -> Iterator[Mutant]:
    """Every output line and constant of a page, each as a mutant that changes nothing yet."""
    page = check.page
    starts = [0, *(match.end() for match in re.finditer("\n", page.source))]
    outputs = [(b.line, b.end) for b in page.blocks if b.role in {"output", "error"}]
    outputs += [(r.line, r.end) for r in page.regions if r.name == "output"]
    for first, last in outputs:
        for number in range(first + 1, last):
            if re.search(r"\d", page.lines[number - 1]):
                yield Mutant("output", page.path, number, starts[number - 1], page.lines[number - 1], "")
    for block in page.blocks:
        if block.language == "python" and block.role == "run" and not block.must_fail:
            yield from _constants(page.path, block)


def _constants(path: str, block: Block) -> Iterator[Mutant]:
    lines = block.code.split("\n")
    for node in ast.walk(ast.parse(block.code)):
        if isinstance(node, ast.Constant) and type(node.value) in {int, float}:
            line = lines[node.lineno - 1]
            column = len(line.encode()[: node.col_offset].decode())
            end = len(line.encode()[: node.end_col_offset].decode())
            start = sum(len(above) + 1 for above in lines[: node.lineno - 1]) + column
            kind = "constant" if block.included else "input"
            yield Mutant(kind, path, node.lineno, start, line[column:end], "", block.index)


def mutants_of(check: Check, seed: int) -> Iterator[Mutant]:
    """One mutant for each output line and constant, its digit chosen by a seed."""
    chance = random.Random(f"{check.page.path} {seed}")  # noqa: S311 - seeded, so that a rate can be repeated
    seen: set[tuple[str, int, int]] = set()
    for place in _places(check):
        key = (place.kind, place.block, place.start)
        others = _others(place.before)
        if place.kind in {"constant", "input"}:
            others = [other for other in others if not re.fullmatch(r"0\d+", other)]  # no Python literal
        if others and key not in seen:
            seen.add(key)
            yield replace(place, after=chance.choice(others))


def figure_mutants(check: Check) -> Iterator[tuple[Mutant, bool]]:
    """Every change of one digit of every typed figure, and whether it is caught."""
    seen: Counter[str] = Counter()
    for figure, segment, cites in check.claims():
        text = " ".join(figure.text.split())
        seen[text] += 1
        if segment.region:
            continue
        offsets = check.offsets(text)[: seen[text]]
        line = check.page.source.count("\n", 0, offsets[-1]) + 1 if offsets else 1
        end = figure.start + len(figure.text)
        for other in _others(segment.text[figure.start : end]):
            changed = replace(segment, text=segment.text[: figure.start] + other + segment.text[end:])
            claims = [each for each in figures_of(changed) if each.is_claim]
            caught = not all(check.proof_of(each, changed, cites)[0] for each in claims)
            yield Mutant("figure", check.page.path, line, figure.start, text, other), caught


def is_caught(mutant: Mutant, check: Check, copy: Copy) -> bool:
    """Whether the checker goes red; `check` is the page as it stands, run and without a problem."""
    if mutant.kind in {"constant", "input"}:
        return _constant_is_caught(mutant, check, copy)
    changed = Check.of(ROOT / mutant.page, mutant.applied(check.page.source))
    changed.run = Run(changed.page, check.run.results)
    for block in changed.page.blocks:
        if block.role in {"output", "error"}:
            changed.check_block(block)
    changed.check_regions()
    return bool(changed.page.problems)


def _asks_engine(check: Check) -> bool:
    """Whether a page's blocks call the engine in their own process."""
    return bool(IN_PROCESS.search(check.page.source))


def _constant_is_caught(mutant: Mutant, check: Check, copy: Copy) -> bool:
    """Whether the snippet's own tests notice, or the page, or the tests of what imports the snippet."""
    snippet, changed = _changed_snippet(mutant, check)
    if snippet is None:
        return _page_notices(mutant)
    own, *users = (path for path in _tests_of(snippet) if (ROOT / path).exists())
    return (
        _tests_notice(copy, (own,), snippet, changed)
        or _page_notices(mutant)
        or _tests_notice(copy, tuple(users), snippet, changed)
    )


def _page_notices(mutant: Mutant) -> bool:
    """Whether the page goes red when it is run again with the changed constant."""
    changed = Check.of(ROOT / mutant.page)
    block = changed.page.blocks[mutant.block]
    code = mutant.applied(block.code)
    changed.page.blocks[mutant.block] = replace(block, code=code, included=True)
    for each in changed.page.blocks:
        if each.role != "run" or each.language == "python":
            changed.check_block(each)
        if changed.page.problems:
            return True
    changed.check_regions()
    changed.check_charts()
    changed.check_figures()
    return bool(changed.page.problems)


def _changed_snippet(mutant: Mutant, check: Check) -> tuple[Path | None, str]:
    """The snippet that a block includes, and its changed text; None where the page typed the block."""
    block = check.page.blocks[mutant.block]
    fence = "\n".join(check.page.lines[block.line - 1 : block.end])
    included = INCLUDE.search(fence)
    if not included:
        return None, ""
    snippet = Path(included["path"])
    source = (ROOT / snippet).read_text(encoding="utf-8")
    if source.count(block.code.strip("\n")) != 1:
        return None, ""
    shift = source.index(block.code.strip("\n")) - (len(block.code) - len(block.code.lstrip("\n")))
    return snippet, mutant.applied(source, shift)


def _tests_notice(copy: Copy, tests: tuple[Path, ...], snippet: Path, changed: str) -> bool:
    if not tests:
        return False
    if _before(copy, tests):
        raise ValueError(f"mend what is red before {snippet} is mutated: {', '.join(map(str, tests))}")
    # 2: the tests cannot even be collected
    return copy.status(map(str, tests), snippet, changed) in {1, 2}


@cache
def _before(copy: Copy, tests: tuple[Path, ...]) -> int:
    """The exit status of tests before anything is changed."""
    return copy.status(map(str, tests))


@cache
def _copy_in(folder: str) -> Copy:
    """This process's copy of the project."""
    return Copy(Path(folder, str(os.getpid())))


def _tests_of(snippet: Path) -> list[Path]:
    """The test of a snippet, and those of the snippets that import it: they hold its constants as well."""
    module = ".".join(snippet.with_suffix("").parts)
    imports = re.compile(rf"^from {re.escape(module)} import", re.MULTILINE)
    users = [
        path.relative_to(ROOT)
        for path in sorted((ROOT / snippet.parts[0]).rglob("*.py"))
        if imports.search(path.read_text(encoding="utf-8"))
    ]
    return [Path("tests", *path.parts[1:-1], f"test_{path.name}") for path in [snippet, *users]]


def enough(rate: dict[str, float]) -> bool:
    """Whether as many mutants of each kind are caught as has to be."""
    return all(
        share >= (LOWEST_RATE_OF_INPUTS if kind == "input" else LOWEST_RATE) for kind, share in rate.items()
    )


def _judge(page: str, folder: str, limit: int | None, seed: int) -> list[tuple[Mutant, bool]]:
    check = Check.of(ROOT / page)
    problems = check.everything()
    if problems:
        raise ValueError(f"mend the page before it is mutated:\n{problems[0]}")
    every = list(mutants_of(check, seed))
    if _asks_engine(check):
        every = [mutant for mutant in every if mutant.kind == "output"]
    chosen = every if limit is None else random.Random(page).sample(every, min(limit, len(every)))  # noqa: S311 - as above
    copy = _copy_in(folder)
    return [*figure_mutants(check), *((mutant, is_caught(mutant, check, copy)) for mutant in chosen)]


def mutate(pages: Iterable[Path], limit: int | None = None, seed: int = 0) -> dict[str, Any]:
    """Mutate pages, at most `limit` outputs and constants of each; caught, total, rate by kind, survivors."""
    names = [path.relative_to(ROOT).as_posix() for path in pages]
    spawned = multiprocessing.get_context("spawn")
    workers = min(2, os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder, ProcessPoolExecutor(workers, mp_context=spawned) as pool:
        try:
            work = partial(_judge, folder=folder, limit=limit, seed=seed)
            judged = [one for page in pool.map(work, names) for one in page]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)  # or all pages would be judged to the end
            raise
    total = Counter(mutant.kind for mutant, _ in judged)
    caught = Counter(mutant.kind for mutant, red in judged if red)
    alive = (mutant for mutant, red in judged if not red)
    survivors = sorted(
        f"{m.page}:{m.line}: {m.kind} {m.before.strip()!r} → {m.after.strip()!r}" for m in alive
    )
    return {
        "caught": dict(caught),
        "total": dict(total),
        "rate": {kind: round(caught[kind] / total[kind], 4) for kind in total},
        "rate of all": round(caught.total() / max(total.total(), 1), 4),
        "survivors": survivors,
    }


def real_pages() -> list[Path]:
    """The pages of the site that are Markdown."""
    return [path for path in find_pages(DOCS) if path.suffix == ".md"]
