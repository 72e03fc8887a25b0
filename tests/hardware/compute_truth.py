"""Write llamacpp_compute.csv: the compute and output buffers that the engine reserves, for every model.

    python -m tests.hardware.compute_truth

Settings are drawn at random, by the model's name: a row does not change when another model is added. The
engine projects its memory from a sparse file and allocates nothing; all rows take two minutes.
"""

from __future__ import annotations

import csv
import random
import tempfile
from pathlib import Path

import snippets.data
from snippets.data.models import Model, read_models
from snippets.hardware.architectures import gguf_architecture
from snippets.hardware.compute import compute_bytes
from snippets.hardware.kv_cache import Context
from tests.hardware.engine import Loaded, load_all
from tests.hardware.loads import asked
from tests.hardware.sparse import write

TRUTH = Path(*snippets.data.__path__) / "llamacpp_compute.csv"
COLUMNS = (
    "model",
    "context_tokens",
    "sequences",
    "unified",
    "ubatch_tokens",
    "cache_type",
    "flash_attention",
    "compute_mib",
    "output_mib",
    "engine",
)
ROWS = 6


def settings(built: Model) -> list[Context]:
    """Draw settings for one model: three of each with flash attention and without."""
    draw = random.Random(f"compute {built.id}")  # noqa: S311 - a sample, not a secret
    found = []
    for number in range(ROWS):
        flash = number % 2 == 0
        cache = draw.choice(("f16", "q8_0", "q4_0")) if flash else "f16"
        sequences = draw.choice((1, 2, 4, 8))
        found.append(
            Context(
                context_tokens=min(draw.choice((4_096, 16_384, 32_768, 131_072)), built.context_tokens),
                sequences=sequences,
                unified=sequences == 1 or draw.choice((True, False)),
                ubatch_tokens=draw.choice((128, 512, 1_024, 2_048)),
                key_type=cache,
                value_type=cache,
                flash_attention=flash,
            )
        )
    return found


def row(name: str, context: Context, answer: Loaded) -> list[object]:
    """Write what was asked and what was said."""
    told = context.model_dump()
    told |= {"model": name, "cache_type": context.key_type, "engine": answer.version}
    told |= {"compute_mib": answer.compute_mib["CPU"], "output_mib": answer.output_mib["CPU"]}
    return [told[column] for column in COLUMNS]


def known(built: Model) -> bool:
    """Say whether a file can be written of it, and a buffer computed."""
    try:
        gguf_architecture(built)
        compute_bytes(built, Context(context_tokens=1_024))
    except ValueError:
        return False
    return True


def main() -> None:
    """Ask for all, and write the table."""
    with tempfile.TemporaryDirectory() as folder, TRUTH.open("w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(COLUMNS)
        for name, built in sorted(read_models().items()):
            if not known(built):
                continue
            path = Path(folder, f"{name}.gguf")
            write(built, path, "Q4_K_M")
            drawn = settings(built)
            answers = load_all(asked(path, context) for context in drawn)
            table.writerows(row(name, *pair) for pair in zip(drawn, answers, strict=True))
            path.unlink()


if __name__ == "__main__":
    main()
