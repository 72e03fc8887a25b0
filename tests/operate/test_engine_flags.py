"""Engines' commands: what their parsers would refuse, and what would let strangers in."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.flags import Flag, command, read_commands
from snippets.operate.engine_flags import Call, Seen, call_of, complaints, read_flags, words_of_image

LLAMA = "llama-server -m a.gguf --api-key-file key "
VLLM = "VLLM_API_KEY=$KEY vllm serve Qwen/Qwen3-0.6B --host 127.0.0.1 "

EVERY = "0.0.0.0"  # noqa: S104


def said(line: str, proxied: bool = False) -> list[str]:
    return complaints(shlex.split(line), proxied=proxied)


# --- what an engine would start with ----------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        LLAMA,
        LLAMA + "--ctx-size 4096 -ngl -1 --temp -0.5",
        LLAMA + "--ctx_size 4096",
        LLAMA + "--lora-scaled a.gguf:0.5",
        LLAMA + "-fa $FLASH --host $HOST",
        LLAMA + "-sm layer -fa auto -ctk q8_0",
        LLAMA + "--control-vector-layer-range 1 2",
        "/opt/llama.cpp/llama-server -m a.gguf --api-key-file key",
        "LLAMA_API_KEY=$KEY LLAMA_ARG_CTX_SIZE=4096 llama-server -m a.gguf",
        VLLM,
        VLLM + "--max_model_len 4k --no-enable-prefix-caching --dtype=bfloat16",
        VLLM + "--served-model-name one two --enforce-eager",
        VLLM + """--override-generation-config '{"top_k": 1}' --compilation-config.mode 3""",
        VLLM + "--hf-overrides mine --hf-overrides.rope_theta 1",
        "VLLM_API_KEY=$KEY vllm serve a --uds /run/vllm.sock",
        "mlx_lm.server --model a",
        "mlx_lm server --model a --log-level DEBUG",
        "python3 -m mlx_lm.server --model a",
        "uvx --with mlx mlx_lm.server --model a",
        "ollama serve",
        "ollama start",
        "OLLAMA_HOST=http://localhost:11434/ OLLAMA_NO_CLOUD=1 ollama serve",
        "OLLAMA_HOST=[::1]:11434 ollama serve",
        "ollama run gemma3:270m --think=high --verbose hello",
        "ollama run gemma3:270m -- --bad",
        "ollama ls",
        "ollama create mine -f Modelfile",
        "sudo -u ollama env OLLAMA_DEBUG=1 ollama serve",
        "lms load a --context-length 8192 --gpu max",
        "lms server start --port 1234 --bind 127.0.0.1",
        "lms daemon up --json",
        "ray start --head --port 6379 --dashboard-host 127.0.0.1",
        "llama-server --version",
        "llama-server --host 0.0.0.0 --help",
        "vllm --version",
        "ollama --version now",
        "ollama",
    ],
)
def test_a_command_that_starts_and_is_closed_has_no_complaint(line: str) -> None:
    assert said(line) == []


@pytest.mark.parametrize(
    "line", ["", "A=1", "echo ollama serve --bad", "git serve", "systemctl restart ollama", "sudo"]
)
def test_what_starts_no_engine_is_none_of_our_business(line: str) -> None:
    assert said(line) == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (
            LLAMA + "--ctx-sizes 1",
            "llama-server: --ctx-sizes: no such flag; nearest: --ctx-size, --batch-size, --ubatch-size",
        ),
        (LLAMA + "--port=80", "llama-server: --port=80: takes its value as the next word"),
        (LLAMA + "-fa yes", "llama-server: -fa: 'yes' is not one of on, off, auto"),
        (LLAMA + "--draft 3", "llama-server: --draft: removed"),
        (LLAMA + "--defrag-thold 1", "llama-server: --defrag-thold: deprecated"),
        (
            LLAMA + "--control-vector-layer-range 1",
            "llama-server: --control-vector-layer-range: needs 2 value(s)",
        ),
        (LLAMA + "--port", "llama-server: --port: needs 1 value(s)"),
        (VLLM + "--dtype bf16", "'bf16' is not one of auto, bfloat16, float, float16, float32, half"),
        (VLLM + "--enforce-eager=1", "vllm serve: --enforce-eager: takes no value"),
        (VLLM + "--override-generation-config '{'", "'{' is no JSON: Expecting property name"),
        (VLLM + "--dtype.a half", "vllm serve: --dtype.a: no such flag"),
        (VLLM + "--served-model-name --enforce-eager", "vllm serve: --served-model-name: needs 1 value(s)"),
        (VLLM + "--mamba-cache-mode none", "vllm serve: --mamba-cache-mode: deprecated"),
        ("mlx_lm.server --hosts 127.0.0.1", "mlx_lm.server: --hosts: no such flag; nearest: --host, --port"),
        ("ollama serve --port 1", "ollama serve: --port: no such flag; nearest: none is near"),
        ("ollama start --port 1", "ollama serve: --port: no such flag"),
        ("sudo -u ollama ollama serve --port 1", "ollama serve: --port: no such flag"),
        (
            "OLLAMA_CONTEXT_LENGHT=1 ollama serve",
            "OLLAMA_CONTEXT_LENGHT: no such variable; nearest: OLLAMA_CONTEXT_LENGTH, OLLAMA_NEW_ENGINE",
        ),
        ("VLLM_API_KEYS=$A " + VLLM, "vllm serve: VLLM_API_KEYS: no such variable; nearest: VLLM_API_KEY"),
        (
            "ray begin --head",
            "ray begin: no such command is recorded; recorded: ray start, ray status, ray stop",
        ),
        (
            "lms server the model start",
            "lms server the: no such command is recorded; recorded: lms daemon down",
        ),
    ],
)
def test_what_the_engine_would_refuse_is_named_with_what_is_allowed(line: str, complaint: str) -> None:
    found = said(line)
    assert len(found) == 1, found
    assert complaint in found[0]


def test_the_three_nearest_variables_are_offered() -> None:
    (found,) = said("VLLM_API_KEYS=$A " + VLLM)
    assert len(found.partition("nearest: ")[2].split(", ")) == 3


def test_words_behind_a_value_are_flags_again() -> None:
    assert len(said(LLAMA + "--control-vector-layer-range 1 2 --bad")) == 1
    assert len(said(VLLM + "--served-model-name one --bad")) == 1
    assert len(said("ollama run a --think --bad")) == 1
    # A value behind = is the only one, so the next word is the engine's to refuse, and no value.
    assert len(said(VLLM + "--port=1 --bad")) == 1


def test_another_name_of_a_command_is_the_command() -> None:
    for line in ("ollama ls", "ollama list"):
        call = call_of(line.split(), {})
        assert isinstance(call, Call)
        assert (call.command.id, call.given) == ("ollama-list", ())


@pytest.mark.parametrize(
    ("values", "words", "taken"),
    [
        ("?", "--a b c", "b"),
        ("?", "--a", ""),
        ("+", "--a b c", "b c"),
        ("+", "--a=b c", "b"),
        ("=", "--a b", ""),
        ("=", "--a=b c", "b"),
        ("2", "--a b c d", "b c"),
        ("1", "--a=b c", "b"),
    ],
)
def test_a_flag_takes_the_words_that_are_its_own(values: str, words: str, taken: str) -> None:
    one = command("ollama-run").model_copy(
        update={"flags": (Flag.model_validate({"spellings": ["--a"], "values": values}),)}
    )
    assert read_flags(Call(one, tuple(words.split()), {})) == Seen({"--a": taken}, [])


def test_a_dash_alone_and_a_number_are_no_flags() -> None:
    assert said("ollama run a -") == said("ollama run a -1") == []


# --- who could reach it -----------------------------------------------------------------------

OPEN = "whoever reaches this machine reaches the engine; set 127.0.0.1, with a proxy in front"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        (LLAMA + "--host 0.0.0.0", f"llama-server: --host: 0.0.0.0: {OPEN}"),
        (LLAMA + "--host ::", f"llama-server: --host: ::: {OPEN}"),
        (LLAMA + "--host 192.168.1.5", f"llama-server: --host: 192.168.1.5: {OPEN}"),
        (LLAMA + "--host 127.evil.example", f"llama-server: --host: 127.evil.example: {OPEN}"),
        ("LLAMA_ARG_HOST=0.0.0.0 " + LLAMA, f"llama-server: --host: 0.0.0.0: {OPEN}"),
        (
            "VLLM_API_KEY=$KEY vllm serve a",
            f"vllm serve: --host: not set, so every address: {OPEN}",
        ),
        ("OLLAMA_HOST=0.0.0.0:11434 ollama serve", f"ollama serve: OLLAMA_HOST: 0.0.0.0:11434: {OPEN}"),
        ("lms server start --bind 0.0.0.0", f"lms server start: --bind: 0.0.0.0: {OPEN}"),
        ("LMS_SERVER_HOST=0.0.0.0 lms server start", f"lms server start: --bind: 0.0.0.0: {OPEN}"),
        ("mlx_lm.server --host 0.0.0.0", f"mlx_lm.server: --host: 0.0.0.0: {OPEN}"),
        ("ray start --head --dashboard-host 0.0.0.0", f"ray start: --dashboard-host: 0.0.0.0: {OPEN}"),
    ],
)
def test_an_engine_that_everyone_reaches_is_refused_unless_a_proxy_is_in_front(
    line: str, complaint: str
) -> None:
    assert said(line) == [complaint]
    assert said(line, proxied=True) == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.1.2.3", "localhost", "::1", "http://127.0.0.1:80", "unix:/run/a.sock", "/run/a.sock"],
)
def test_loopback_and_sockets_are_closed(host: str) -> None:
    assert said(LLAMA + f"--host {host}") == []


def test_the_flag_wins_over_its_variable_as_in_the_engine() -> None:
    assert said("LLAMA_ARG_HOST=0.0.0.0 " + LLAMA + "--host 127.0.0.1") == []
    assert len(said("LLAMA_ARG_HOST=127.0.0.1 " + LLAMA + "--host 0.0.0.0")) == 1


@pytest.mark.parametrize("proxied", [False, True])
def test_an_engine_that_can_ask_for_a_key_has_to(proxied: bool) -> None:
    assert said("llama-server -m a.gguf", proxied) == [
        "llama-server: no key: set one of --api-key-file, LLAMA_API_KEY, --api-key"
    ]
    assert said("vllm serve a --host 127.0.0.1", proxied) == [
        "vllm serve: no key: set one of VLLM_API_KEY, --api-key"
    ]


@pytest.mark.parametrize("key", ["secret", "$KEY"])
def test_no_key_stands_in_a_command(key: str) -> None:
    (found,) = said(f"llama-server -m a.gguf --api-key {key}")
    assert found.startswith(
        "llama-server: --api-key: a key in a command can be read by all who list processes"
    )


def test_no_key_stands_in_plain_text() -> None:
    assert said("LLAMA_API_KEY=secret llama-server -m a.gguf") == [
        "llama-server: LLAMA_API_KEY: a key in plain text; read it from a file"
    ]


def test_what_is_set_elsewhere_counts_and_what_stands_before_the_command_wins() -> None:
    words = ["vllm", "serve", "a", "--host", "127.0.0.1"]
    assert complaints(words, {"VLLM_API_KEY": ""}) == []
    assert len(complaints(["ollama", "serve"], {"OLLAMA_HOST": EVERY})) == 1
    assert complaints(["OLLAMA_HOST=::1", "ollama", "serve"], {"OLLAMA_HOST": EVERY}) == []


# --- containers -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "given", "words"),
    [
        ("vllm/vllm-openai:v0.33.0", ["--model", "a"], ["vllm", "serve", "--model", "a"]),
        ("docker.io/vllm/vllm-openai@sha256:0a", [], ["vllm", "serve"]),
        ("ghcr.io/ggml-org/llama.cpp:server-cuda", ["-m", "a"], ["llama-server", "-m", "a"]),
        ("ollama/ollama", [], ["ollama", "serve"]),
        ("ollama/ollama:0.17.1", ["run", "a"], ["ollama", "run", "a"]),
        ("registry.example:5000/nginx:1", ["-t"], []),
        ("ghcr.io/ggml-org/llama.cpp/evil:1", [], []),
    ],
)
def test_an_image_runs_its_entry_point(image: str, given: list[str], words: list[str]) -> None:
    assert words_of_image(image, given) == words


# --- whatever comes ---------------------------------------------------------------------------

COMMANDS = [*read_commands().values()]
FLAGS = [(one, flag) for one in COMMANDS for flag in one.flags if flag.spellings[0][0] == "-"]
ENOUGH = {
    "0": [],
    "=": [],
    "?": [],
    "1": ["$A"],
    "2": ["$A", "$B"],
    "+": ["$A"],
    "json": ["$A"],
    "dict": ["$A"],
}


@pytest.mark.parametrize(
    ("one", "flag"), FLAGS, ids=lambda one: one.spellings[0] if isinstance(one, Flag) else one.id
)
def test_every_recorded_option_is_accepted_in_every_spelling(one: object, flag: Flag) -> None:
    for spelling in flag.spellings:
        call = Call(one, (spelling, *ENOUGH[flag.values], "--"), {})  # type: ignore[arg-type]
        wrong = read_flags(call).wrong
        assert [text.rpartition(": ")[2] for text in wrong] == [flag.status] * bool(flag.status)


@given(
    st.lists(
        st.text(max_size=12) | st.sampled_from(["vllm", "serve", "--host", "--", "-", "=", "A=", "sudo"])
    )
)
def test_any_words_are_answered(words: list[str]) -> None:
    assert all(isinstance(one, str) for one in complaints(words))


@given(
    st.text(alphabet="abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=8).filter(
        lambda text: text.strip("-")
    ),
    st.sampled_from(COMMANDS),
)
def test_a_flag_that_no_parser_has_is_named(name: str, one: object) -> None:
    call = Call(one, (f"--zz{name}zz",), {})  # type: ignore[arg-type]
    assert any(f"--zz{name}zz: no such flag" in text for text in read_flags(call).wrong)
