"""Every model of the data, loaded by the engine itself, with several settings; once for all tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from snippets.data.models import read_models
from snippets.hardware.kv_cache import Context
from tests.hardware.engine import EngineError, Load, Loaded, ask
from tests.hardware.sparse import write

# One odd length, one of 256; slots together and apart; every type of cache.
CONTEXTS = {
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
MORE = {
    "together": Context(context_tokens=65_536, sequences=4, key_type="q4_0", value_type="q4_0"),
    "without flash": Context(context_tokens=4_096, ubatch_tokens=64, flash_attention=False),
    "whole window": Context(context_tokens=9_000, swa_full=True, key_type="q5_1", value_type="q5_1"),
    "small batch": Context(context_tokens=5_000, batch_tokens=100, key_type="iq4_nl", value_type="iq4_nl"),
    "short": Context(context_tokens=300, sequences=2, unified=False, key_type="bf16", value_type="bf16"),
    "wide": Context(context_tokens=1_024, key_type="f32", value_type="f32"),
    "rest": Context(context_tokens=2_048, sequences=2, key_type="q4_1", value_type="q4_1"),
    "last": Context(context_tokens=2_048, ubatch_tokens=1_000, key_type="q5_0", value_type="q5_0"),
}
# Of each kind of cache the smallest model; the others are loaded with two settings.
KINDS = (
    "llama-3.2-1b",
    "gemma-3-4b",
    "gemma-3n-e4b",
    "gemma-4-31b",
    "gpt-oss-20b",
    "deepseek-v2-lite",
    "deepseek-v3.2",
    "glm-5.3",
    "llama-4-scout",
    "nemotron-3-nano-30b-a3b",
    "qwen3-next-80b-a3b",
)


def asked(path: Path, context: Context) -> Load:
    """Ask for the same of the engine."""
    told = context.model_dump()
    flash = told.pop("flash_attention")
    return Load(path=path, flash_attention="on" if flash else "off", **told)


@cache
def loads() -> dict[tuple[str, str], Loaded | EngineError]:
    """Load all, by model and by name of the settings."""
    jobs: dict[tuple[str, str], Load] = {}
    with TemporaryDirectory() as folder:
        for name, built in read_models().items():
            path = Path(folder, f"{name}.gguf")
            write(built, path, "Q4_K_M")
            settings = CONTEXTS | (MORE if name in KINDS else {})
            jobs |= {(name, said): asked(path, context) for said, context in settings.items()}
        return dict(zip(jobs, ask(jobs.values()), strict=True))
