"""The files of the page Compose: schema, policy, and their proxies run for real in front of llama.cpp.

Containers do not run in these tests: there is no Docker engine. What is in the images is what their
publishers say; what the files say is held here.
"""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
import trustme
from ruamel.yaml import YAML

from snippets.data.small_model import read_small_model
from snippets.data.small_tokenizer import read_tokenizer
from snippets.model_formats.convert import build
from snippets.model_formats.gguf_writer import write_gguf
from tests.hardware.engine import missing
from tests.pages.collect import ROOT
from tests.pages.language_manifests import check_compose, check_dockerfile
from tests.pages.tools import need, tool

FOLDER = ROOT / "snippets" / "operate" / "compose"
FILES = ["llama-cpp.yaml", "vllm.yaml", "ollama.yaml"]
PROXIES = {"llama-cpp.yaml": "Caddyfile", "vllm.yaml": "nginx.conf", "ollama.yaml": "ollama.Caddyfile"}
KEY = "a-key-of-this-test"


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe", pure=True).load((FOLDER / name).read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize("name", FILES)
def test_each_file_passes_schema_policy_and_the_flags_of_its_engine(name: str) -> None:
    assert check_compose(read(name), "compose.yaml") == []


BOTH = ["user", "read_only", "cap_drop", "security_opt", "deploy", "image"]
SAFEGUARDS = [(each, key) for each in ("proxy", "engine") for key in BOTH]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("service", "key"), [*SAFEGUARDS, ("engine", "networks"), ("engine", "healthcheck")])
def test_each_of_its_safeguards_is_missed_when_it_is_gone(name: str, service: str, key: str) -> None:
    document = read(name)
    del document["services"][service][key]
    assert check_compose(document, "compose.yaml")


@pytest.mark.parametrize("name", FILES)
def test_nobody_reaches_an_engine_but_through_the_proxy_and_it_reaches_nobody(name: str) -> None:
    document = read(name)
    services, networks = document["services"], document["networks"]
    assert "ports" not in services["engine"]
    assert [networks[each].get("internal") for each in services["engine"]["networks"]] == [True]
    assert set(services["engine"]["networks"]) < set(services["proxy"]["networks"])
    assert services["proxy"]["ports"] == ["443:8443"]


@pytest.mark.parametrize("name", FILES)
def test_each_secret_is_declared_is_a_file_and_is_used(name: str) -> None:
    document = read(name)
    used = {secret for service in document["services"].values() for secret in service.get("secrets", [])}
    assert used == document["secrets"].keys()
    assert all(set(secret) == {"file"} for secret in document["secrets"].values())


@pytest.mark.parametrize("name", FILES)
def test_the_proxy_mounts_the_file_that_is_tested_here_and_calls_the_engine_where_it_listens(
    name: str,
) -> None:
    service = read(name)["services"]
    [mounted] = service["proxy"]["volumes"]
    assert mounted.split(":")[0] == f"./{PROXIES[name]}"
    config = (FOLDER / PROXIES[name]).read_text(encoding="utf-8")
    command = service["engine"]["command"]
    port = command[command.index("--port") + 1] if "--port" in command else "11434"
    assert f"engine:{port}" in config
    # Each file that the proxy reads is a secret that it is given.
    assert all(f"/run/secrets/{secret}" in config for secret in service["proxy"]["secrets"])


