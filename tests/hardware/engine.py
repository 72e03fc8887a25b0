"""llama.cpp itself, asked what it allocates: the truth that the estimators of this chapter are held against.

    loaded = load(Load(path=path, context_tokens=8_192, key_type="q8_0"))
    loaded.caches[0].key_mib, loaded.compute_mib["CPU"]

A load takes some 20 to 70 ms, allocates neither weights nor KV, and works for a sparse file of 700 GB. Pass
many jobs to `load_all` at once: one process serves them all. `ask` gives refusals back, `load_all` raises.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

# An interpreter that has xllamacpp: this one, unless another is named.
PYTHON = os.environ.get("ENGINE_PYTHON", sys.executable)
WORKER = Path(__file__).with_name("worker.py")
TAIL = 25

CacheType = Literal["f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl"]


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Load(Frozen):
    """One load: a file, and the settings that decide about memory."""

    path: Path
    context_tokens: int
    sequences: int = 1
    unified: bool = True
    batch_tokens: int = 2_048
    ubatch_tokens: int = 512
    key_type: CacheType = "f16"
    value_type: CacheType = "f16"
    flash_attention: Literal["on", "off", "auto"] = "auto"
    swa_full: bool = False
    allocate: bool = False  # for good: touches all of weights and KV
    seconds: float = 60


class Cache(Frozen):
    """A KV cache, as printed."""

    name: str  # attention, non-SWA, SWA, main, indexer
    cells: int
    layers: int
    sequences: int
    streams: int
    key_type: str
    key_mib: float
    value_type: str
    value_mib: float
    size_mib: float


class State(Frozen):
    """A recurrent state, as printed."""

    cells: int
    layers: int  # of the model, with and without a state
    conv_mib: float  # R
    state_mib: float  # S
    size_mib: float


class Loaded(Frozen):
    """What the engine said about one load."""

    version: str
    file_gib: float
    bits_per_weight: float
    parameters: str  # "8.03 B"
    context_tokens: int  # as the engine rounded them
    context_tokens_per_sequence: int
    batch_tokens: int
    ubatch_tokens: int
    flash_attention: bool
    model_mib: dict[str, float]  # by buffer; whole MiB, rounded down, unless allocated
    caches: tuple[Cache, ...]
    states: tuple[State, ...]
    output_mib: dict[str, float]
    compute_mib: dict[str, float]
    nodes: int  # of the graph
    log: str


class EngineError(Exception):
    """The engine did not get as far as printing its sizes."""

    def __init__(self, job: Load, said: str, log: str) -> None:
        errors = re.findall(r"^\S+ E (.*)$|^(?:\S+ D )?(\S+:\d+: (?:fatal error|GGML_ASSERT.*))$", log, re.M)
        reasons = dict.fromkeys("".join(found) for found in errors)
        self.job, self.log = job, log
        self.reason = "; ".join(reasons) or said
        tail = "\n    ".join(log.splitlines()[-TAIL:])
        super().__init__(f"{job.path.name}: {self.reason}\n  asked: {job!r}\n  printed last:\n    {tail}")


def one(pattern: str, log: str) -> str:
    found = re.search(pattern, log)
    if found is None:
        raise LookupError(pattern)
    return found[1]


def buffers(kind: str, log: str) -> dict[str, float]:
    # A graph that is reserved again prints again, and the last holds.
    found = re.findall(rf"(\S+) +{kind} buffer size = +([\d.]+) MiB", log)
    return {name: float(size) for name, size in found}


def models(log: str) -> dict[str, float]:
    rows = re.findall(r"\|   - (\S+).*\| +\d+ = +(\d+) \+ +\d+ \+ +\d+ ", log)
    return {name: float(size) for name, size in rows} or buffers("model", log)


CACHE = re.compile(
    r"kv_cache: size = +(?P<size_mib>\S+) MiB "
    r"\( *(?P<cells>\d+) cells, +(?P<layers>\d+) layers, +(?P<sequences>\d+)/(?P<streams>\d+) seqs\), "
    r"K \((?P<key_type>\w+)\): +(?P<key_mib>\S+) MiB, V \((?P<value_type>\w+)\): +(?P<value_mib>\S+) MiB"
)
STATE = re.compile(
    r"recurrent: size = +(?P<size_mib>\S+) MiB \( *(?P<cells>\d+) cells, +(?P<layers>\d+) layers.*?"
    r"R \(f32\): +(?P<conv_mib>\S+) MiB, S \(f32\): +(?P<state_mib>\S+) MiB"
)


def caches(log: str) -> tuple[Cache, ...]:
    found, name = [], "attention"
    for line in log.splitlines():
        if label := re.search(r"creating +(\S+) KV cache", line):
            name = label[1]
        if size := CACHE.search(line):
            found.append(Cache.model_validate({"name": name, **size.groupdict()}))
    return tuple(found)


def states(log: str) -> tuple[State, ...]:
    return tuple(State.model_validate(size.groupdict()) for size in STATE.finditer(log))


def read(version: str, log: str) -> Loaded:
    """Read the sizes from a log; LookupError names what is not in it."""
    file_gib = one(r"file size +=(?: +)([\d.]+) [GM]iB", log)
    scale = 1 if one(r"file size +=(?: +)[\d.]+ ([GM])iB", log) == "G" else 1 / 1024
    return Loaded(
        version=f"xllamacpp {version}",
        file_gib=float(file_gib) * scale,
        bits_per_weight=float(one(r"\(([\d.]+) BPW\)", log)),
        parameters=one(r"model params +=(?: +)(.+)", log),
        context_tokens=int(one(r"n_ctx +=(?: +)(\d+)", log)),
        context_tokens_per_sequence=int(one(r"n_ctx_seq +=(?: +)(\d+)", log)),
        batch_tokens=int(one(r"n_batch +=(?: +)(\d+)", log)),
        ubatch_tokens=int(one(r"n_ubatch +=(?: +)(\d+)", log)),
        flash_attention="Flash Attention enabled" in log or bool(re.search(r"flash_attn += enabled", log)),
        model_mib=models(log),
        caches=caches(log),
        states=states(log),
        output_mib=buffers("output", log),
        compute_mib=buffers("compute", log),
        nodes=int(one(r"graph.*: nodes = (\d+)", log)),
        log=log,
    )


def missing() -> str | None:
    """Say that the engine shall not run, as where one constant after the other is changed."""
    return (
        "WITHOUT_ENGINE is set: mutants are judged by what is quick"
        if "WITHOUT_ENGINE" in os.environ
        else None
    )


def answers_of(asked: list[Load]) -> list[Loaded | EngineError]:
    text = json.dumps([job.model_dump(mode="json") for job in asked])
    done = subprocess.run([PYTHON, str(WORKER)], input=text, capture_output=True, text=True, check=False)
    answers: list[Loaded | EngineError] = []
    for job, line in zip(asked, done.stdout.splitlines(), strict=False):
        answer = json.loads(line)
        log = answer["log"]
        try:
            answers.append(read(answer["version"], log))
        except LookupError as error:
            said = f"nothing after {job.seconds:g} s" if answer["late"] else f"printed no {error}"
            answers.append(EngineError(job, f"{said}, status {answer['status']}", log))
    if len(answers) < len(asked):
        raise EngineError(asked[len(answers)], f"the worker ended with {done.returncode}", done.stderr)
    return answers


def ask(jobs: Iterable[Load]) -> list[Loaded | EngineError]:
    """Load all jobs, in one process a core; what the engine refuses comes back as an error, in its place."""
    asked = list(jobs)
    workers = min(len(asked), os.cpu_count() or 1)
    answers: list[Loaded | EngineError | None] = [None] * len(asked)
    with ThreadPoolExecutor(max(workers, 1)) as pool:
        shares = [asked[first::workers] for first in range(workers)]
        for first, found in enumerate(pool.map(answers_of, shares)):
            answers[first::workers] = found
    return [answer for answer in answers if answer]


def load_all(jobs: Iterable[Load]) -> list[Loaded]:
    """Load all jobs in one process, in order; raises what the engine refuses."""
    loaded = []
    for answer in ask(jobs):
        if isinstance(answer, EngineError):
            raise answer
        loaded.append(answer)
    return loaded


def load(job: Load) -> Loaded:
    """Load one job."""
    return load_all([job])[0]
