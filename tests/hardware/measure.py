"""Measure decode and prefill with llama-bench, and write them down as data.

Weights are zero and shapes are real: a sparse file (`sparse.py`) runs at the speed of a real one and takes no
download. Zeros may raise clocks, so one model is measured with random weights too.

The program comes from the source package of llama-cpp-python, as in quantize_truth.py, with

    cmake --build build --target llama-bench --parallel

and, for an NVIDIA GPU, -DGGML_CUDA=ON -DCMAKE_CUDA_ARCHITECTURES=90 (an H100) where the build is set up. Then

    python -m tests.hardware.measure build/bin/llama-bench --name h100 --machine H100 --memory-gib 79 \
        --bandwidth 3350

Without --bandwidth, what the processor reads from memory is measured. What would not fit is left out.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from snippets.data.models import Model, read_models
from snippets.hardware.kv_cache import Context
from snippets.hardware.memory import Plan, fits
from snippets.hardware.weights import weights
from tests.hardware.sparse import write

FOLDER = Path(__file__).parents[2] / "snippets" / "data"
FILE_TYPES = ("Q4_K_M", "Q8_0", "F16")
PROMPT, ANSWER = 128, 16
HEAD = (
    "model",
    "file_type",
    "weights",
    "kind",
    "tokens",
    "depth_tokens",
    "best_tokens_per_s",
    "median_tokens_per_s",
)
SECONDS = 600


def fitting(models: Iterable[Model], memory_gib: float, depth: int) -> Iterator[tuple[Model, str]]:
    """Name each model and file type that fits with the deepest context; say what does not."""
    context = Context(context_tokens=depth + PROMPT + ANSWER)
    for built in models:
        for file_type in FILE_TYPES:
            if fits(Plan(built, weights(built, file_type), context, (), host_gib=memory_gib)):
                yield built, file_type
            else:
                print(f"left out: {built.id} in {file_type} does not fit", file=sys.stderr)


def rows(answer: str) -> Iterator[dict[str, Any]]:
    """Read llama-bench's JSON: the best and the median of the repeats."""
    for test in json.loads(answer):
        kind = "prefill" if test["n_prompt"] else "decode"
        yield {
            "kind": kind,
            "tokens": test["n_prompt"] or test["n_gen"],
            "depth_tokens": test["n_depth"],
            "best_tokens_per_s": round(max(test["samples_ts"]), 3),
            "median_tokens_per_s": round(median(test["samples_ts"]), 3),
        }


def fill(path: Path) -> None:
    """Put numbers where the hole is, half as large as ones, so that no product overflows."""
    chance = np.random.default_rng(0)
    size = path.stat().st_size
    start = 1_048_576  # behind the header
    with path.open("r+b") as file:
        file.seek(start)
        for _ in range(start, size, 2**24):
            file.write(chance.integers(0, 48, min(2**24, size - file.tell()), dtype=np.uint8).tobytes())


def bench(program: str, path: Path, threads: int, repeats: int, depths: list[int]) -> list[dict[str, Any]]:
    """Run llama-bench on a file."""
    command = [program, "-m", str(path), "-p", str(PROMPT), "-n", str(ANSWER), "-r", str(repeats)]
    command += ["-d", ",".join(map(str, depths)), "-t", str(threads), "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=SECONDS)
    return list(rows(done.stdout))


def read_gb_per_s(repeats: int = 7) -> float:
    """How fast the processor reads memory: the best of several sums over a gigabyte, by one thread."""
    numbers = np.ones(2**27)
    best = 0.0
    for _ in range(repeats):
        start = time.perf_counter()
        numbers.sum()
        best = max(best, numbers.nbytes / (time.perf_counter() - start) / 1e9)
    return best


def main() -> None:
    """Measure, and write a table and what it was measured on."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program")
    parser.add_argument("--machine", required=True, help="as it calls itself")
    parser.add_argument("--name", default="cpu", help="of the two files that are written")
    parser.add_argument("--memory-gib", type=float, required=True)
    parser.add_argument("--bandwidth", type=float, help="GB/s; measured if it is left out")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--depths", type=int, nargs="*", default=[0, 4_096, 32_768])
    parser.add_argument("--models", nargs="*", default=sorted(read_models()))
    parser.add_argument("--random", nargs="*", default=["qwen3-0.6b"], help="with random weights too")
    asked = parser.parse_args()
    known = read_models()
    table: list[dict[str, Any]] = []
    version = ""
    with tempfile.TemporaryDirectory() as folder:
        for built, file_type in fitting(
            (known[name] for name in asked.models), asked.memory_gib, max(asked.depths)
        ):
            path = Path(folder, "model.gguf")
            for kind in ("zero", "random") if built.id in asked.random else ("zero",):
                write(built, path, file_type)
                if kind == "random":
                    fill(path)
                said = {"model": built.id, "file_type": file_type, "weights": kind}
                table += [
                    said | row
                    for row in bench(asked.program, path, asked.threads, asked.repeats, asked.depths)
                ]
                path.unlink()
            print(f"{built.id} {file_type}", file=sys.stderr, flush=True)
        version = subprocess.run(
            [asked.program, "--version"], capture_output=True, text=True, check=False
        ).stderr
    with (FOLDER / f"measured_{asked.name}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, HEAD, lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)
    bandwidth = asked.bandwidth or read_gb_per_s()
    about = {
        "machine": asked.machine,
        "threads": asked.threads,
        "bandwidth_gb_per_s": round(bandwidth, 1),
        "bandwidth_from": "vendor" if asked.bandwidth else "read by one thread",
        "engine": " ".join(version.split())[:80] or "llama.cpp",
        "day": datetime.now(UTC).date().isoformat(),
    }
    (FOLDER / f"measured_{asked.name}.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
