"""llama.cpp's C API by ctypes, in a process of its own: reads jobs as JSON lines, answers each with one.

The structures are those of include/llama.h of the version that the lock file pins; `Llama` asks for the
engine's defaults and refuses to go on where they are not what that header says.
"""

from __future__ import annotations

import ctypes as c
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

TYPES = {"f32": 0, "f16": 1, "q4_0": 2, "q4_1": 3, "q5_0": 6, "q5_1": 7, "q8_0": 8, "iq4_nl": 20, "bf16": 30}


class ModelParams(c.Structure):
    _fields_ = (
        *((name, c.c_void_p) for name in ("devices", "buffer_overrides")),
        *((name, c.c_int32) for name in ("gpu_layers", "split_mode", "load_mode", "lazy_mode", "main_gpu")),
        *((name, c.c_void_p) for name in ("tensor_split", "progress", "progress_data", "kv_overrides")),
        *((name, c.c_bool) for name in ("vocab_only", "check_tensors", "use_extra_bufts", "no_host")),
        *((name, c.c_bool) for name in ("no_alloc", "load_mtp")),
    )


class ContextParams(c.Structure):
    _fields_ = (
        *((name, c.c_uint32) for name in ("n_ctx", "n_batch", "n_ubatch", "n_seq_max", "n_rs_seq")),
        *((name, c.c_uint32) for name in ("outputs_max", "outputs_max_per_seq")),
        *((name, c.c_int32) for name in ("n_threads", "n_threads_batch", "ctx_type", "rope_scaling")),
        *((name, c.c_int32) for name in ("pooling", "attention", "flash_attention")),
        *((name, c.c_float) for name in ("rope_base", "rope_scale", "yarn_ext", "yarn_attn", "yarn_fast")),
        *(
            (name, t)
            for name, t in (("yarn_slow", c.c_float), ("yarn_ctx", c.c_uint32), ("defrag", c.c_float))
        ),
        *((name, c.c_void_p) for name in ("eval_callback", "eval_data")),
        *((name, c.c_int32) for name in ("type_k", "type_v")),
        *((name, c.c_void_p) for name in ("abort_callback", "abort_data")),
        *((name, c.c_bool) for name in ("embeddings", "offload_kqv", "no_perf", "op_offload", "swa_full")),
        *((name, t) for name, t in (("kv_unified", c.c_bool), ("samplers", c.c_void_p))),
        *((name, t) for name, t in (("n_samplers", c.c_size_t), ("other", c.c_void_p))),
    )


class Batch(c.Structure):
    _fields_ = (
        ("n_tokens", c.c_int32),
        *((name, c.c_void_p) for name in ("token", "embd", "pos", "n_seq_id", "seq_id", "logits")),
    )


def engine() -> c.CDLL:
    """Load the shared object that the package xllamacpp brings, and silence it."""
    found = importlib.util.find_spec("xllamacpp")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("xllamacpp is not installed")
    (path,) = Path(found.origin).parent.glob("xllamacpp*.so")
    lib = c.CDLL(str(path))
    lib.llama_log_set(QUIET, None)
    lib.llama_backend_init()
    lib.llama_model_default_params.restype = ModelParams
    lib.llama_context_default_params.restype = ContextParams
    lib.llama_model_load_from_file.restype = c.c_void_p
    lib.llama_model_load_from_file.argtypes = [c.c_char_p, ModelParams]
    lib.llama_init_from_model.restype = c.c_void_p
    lib.llama_init_from_model.argtypes = [c.c_void_p, ContextParams]
    lib.llama_decode.argtypes = [c.c_void_p, Batch]
    lib.llama_batch_init.restype = Batch
    lib.llama_get_logits.restype = c.POINTER(c.c_float)
    for name in ("get_logits", "get_memory", "model_get_vocab", "free", "model_free"):
        getattr(lib, f"llama_{name}").argtypes = [c.c_void_p]
    lib.llama_get_memory.restype = lib.llama_model_get_vocab.restype = c.c_void_p
    lib.llama_memory_clear.argtypes = [c.c_void_p, c.c_bool]
    return lib


def errors_only(level: int, text: bytes, _: Any) -> None:
    """Pass on errors only."""
    if level >= 4:
        sys.stderr.write(text.decode(errors="replace"))


# C holds on to it, so it must outlive the call that sets it.
QUIET = c.CFUNCTYPE(None, c.c_int, c.c_char_p, c.c_void_p)(errors_only)


