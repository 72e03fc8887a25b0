"""Which Compose file do we let pass?"""

# --8<-- [start:imports]
import re
from collections.abc import Iterator, Mapping
from typing import Any

from snippets.operate import policy
from snippets.operate.compose_surface import (
    mount,
    reach,
    stored,
    unlimited,
)

Json = Mapping[str, Any]
# --8<-- [end:imports]

# --8<-- [start:known]
PROXY = re.compile(
    r"(^|/)(caddy|nginx|nginx-unprivileged|traefik|"
    r"haproxy|envoy)(:|@|$)"
)
ENGINE = re.compile(
    r"(^|/)(llama\.cpp|vllm-openai|ollama|sglang|"
    r"text-generation-inference)(:|@|$)"
)
# --8<-- [end:known]


# --8<-- [start:policy]
def complaints(document: Json) -> list[str]:
    """List what a Compose file may not do.

    By service, with what stands there and what to
    write. Networks are looked up in the same file.
    """
    found = []
    services = document.get("services") or {}
    for name, service in services.items():
        if not isinstance(service, Mapping):
            continue
        said = (
            *_identity(service),
            *_isolation(service),
            *reach(service),
            *_limits(service),
            *_secrets(service),
            *_ports(service),
            *_engine(service, document),
        )
        found += [
            f"{name}: {each}" for each in said
        ]
    for name, secret in (
        document.get("secrets") or {}
    ).items():
        if "environment" in (secret or {}):
            found.append(
                f"secrets: {name} comes from the "
                "environment; name a file"
            )
    return [*found, *stored(document)]


def _identity(service: Json) -> Iterator[str]:
    yield from policy.image(service.get("image"))
    if "extends" in service:
        yield "extends: what it adds is not seen"
    yield from policy.root(service.get("user"))


# --8<-- [end:policy]


# --8<-- [start:isolation]
def _isolation(service: Json) -> Iterator[str]:
    if service.get("read_only") is not True:
        yield "read_only: true is missing"
    if service.get("privileged"):
        yield "privileged: a container that is none"
    if "ALL" not in _list(service, "cap_drop"):
        yield "cap_drop: ALL is missing"
    for name in _list(service, "cap_add"):
        if name != "NET_BIND_SERVICE":
            yield f"cap_add: {name} is not allowed"
    options = [
        str(option).removesuffix(":true")
        for option in _list(service, "security_opt")
    ]
    if "no-new-privileges" not in options:
        yield (
            "security_opt: no-new-privileges:true "
            "is missing"
        )
    for option in options:
        if option.endswith("unconfined"):
            yield f"security_opt: {option}"


def _list(service: Json, key: str) -> list[Any]:
    value = service.get(key) or []
    if isinstance(value, Mapping):
        return [
            f"{k}={v}" for k, v in value.items()
        ]
    return (
        [value] if isinstance(value, str) else value
    )


# --8<-- [end:isolation]


# --8<-- [start:limits]
def _limits(service: Json) -> Iterator[str]:
    deploy = service.get("deploy") or {}
    resources = deploy.get("resources") or {}
    limits = resources.get("limits") or {}
    said = {}
    for short, long in (
        ("mem_limit", "memory"),
        ("cpus", "cpus"),
        ("pids_limit", "pids"),
    ):
        if short in service or long in limits:
            said[long] = service.get(
                short, limits.get(long)
            )
        else:
            yield (
                "deploy.resources.limits: "
                f"{long} is missing"
            )
    yield from unlimited(said)


# --8<-- [end:limits]


# --8<-- [start:secrets]
def _secrets(service: Json) -> Iterator[str]:
    for entry in _list(service, "environment"):
        name = str(entry).partition("=")[0]
        yield from policy.in_environment(name)
    if "env_file" in service:
        yield (
            "env_file: secrets in the environment, "
            "as far as is seen; mount files"
        )
    words: list[Any] = []
    for key in ("entrypoint", "command"):
        value = service.get(key) or []
        words += (
            value.split()
            if isinstance(value, str)
            else value
        )
    yield from policy.on_command_line(words)


# --8<-- [end:secrets]


# --8<-- [start:ports]
LOOPBACK = re.compile(
    r"127\.\d+\.\d+\.\d+|\[?::1\]?"
)


def _ports(service: Json) -> Iterator[str]:
    if PROXY.search(str(service.get("image", ""))):
        return
    for port in service.get("ports") or []:
        if isinstance(port, Mapping):
            address = str(port.get("host_ip", ""))
            shown = str(port.get("published", ""))
        else:
            shown = str(port)
            # 127.0.0.1:80:80, [::1]:80:80, 80:80
            address = shown.rpartition(":")[0]
            address = address.rpartition(":")[0]
        if not LOOPBACK.fullmatch(address):
            yield (
                f"ports: {shown} is open to the "
                "network; put a proxy in front, or "
                "write 127.0.0.1: before it"
            )


# --8<-- [end:ports]


# --8<-- [start:engine]
def _engine(
    service: Json, document: Json
) -> Iterator[str]:
    if not ENGINE.search(
        str(service.get("image", ""))
    ):
        return
    if service.get("healthcheck") is None:
        yield "healthcheck: an engine needs one"
    known = document.get("networks") or {}
    joined = service.get("networks") or ["default"]
    if service.get("network_mode") == "none":
        joined = []
    for name in joined:
        network = known.get(name) or {}
        if network.get("internal") is not True:
            yield (
                f"networks: {name} leads out; an "
                "engine joins internal ones"
            )
    for volume in _list(service, "volumes"):
        source, writes, _ = mount(volume)
        kept = not source.startswith(".")
        if writes and kept and "model" in source:
            yield (
                f"volumes: {source} can be "
                "written; mount models read-only"
            )


# --8<-- [end:engine]
