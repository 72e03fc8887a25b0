"""How fast is the checker? One page, 50 and 500 generated pages, next to pytest-markdown-docs alone.

The pages are generated, each with twenty blocks and their figures. The peer runs the same Python blocks
with its own parser and runner, compares no output and proves no figure.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.pages.collect import ROOT
from tests.pages.mutate import real_pages

BLOCKS = 20


def generated_page(number: int) -> str:
    """A page of ten Python blocks, each followed by its output, with a figure for each."""
    parts = ['---\ndescription: ""\n---\n\n# Generated\n']
    for block in range(BLOCKS // 2):
        said = f"{1000 + 37 * block + number:,} tokens/s"
        parts.append(
            f'```python\nspeed = {1000 + 37 * block + number}\nprint(f"{{speed:,}} tokens/s")\n```\n\n'
            f'```text title="Output"\n{said}\n```\n\nThis block writes {said}.\n'
        )
    return "\n".join([*parts, "<!-- checked -->\n<!-- /checked -->\n"])


def _timed(command: list[str], folder: Path) -> float:
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return seconds


def _project(pages: int, folder: Path) -> Path:
    """A copy of the checker with generated pages in place of the real ones."""
    for part in ("snippets", "tests"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__"))
    for part in ("pyproject.toml", "conftest.py"):
        shutil.copy(ROOT / part, folder / part)
    config = re.sub(
        r"^nav:\n(?:[ \t-].*\n|\n)*", "", (ROOT / "mkdocs.yml").read_text("utf-8"), flags=re.MULTILINE
    )
    listed = "".join(f"  - page_{number:03}.md\n" for number in range(pages))
    (folder / "mkdocs.yml").write_text(f"{config}\nnav:\n{listed}", encoding="utf-8")
    (folder / "docs").mkdir()
    for number in range(pages):
        page = folder / "docs" / f"page_{number:03}.md"
        page.write_text(generated_page(number), encoding="utf-8")
    _timed([sys.executable, "-m", "tests.pages", "update"], folder)
    return folder


def _peer(folder: Path) -> list[str]:
    (folder / "peer.ini").write_text("[pytest]\n", encoding="utf-8")
    peer = [
        "-p",
        "pytest_markdown_docs.plugin",
        "--disable-plugin-autoload",
        "-c",
        "peer.ini",
        "--noconftest",
    ]
    return [sys.executable, "-m", "pytest", "-q", *peer, "--markdown-docs", "docs"]


def bench() -> int:
    """Print seconds and ratios; nothing is asserted, machines differ."""
    ours = [sys.executable, "-m", "pytest", "-q", "docs"]
    seconds: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as name:
        for count in (50, 500):
            folder = _project(count, Path(name) / str(count))
            seconds[count] = _timed(ours, folder)
            peer = _timed(_peer(folder), folder)
            ours_said, ratio = (
                f"{count:5} pages of {BLOCKS} blocks: {seconds[count]:.2f} s",
                seconds[count] / peer,
            )
            print(f"{ours_said}; peer {peer:.2f} s; {ratio:.2f} ×")
    print(f"  500 pages against ten times 50: {seconds[500] / (10 * seconds[50]):.2f} ×")
    print("peer: pytest-markdown-docs alone; it runs the Python blocks, compares no output, proves no figure")
    for page in real_pages():
        path = page.relative_to(ROOT).as_posix()
        fastest = min(_timed([sys.executable, "-m", "tests.pages", "check", path], ROOT) for _ in range(2))
        print(f"   {path:<40} {fastest:6.2f} s")
    return 0
