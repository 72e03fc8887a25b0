"""The page's own requests are asked of llama.cpp's server, on loopback, with a key and with another."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from snippets.data.small_model import read_small_model
from snippets.data.small_tokenizer import read_tokenizer
from snippets.hybrid.embedded import Embedded
from snippets.model_formats.convert import build
from snippets.model_formats.convert_types import as_f16
from snippets.model_formats.gguf_writer import write_gguf

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operate/run-it-today.md").read_text(encoding="utf-8")
ASKED = re.findall(
    r'```(\w+) title="Not run here: asked of llama.cpp\'s server[^"]*"\n(.*?)```', PAGE, re.DOTALL
)
WAYS = ["curl", "httpx", "openai"]

pytestmark = pytest.mark.skipif("WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    file = tmp_path_factory.mktemp("model") / "small.gguf"
    metadata, tensors = build(read_small_model(), read_tokenizer(), "F16", as_f16)
    with file.open("wb") as out:
        write_gguf(out, metadata, tensors)
    with Embedded(str(file), 512) as server:
        yield server


def ask(
    language: str, source: str, local: Embedded, key: str, folder: Path
) -> subprocess.CompletedProcess[str]:
    """Run a block of the page as a reader would: a key in a file, the rest in variables."""
    (folder / "key").write_text(key + "\n")
    run = {"bash": ["bash", "-o", "pipefail", "-c", source], "python": [sys.executable, "-c", source]}[
        language
    ]
    environment = os.environ | {
        "BASE_URL": local.endpoint.url,
        "MODEL": local.endpoint.model,
        # What would carry a request away, if anything let it.
        "HTTP_PROXY": "http://127.0.0.1:9",
        "ALL_PROXY": "http://127.0.0.1:9",
        "http_proxy": "http://127.0.0.1:9",
    }
    return subprocess.run(
        run, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_page_asks_in_three_ways() -> None:
    assert [language for language, _ in ASKED] == ["bash", "python", "python"]
    assert [way in source for way, (_, source) in zip(WAYS, ASKED, strict=True)] == [True] * 3


@pytest.mark.parametrize(("language", "source"), ASKED, ids=WAYS)
def test_the_pages_request_is_answered(language: str, source: str, local: Embedded, tmp_path: Path) -> None:
    assert local.endpoint.key is not None
    done = ask(language, source, local, local.endpoint.key.get_secret_value(), tmp_path)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)["choices"][0]["message"]["content"] if language == "bash" else done.stdout
    assert said.strip()


@pytest.mark.parametrize(("language", "source"), ASKED, ids=WAYS)
def test_another_key_is_refused(language: str, source: str, local: Embedded, tmp_path: Path) -> None:
    done = ask(language, source, local, "another", tmp_path)
    assert done.returncode != 0
    assert "401" in done.stdout + done.stderr