def test_the_gpu_is_reserved_and_the_engine_reads_its_key_from_the_secret() -> None:
    engine = read("vllm.yaml")["services"]["engine"]
    [device] = engine["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["count"], device["capabilities"]) == ("nvidia", 1, ["gpu"])
    command = engine["command"]
    assert command[command.index("--config") + 1] == "/run/secrets/vllm.yaml"
    assert "vllm.yaml" in engine["secrets"]


def test_the_dockerfile_passes_hadolint_and_policy_and_starts_what_the_compose_file_starts() -> None:
    text = (FOLDER / "Dockerfile").read_text(encoding="utf-8")
    assert check_dockerfile(text, "") == []
    engine = read("llama-cpp.yaml")["services"]["engine"]
    assert f"FROM {engine['image']}" in text
    assert all(f'"{word}"' in text for word in engine["command"][:8])


class Running(NamedTuple):
    """A proxy, and the authority that its clients trust."""

    url: str
    trust: ssl.SSLContext


def serve(file: Path, keys: list[str]) -> tuple[Any, int]:
    """llama.cpp's own server; the first value keeps it alive."""
    xllamacpp: Any = import_module("xllamacpp")
    asked = xllamacpp.CommonParams()
    asked.model.path = str(file)
    asked.api_keys = keys
    asked.n_ctx = 512
    asked.port = 0
    asked.verbosity = 0
    asked.warmup = False
    asked.cpuparams.n_threads = 1
    server = xllamacpp.Server(asked)
    return server, int(str(server.listening_address).rsplit(":", 1)[1].strip("/"))


class Engines(NamedTuple):
    """Where llama.cpp listens, asking for a key, and not; without, it stands in for Ollama."""

    keyed: int
    open: int

    def behind(self, config: str) -> int:
        return self.open if config == "ollama.Caddyfile" else self.keyed


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    if missing() is not None:
        pytest.skip(f"{missing()}")
    file = tmp_path_factory.mktemp("engine") / "small.gguf"
    with file.open("wb") as opened:
        write_gguf(opened, *build(read_small_model(), read_tokenizer(), "small"))
    first, keyed = serve(file, [KEY])
    second, without = serve(file, [])
    yield Engines(keyed, without)
    del first, second


@contextlib.contextmanager
def proxy(config: str, engine_port: int, folder: Path) -> Iterator[Running]:
    """Start the proxy of a file, unchanged but for ports, the engine's address and where secrets lie."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    certificate.private_key_pem.write_to_path(folder / "tls_key")
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(folder / "tls_cert", append=True)
    (folder / "api_key").write_text(KEY + "\n", encoding="utf-8")
    text = (FOLDER / config).read_text(encoding="utf-8")
    for old, new in {
        "/tmp/": f"{folder}/",  # noqa: S108 - of the container, not of this machine
        "/run/secrets": str(folder),
        ":8443": f":{port}",
        "listen 8443": f"listen 127.0.0.1:{port}",
        "engine:8080": f"127.0.0.1:{engine_port}",
        "engine:8000": f"127.0.0.1:{engine_port}",
        "engine:11434": f"127.0.0.1:{engine_port}",
    }.items():
        text = text.replace(old, new)
    path = folder / config
    path.write_text(text, encoding="utf-8")
    if config == "nginx.conf":
        command = [need("nginx"), "-c", str(path), "-e", "stderr", "-g", "daemon off;"]
    else:
        command = [tool("caddy"), "run", "--adapter", "caddyfile", "--config", str(path)]
    started = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        _wait(started, port)
        context = ssl.create_default_context()
        authority.configure_trust(context)
        yield Running(f"https://localhost:{port}", context)
    finally:
        started.terminate()
        started.communicate(timeout=10)


def _wait(started: subprocess.Popen[str], port: int) -> None:
    for _ in range(100):
        if started.poll() is not None:
            pytest.fail(f"{started.args!r}: {started.communicate()[1]}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.05)
    pytest.fail(f"{started.args!r} does not listen")


@pytest.fixture(params=["Caddyfile", "nginx.conf", "ollama.Caddyfile"])
def front(request: pytest.FixtureRequest, engines: Engines, tmp_path: Path) -> Iterator[Running]:
    with proxy(request.param, engines.behind(request.param), tmp_path) as running:
        yield running


def ask(front: Running, path: str, method: str = "POST", key: str = KEY, **given: Any) -> httpx.Response:
    with httpx.Client(verify=front.trust, trust_env=False, timeout=30) as client:
        return client.request(method, front.url + path, headers={"Authorization": f"Bearer {key}"}, **given)


ASKED = {"messages": [{"role": "user", "content": "In the beginning"}], "max_tokens": 4}


def test_who_has_the_key_is_answered(front: Running) -> None:
    said = ask(front, "/v1/chat/completions", json=ASKED)
    assert said.status_code == 200
    assert said.json()["usage"]["completion_tokens"] == 4
    assert ask(front, "/v1/models", "GET").status_code == 200


def test_an_answer_is_streamed_piece_by_piece(front: Running) -> None:
    with (
        httpx.Client(verify=front.trust, trust_env=False, timeout=30) as client,
        client.stream(
            "POST",
            front.url + "/v1/chat/completions",
            json={**ASKED, "stream": True},
            headers={"Authorization": f"Bearer {KEY}"},
        ) as said,
    ):
        lines = [line for line in said.iter_lines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    assert len(lines) > 4


def test_who_has_not_is_not(front: Running) -> None:
    assert ask(front, "/v1/chat/completions", json=ASKED, key="another").status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/", "/health", "/props", "/slots", "/metrics", "/completion", "/v1/messages", "/invocations", "/pause"],
)
def test_what_is_not_on_the_list_does_not_exist(front: Running, path: str) -> None:
    assert ask(front, path, "GET").status_code == 404


@pytest.mark.parametrize("path", ["/v1/chat/completions/../../props", "/v1//models/", "/v1/models/x"])
def test_nor_by_another_spelling(front: Running, path: str) -> None:
    assert ask(front, path, "GET").status_code in {400, 404}


def test_a_body_too_large_is_refused_before_it_reaches_the_engine(front: Running) -> None:
    said = ask(front, "/v1/chat/completions", content=b"x" * 2_100_000)
    assert said.status_code == 413


def test_other_methods_are_refused(front: Running) -> None:
    assert ask(front, "/v1/models", "DELETE").status_code in {403, 404}


def test_a_secret_that_is_missing_or_empty_lets_nobody_in(engines: Engines, tmp_path: Path) -> None:
    with proxy("ollama.Caddyfile", engines.open, tmp_path) as front:
        for content in ("", "\n", None):
            file = tmp_path / "api_key"
            file.unlink(missing_ok=True)
            if content is not None:
                file.write_text(content, encoding="utf-8")
            for said in ("Bearer", "Bearer ", f"Bearer {KEY}"):
                url = httpx.URL(front.url)
                connection = http.client.HTTPSConnection(url.host, url.port, context=front.trust)
                connection.request("GET", "/v1/models", headers={"Authorization": said})
                assert connection.getresponse().status == 401
                connection.close()


def test_the_health_that_compose_asks_for_is_there_without_a_key(engines: Engines) -> None:
    test = read("llama-cpp.yaml")["services"]["engine"]["healthcheck"]["test"]
    path = httpx.URL(test[-1]).path
    assert path == "/health"
    assert httpx.get(f"http://127.0.0.1:{engines.keyed}{path}", trust_env=False).status_code == 200
