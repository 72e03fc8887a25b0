"""Where is a tool? Locked ones stand beside Python; a few are the machine's, as a server or systemd is."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

# What no lock file can install, and the Debian package that has it; `.ci/run` installs them all.
MACHINE = {"nginx": "nginx-light", "promtool": "prometheus", "systemd-analyze": "systemd"}


def tool(name: str) -> str:
    """A tool of the locked environment."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def need(name: str) -> str:
    """A tool of the machine; where there is none, skip what asked, or fail if REQUIRE_TOOLS=1."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found:
        return found
    said = f"no {name} on PATH (Debian package {MACHINE[name]}); REQUIRE_TOOLS=1 makes this an error"
    if os.environ.get("REQUIRE_TOOLS") == "1":
        pytest.fail(said, pytrace=False)
    pytest.skip(said)