class Llama:
    """One model, loaded."""

    def __init__(
        self,
        path: str,
        n_ctx: int = 512,
        type_k: str = "f16",
        type_v: str = "f16",
        flash: int = 1,
        repack: bool = True,
    ) -> None:
        self.lib = engine()
        params = self.lib.llama_model_default_params()
        expected = (0, True, False, False)
        found = (params.main_gpu, params.use_extra_bufts, params.vocab_only, params.no_alloc)
        if found != expected:
            raise RuntimeError(f"llama_model_params has another layout: {found}, not {expected}")
        params.use_extra_bufts = repack
        self.model = self.lib.llama_model_load_from_file(path.encode(), params)
        if not self.model:
            raise ValueError(f"llama.cpp refuses {path}")
        context = self.lib.llama_context_default_params()
        if (context.n_ctx, context.type_k, context.type_v, context.n_ubatch) != (512, 1, 1, 512):
            raise RuntimeError("llama_context_params has another layout")
        context.n_ctx = context.n_batch = context.n_ubatch = n_ctx
        context.n_threads = context.n_threads_batch = 1  # two wait for each other longer than they work
        context.type_k, context.type_v = TYPES[type_k], TYPES[type_v]
        context.flash_attention = flash
        self.context = self.lib.llama_init_from_model(self.model, context)
        if not self.context:
            raise ValueError("llama.cpp refuses the context")
        self.vocab = c.c_void_p(self.lib.llama_model_get_vocab(self.model))
        self.size = self.lib.llama_vocab_n_tokens(self.vocab)

    def tokenize(self, text: str, special: bool = False) -> list[int]:
        data = text.encode()
        out = (c.c_int32 * (len(data) + 8))()
        count = self.lib.llama_tokenize(
            self.vocab, data, len(data), out, len(out), c.c_bool(special), c.c_bool(special)
        )
        if count < 0:
            raise ValueError(f"llama.cpp does not tokenize {text!r}")
        return list(out[:count])

    def clear(self) -> None:
        self.lib.llama_memory_clear(self.lib.llama_get_memory(self.context), True)
        self.place = 0

    def read(self, tokens: list[int]) -> NDArray[np.float32]:
        """Logits of all tokens, read behind those that were read before."""
        count = len(tokens)
        batch = self.lib.llama_batch_init(count, 0, 1)
        ids = c.cast(batch.token, c.POINTER(c.c_int32))
        places = c.cast(batch.pos, c.POINTER(c.c_int32))
        numbers = c.cast(batch.n_seq_id, c.POINTER(c.c_int32))
        sequences = c.cast(batch.seq_id, c.POINTER(c.POINTER(c.c_int32)))
        wanted = c.cast(batch.logits, c.POINTER(c.c_int8))
        for i, token in enumerate(tokens):
            ids[i], places[i], numbers[i], wanted[i] = token, self.place + i, 1, 1
            sequences[i][0] = 0
        batch.n_tokens = count
        said = self.lib.llama_decode(self.context, batch)
        self.lib.llama_batch_free(batch)
        if said:
            raise ValueError(f"llama_decode says {said}")
        self.place += count
        logits = np.ctypeslib.as_array(self.lib.llama_get_logits(self.context), (count, self.size))
        return logits.copy()

    def generate(self, tokens: list[int], count: int) -> list[int]:
        self.clear()
        found: list[int] = []
        row = self.read(tokens)[-1]
        for _ in range(count):
            found.append(int(row.argmax()))
            row = self.read(found[-1:])[-1]
        return found

    def close(self) -> None:
        self.lib.llama_free(self.context)
        self.lib.llama_model_free(self.model)


def answer(job: dict[str, Any]) -> Any:
    """Do what a job asks for."""
    settings = {k: job[k] for k in ("n_ctx", "type_k", "type_v", "flash", "repack") if k in job}
    llama = Llama(job["path"], **settings)
    try:
        if job["do"] == "tokenize":
            return [llama.tokenize(text) for text in job["texts"]]
        if job["do"] == "generate":
            return [llama.generate(tokens, job["count"]) for tokens in job["prompts"]]
        if job["do"] == "logits":
            rows = []
            for window in job["windows"]:
                llama.clear()
                rows.append(llama.read(window))
            np.save(job["out"], np.stack(rows))
            return len(rows)
        raise ValueError(f"do is {job['do']}: allowed are tokenize, generate, logits")
    finally:
        llama.close()


def main() -> None:
    for line in sys.stdin:
        try:
            said = {"answer": answer(json.loads(line))}
        except (ValueError, RuntimeError) as error:
            said = {"error": str(error)}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
