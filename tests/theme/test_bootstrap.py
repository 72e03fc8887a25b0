"""The set-up fails in one line and leaves nothing behind; done once, it does nothing."""

from __future__ import annotations

import ast
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import tomllib
from itertools import chain
from pathlib import Path

import pytest

from theme.build import ROOT

BOOTSTRAP = ROOT / ".ci" / "bootstrap.py"
CLOSED = "http://127.0.0.1:9"
SETUP_FILES = (
    ".ci/bootstrap.py",
    ".ci/install.py",
    "requirements.lock",
    "theme/package.json",
    "theme/package-lock.json",
    "theme/nodejs.lock",
)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """What the set-up reads, as on a fresh machine."""
    for name in SETUP_FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def offline(home: Path) -> dict[str, str]:
    """An environment without network, without caches and without anyone's configuration."""
    keep = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    registries = {"PIP_INDEX_URL": CLOSED, "npm_config_registry": CLOSED}
    no_config = {"PIP_CONFIG_FILE": os.devnull, "HOME": str(home), "PIP_RETRIES": "0"}
    return {**keep, **registries, **no_config, "npm_config_fetch_retries": "0"}


def bootstrap(checkout: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the set-up of a checkout."""
    return subprocess.run(
        [sys.executable, checkout / ".ci" / "bootstrap.py"],
        env={**offline(checkout / "home"), **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def only_error(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of complaint; progress lines apart."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    (line,) = [line for line in done.stderr.splitlines() if not re.match(r"(Python|npm) packages", line)]
    assert line.startswith("error: ")
    return line


def test_an_old_python_is_named_with_the_way_out(checkout: Path) -> None:
    old = checkout / "python3.8"
    old.write_text("#!/bin/sh\necho 3 8 1 /usr/bin/python3.8\n")
    old.chmod(0o755)
    line = only_error(bootstrap(checkout, PYTHON=str(old)))
    assert "Python 3.11 or newer is needed" in line
    assert "make PYTHON=" in line
    assert not (checkout / ".venv").exists()


def test_a_python_that_is_not_there_is_named(checkout: Path) -> None:
    assert "/nowhere/python3" in only_error(bootstrap(checkout, PYTHON="/nowhere/python3"))


def test_the_launcher_parses_on_any_python() -> None:
    source = BOOTSTRAP.read_bytes().decode("ascii")
    tree = ast.parse(source, feature_version=(3, 4))
    newer = (ast.JoinedStr, ast.AnnAssign, ast.NamedExpr, ast.AsyncFunctionDef, ast.Starred)
    assert not [node for node in ast.walk(tree) if isinstance(node, newer)]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.arg) and node.annotation]


def test_without_network_no_environment_is_left(checkout: Path) -> None:
    line = only_error(bootstrap(checkout))
    assert "only the first run needs the network" in line
    assert not (checkout / ".venv").exists()
    assert not (checkout / "theme" / "node_modules").exists()


def test_without_network_no_npm_packages_are_left(checkout: Path) -> None:
    version = "{}.{}".format(*sys.version_info[:2])
    key = subprocess.run(
        [sys.executable, "-c", "import install; print(install.digest(install.ROOT / 'requirements.lock'))"],
        cwd=checkout / ".ci",
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    environment = checkout / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(sys.executable)
    (environment / ".ready").write_text(f"{key} {version}")
    line = only_error(bootstrap(checkout))
    assert "only the first run needs the network" in line
    assert environment.exists()
    assert not (checkout / "theme" / "node_modules").exists()
    assert not (checkout / "theme" / "overrides").exists()


def test_a_second_run_is_quick_quiet_and_offline() -> None:
    start = time.perf_counter()
    done = bootstrap(ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert time.perf_counter() - start < 1


def test_a_taken_port_is_one_line_and_no_build() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "theme.serve", str(port)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert only_error(done) == f"error: port {port} is taken; try: make serve PORT={port + 1}"
    assert done.stdout == ""


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_what_is_no_port_is_refused(port: str) -> None:
    command = [sys.executable, "-m", "theme.serve", port]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert f"{port} is not a port" in only_error(done)


def test_locks_name_no_host_and_pin_every_hash() -> None:
    for name in ("requirements.lock", "theme/nodejs.lock", "tests/data/train.lock"):
        lock = (ROOT / name).read_text("utf-8")
        assert "://" not in lock
        pins = re.findall(r"^[a-z0-9][\w.-]*==", lock, re.MULTILINE)
        blocks = re.split(r"\n(?=[a-z0-9])", lock.strip())
        assert len(pins) == len(blocks)
        assert all("--hash=sha256:" in block for block in blocks)
    npm = (ROOT / "theme/package-lock.json").read_text("utf-8")
    assert "resolved" not in npm
    assert npm.count('"integrity": "sha512-') == npm.count('"node_modules/')


def test_the_locks_hold_all_that_pyproject_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    groups = project["dependency-groups"]
    locks = {
        "tests/data/train.lock": groups.pop("train"),
        "requirements.lock": [*project["project"]["dependencies"], *chain(*groups.values())],
    }
    for path, asked in locks.items():
        names = [re.split(r"[<>=~ ]", wish)[0].lower() for wish in asked if isinstance(wish, str)]
        lock = (ROOT / path).read_text("utf-8")
        assert [name for name in names if not re.search(rf"^{name}==", lock, re.MULTILINE)] == []


def test_help_lists_every_target_on_one_screen() -> None:
    done = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert re.findall(r"^  make (\w+) ", done.stdout, re.MULTILINE) == targets
    assert len(done.stdout.splitlines()) < 24
