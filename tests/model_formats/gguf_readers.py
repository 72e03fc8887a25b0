"""What other readers say of a GGUF file: gguf's own, and llama.cpp's with and without the data.

A reader may crash, hang or fill the memory, so it runs in a process of its own, which is replaced.
"""

from __future__ import annotations

import ctypes
import importlib.util
import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

READERS = ("gguf", "llama.cpp", "llama.cpp, data")
PROCESSOR_SECONDS = 2  # a hang is told by work done, not by how long a busy machine takes
WALL_SECONDS = 100
MEMORY = 4 * 2**30


class InitParams(ctypes.Structure):
    """gguf_init_params of llama.cpp, ggml/include/gguf.h."""

    _fields_ = (("no_alloc", ctypes.c_bool), ("ctx", ctypes.POINTER(ctypes.c_void_p)))


def missing() -> str | None:
    """Say why the engine is not asked, if it is not."""
    if os.environ.get("WITHOUT_ENGINE"):
        return "WITHOUT_ENGINE is set: mutants are judged by what is quick"
    return None if importlib.util.find_spec("xllamacpp") else "xllamacpp is not installed"


def verdicts(reader: str, paths: Iterable[Path]) -> list[str]:
    """Ask about each file: reads, refuses, crashes or hangs."""
    found = []
    worker: subprocess.Popen[str] | None = None
    for path in paths:
        if worker is None:
            worker = subprocess.Popen(
                [sys.executable, "-m", "tests.model_formats.gguf_readers", reader],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=os.environ | {"GGML_NO_BACKTRACE": "1"},
            )
            assert worker.stdout is not None
            worker.stdout.readline()
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdin.write(json.dumps(str(path)) + "\n")
        worker.stdin.flush()
        ready, _, _ = select.select([worker.stdout], [], [], WALL_SECONDS)
        said = worker.stdout.readline().strip() if ready else ""
        if said not in {"reads", "refuses"}:
            if not ready:
                worker.kill()
            worker.communicate()
            said = "hangs" if worker.returncode == -signal.SIGXCPU else "crashes"
            worker = None
        found.append(said)
    if worker is not None:
        worker.communicate()
    return found


def with_gguf(path: str) -> bool:
    """Read with the reader of the package gguf; what it raises is its refusal."""
    import gguf  # noqa: PLC0415 - the engine's worker does without

    try:
        reader = gguf.GGUFReader(path)
        for tensor in reader.tensors:
            tensor.data.tobytes()
    except MemoryError:
        raise
    except Exception:
        return False
    return True


class Engine:
    """llama.cpp's reader, out of the shared object that xllamacpp brings."""

    def __init__(self, data: bool) -> None:
        found = importlib.util.find_spec("xllamacpp")
        assert found is not None
        assert found.origin is not None
        (path,) = Path(found.origin).parent.glob("xllamacpp*.so")
        self.lib = ctypes.CDLL(str(path))
        self.data = data
        self.lib.gguf_init_from_file.restype = ctypes.c_void_p
        self.lib.gguf_init_from_file.argtypes = [ctypes.c_char_p, InitParams]
        self.lib.gguf_free.argtypes = [ctypes.c_void_p]
        self.lib.ggml_free.argtypes = [ctypes.c_void_p]

    def read(self, path: str) -> bool:
        """Read a file; with data, its tensors are loaded."""
        tensors = ctypes.c_void_p()
        params = InitParams(not self.data, ctypes.pointer(tensors))
        context = self.lib.gguf_init_from_file(path.encode(), params)
        if not context:
            return False
        self.lib.gguf_free(context)
        self.lib.ggml_free(tensors)
        return True


def main(reader: str) -> None:
    """Answer a line for each line."""
    read = with_gguf if reader == "gguf" else Engine(reader == "llama.cpp, data").read
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    print("ready", flush=True)
    for line in sys.stdin:
        used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
        limit = used + 1 + PROCESSOR_SECONDS
        resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        print("reads" if read(json.loads(line)) else "refuses", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
