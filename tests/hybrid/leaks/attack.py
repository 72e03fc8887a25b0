"""Runs one client through faults, in an environment and a process of its own.

    python -m tests.hybrid.leaks.attack < job.json

Reads a job, prints one line of JSON for each request: fault, surface and what came of it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.hybrid.leaks.clients import BY_NAME, Case, NotOfferedError, Send
from tests.hybrid.leaks.outside import divert
from tests.hybrid.leaks.surfaces import SURFACES, Mark, body

PROXIES = {"HTTP_PROXY": "http://cloud.example:3128", "ALL_PROXY": "http://cloud.example:3128"}
STREAMED = {"cut stream", "malformed stream"}
PATIENCE_SECONDS = 40.0


def outcome(send: Send, request: dict[str, Any], stream: bool) -> str:
    """Send one request, and say in a word what came of it."""
    try:
        send(request, stream)
    except NotOfferedError:
        return "not offered"
    except BaseException as error:
        return type(error).__name__
    return "answered"


def attack(job: dict[str, Any], fault: dict[str, Any], folder: Path) -> dict[str, str]:
    """Send every surface's request under one fault, all at once."""
    name = fault["name"]
    client = BY_NAME[job["client"]]
    if name in PROXIES:
        os.environ[name] = PROXIES[name]
    case = Case(name, fault["local"], job["seconds"], folder, job["authority"])
    try:
        send = client.make(case)
    except NotOfferedError:
        return {}
    except Exception as error:
        return dict.fromkeys(SURFACES, type(error).__name__)
    surfaces = ["user"] if name == "control" else SURFACES
    pool = ThreadPoolExecutor(len(surfaces))
    found = {}
    for surface in surfaces:
        mark = Mark.of(job["number"], fault["number"], SURFACES.index(surface))
        request = body(surface, mark)
        if name == "control":
            request["messages"][0]["content"] = f"A public note about {mark.word}."
        found[surface] = pool.submit(outcome, send, request, name in STREAMED)
    said = {}
    for surface, one in found.items():
        try:
            said[surface] = one.result(PATIENCE_SECONDS)
        except TimeoutError:
            said[surface] = "hung"
    pool.shutdown(wait=False, cancel_futures=True)
    return said


def main() -> None:
    """Do the job of standard input."""
    warnings.simplefilter("ignore")
    job = json.load(sys.stdin)
    divert(job["plain_port"], job["tls_port"], job["authority"])
    before = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(sys.stderr):
        answers: dict[str, Any] = {}
        for fault in job["faults"]:
            answers[fault["name"]] = attack(job, fault, Path(folder))
            os.environ.clear()
            os.environ.update(before)
        version = metadata.version(job["package"]) if job["package"] else ""
    sys.stdout.write(json.dumps({"version": version, "answers": answers}))
    sys.stdout.flush()
    os._exit(0)  # threads that hang end here


if __name__ == "__main__":
    main()
