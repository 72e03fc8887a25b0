"""How pytest sees a page: one item for each block, one for the page, ids like `docs/hardware/memory.md:42`.

Python blocks are items of pytest-markdown-docs, found by its parser hook and run by its runner hook; both
ends are the site's renderer and the page's one namespace. `--update-pages` rewrites instead of comparing.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from _pytest.nodeid import NodeId
from pytest_markdown_docs import plugin as markdown_docs
from pytest_markdown_docs._runners import _Runner, register_runner
from pytest_markdown_docs.definitions import FenceTestDefinition

from tests.pages.collect import DOCS, ROOT, Block, Problem
from tests.pages.page import Check
from tests.pages.report import report

CHECKS: dict[str, Check] = {}
REPORTED_PROBLEMS: set[str] = set()


def check_of(path: Path) -> Check:
    """The check of a page, read once a session."""
    name = str(path)
    if name not in CHECKS:
        CHECKS[name] = Check.of(path)
    return CHECKS[name]


class PageParser:
    """What pytest-markdown-docs asks for tokens: the Python blocks that the site's renderer renders."""

    check: Check

    def parse(self, _text: str) -> list[SimpleNamespace]:
        """Fence tokens of the page that is being collected."""
        return [
            SimpleNamespace(
                type="fence",
                info=" ".join(["python", *(f"fixture:{name}" for name in block.fixtures)]),
                content=block.code + "\n",
                map=[block.line - 1, block.end],
            )
            for block in self.check.page.blocks
            if block.language == "python" and block.role == "run"
        ]


PARSER = PageParser()


class PageError(Exception):
    """What a page item fails with; its text is the whole report."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        said = [str(problem) for problem in problems]
        REPORTED_PROBLEMS.update(said)
        super().__init__("\n".join(said))


@register_runner(default=True)
class PageRunner(_Runner):
    """Runs a block in its page's namespace, after the blocks above it."""

    def runtest(self, test: FenceTestDefinition, args: dict[str, Any], **_: object) -> None:
        """Run one Python block and everything above it that has not run."""
        check = check_of(Path(test.source_path))
        block = next(b for b in check.page.blocks if b.line == test.start_line and b.language == "python")
        given = {name: args[name] for name in test.fixture_names}
        check.run.up_to(block.index, given)
        _judge(check, block)

    def repr_failure(
        self,
        test: FenceTestDefinition,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: object = None,
    ) -> str:
        """The problem as a contributor reads it."""
        del test, style
        return str(excinfo.value)


def _judge(check: Check, block: Block) -> None:
    """Check one block; raise what is wrong with it."""
    known = len(check.page.problems)
    check.check_block(block)
    found = check.page.problems[known:]
    if found:
        raise PageError(found)


class PageItem(pytest.Item):
    """A block that is not Python, or one of the checks of the page as a whole."""

    def __init__(self, *, check: Check, block: Block | None, **rest: Any) -> None:
        super().__init__(**rest)
        self.check = check
        self.block = block

    def runtest(self) -> None:
        """Check the block, or the page."""
        start = time.perf_counter()
        if self.block and self.config.getoption("update_pages"):
            self.check.run.up_to(self.block.index)
        elif self.block:
            _judge(self.check, self.block)
        elif self.config.getoption("update_pages"):
            if update_page(self.check):
                self.config.stash[REWRITTEN].append(self.check.page.path)
            if self.check.page.problems:
                raise PageError(self.check.page.problems)
        else:
            self.check.check_page()
            own = [problem for problem in self.check.page.problems if str(problem) not in REPORTED_PROBLEMS]
            if own:
                raise PageError(own)
        self.check.seconds += time.perf_counter() - start

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: object = None) -> str:
        """The problem as a contributor reads it."""
        del style
        return str(excinfo.value) if isinstance(excinfo.value, PageError) else str(excinfo.getrepr())

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """Where the item stands."""
        return self.path, (self.block.line - 1 if self.block else None), self.nodeid


REWRITTEN = pytest.StashKey[list[str]]()


