"""The whole leak matrix: installs the clients from their lock, attacks them, writes what came of it.

    python -m tests.hybrid.leaks             rewrites snippets/data/leaks
    python -m tests.hybrid.leaks --check     compares with it, as `make audit` does; exit 1 where it differs

The clients get an environment of their own in .cache/leaks, from hash-pinned wheels.
"""

from __future__ import annotations

import csv
import hashlib
import json
import platform
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from snippets.data.leaks import Leak, read_leaks
from tests.hybrid.leaks.clients import CLIENTS, Client
from tests.hybrid.leaks.matrix import FAULTS, ROOT, Row, measure

LOCK = Path(__file__).with_name("leaks.lock")
VENV = ROOT / ".cache" / "leaks"
DATA = ROOT / "snippets" / "data" / "leaks"
FIELDS = ("client", "fault", "tried", "leaked", "surfaces")


def install() -> str:
    """Make the clients' environment what the lock says; return its Python."""
    stamp, key = VENV / ".ready", hashlib.sha256(LOCK.read_bytes()).hexdigest()
    python = VENV / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != key:
        shutil.rmtree(VENV, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
        options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "-qq"]
        subprocess.run([python, "-m", "pip", "install", *options, "--requirement", LOCK], check=True)
        stamp.write_text(key)
    return str(python)


def leak_of(row: Row) -> Leak:
    """What the data say of a row."""
    some = 0 < len(row.leaked) < len(row.tried)
    return Leak(
        client=row.client,
        fault=row.fault,
        tried=len(row.tried),
        leaked=len(row.leaked),
        surfaces=row.leaked if some else (),
    )


def attack_all() -> tuple[dict[str, Any], list[Leak]]:
    """Attack every client, two at a time."""
    foreign = install()

    def one(client: Client) -> list[Row]:
        python = foreign if client.package else sys.executable
        rows = measure(client, CLIENTS.index(client), python)
        print(f"{client.name} {rows[0].version}: {sum(len(row.leaked) for row in rows)} leaks", flush=True)
        return rows

    with ThreadPoolExecutor(2) as pool:
        measured = list(pool.map(one, CLIENTS))
    clients = [
        {
            "client": client.name,
            "package": client.package,
            "version": rows[0].version,
            "about": client.about,
        }
        for client, rows in zip(CLIENTS, measured, strict=True)
    ]
    day = datetime.now(UTC).date().isoformat()
    about = {"day": day, "python": platform.python_version(), "clients": clients}
    leaks = [leak_of(row) for rows in measured for row in rows]
    return about, sorted(leaks, key=lambda leak: FAULTS.index(leak.fault))


def write(about: dict[str, Any], leaks: list[Leak]) -> None:
    """Write the data that the pages print."""
    DATA.mkdir(exist_ok=True)
    (DATA / "leaks.json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    with (DATA / "leaks.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(FIELDS)
        for leak in leaks:
            table.writerow([*(getattr(leak, name) for name in FIELDS[:-1]), "; ".join(leak.surfaces)])


def differences(about: dict[str, Any], leaks: list[Leak]) -> list[str]:
    """Where the data are no longer what was measured; the day and the Python may differ."""
    matrix, rows = read_leaks()
    said = {(one.client, one.fault): one for one in rows}
    found = {(one.client, one.fault): one for one in leaks}
    differ = [key for key in {**said, **found} if said.get(key) != found.get(key)]
    lines = [f"{', '.join(key)}: {said.get(key)} in the data, {found.get(key)} measured" for key in differ]
    if [one.model_dump() for one in matrix.clients] != about["clients"]:
        lines.append("clients: other names, versions or settings than in the data")
    return lines


def check() -> int:
    """Attack every client and compare; the exit status says whether anything differs."""
    lines = differences(*attack_all())
    print("\n".join(lines) or "leaks: as the data say", flush=True)
    return int(bool(lines))


if __name__ == "__main__":
    if sys.argv[1:] == ["--check"]:
        sys.exit(check())
    write(*attack_all())
