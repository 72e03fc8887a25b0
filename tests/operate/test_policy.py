"""What all policies ask: bad examples, each refused with its own message, and good ones let pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.operate.policy import image, in_environment, on_command_line, root

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    "name",
    [
        "caddy:2.11.7-alpine",
        "vllm/vllm-openai:v0.29.0",
        "ghcr.io/ggml-org/llama.cpp:server-b11459",
        "ghcr.io/ggml-org/llama.cpp:server-cuda12-b11459",
        "registry.example:5000/vllm:0.29.0",
        f"vllm/vllm-openai@{DIGEST}",
        f"vllm/vllm-openai:latest@{DIGEST}",
        "example:2026",
    ],
)
def test_an_image_with_a_version_or_a_digest_passes(name: str) -> None:
    assert image(name) == []


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("vllm/vllm-openai", "no tag, which means latest"),
        ("registry.example:5000/vllm", "no tag, which means latest"),
        ("vllm/vllm-openai:latest", "the tag moves"),
        ("ghcr.io/ggml-org/llama.cpp:server", "the tag moves"),
        ("ghcr.io/ggml-org/llama.cpp:server-cuda12", "the tag moves"),
        ("caddy:2-alpine", "the tag moves"),
        ("python:3", "the tag moves"),
        ("example:202", "the tag moves"),
        ("vllm:${TAG}", "a variable decides"),
        ("${IMAGE}", "a variable decides"),
        (f"vllm:v0.29.0@{DIGEST[:-1]}", "its digest is no sha256"),
        (f"vllm@{DIGEST}0", "its digest is no sha256"),
        ("vllm@sha512:" + "0" * 128, "its digest is no sha256"),
    ],
)
def test_an_image_that_may_be_another_tomorrow_is_refused(name: str, why: str) -> None:
    assert image(name) == [f"image {name}: {why}; name its digest"]


@pytest.mark.parametrize("name", [None, "", 3])
def test_no_image_is_refused(name: object) -> None:
    assert image(name) == [f"image {name!r}: none is named"]


@pytest.mark.parametrize("user", [1000, "1000", "1000:1000", "2000:0", "nobody", "vllm:root"])
def test_another_user_passes(user: object) -> None:
    assert root(user) == []


@pytest.mark.parametrize("user", [None, "", 0, "0", "0:1000", "root", "root:vllm"])
def test_root_is_refused_and_so_is_nobody_named(user: object) -> None:
    assert root(user) == [f"user {user}: root; name another user"]


def test_a_user_that_a_variable_decides_is_refused() -> None:
    assert root("${UID}:1000") == ["user ${UID}:1000: a variable decides"]


@pytest.mark.parametrize(
    "name",
    [
        "VLLM_API_KEY",
        "HF_TOKEN",
        "api_key",
        "PASSWORD",
        "DB_PASSWD",
        "TLS_KEY",
        "aws_secret",
        "OPENAI_APIKEY",
        "CREDENTIALS",
        "KEYS",
    ],
)
def test_a_secret_in_the_environment_is_refused(name: str) -> None:
    assert in_environment(name) == [f"{name}: a secret in the environment; mount it as a file"]


@pytest.mark.parametrize(
    "name",
    ["API_KEY_FILE", "RAY_AUTH_TOKEN_PATH", "HF_HOME", "MONKEY", "KEYCLOAK_URL", "TOKENIZERS_PARALLELISM"],
)
def test_what_names_a_file_or_only_sounds_like_a_secret_passes(name: str) -> None:
    assert in_environment(name) == []


@pytest.mark.parametrize(
    "word", ["--api-key", "--api_key=x", "-token", "--hf-token=abc", "--password", "--secret=1"]
)
def test_a_secret_on_the_command_line_is_refused_and_not_repeated(word: str) -> None:
    [said] = on_command_line(["serve", word, "value"])
    assert said == f"{word.partition('=')[0]}: a secret on the command line; name a file"


def test_a_file_of_secrets_passes() -> None:
    assert (
        on_command_line(["--api-key-file", "/run/secrets/keys", "--max-tokens", 16, "--tokenizer", "x"]) == []
    )


@given(st.text(), st.text())
def test_no_text_raises_and_what_is_refused_says_what(name: str, word: str) -> None:
    for said in image(name) + root(name):
        assert name in said or repr(name) in said
    for said in in_environment(name):
        assert name in said
    assert len(on_command_line([word])) <= 1
