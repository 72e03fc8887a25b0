"""The page's own requests are asked of llama.cpp's server, on loopback, with a key and with another."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from snippets.data.small_model import read_small_model
from snippets.data.small_tokenizer import read_tokenizer
from snippets.hybrid.embedded import Embedded
from snippets.hybrid.endpoint import Endpoint
from snippets.model_formats.convert import build
from snippets.model_formats.convert_types import as_f16
from snippets.model_formats.gguf_writer import write_gguf
from snippets.operate.secure_it import read_answers
from tests.operate.exposure import server

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operate/run-it-today.md").read_text(encoding="utf-8")
ASKED = re.findall(
    r'```(\w+) title="Not run here: asked of llama.cpp\'s server[^"]*"\n(.*?)```', PAGE, re.DOTALL
)
WAYS = ["curl", "httpx", "openai"]

pytestmark = pytest.mark.skipif("WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "small.gguf"
    metadata, tensors = build(read_small_model(), read_tokenizer(), "F16", as_f16)
    with file.open("wb") as out:
        write_gguf(out, metadata, tensors)
    return file


@pytest.fixture(scope="module")
def local(model: Path) -> Iterator[Embedded]:
    with Embedded(str(model), 512) as server:
        yield server


def ask(way: int, engine: Endpoint, key: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the page's blocks as a reader does: in one shell, which has heard of the two settings from them.

    Only what the page's table has for another engine is another here: the address and the name.
    """
    (folder / "key").write_text(key + "\n")
    first = ASKED[0][1]
    for name, value in (("BASE_URL", engine.url), ("MODEL", engine.model)):
        settings = re.findall(rf"(?m)^(?:export )?{name}=\S+$", first)
        assert len(settings) == 1, name
        first = first.replace(settings[0], f"{settings[0].partition('=')[0]}={value}")
    script = f"set -o pipefail\n{first}"
    if way:
        (folder / "ask.py").write_text(ASKED[way][1])
        script = f"{{ {first}\n}} >/dev/null 2>&1\n{shlex.quote(sys.executable)} ask.py"
    environment = {name: value for name, value in os.environ.items() if name not in {"BASE_URL", "MODEL"}}
    # What would carry a request away, if anything let it.
    environment |= dict.fromkeys(("HTTP_PROXY", "ALL_PROXY", "http_proxy"), "http://127.0.0.1:9")
    return subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_page_asks_in_three_ways() -> None:
    assert [language for language, _ in ASKED] == ["bash", "python", "python"]
    assert [way in source for way, (_, source) in zip(WAYS, ASKED, strict=True)] == [True] * 3


@pytest.mark.parametrize("way", range(len(WAYS)), ids=WAYS)
def test_the_pages_request_is_answered(way: int, local: Embedded, tmp_path: Path) -> None:
    assert local.endpoint.key is not None
    done = ask(way, local.endpoint, local.endpoint.key.get_secret_value(), tmp_path)
    assert done.returncode == 0, done.stderr
    said = done.stdout if way else json.loads(done.stdout)["choices"][0]["message"]["content"]
    assert said.strip()


@pytest.mark.parametrize("way", range(len(WAYS)), ids=WAYS)
def test_another_key_is_refused(way: int, local: Embedded, tmp_path: Path) -> None:
    done = ask(way, local.endpoint, "another", tmp_path)
    assert done.returncode != 0
    assert "401" in done.stdout + done.stderr


@pytest.mark.parametrize("way", range(len(WAYS)), ids=WAYS)
def test_an_engine_without_a_key_answers_whatever_the_file_holds(
    way: int, model: Path, tmp_path: Path
) -> None:
    """An empty one is not enough: httpx sends no header that ends in a space."""
    running = server(model)
    open_to_all = Endpoint(url=f"{running.listening_address}/v1", model="any")
    word = set(re.findall(r"(?m)^    echo (\S+) > key$", PAGE))
    assert len(word) == 1
    done = ask(way, open_to_all, word.pop(), tmp_path)
    assert done.returncode == 0, done.stderr


TABS = dict(re.findall(r'(?ms)^=== "([^"]+)"\n(.*?)(?=^===|^\S)', PAGE))
STARTED = {
    "Ollama": r"ollama pull (\S+)",
    "llama.cpp": r"llama-server -hf (\S+)",
    "LM Studio": r"lms load (\S+)",
    "MLX": r"--model (\S+)",
    "vLLM": r"vllm serve (\S+)",
}


@pytest.mark.parametrize(("tab", "pattern"), STARTED.items(), ids=STARTED)
def test_the_table_names_each_tabs_model_and_the_tab_makes_the_key(tab: str, pattern: str) -> None:
    named = re.search(pattern, TABS[tab])
    assert named
    row = re.search(rf"(?m)^\| [^|]*\| `[^`]*` `{re.escape(named[1])}` \|.*$", PAGE)
    assert row, named[1]
    assert ("> key" in TABS[tab]) == 1
    assert ("echo none > key" in TABS[tab]) == ("none" in row[0].rpartition("|")[0].rpartition("|")[2])


@pytest.mark.parametrize(("tab", "pattern"), STARTED.items(), ids=STARTED)
def test_no_tab_starts_a_model_that_may_reason_until_the_limit(tab: str, pattern: str) -> None:
    """Qwen3's first models reason unless told not to; Qwen2.5, and the one of 2507, do not."""
    named = re.search(pattern, TABS[tab])
    assert named
    assert re.search(r"(?i)qwen2\.5|qwen3-4b-2507", named[1])


def test_a_service_of_ollama_is_told_to_stay_at_home_too() -> None:
    assert "systemctl edit ollama" in TABS["Ollama"]
    assert 'Environment="OLLAMA_NO_CLOUD=1"' in TABS["Ollama"]


def test_what_llama_cpp_shows_without_the_key_is_what_was_measured() -> None:
    text = (ROOT / "snippets/data/exposure/llamacpp.csv").read_text(encoding="utf-8")
    shown = next(line for line in TABS["llama.cpp"].splitlines() if "**Exposes**" in line)
    for one in read_answers(text.splitlines()):
        if one.method == "GET" and one.key_missing == 200 and not one.path.startswith("/v1"):
            assert {"/": "web page"}.get(one.path, f"`{one.path}`") in shown
    assert "list of models" not in shown
