"""A unit: systemd reads it, scores it, and our policy has nothing against it."""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from pathlib import Path

from snippets.operate import unit_policy
from tests.pages.tools import need

# In tenths; systemd 252 gives the units of the guide 1.6, and a plain one 9.6.
THRESHOLD = 20
SCORE = re.compile(r"exposure level for .*: ([\d.]+) ")


def check_systemd(source: str, _title: str) -> list[str]:
    """A service that starts something is verified and scored; a part of one keeps to what our policy says."""
    said = [f"unit policy: {one}" for one in unit_policy.complaints(source)]
    if not re.search(r"^ExecStart=", source, re.M):
        return said
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.service"
        file.write_text(startable(source), encoding="utf-8")
        verified = analyze("verify", "--man=no", str(file))
        wrong = [line for line in (verified.stdout + verified.stderr).splitlines() if "page.service" in line]
        said += [f"systemd: {line.replace(folder, '')}" for line in wrong]
        file.write_text(source + "\n", encoding="utf-8")
        scored = analyze("security", "--offline=true", f"--threshold={THRESHOLD}", str(file))
        if scored.returncode:
            said.append(f"systemd: exposure {score(scored.stdout)}, at most {THRESHOLD / 10} is allowed")
    return said


def startable(source: str) -> str:
    """The unit with a program that is here: which programs the reader has is not the unit's fault."""
    return re.sub(r"^(ExecStart=)[^\s\\]+", r"\1/bin/true", source, flags=re.M) + "\n"


def score(printed: str) -> str:
    """The overall exposure, as printed."""
    found = SCORE.search(printed)
    return found[1] if found else "unknown"


def words(source: str) -> list[str]:
    """The command of a unit, word by word, with what systemd fills in."""
    starts = unit_policy.parse_service(source)["ExecStart"]
    return shlex.split(starts[-1].replace("%d", "/run/credentials/unit"))


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [need("systemd-analyze"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={"SYSTEMD_COLORS": "0", "PATH": "/usr/bin:/bin"},
    )
