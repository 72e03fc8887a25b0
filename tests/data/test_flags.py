"""Options of engines: as their parsers were read, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import snippets.data.flags
from snippets.data.flags import Command, Flag, command, read_commands
from snippets.data.records import DataError, UnknownNameError
from tests.bounds import assert_accepts_exactly

VALID: dict[str, Any] = {
    "id": "a",
    "sources": ["a"],
    "as_of": "2026-11-25",
    "words": ["a"],
    "engine": "A",
    "version": "1",
    "recorded": "read",
}


def flag(of: str, spelling: str) -> Flag:
    return next(one for one in command(of).flags if spelling in one.spellings)


# --- what the parsers said --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "spellings", "values"),
    [
        ("llama-server", ("-c", "--ctx-size"), "1"),
        ("llama-server", ("-np", "--parallel"), "1"),
        ("vllm-serve", ("--enforce-eager", "--no-enforce-eager"), "0"),
        ("vllm-serve", ("--compilation-config", "-cc"), "json"),
        ("vllm-serve", ("--hf-overrides",), "dict"),
        ("vllm-serve", ("--api-key",), "+"),
        ("mlx-lm-server", ("--chat-template-args",), "json"),
        ("ollama-run", ("--think",), "="),
        ("ollama-create", ("-f", "--file"), "1"),
        ("lms-server-start", ("--bind",), "1"),
        ("ray-start", ("--head",), "0"),
    ],
)
def test_an_option_is_spelled_and_takes_what_its_engine_says(
    of: str, spellings: tuple[str, ...], values: str
) -> None:
    found = flag(of, spellings[0])
    assert (found.spellings, found.values) == (spellings, values)


def test_choices_are_those_of_the_engine() -> None:
    assert flag("llama-server", "-fa").choices == ("on", "off", "auto")
    assert flag("vllm-serve", "--dtype").choices == (
        "auto",
        "bfloat16",
        "float",
        "float16",
        "float32",
        "half",
    )
    assert flag("mlx-lm-server", "--log-level").choices == ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


def test_what_an_engine_gave_up_is_marked() -> None:
    assert flag("llama-server", "--draft-max").status == "removed"
    assert flag("llama-server", "--defrag-thold").status == "deprecated"
    assert flag("vllm-serve", "--disable-cascade-attn").status == "deprecated"


@pytest.mark.parametrize(
    ("of", "host", "port"),
    [
        ("llama-server", "127.0.0.1", 8080),
        ("vllm-serve", "", 8000),
        ("mlx-lm-server", "127.0.0.1", 8080),
        ("ollama-serve", "127.0.0.1", 11434),
        ("lms-server-start", "127.0.0.1", 1234),
        ("ray-start", "127.0.0.1", 8265),
    ],
)
def test_without_a_flag_an_engine_listens_where_its_source_says(of: str, host: str, port: int) -> None:
    assert (command(of).default_host, command(of).port) == (host, port)


@pytest.mark.parametrize(
    ("engine", "version"),
    [
        ("llama.cpp", "commit 0c1e57098bba"),
        ("vLLM", "0.33.0"),
        ("MLX LM", "0.32.2"),
        ("Ollama", "commit fe9298a5bdc8"),
        ("Ray", "2.60.0"),
        ("LM Studio", "documentation of November 2026"),
    ],
)
def test_every_command_of_an_engine_is_of_one_version(engine: str, version: str) -> None:
    assert {one.version for one in read_commands().values() if one.engine == engine} == {version}


@pytest.mark.parametrize(
    ("of", "count"),
    [
        ("llama-server", 255),
        ("vllm-serve", 624),
        ("mlx-lm-server", 27),
        ("ollama-serve", 23),
        ("ray-start", 50),
    ],
)
def test_the_table_has_as_many_rows_as_the_parser(of: str, count: int) -> None:
    assert len(command(of).flags) == count


@pytest.mark.parametrize("one", read_commands().values(), ids=lambda one: one.id)
def test_a_key_and_a_host_are_options_of_the_command(one: Command) -> None:
    names = {name for flag in one.flags for name in (*flag.spellings, flag.environment)}
    assert {*one.key} <= names
    assert one.host is None or one.host in names


@pytest.mark.parametrize("one", read_commands().values(), ids=lambda one: one.id)
def test_what_ages_expires(one: Command) -> None:
    assert one.expires


# --- what is refused --------------------------------------------------------------------------


def test_the_nearest_name_is_offered() -> None:
    with pytest.raises(UnknownNameError, match="vllm-serve"):
        command("vllm-server")


def test_a_footnote_names_the_command() -> None:
    assert command("ollama-run").name == "Options of ollama run"


def test_a_spelling_that_stands_twice_is_refused() -> None:
    one = {"spellings": ["-a", "--aa"], "values": "0"}
    assert len(Command.model_validate(VALID | {"flags": [one]}).flags) == 1
    with pytest.raises(ValidationError, match="--aa stands twice"):
        Command.model_validate(VALID | {"flags": [one, {"spellings": ["--aa"], "values": "1"}]})


@pytest.mark.parametrize(
    ("field", "value"), [("values", "3"), ("status", "old"), ("spellings", []), ("chioces", ["a"])]
)
def test_a_row_that_cannot_be_is_refused(field: str, value: object) -> None:
    row: dict[str, object] = {"spellings": ["-a"], "values": "0"}
    with pytest.raises(ValidationError, match=field):
        Flag.model_validate(row | {field: value})


def test_ports_are_bounded() -> None:
    assert_accepts_exactly(Command, VALID, "port", 1, 65_535)


def test_a_table_without_its_command_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "flags"
    folder.mkdir()
    (folder / "lost.csv").write_text("spellings,values,choices,status,environment\n")
    monkeypatch.setattr(snippets.data, "__path__", [str(tmp_path)])
    with pytest.raises(DataError, match=r"flags/lost\.csv: no such command"):
        read_commands.__wrapped__()
