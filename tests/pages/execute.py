"""What does this block print when a reader runs it? Python, doctest sessions and shell blocks, executed.

All Python blocks of a page share one namespace, in order, in an empty working directory, with the clock
frozen at the date of the newest fact, randomness seeded, warnings raised and the network cut: only
what listens on this machine is reached.
"""

from __future__ import annotations

import ast
import asyncio
import builtins
import contextlib
import doctest
import faulthandler
import inspect
import io
import linecache
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import types
import warnings
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pytest_socket
import time_machine
from _pytest.assertion.rewrite import rewrite_asserts

from tests.pages.citations import library_of
from tests.pages.collect import ROOT, Block, Page

SECONDS_A_BLOCK = 20.0
MOST_INTERRUPTS = 20
MOST_PRINTED = 1_000_000
_PYDANTIC_LINK = re.compile(r"\n *For further information visit https://errors\.pydantic\.dev\S*")


_exit = os._exit


class BlockTimeoutError(BaseException):
    """A block ran longer than its limit; not an Exception, which blocks catch more often."""


@dataclass
class Result:
    """What came of one block."""

    stdout: str = ""
    error: str = ""
    traceback: str = ""
    session: str = ""
    line: int = 0
    seconds: float = 0.0


@dataclass
class Run:
    """The execution of one page: results by block index, files that the blocks wrote, values by name."""

    page: Page
    results: dict[int, Result] = field(default_factory=dict)
    seeded: bool = False
    module: types.ModuleType = field(default_factory=lambda: types.ModuleType("__main__"))

    @cached_property
    def folder(self) -> Path:
        """The empty directory that the page's blocks run in; it goes with the run."""
        return _temporary(self, "page-")

    @cached_property
    def shell(self) -> Path:
        """The copy of the project that the page's shell blocks run in."""
        return _copy_of_project(_temporary(self, "project-"))

    def up_to(self, index: int, values: dict[str, Any] | None = None) -> Result:
        """Run every block up to this one that has not run yet; the result of this one."""
        for block in self.page.blocks[: index + 1]:
            if block.role == "run" and block.index not in self.results:
                self.module.__dict__.update(values or {})
                self.results[block.index] = self._run(block)
        return self.results.get(index, Result())

    def all(self) -> None:
        """Run the whole page."""
        if self.page.blocks:
            self.up_to(len(self.page.blocks) - 1)

    def _run(self, block: Block) -> Result:
        start = time.perf_counter()
        if block.language == "bash":
            result = run_shell(block.code, self.shell)
        else:
            with _conditions(self):
                result = _run_python(block, self) if block.language == "python" else _run_doctest(block, self)
        result.seconds = time.perf_counter() - start
        return result


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise BlockTimeoutError after so many seconds, again and again; an outer timer is restored.

    A block that swallows it fails all the same, and one that keeps swallowing it ends the process.
    """
    fired = 0

    def expire(_signal: int, _frame: types.FrameType | None) -> None:
        nonlocal fired
        fired += 1
        if fired > MOST_INTERRUPTS:
            faulthandler.dump_traceback(all_threads=True)
            _exit(70)
        raise BlockTimeoutError(f"the block ran longer than {seconds:g} s")

    handler = signal.signal(signal.SIGALRM, expire)
    remaining, _ = signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, remaining)
        signal.signal(signal.SIGALRM, handler)
    if fired:
        raise BlockTimeoutError(f"the block ran longer than {seconds:g} s and swallowed the interrupt")


def _refuse_exit(status: int) -> None:
    raise SystemExit(status)


@contextlib.contextmanager
def _conditions(run: Run) -> Iterator[None]:
    """Frozen clock, seeded randomness, no network, warnings as errors, an empty working directory.

    What a block does to the process (environment, import path, builtins) goes with the block.
    """
    if not run.seeded:
        random.seed(0)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(0)
        run.seeded = True
    before, main = Path.cwd(), sys.modules["__main__"]
    environment, path, names = dict(os.environ), sys.path[:], dict(vars(builtins))
    sys.modules["__main__"] = run.module  # as in the reader's own interpreter
    run.folder.mkdir(exist_ok=True)
    try:
        os.chdir(run.folder)
        os._exit = _refuse_exit  # type: ignore[assignment]
        pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
        with warnings.catch_warnings(), time_machine.travel(newest_date(), tick=False):
            warnings.simplefilter("error")
            yield
    finally:
        pytest_socket._remove_restrictions()
        os._exit = _exit
        os.chdir(before)
        os.environ.clear()
        os.environ.update(environment)
        sys.path[:] = path
        for added in vars(builtins).keys() - names.keys():
            delattr(builtins, added)
        vars(builtins).update(names)
        sys.modules["__main__"] = main


def _run_python(block: Block, run: Run) -> Result:
    out = _Printed()
    threads = set(threading.enumerate())
    name, code = _located(block, run.page)
    try:
        tree = ast.parse(code, name)
        rewrite_asserts(tree, code.encode(), name)
        compiled = compile(tree, name, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        with contextlib.redirect_stdout(out), time_limit(SECONDS_A_BLOCK):
            if compiled.co_flags & inspect.CO_COROUTINE:
                asyncio.run(types.FunctionType(compiled, run.module.__dict__)())
            else:
                exec(compiled, run.module.__dict__)
    except BaseException as error:
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename == name]
        line = frames[0].lineno if frames and not block.included else getattr(error, "lineno", 0)
        return Result(out.getvalue(), _said(error), _frames(error, name), line=line or block.line)
    left = [thread for thread in set(threading.enumerate()) - threads if _outlives(thread)]
    if left:
        return Result(out.getvalue(), f"the block leaves a thread running: {left[0].name}", line=block.line)
    return Result(out.getvalue())


class _Printed(io.StringIO):
    """What a block prints, up to a limit; a block cannot close it."""

    def write(self, text: str) -> int:
        """Keep the text, or refuse more of it than a page could show."""
        if self.tell() + len(text) > MOST_PRINTED:
            raise ValueError(f"the block prints more than {MOST_PRINTED:,} characters")
        return super().write(text)

    def close(self) -> None:
        """Stay open: the output is read after the block."""


def _outlives(thread: threading.Thread) -> bool:
    thread.join(0.5)
    return thread.is_alive()


def _located(block: Block, page: Page) -> tuple[str, str]:
    """A file name for the block, and its code placed so that a traceback names the page's own lines."""
    if block.included:
        name, code = f"{page.path}:{block.line}", block.code
    else:
        name, code = page.path, "\n" * block.line + block.code
    linecache.cache[name] = (len(code), None, code.splitlines(keepends=True), name)
    return name, code


