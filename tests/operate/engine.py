"""llama.cpp's server on loopback with the small model, in a process whose output can be read.

`python -m tests.operate.engine MODEL VERBOSITY [KEY]` serves MODEL until its input ends; the
address goes to its output, the log to its errors.
"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from snippets.data.small_model import read_small_model
from snippets.data.small_tokenizer import read_tokenizer
from snippets.model_formats.convert import build
from snippets.model_formats.gguf_writer import write_gguf
from tests.pages.collect import ROOT

OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Engine(NamedTuple):
    address: str
    process: subprocess.Popen[str]

    def get(self, path: str) -> str:
        return ask(self.address + path)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(ask(self.address + path, body))
        return answer


def ask(url: str, body: dict[str, Any] | None = None) -> str:
    """The text that a server answers."""
    return post(url, None if body is None else json.dumps(body).encode())


def post(url: str, body: bytes | None) -> str:
    """The same for bytes, JSON or not."""
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})  # noqa: S310
    with OPENER.open(request, timeout=20) as answer:
        text: str = answer.read().decode()
    return text


def write_model(path: Path) -> Path:
    with path.open("wb") as file:
        write_gguf(file, *build(read_small_model(), read_tokenizer(), "small"))
    return path


@contextmanager
def serving(model: Path, verbosity: int, log: Path, *keys: str) -> Iterator[Engine]:
    """A server, gone at the end; all it logs is in the file then."""
    with log.open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.operate.engine", str(model), str(verbosity), *keys],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            assert process.stdout
            address = process.stdout.readline().strip()
            assert address.startswith("http://127.0.0.1:"), address
            yield Engine(address, process)
        finally:
            process.communicate(timeout=20)


def main() -> None:
    library: Any = import_module("xllamacpp")
    asked = library.CommonParams()
    asked.model.path = sys.argv[1]
    asked.verbosity = int(sys.argv[2])
    asked.cpuparams.n_threads = 1
    asked.n_parallel = 1
    asked.warmup = False
    asked.endpoint_metrics = True
    asked.api_keys = sys.argv[3:]
    asked.port = 0
    server = library.Server(asked)
    print(server.listening_address, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
