"""The files of the page Compose: schema, policy, and their proxies run for real in front of llama.cpp.

Containers do not run in these tests: there is no Docker engine. What is in the images is what their
publishers say; what the files say is held here. The proxies are those of *Serve a team*, whose tests ask
them everything; here, that one line of them is changed, and that they work with a name for an address.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from snippets.data.small_model import read_small_model
from snippets.data.small_tokenizer import read_tokenizer
from snippets.model_formats.convert import build
from snippets.model_formats.gguf_writer import write_gguf
from tests.hardware.engine import missing
from tests.operate.proxies import FOLDER as SERVED
from tests.operate.proxies import KINDS, llama, running
from tests.pages.collect import DOCS, ROOT, read_page
from tests.pages.language_manifests import check_compose, check_dockerfile

FOLDER = ROOT / "snippets" / "operate" / "compose"
FILES = ["llama-cpp.yaml", "vllm.yaml", "ollama.yaml"]
PROXIES = {"llama-cpp.yaml": "Caddyfile", "vllm.yaml": "nginx.conf", "ollama.yaml": "Caddyfile"}


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
    assert services["proxy"]["ports"] == ["80:80", "443:443"]


@pytest.mark.parametrize("name", FILES)
def test_each_secret_is_declared_is_a_file_and_is_used(name: str) -> None:
    document = read(name)
    given = [secret for service in document["services"].values() for secret in service.get("secrets", [])]
    used = {secret if isinstance(secret, str) else secret["source"] for secret in given}
    assert used == document["secrets"].keys()
    assert all(set(secret) == {"file"} for secret in document["secrets"].values())


@pytest.mark.parametrize("name", FILES)
def test_the_proxy_finds_each_file_that_its_configuration_names_and_calls_the_engine_where_it_listens(
    name: str, tmp_path: Path
) -> None:
    services = read(name)["services"]
    proxy, engine = services["proxy"], services["engine"]
    [mounted] = proxy["volumes"]
    source, target, _ = mounted.split(":")
    assert source == f"./{PROXIES[name]}"
    text = (changed_as_the_page_says(tmp_path) / PROXIES[name]).read_text(encoding="utf-8")
    folder = Path(target).parent
    named = {
        f"{folder}/{path}" for path in re.findall(r"(?<![\w/])llm/[\w.-]+\w", text) if "llm.log" not in path
    }
    assert {secret["target"] for secret in proxy["secrets"]} == named
    writable = {entry.split(":")[0] for entry in proxy["tmpfs"]}
    assert {
        str(Path(path).parent) for path in re.findall(r"(?<=[\s/])/(?:var|run)/[\w./-]+", text)
    } <= writable
    environment, words = engine.get("environment", {}), engine["command"]
    port = words[words.index("--port") + 1] if "--port" in words else environment["OLLAMA_HOST"][-4:]
    assert port == "8080"
    assert text.count("engine:8080") == 1


def changed_as_the_page_says(folder: Path) -> Path:
    """Run the page's commands on copies of the files of Serve a team."""
    [block] = [b for b in read_page(DOCS / "operate" / "compose.md").blocks if "sed " in b.code]
    served = folder / "snippets" / "operate" / "serve_a_team"
    served.mkdir(parents=True)
    for name in ("Caddyfile", "nginx.conf"):
        (served / name).write_bytes((SERVED / name).read_bytes())
    subprocess.run(["bash", "-euc", block.code], cwd=folder, check=True)
    return folder


def test_the_page_s_proxies_call_the_engine_by_name_and_keep_no_log_in_memory(tmp_path: Path) -> None:
    folder = changed_as_the_page_says(tmp_path)
    for name, log in (("Caddyfile", "output stdout"), ("nginx.conf", "access_log /dev/stdout llm;")):
        old = (SERVED / name).read_text(encoding="utf-8").splitlines()
        new = (folder / name).read_text(encoding="utf-8").splitlines()
        old = [line for line in old if not line.startswith("user ")]
        changed = [(was.strip(), now.strip()) for was, now in zip(old, new, strict=True) if was != now]
        assert len(changed) == 2
        assert sum(was.replace("127.0.0.1:8080", "engine:8080") == now for was, now in changed) == 1
        assert log in {now.rstrip(" {") for _, now in changed}
        assert "/var/log" not in "".join(new)


@pytest.mark.parametrize("name", FILES)
def test_answers_under_way_are_finished_and_memory_is_bounded(name: str) -> None:
    for service in read(name)["services"].values():
        assert service["stop_grace_period"] == "120s"
        assert all("size=" in entry for entry in service["tmpfs"])
        assert service["deploy"]["resources"]["limits"]["pids"] in (64, 4096)
        assert service["logging"]["options"]["max-size"] == "10m"
    words = read("vllm.yaml")["services"]["engine"]["command"]
    assert words[words.index("--shutdown-timeout") + 1] == "90"


def test_llama_cpp_starts_as_many_threads_as_it_has_cpus_and_tells_prometheus() -> None:
    engine = read("llama-cpp.yaml")["services"]["engine"]
    words = engine["command"]
    assert words[words.index("--threads") + 1] == engine["deploy"]["resources"]["limits"]["cpus"]
    assert "--metrics" in words


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


@pytest.mark.parametrize("kind", KINDS)
def test_a_proxy_that_calls_the_engine_by_name_is_answered(kind: str, tmp_path: Path) -> None:
    if missing() is not None:
        pytest.skip(f"{missing()}")
    file = tmp_path / "small.gguf"
    with file.open("wb") as opened:
        write_gguf(opened, *build(read_small_model(), read_tokenizer(), "small"))
    body = json.dumps({"prompt": "In the beginning", "max_tokens": 4}).encode()
    with llama(file) as port:
        by_name = {f"127.0.0.1:{port}": f"localhost:{port}"}
        with running(kind, tmp_path / kind, port, by_name) as proxy:
            said = proxy.ask("POST /v1/completions", body=body)
            # What Compose asks of the engine inside its container is open, and only there.
            health = proxy.ask("GET /health")
    assert (said.status, health.status) == (200, 200)
    assert json.loads(said.body)["usage"]["completion_tokens"] == 4