def _said(error: BaseException) -> str:
    text = "".join(traceback.format_exception_only(error)).rstrip("\n")
    return _PYDANTIC_LINK.sub("", text).replace("tests.pages.execute.", "")


def _frames(error: BaseException, name: str) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    first = next((number for number, frame in enumerate(frames) if frame.filename == name), len(frames))
    return "".join(traceback.format_list(frames[first:])).rstrip("\n")


class _Session(doctest.DocTestRunner):
    """Runs a session and keeps what each example printed, right or wrong."""

    def __init__(self) -> None:
        super().__init__(verbose=False)
        self.got: list[str] = []

    def report_success(self, out: Any, test: doctest.DocTest, example: doctest.Example, got: str) -> None:
        """Keep the output of an example."""
        super().report_success(out, test, example, got)
        self.got.append(got)

    def report_failure(self, out: Any, test: doctest.DocTest, example: doctest.Example, got: str) -> None:
        """Keep the output of an example that shows another."""
        super().report_failure(out, test, example, got)
        self.got.append(got)


def _run_doctest(block: Block, run: Run) -> Result:
    session, complaints = _Session(), io.StringIO()
    name = run.page.path
    try:
        test = doctest.DocTestParser().get_doctest(block.code, run.module.__dict__, name, name, block.line)
        odd = _odd_in_session(block.code, test.examples)
        if odd:
            return Result(error=odd)
        with time_limit(SECONDS_A_BLOCK):
            session.run(test, out=complaints.write, clear_globs=False)
    except BaseException as error:
        return Result(error=_said(error))
    lines = block.code.split("\n")
    if len(session.got) == len(test.examples):
        for example, got in reversed([*zip(test.examples, session.got, strict=True)]):
            first = example.lineno + example.source.count("\n")
            shown = [line or "<BLANKLINE>" for line in got.splitlines()]
            lines[first : first + example.want.count("\n")] = shown
    said = complaints.getvalue().strip() if session.failures else ""
    return Result("".join(session.got), said, session="\n".join(lines))


def _odd_in_session(code: str, examples: list[doctest.Example]) -> str:
    """What a reader would see in a session that doctest would not compare."""
    if "doctest:" in code:
        return "a doctest directive hides what is compared; write the example without it"
    if "Traceback (most recent" in code:
        return "doctest does not compare tracebacks; use a python block titled “Fails: …”"
    compared = {
        example.lineno + line
        for example in examples
        for line in range(example.source.count("\n") + example.want.count("\n"))
    }
    lines = enumerate(code.split("\n"))
    stray = [line for number, line in lines if line.strip() and number not in compared]
    return f"this line is no prompt and no output: {stray[0]}" if stray else ""


def run_shell(code: str, folder: Path) -> Result:
    """Run a shell block in a copy of the project; stdout and stderr mixed, as a terminal shows them.

    The network is a namespace of its own where the kernel allows that, else proxies that lead nowhere. The
    clock is the machine's: a block that prints the date cannot be compared.
    """
    nowhere = dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9"
    )
    environment = nowhere | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PIP_NO_INDEX": "1",
        "PYTHONHASHSEED": "0",
    }
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(
            [*_without_network(), "bash", "-euo", "pipefail", "-c", code],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(3 * SECONDS_A_BLOCK)
        except subprocess.TimeoutExpired:
            status = None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        out.seek(0)
        printed = out.read().decode(errors="replace")
    if status is None:
        return Result(printed, f"the block ran longer than {3 * SECONDS_A_BLOCK:g} s\n{printed}".strip())
    return Result(printed, f"exit status {status}\n{printed}".strip() if status else "")


@cache
def _without_network() -> list[str]:
    """The command that takes the network from another, where it is there and allowed."""
    command = ["unshare", "--map-root-user", "--net"]
    with contextlib.suppress(OSError):
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0:
            return command
    return []


def _temporary(owner: object, prefix: str) -> Path:
    folder = tempfile.mkdtemp(prefix=prefix)
    weakref.finalize(owner, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _copy_of_project(folder: Path) -> Path:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@cache
def newest_date() -> datetime:
    """The date the blocks believe in: that of the newest fact, so old commits stay as they were."""
    newest = library_of("docs").newest
    return datetime(newest.year, newest.month, newest.day, tzinfo=UTC)
