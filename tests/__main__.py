"""`make test`: everything that proves the project, in the order in which it is cheap to fail."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCES = [".ci/install.py", "conftest.py", "snippets", "tests", "theme"]
STEPS = {
    "format": ["ruff", "format", "--check", "."],
    "lint": ["ruff", "check", "."],
    "types": ["mypy", *SOURCES],
    "imports": ["lint-imports"],
    "both builds": [sys.executable, "-m", "theme.build"],
    "tests, pages and browser": [
        *(sys.executable, "-m", "pytest", "--quiet", "--pages-report=build/report.json"),
        *("tests", "docs", "README.md", "CONTRIBUTING.md"),
    ],
}


def main() -> int:
    """Run every step, also after one failed; name the failed ones at the end."""
    scripts = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{scripts}{os.pathsep}{os.environ.get('PATH', '')}"}
    failed = []
    start = time.monotonic()
    for name, command in STEPS.items():
        print(f"== {name}", flush=True)
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            failed.append(name)
    seconds = time.monotonic() - start
    if failed:
        print(f"failed after {seconds:.0f} s: {', '.join(failed)}", file=sys.stderr)
        return 1
    print(f"all proved in {seconds:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
