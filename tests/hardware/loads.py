"""Every model of the data, loaded by the engine itself, with several settings; once for all tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from snippets.data.models import read_models
from snippets.hardware.kv_cache import Context
from tests.hardware.engine import Load, Loaded, ask
from tests.hardware.sparse import write

# One odd length, one of 256; slots together and apart; every type of cache.
EVERY = {
    "plain": Context(context_tokens=32_768),
    "apart": Context(
        context_tokens=10_000,
        sequences=3,
        unified=False,
        ubatch_tokens=300,
        key_type="q8_0",
        value_type="q8_0",
    ),
}
SOME = {
    "together": Context(context_tokens=65_536, sequences=4, key_type="q4_0", value_type="q4_0"),
    "without flash": Context(context_tokens=4_096, ubatch_tokens=64, flash_attention=False),
    "whole window": Context(context_tokens=9_000, swa_full=True, key_type="q5_1", value_type="q5_1"),
    "short": Context(context_tokens=300, sequences=2, unified=False, key_type="bf16", value_type="bf16"),
}
FEW = {
    "small batch": Context(context_tokens=5_000, batch_tokens=100, key_type="iq4_nl", value_type="iq4_nl"),
    "wide": Context(context_tokens=1_024, key_type="f32", value_type="f32"),
    "rest": Context(context_tokens=2_048, sequences=2, key_type="q4_1", value_type="q4_1"),
    "last": Context(context_tokens=2_048, ubatch_tokens=1_000, key_type="q5_0", value_type="q5_0"),
}
SETTINGS = EVERY | SOME | FEW
# Of each kind of cache the smallest model; the others are loaded with two settings.
TYPES = ("llama-3.2-1b", "gemma-3-4b", "deepseek-v2-lite")
KINDS = (
    *TYPES,
    "gemma-3n-e2b",
    "gemma-4-31b",
    "gemma-4-e2b",
    "gpt-oss-20b",
    "command-r7b-12-2024",
    "deepseek-v3.2",
    "glm-5.3",
    "llama-4-scout",
    "nemotron-3-nano-30b-a3b",
    "granite-4.0-h-1b",
    "lfm2-1.2b",
    "kimi-linear-48b-a3b",
    "falcon-h1-0.5b",
    "qwen3-next-80b-a3b",
)
CASES = [
    (name, said)
    for name in read_models()
    for said in (*EVERY, *(SOME if name in KINDS else ()), *(FEW if name in TYPES else ()))
]


def asked(path: Path, context: Context) -> Load:
    """Ask for the same of the engine."""
    told = context.model_dump()
    flash = told.pop("flash_attention")
    return Load(path=path, flash_attention="on" if flash else "off", **told)


@cache
def loads() -> dict[tuple[str, str], Loaded | Exception]:
    """Load all, by model and by name of the settings; what fails comes back as its error."""
    failed: dict[str, Exception] = {}
    with TemporaryDirectory() as folder:
        paths = {name: Path(folder, f"{name}.gguf") for name in read_models()}
        for name, path in paths.items():
            try:
                write(read_models()[name], path, "Q4_K_M")
            except ValueError as error:
                failed[name] = error
        cases = [(name, said) for name, said in CASES if name not in failed]
        answers = ask(asked(paths[name], SETTINGS[said]) for name, said in cases)
    loaded: dict[tuple[str, str], Loaded | Exception] = dict(zip(cases, answers, strict=True))
    return loaded | {(name, said): failed[name] for name, said in CASES if name in failed}
