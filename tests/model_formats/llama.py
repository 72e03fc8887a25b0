"""llama.cpp asked about a GGUF file: tokens, greedy text, logits.

    (tokens,) = generate(path, [[1, 2]], 64)

Each call is a process of its own: what the engine cannot bear is an error, and not the end of the tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class LlamaError(Exception):
    """What the engine said instead of an answer."""


def ask(job: dict[str, Any], seconds: float = 120) -> Any:
    """Have one job done."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.model_formats.llama_worker"],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    lines = done.stdout.splitlines()
    said = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    if "answer" not in said:
        raise LlamaError(said.get("error") or f"exit {done.returncode}: {done.stderr[-2000:]}")
    return said["answer"]


def tokenize(path: Path, texts: list[str]) -> list[list[int]]:
    """Tokens of each text, without one for the beginning."""
    found: list[list[int]] = ask({"do": "tokenize", "path": str(path), "texts": texts})
    return found


def generate(path: Path, prompts: list[list[int]], count: int, **settings: Any) -> list[list[int]]:
    """Continue each prompt greedily."""
    job = {"do": "generate", "path": str(path), "prompts": prompts, "count": count, **settings}
    found: list[list[int]] = ask(job)
    return found


def logits(path: Path, windows: list[list[int]], **settings: Any) -> NDArray[np.float32]:
    """Logits of windows of one length: (windows, tokens, vocabulary)."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "logits.npy"
        ask({"do": "logits", "path": str(path), "windows": windows, "out": str(out), **settings})
        found: NDArray[np.float32] = np.load(out)
    return found
