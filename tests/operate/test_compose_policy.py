"""Compose files: bad examples, each refused with its own message; what is known to be fine passes."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.operate.compose_policy import complaints

LIMITS = {"cpus": "4", "memory": "8G", "pids": 256}
GOOD: dict[str, Any] = {
    "image": "ghcr.io/ggml-org/llama.cpp:server-b11459",
    "user": "1000:1000",
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "networks": ["back"],
    "volumes": ["./models:/models:ro"],
    "healthcheck": {"test": ["CMD", "true"]},
    "deploy": {"resources": {"limits": LIMITS}},
}
NETWORKS = {"front": {}, "back": {"internal": True}, "half": {"internal": "true"}}


def said(**changed: Any) -> list[str]:
    """What is said of the good service, changed; a change to None takes the key away."""
    service = {key: value for key, value in {**deepcopy(GOOD), **changed}.items() if value is not None}
    return complaints({"services": {"llm": service}, "networks": NETWORKS})


def test_a_good_one_passes() -> None:
    assert said() == []


OPEN = "ports: {} is open to the network; put a proxy in front, or write 127.0.0.1: before it"
LIMIT = "deploy.resources.limits: {} is missing"
OUT = "networks: {} leads out; an engine joins internal ones"
WRITTEN = "volumes: {} can be written; mount models read-only"
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "a moving tag": (
        {"image": "vllm/vllm-openai:latest"},
        "image vllm/vllm-openai:latest: the tag moves; name its digest",
    ),
    "inherited": ({"extends": {"service": "base"}}, "extends: what it adds is not seen"),
    "no user": ({"user": None}, "user None: root; name another user"),
    "root": ({"user": "0"}, "user 0: root; name another user"),
    "writable": ({"read_only": None}, "read_only: true is missing"),
    "said to be writable": ({"read_only": False}, "read_only: true is missing"),
    "privileged": ({"privileged": True}, "privileged: a container that is none"),
    "all capabilities": ({"cap_drop": None}, "cap_drop: ALL is missing"),
    "some capabilities": ({"cap_drop": ["NET_RAW"]}, "cap_drop: ALL is missing"),
    "one too many": ({"cap_add": ["SYS_ADMIN"]}, "cap_add: SYS_ADMIN is not allowed"),
    "escalation": ({"security_opt": None}, "security_opt: no-new-privileges:true is missing"),
    "escalation again": (
        {"security_opt": ["no-new-privileges:false"]},
        "security_opt: no-new-privileges:true is missing",
    ),
    "no filter": (
        {"security_opt": ["no-new-privileges", "seccomp:unconfined"]},
        "security_opt: seccomp:unconfined",
    ),
    "built": ({"image": None, "build": "."}, "image None: none is named"),
    "what the host shares": ({"ipc": "host"}, "ipc: host is shared"),
    "root in two digits": ({"user": "00"}, "user 00: root; name another user"),
    "no limit at all": ({"mem_limit": 0}, "memory: 0 is no limit"),
    "a key in a shell's line": (
        {"command": ["sh", "-c", "llama-server --api-key abc"]},
        "--api-key: a secret on the command line; name a file",
    ),
    "a password of PostgreSQL": (
        {"environment": ["PGPASSWORD=a"]},
        "PGPASSWORD: a secret in the environment; mount it as a file",
    ),
    "a pass": ({"environment": ["DB_PASS=a"]}, "DB_PASS: a secret in the environment; mount it as a file"),
    **{
        f"no limit of {key}": (
            {"deploy": {"resources": {"limits": {k: v for k, v in LIMITS.items() if k != key}}}},
            LIMIT.format(key),
        )
        for key in LIMITS
    },
    "a key": (
        {"environment": {"VLLM_API_KEY": "${KEY}"}},
        "VLLM_API_KEY: a secret in the environment; mount it as a file",
    ),
    "a key in a list": (
        {"environment": ["A=1", "HF_TOKEN"]},
        "HF_TOKEN: a secret in the environment; mount it as a file",
    ),
    "a file of them": (
        {"env_file": ".env"},
        "env_file: secrets in the environment, as far as is seen; mount files",
    ),
    "a key in the command": (
        {"command": ["--api-key", "abc"]},
        "--api-key: a secret on the command line; name a file",
    ),
    "a key in a line": (
        {"entrypoint": "llama-server --api-key=abc"},
        "--api-key: a secret on the command line; name a file",
    ),
    "a port": ({"ports": ["8080:8080"]}, OPEN.format("8080:8080")),
    "a port of any number": ({"ports": ["8080"]}, OPEN.format("8080")),
    "a bare number": ({"ports": [8080]}, OPEN.format("8080")),
    "all addresses": ({"ports": ["0.0.0.0:80:8080"]}, OPEN.format("0.0.0.0:80:8080")),
    "all addresses of version 6": ({"ports": ["[::]:80:8080"]}, OPEN.format("[::]:80:8080")),
    "the network's": ({"ports": ["192.168.1.5:80:8080"]}, OPEN.format("192.168.1.5:80:8080")),
    "in long form": ({"ports": [{"target": 8080, "published": "80"}]}, OPEN.format("80")),
    "in long form, bound": (
        {"ports": [{"target": 8080, "published": "80", "host_ip": "0.0.0.0"}]},  # noqa: S104
        OPEN.format("80"),
    ),
    "a way out": ({"networks": ["back", "front"]}, OUT.format("front")),
    "the default": ({"networks": None}, OUT.format("default")),
    "unknown": ({"networks": {"elsewhere": {}}}, OUT.format("elsewhere")),
    "nearly internal": ({"networks": ["half"]}, OUT.format("half")),
    "unwatched": ({"healthcheck": None}, "healthcheck: an engine needs one"),
    "models to write": ({"volumes": ["models:/models"]}, WRITTEN.format("models")),
    "models in long form": (
        {"volumes": [{"type": "volume", "source": "models", "target": "/m"}]},
        WRITTEN.format("models"),
    ),
}


@pytest.mark.parametrize(("changed", "expected"), BAD.values(), ids=BAD)
def test_a_bad_one_is_refused_with_its_own_message(changed: dict[str, Any], expected: str) -> None:
    assert said(**changed) == [f"llm: {expected}"]


@pytest.mark.parametrize(
    "changed",
    [
        {"cap_add": ["NET_BIND_SERVICE"]},
        {"ports": ["127.0.0.1:8080:8080", "[::1]:8080:8080", "127.0.0.1::8080"]},
        {"ports": [{"target": 8080, "published": "80", "host_ip": "127.0.0.1"}]},
        {"deploy": None, "mem_limit": "8g", "cpus": 4, "pids_limit": 64},
        {"environment": {"API_KEY_FILE": "/run/secrets/key", "HF_HOME": "/tmp"}},  # noqa: S108
        {"networks": None, "network_mode": "none"},
        {"build": "."},
        {"volumes": ["./models:/models:ro,z", "cache:/cache"]},
        {"volumes": [{"type": "bind", "source": "./models", "target": "/m", "read_only": True}]},
        {"security_opt": ["no-new-privileges"]},
    ],
)
def test_what_is_known_to_be_fine_passes(changed: dict[str, Any]) -> None:
    assert said(**changed) == []


@pytest.mark.parametrize(
    "image", ["caddy:2.11.7", "nginxinc/nginx-unprivileged:1.30.4", "traefik:v3.5", "haproxy:3.2"]
)
def test_a_proxy_may_be_open_and_an_image_that_sounds_like_one_may_not(image: str) -> None:
    assert said(image=image, ports=["443:8443"], networks=["front"]) == []
    odd = image.replace(":", "-not:")
    assert said(image=odd, ports=["443:8443"]) == [f"llm: {OPEN.format('443:8443')}"]


@pytest.mark.parametrize(
    "image", ["vllm/vllm-openai:v0.29.0", "ollama/ollama:0.35.1", "lmsysorg/sglang:v0.5.20"]
)
def test_each_engine_is_held_in(image: str) -> None:
    assert said(image=image, networks=["front"]) == [f"llm: {OUT.format('front')}"]


def test_what_is_no_engine_may_go_out_and_needs_no_health() -> None:
    assert said(image="example/app:1.2.3", networks=["front"], healthcheck=None) == []


def test_a_secret_from_the_environment_is_refused_and_one_from_a_file_passes() -> None:
    document = {"secrets": {"a": {"environment": "A"}, "b": {"file": "./b"}, "c": None}}
    assert complaints(document) == ["secrets: a comes from the environment; name a file"]


def test_every_service_is_read() -> None:
    both: dict[str, Any] = {"services": {"one": {}, "two": {}, "three": None}}
    assert {text.partition(":")[0] for text in complaints(both)} == {"one", "two"}


@given(st.sampled_from(["ports", "environment", "volumes", "command"]), st.lists(st.text(max_size=12)))
def test_no_text_in_a_list_raises(key: str, texts: list[str]) -> None:
    changed: dict[str, Any] = {key: texts}
    assert isinstance(said(**changed), list)
