"""Shell is split as the shell does it, and the engines it starts are held against their parsers."""

from __future__ import annotations

import pytest

from tests.pages.language_flags import check_commands, commands
from tests.pages.languages import validate


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a b  c", [["a", "b", "c"]]),
        ("a 'b c' \"d 'e'\"f", [["a", "b c", "d 'e'f"]]),
        ("a \\\n  --b", [["a", "--b"]]),
        ("a # b\n# c\nd", [["a"], ["d"]]),
        ("a#b", [["a#b"]]),
        ("a | b && c || d; e & f", [["a"], ["b"], ["c"], ["d"], ["e"], ["f"]]),
        ("a >log 2>&1 <in b", [["a", "b"]]),
        ('A=1 b $(c d | e) "$(f g)"', [["A=1", "b", "$(c d | e)", "$(f g)"]]),
        ("if a; then b; fi", [["a"], ["b"]]),
        ("(a; b)", [["a"], ["b"]]),
        ("cat <<'END'\nvllm serve\nEND\na", [["cat"], ["a"]]),
        ('a "b \\" c"', [["a", 'b " c']]),
    ],
)
def test_shell_is_split_into_commands_and_words(source: str, expected: list[list[str]]) -> None:
    assert [*commands(source)] == expected


@pytest.mark.parametrize(
    "source",
    [
        'export LLAMA_API_KEY="$(cat key)"\nllama-server -m a.gguf &',
        "read -rs VLLM_API_KEY\nexport VLLM_API_KEY\nvllm serve a --host 127.0.0.1",
        ': "${VLLM_API_KEY:?}"\nvllm serve a --host 127.0.0.1',
        "docker run --gpus all -p 127.0.0.1:8000:8000 --env-file key.env vllm/vllm-openai:v0.33.0 --model a",
        "docker run -e VLLM_API_KEY=$A -p 127.0.0.1:1:1 vllm/vllm-openai:v0.33.0 --model a",
        "docker run -p 80:80 nginx:1",
        "cat <<END\nollama serve --bad\nEND",
        "echo 'llama-server --bad'",
    ],
)
def test_what_would_start_and_is_closed_passes(source: str) -> None:
    assert check_commands(source, "") == []


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("true && ollama serve --port 1", "ollama serve: --port: no such flag"),
        ("(exec ollama serve --port 1) >log", "ollama serve: --port: no such flag"),
        ("export OLLAMA_HOST=0.0.0.0\nollama serve", "OLLAMA_HOST: 0.0.0.0: whoever reaches"),
        ("OLLAMA_HOST=0.0.0.0\nollama serve", "OLLAMA_HOST: 0.0.0.0: whoever reaches"),
        ("export LLAMA_API_KEY=secret\nllama-server -m a", "LLAMA_API_KEY: a key in plain text"),
        ("llama-server -m a | tee log", "llama-server: no key"),
        (
            "docker run --env-file key.env -p 8000:8000 vllm/vllm-openai:v0.33.0 --model a",
            "docker run: -p 8000:8000: publishes on every address; write 127.0.0.1:8000:8000",
        ),
        (
            "podman run -e VLLM_API_KEY=$A vllm/vllm-openai:v0.33.0 --modle a",
            "vllm serve: --modle: no such flag",
        ),
    ],
)
def test_what_would_not_start_or_lets_strangers_in_is_named(source: str, complaint: str) -> None:
    (found,) = check_commands(source, "")
    assert complaint in found


def test_a_title_says_that_a_proxy_is_in_front() -> None:
    source = "OLLAMA_HOST=0.0.0.0 ollama serve"
    assert check_commands(source, "Not run here: behind a proxy") == []
    assert len(check_commands(source, "Not run here: alone")) == 1


def test_every_bash_block_passes_here() -> None:
    (found,) = validate("bash", "ollama serve --port 1", "")
    assert found.startswith("ollama serve: --port")
