"""What of a Compose file reaches the machine?"""

# --8<-- [start:known]
import re
from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]
KNOWN = {
    "annotations",
    "build",
    "cap_add",
    "cap_drop",
    "command",
    "configs",
    "container_name",
    "cpus",
    "depends_on",
    "deploy",
    "devices",
    "entrypoint",
    "env_file",
    "environment",
    "expose",
    "extends",
    "gpus",
    "group_add",
    "healthcheck",
    "hostname",
    "image",
    "init",
    "labels",
    "logging",
    "mem_limit",
    "networks",
    "pids_limit",
    "platform",
    "ports",
    "privileged",
    "profiles",
    "pull_policy",
    "read_only",
    "restart",
    "secrets",
    "security_opt",
    "shm_size",
    "stop_grace_period",
    "stop_signal",
    "tmpfs",
    "ulimits",
    "user",
    "volumes",
    "working_dir",
}
ALONE = {
    "cgroup": {"private"},
    "ipc": {"none", "private"},
    "network_mode": {"none"},
}
# GPUs of AMD and Intel; NVIDIA's are reserved.
DEVICES = {"/dev/kfd", "/dev/dri"}
GROUPS = {"render", "video"}
HERE = re.compile(r"\./(?!(.*/)?\.\.(/|$))[^$~]*")
NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]*")
# --8<-- [end:known]


# --8<-- [start:reach]
def reach(service: Json) -> Iterator[str]:
    """Say what a service shares with its host.

    What is not known is refused: a key that Compose
    gains, or one that nobody here has looked at.
    """
    for key, value in service.items():
        if key in ALONE:
            if value not in ALONE[key]:
                yield f"{key}: {value} is shared"
        elif key not in KNOWN:
            yield f"{key}: not known to be harmless"
    for volume in _list(service, "volumes"):
        yield from _volume(volume)
    for device in _list(service, "devices"):
        path = str(device).partition(":")[0]
        if path not in DEVICES:
            yield f"devices: {device} is no GPU"
    for group in _list(service, "group_add"):
        if group not in GROUPS:
            yield f"group_add: {group} has no GPU"
    check = service.get("healthcheck")
    check = check if isinstance(check, dict) else {}
    if check.get("disable") or (
        "NONE" in _list(check, "test")
    ):
        yield "healthcheck: it is switched off"


def stored(document: Json) -> Iterator[str]:
    """Say which volumes are folders of the host."""
    volumes = document.get("volumes") or {}
    for name, volume in volumes.items():
        if (volume or {}).get("driver_opts"):
            yield (
                f"volumes: {name}: driver_opts can "
                "name any folder"
            )


def _volume(volume: Any) -> Iterator[str]:
    source, writes, bound = mount(volume)
    if not bound and NAME.fullmatch(source):
        return
    if not HERE.fullmatch(source):
        yield (
            f"volumes: {source} is the host's; "
            "name a volume, or ./ and a path"
        )
    elif writes:
        yield (
            f"volumes: {source} can be written; "
            "add :ro, or name a volume"
        )


def mount(volume: Any) -> tuple[str, bool, bool]:
    """Source; may it be written; is it a folder?"""
    if isinstance(volume, Mapping):
        return (
            str(volume.get("source", "none")),
            not volume.get("read_only"),
            volume.get("type") == "bind",
        )
    source, *rest = str(volume).split(":")
    if not rest:
        return "none", True, False
    options = ",".join(rest[1:]).split(",")
    return source, "ro" not in options, False


def _list(service: Json, key: str) -> list[Any]:
    value = service.get(key) or []
    if isinstance(value, str):
        return [value]
    return value if isinstance(value, list) else []


# --8<-- [end:reach]


# --8<-- [start:limits]
def unlimited(limits: Json) -> Iterator[str]:
    """Say which limits are none: zero, or below."""
    for name, value in limits.items():
        number = re.match(r"-?[0-9.]+", str(value))
        if number is None or float(number[0]) <= 0:
            yield f"{name}: {value} is no limit"


# --8<-- [end:limits]
