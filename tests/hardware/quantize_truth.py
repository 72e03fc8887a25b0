"""Write llama_quantize.csv: what llama-quantize makes of every model, for every file type.

The program is built from the source package of llama-cpp-python, which holds llama.cpp:

    python -m pip download llama-cpp-python==0.3.36 --no-deps --no-binary :all:
    tar xzf llama_cpp_python-0.3.36.tar.gz
    cmake -B build -DLLAMA_CURL=OFF -DGGML_NATIVE=OFF llama_cpp_python-0.3.36/vendor/llama.cpp
    cmake --build build --target llama-quantize --parallel
    python -m tests.hardware.quantize_truth build/bin/llama-quantize

It reads a file's header only, so the files are sparse ones; all runs take a minute.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from snippets.data.models import read_models
from snippets.hardware.file_types import BASES, PLAIN
from tests.hardware.sparse import write

TRUTH = Path(__file__).with_name("llama_quantize.csv")
TENSOR = re.compile(r"^\[ *\d+/ *\d+\] .*, type = +(\w+), .*?(?:\((\w+)\))?$", re.MULTILINE)
TOTAL = re.compile(r"quant size += +([\d.]+) MiB")


def count(kinds: Counter[str]) -> str:
    """Write how many tensors have which type: `33 F32 7 Q4_K`."""
    return " ".join(f"{number} {kind}" for kind, number in sorted(kinds.items()))


def asked(program: str, path: Path, file_type: str) -> tuple[str, str]:
    """Let llama-quantize say what it would write: MiB, and tensors by type."""
    command = [program, "--dry-run", str(path), file_type]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said = done.stdout + done.stderr
    total = TOTAL.search(said)
    if total is None:
        raise RuntimeError(f"{path.name}, {file_type}: no size in\n{said[-2_000:]}")
    kinds = Counter((new or old).upper() for old, new in TENSOR.findall(said))
    return total[1], count(kinds)


def main(program: str) -> None:
    """Ask for all, and write the table."""
    with tempfile.TemporaryDirectory() as folder, TRUTH.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["model", "file_type", "mib", "tensors"])
        for name, built in sorted(read_models().items()):
            path = Path(folder, f"{name}.gguf")
            for file_type in BASES:
                write(built, path, file_type if file_type in PLAIN else "F16")
                table.writerow([name, file_type, *asked(program, path, file_type)])
            path.unlink()


if __name__ == "__main__":
    main(sys.argv[1])