class PageFile(markdown_docs.MarkdownTextFile):
    """A page: pytest-markdown-docs collects its Python blocks, we collect everything else."""

    def collect(self) -> Iterator[pytest.Item]:
        """Every block of the page in order, then the page as a whole."""
        check = PARSER.check = check_of(self.path)
        name = check.page.path
        items: list[markdown_docs.MarkdownInlinePythonItem] = list(super().collect())  # type: ignore[no-untyped-call]
        python = {item.test_definition.start_line: item for item in items}
        updating = self.config.getoption("update_pages")
        readable = not check.page.problems  # else say that first, and nothing that follows from it
        for block in check.page.blocks if readable else []:
            known = python.get(block.line) if block.language == "python" and block.role == "run" else None
            item: pytest.Item | None = known
            if item is None:
                if updating and block.role != "run":
                    continue
                item = PageItem.from_parent(self, name=f"{block.line}", check=check, block=block)
            item.name = f"{name}:{block.line}"
            item._id = NodeId.parse(f"{name}:{block.line}")
            yield item
        whole = PageItem.from_parent(self, name="page", check=check, block=None)
        whole._id = NodeId.parse(f"{name}:page")
        yield whole


def update_page(check: Check) -> bool:
    """Rewrite what is generated until it stands still; whether anything moved.

    A page that cannot be read is left alone, and so is the output of a block that fails. What is still wrong
    is then in `check`.
    """
    path = ROOT / check.page.path
    before = path.read_text(encoding="utf-8")
    moved = False
    if check.page.problems:
        return False
    for _ in range(4):
        for name, written in check.charts().items():
            target = path.with_name(name)
            if not target.exists() or target.read_bytes() != written.read_bytes():
                target.write_bytes(written.read_bytes())
                moved = True
        check.check_figures()
        after = check.updated()
        if after == check.page.source:
            break
        path.write_text(after, encoding="utf-8")
        fresh = Check.of(path)
        fresh.run.all()
        check.__dict__.clear()
        check.__dict__.update(fresh.__dict__)
    check.page.problems.clear()
    check.figures.clear()
    check.everything()
    return moved or path.read_text(encoding="utf-8") != before


# --- hooks ------------------------------------------------------------------------------------
def pytest_addoption(parser: pytest.Parser) -> None:
    """Two options: rewriting, and the report."""
    group = parser.getgroup("pages")
    group.addoption("--update-pages", action="store_true", help="rewrite outputs and generated regions")
    group.addoption("--pages-report", type=Path, help="write what was checked to this JSON file")


def pytest_configure(config: pytest.Config) -> None:
    """What was rewritten, for the end of the run; a report of an earlier run is no report of this one."""
    target: Path | None = config.getoption("pages_report")
    if target:
        target.unlink(missing_ok=True)
    config.stash[REWRITTEN] = []


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> PageFile | None:
    """Pages are the site's Markdown files and notebooks, and the two documents a contributor reads first."""
    folders = (DOCS, ROOT / "tests" / "pages" / "corpus" / "pytest")
    page = any(file_path.is_relative_to(folder) for folder in folders) and file_path.suffix in {
        ".md",
        ".ipynb",
    }
    front_door = file_path.parent == ROOT and file_path.name in {"README.md", "CONTRIBUTING.md"}
    if not page and not front_door:
        return None
    collected: PageFile = PageFile.from_parent(parent, path=file_path)
    return collected


def pytest_markdown_docs_markdown_it() -> Any:
    """The site's renderer in place of pytest-markdown-docs' parser."""
    return PARSER


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say what was rewritten, or what was proved."""
    if config.getoption("update_pages"):
        rewritten = config.stash[REWRITTEN]
        terminalreporter.write_line(
            "\n".join(f"rewrote {name}" for name in rewritten) or "every page stands as it is"
        )
    elif CHECKS and not terminalreporter.stats.get("failed"):
        for check in CHECKS.values():
            terminalreporter.write_line(f"{check.page.path}: {check.counted()}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the report."""
    target: Path | None = session.config.getoption("pages_report")
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
        known = json.loads(target.read_text(encoding="utf-8")) if target.exists() else {}
        target.write_text(json.dumps(known | report(CHECKS.values()), indent=1) + "\n", encoding="utf-8")


def pytest_unconfigure() -> None:
    """Do not wait for threads that a block left running: the page is red, and has said so."""
    if any(not thread.daemon and thread is not threading.main_thread() for thread in threading.enumerate()):
        sys.stdout.flush()
        os._exit(1)
