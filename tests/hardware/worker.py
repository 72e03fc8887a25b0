"""The other side of `engine.py`: loads models in a process of its own, one fork for each of them.

Reads a list of jobs as JSON from standard input and answers each with one line of JSON. It imports the
standard library and the engine only, so that any interpreter which has the engine can run it.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from typing import Any

# The engine projects its memory (a pass that allocates neither weights nor KV), says so, and would then load
# for good. Nothing after this line is of interest, and a model of 700 GB is better not loaded.
PROJECTED = b"fitting params to free memory took"
ALLOCATED = b"reserve took"
# What a fork may map beyond the interpreter: the recurrent state is real in the projection, too.
ROOM_BYTES = 4 << 30
NOISE = ("create_tensor", "assigned to device", "llama_graph_n_input_tensors", "dev = CPU", "serve nocache")


def parameters(engine: Any, job: dict[str, Any]) -> Any:
    """Translate a job into the engine's own settings."""
    asked = engine.CommonParams()
    asked.model.path = job["path"]
    asked.n_ctx = job["context_tokens"]
    asked.n_parallel = job["sequences"]
    asked.kv_unified = job["unified"]
    asked.n_batch = job["batch_tokens"]
    asked.n_ubatch = job["ubatch_tokens"]
    for side in ("key", "value"):
        kind = getattr(engine.ggml_type, f"GGML_TYPE_{job[f'{side}_type'].upper()}")
        setattr(asked, f"cache_type_{side[0]}", kind)
    flash = {"on": "ENABLED", "off": "DISABLED", "auto": "AUTO"}[job["flash_attention"]]
    asked.flash_attn_type = getattr(engine.llama_flash_attn_type, f"LLAMA_FLASH_ATTN_TYPE_{flash}")
    asked.swa_full = job["swa_full"]
    asked.fit_params = not job["allocate"]
    asked.no_extra_bufts = True  # repacked weights depend on the processor's instructions
    asked.verbosity = 10
    asked.warmup = False
    asked.port = 0
    return asked


def load(engine: Any, job: dict[str, Any], out: int) -> None:
    """Load one model, in a fork, with all that is printed going to `out`."""
    os.dup2(out, 1)
    os.dup2(out, 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if not job["allocate"]:
        with open("/proc/self/statm", encoding="ascii") as sizes:
            mapped = int(sizes.read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (mapped + ROOM_BYTES,) * 2)
    engine.Server(parameters(engine, job))


def answer(engine: Any, job: dict[str, Any]) -> dict[str, Any]:
    """Load one model and say what was printed until its sizes were known."""
    there, here = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(there)
            load(engine, job, here)
        except BaseException as error:
            os.write(here, f"\n{error!r}\n".encode())
        finally:
            time.sleep(1)  # the engine logs from a thread of its own, and its last words say what failed
            os._exit(1)
    os.close(here)
    until = ALLOCATED if job["allocate"] else PROJECTED
    ends = time.monotonic() + job["seconds"]
    printed, late = b"", False
    while until not in printed[-(1 << 18) :]:
        late = not select.select([there], [], [], max(0.0, ends - time.monotonic()))[0]
        more = b"" if late else os.read(there, 1 << 16)
        if not more:
            break
        printed += more
    os.kill(pid, signal.SIGKILL)
    os.close(there)
    _, status = os.waitpid(pid, 0)
    lines = printed.decode(errors="replace").splitlines()
    kept = "\n".join(line for line in lines if not any(noise in line for noise in NOISE))
    return {"log": kept, "late": late, "status": status, "version": engine.__version__}


def main() -> None:
    """Answer all jobs, in order."""
    os.environ["GGML_NO_BACKTRACE"] = "1"
    engine = importlib.import_module("xllamacpp")
    for job in json.load(sys.stdin):
        print(json.dumps(answer(engine, job)), flush=True)


if __name__ == "__main__":
    main()
