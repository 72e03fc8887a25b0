"""Every client against every fault, and what the recording cloud then holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from tests.hybrid.leaks.clients import CLOUD, Client
from tests.hybrid.leaks.servers import Cloud, Local, closed_port
from tests.hybrid.leaks.surfaces import SURFACES, Mark, holds, views

ROOT = Path(__file__).resolve().parents[3]
FAULTS = (
    "none",
    "redirect",
    "HTTP_PROXY",
    "ALL_PROXY",
    "down",
    "400",
    "500",
    "timeout",
    "cut stream",
    "malformed stream",
    "local is cloud",
    "hosted model",
    "misspelled",
    "scanner failure",
    "marked public",
    "control",
)
REDIRECTS = {"redirect", "misspelled"}  # what a misspelled setting was to forbid has to happen
SECONDS = 1.0
LONGEST_SECONDS = 400
KEPT = ("PATH", "HOME", "LANG", "SYSTEMROOT", "TMPDIR")


class Row(NamedTuple):
    """What one client did under one fault."""

    client: str
    version: str
    fault: str
    tried: tuple[str, ...]  # surfaces
    leaked: tuple[str, ...]
    outcomes: dict[str, str]


class NotMeasuredError(Exception):
    """A client that sent nothing where nothing was wrong: no leak of it means anything."""


def run(python: str, job: dict[str, Any]) -> dict[str, Any]:
    """Run one process of one client, in a clean environment."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [python, "-m", "tests.hybrid.leaks.attack"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        env=environment,
        cwd=ROOT,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    if done.returncode:
        raise NotMeasuredError(f"{job['client']}: exit {done.returncode}: {done.stderr[-2000:]}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def measure(
    client: Client, number: int, python: str = sys.executable, faults: tuple[str, ...] = FAULTS
) -> list[Row]:
    """Run one client through the faults; `none` has to be among them.

    Raises NotMeasuredError where it does not even reach its server when nothing is wrong.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cloud = Cloud()
        stack.enter_context(cloud)
        authority = folder / "authority.pem"
        cloud.authority.cert_pem.write_to_path(str(authority))
        locals_ = {}
        jobs = []
        for fault in faults:
            if fault == "local is cloud":
                url = CLOUD
            elif fault == "down":
                url = f"http://127.0.0.1:{stack.enter_context(closed_port())}"
            else:
                local = Local("redirect" if fault in REDIRECTS else fault, CLOUD, cloud.port)
                stack.enter_context(local)
                locals_[fault] = local
                url = f"http://127.0.0.1:{local.port}"
            jobs.append({"name": fault, "local": url, "number": FAULTS.index(fault)})
        about = {
            "client": client.name,
            "package": client.package,
            "number": number,
            "seconds": SECONDS,
            "plain_port": cloud.port,
            "tls_port": cloud.secure.port,
            "authority": str(authority),
        }
        groups = [[job] for job in jobs if job["name"] in client.apart]
        groups.append([job for job in jobs if job["name"] not in client.apart])
        version = ""
        answers: dict[str, dict[str, str]] = {}
        for group in filter(None, groups):
            said = run(python, about | {"faults": group})
            version = said["version"]
            answers |= said["answers"]
        at_cloud = [views(record) for record in cloud.records]
        at_local = [views(record) for record in locals_["none"].records]

    def marked(seen: list[list[str]], fault: str, surface: str) -> bool:
        mark = Mark.of(number, FAULTS.index(fault), SURFACES.index(surface))
        return any(holds(one, mark) for one in seen)

    offered = [surface for surface in SURFACES if marked(at_local, "none", surface)]
    if "user" not in offered:
        raise NotMeasuredError(f"{client.name} did not reach its server: {answers['none']}")
    rows = []
    for fault in faults:
        outcomes = answers[fault]
        if outcomes:
            tried = tuple(one for one in offered if one in outcomes)
            leaked = tuple(one for one in SURFACES if one in outcomes and marked(at_cloud, fault, one))
            rows.append(Row(client.name, version, fault, tried, leaked, outcomes))
    return rows
