"""What a service shares with its host is what is listed; all else is refused by its name."""

from __future__ import annotations

from typing import Any

import pytest

from snippets.operate.compose_surface import KNOWN, mount, reach, stored, unlimited

HOST = "volumes: {} is the host's; name a volume, or ./ and a path"
WRITTEN = "volumes: {} can be written; add :ro, or name a volume"


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ({"pid": "host"}, "pid: not known to be harmless"),
        ({"pid": "container:x"}, "pid: not known to be harmless"),
        ({"uts": "host"}, "uts: not known to be harmless"),
        ({"userns_mode": "host"}, "userns_mode: not known to be harmless"),
        ({"use_api_socket": True}, "use_api_socket: not known to be harmless"),
        ({"device_cgroup_rules": ["a *:* rwm"]}, "device_cgroup_rules: not known to be harmless"),
        ({"post_start": [{"privileged": True}]}, "post_start: not known to be harmless"),
        ({"ipc": "host"}, "ipc: host is shared"),
        ({"ipc": "shareable"}, "ipc: shareable is shared"),
        ({"cgroup": "host"}, "cgroup: host is shared"),
        ({"network_mode": "bridge"}, "network_mode: bridge is shared"),
        ({"network_mode": "container:x"}, "network_mode: container:x is shared"),
        ({"volumes": ["/:/host:ro"]}, HOST.format("/")),
        ({"volumes": ["/etc:/host-etc:ro"]}, HOST.format("/etc")),
        ({"volumes": ["/var/run:/var/run"]}, HOST.format("/var/run")),
        ({"volumes": ["~/.ssh:/s:ro"]}, HOST.format("~/.ssh")),
        ({"volumes": ["../a:/a:ro"]}, HOST.format("../a")),
        ({"volumes": ["./../a:/a:ro"]}, HOST.format("./../a")),
        ({"volumes": ["./a/../../b:/a:ro"]}, HOST.format("./a/../../b")),
        ({"volumes": ["${HOME}:/a:ro"]}, HOST.format("${HOME}")),
        ({"volumes": ["./$HOME:/a:ro"]}, HOST.format("./$HOME")),
        ({"volumes": [{"type": "bind", "source": "m", "target": "/m"}]}, HOST.format("m")),
        ({"volumes": ["./models:/models"]}, WRITTEN.format("./models")),
        ({"volumes": ["./models:/models:z"]}, WRITTEN.format("./models")),
        ({"volumes": [{"type": "bind", "source": "./m", "target": "/m"}]}, WRITTEN.format("./m")),
        ({"devices": ["/dev/sda"]}, "devices: /dev/sda is no GPU"),
        ({"devices": ["/dev/mem:/dev/dri"]}, "devices: /dev/mem:/dev/dri is no GPU"),
        ({"group_add": ["docker"]}, "group_add: docker has no GPU"),
        ({"healthcheck": {"disable": True}}, "healthcheck: it is switched off"),
        ({"healthcheck": {"test": ["NONE"]}}, "healthcheck: it is switched off"),
        ({"healthcheck": {"test": "NONE"}}, "healthcheck: it is switched off"),
    ],
)
def test_what_reaches_the_host_is_refused(service: dict[str, Any], said: str) -> None:
    assert list(reach(service)) == [said]


@pytest.mark.parametrize(
    "service",
    [
        {"volumes": ["cache:/cache", "./models:/models:ro", "./Caddyfile:/Caddyfile:ro,z", "/data"]},
        {
            "volumes": [
                {"type": "volume", "source": "cache", "target": "/c"},
                {"type": "tmpfs", "target": "/t"},
            ]
        },
        {"devices": ["/dev/kfd", "/dev/dri:/dev/dri"], "group_add": ["video", "render"]},
        {"network_mode": "none", "ipc": "private", "cgroup": "private"},
        {"healthcheck": {"test": ["CMD", "true"]}},
        dict.fromkeys(KNOWN),
    ],
)
def test_what_stays_in_the_container_passes(service: dict[str, Any]) -> None:
    assert list(reach(service)) == []


def test_a_volume_may_be_a_folder_by_its_options() -> None:
    options = {"type": "none", "o": "bind", "device": "/"}
    document = {"volumes": {"a": {"driver_opts": options}, "b": {}, "c": None}}
    assert list(stored(document)) == ["volumes: a: driver_opts can name any folder"]
    assert list(stored({})) == []


def test_a_mount_in_either_form() -> None:
    assert mount("a:/b") == ("a", True, False)
    assert mount("a:ro") == ("a", True, False)
    assert mount("./a:/b:z,ro") == ("./a", False, False)
    assert mount({"type": "bind", "source": "a", "read_only": True}) == ("a", False, True)
    assert mount("/data") == ("none", True, False)


@pytest.mark.parametrize(
    ("value", "none"),
    [("8g", False), (4, False), ("0.5", False), ("0", True), (0, True), (-1, True), ("x", True)],
)
def test_a_limit_is_above_nothing(value: object, none: bool) -> None:
    assert list(unlimited({"pids": value})) == ([f"pids: {value} is no limit"] if none else [])
