"""What do the tests say when one file reads otherwise? A copy of the project, and pytest in it.

What judges mutants asks this some thousand times. So this file, run as a program, imports pytest and the
libraries once and forks for each run; snippets and tests are imported by the run, from its copy.
"""

from __future__ import annotations

import faulthandler
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from weakref import finalize

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("docs", "snippets", "tests", "theme")
FILES = ("CONTRIBUTING.md", "README.md", "conftest.py", "mkdocs.yml", "pyproject.toml")
INSTALLED = ("theme/node_modules", "theme/overrides/assets/vendor")  # read only, and large
IMPORTED = (
    *("pytest", "hypothesis", "numpy", "pydantic", "httpx", "mkdocs.config", "material", "markdown"),
    *("pymdownx.superfences", "tinycss2", "yaml", "nbformat", "jsonschema", "kubernetes_validate"),
    *("trustme", "phonenumbers", "genai_prices"),
)
# A mutant may loop for good. Ended by a signal, a loop is a failure that Hypothesis runs again to shrink it.
OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "--timeout=20", "--timeout-method=thread")
MOST_SECONDS = 600  # of one run; pytest ends a test before that, but not one that hangs in C


class Copy:
    """A copy of the project in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        leave_out = shutil.ignore_patterns("node_modules", "vendor")
        for part in FOLDERS:
            shutil.copytree(ROOT / part, folder / part, ignore=leave_out)
        for part in FILES:
            shutil.copy2(ROOT / part, folder / part)
        for part in INSTALLED:
            (folder / part).symlink_to(ROOT / part)
        self._runs = subprocess.Popen(
            [sys.executable, __file__], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        finalize(self, _end, self._runs)

    def status(
        self, tests: Iterable[str], changed: Path | None = None, text: str = "", *, engine: bool = False
    ) -> int:
        """Pytest's exit status after the first failure, with one file changed to a text.

        Tests that ask llama.cpp are skipped, unless asked for: their answers are in tables as well, and
        those are quick.
        """
        place = self.folder / (changed or "README.md")
        kept = place.read_bytes()
        try:
            if changed:
                place.write_text(text, encoding="utf-8")
                for compiled in (place.parent / "__pycache__").glob(f"{place.stem}.*"):
                    compiled.unlink()  # it knows its source by second and length, which may be the same
            return self._run({"tests": [*tests], "engine": engine})
        finally:
            if changed:
                place.write_bytes(kept)

    def _run(self, job: dict[str, object]) -> int:
        asked, answers = self._runs.stdin, self._runs.stdout
        if asked is None or answers is None:
            raise RuntimeError("the runs have no pipes")
        print(json.dumps(job), file=asked, flush=True)
        said = answers.readline()
        if not said:
            raise RuntimeError(f"what forks the runs ended with {self._runs.wait()}, asked for {job}")
        return int(said)


def _end(runs: subprocess.Popen[str]) -> None:
    """End the process that no copy asks any more."""
    with runs:
        runs.kill()


def main() -> None:
    """Run what standard input asks for, a line each; answer with the exit status."""
    for name in IMPORTED:
        import_module(name)
    sys.dont_write_bytecode = True
    sys.path[0] = os.getcwd()
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            _run(**json.loads(line))
        _, status = os.waitpid(pid, 0)
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # servers that a failed test left behind
        print(os.waitstatus_to_exitcode(status), flush=True)


def _run(tests: list[str], *, engine: bool) -> None:
    """Run pytest in this process, and end it."""
    os.setpgid(0, 0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    faulthandler.dump_traceback_later(MOST_SECONDS, exit=True)
    if not engine:
        os.environ["WITHOUT_ENGINE"] = "1"
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(Path(".hypothesis").resolve())
    options = list(OPTIONS)
    if not any(test.endswith(".md") for test in tests):
        options += ["-p", "no:tests.pages.plugin"]  # half of the time of a small test file
    gc.freeze()  # what is imported already is no garbage
    os._exit(import_module("pytest").main([*options, *tests]))


if __name__ == "__main__":
    main()
