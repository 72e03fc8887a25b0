"""Our policy of units: the guide's pass, and each way to weaken one is refused by name."""

from __future__ import annotations

import pytest

from snippets.operate.unit_policy import complaints, parse_service
from tests.pages.collect import ROOT

UNITS = {path.stem: path.read_text() for path in (ROOT / "snippets/operate/systemd").glob("*.service")}
GOOD = UNITS["llama-server"]
ON = [
    "NoNewPrivileges",
    "PrivateTmp",
    "ProtectHome",
    "ProtectKernelTunables",
    "ProtectKernelModules",
    "ProtectKernelLogs",
    "ProtectControlGroups",
    "ProtectClock",
    "RestrictNamespaces",
    "RestrictSUIDSGID",
]
WEAKER = {
    "root": ("DynamicUser=yes", "", "User=: DynamicUser=yes"),
    "root by name": ("DynamicUser=yes", "User=root", "User=root"),
    "root by number": ("DynamicUser=yes", "User=0", "User=0"),
    "system": ("ProtectSystem=strict", "ProtectSystem=full", "ProtectSystem=full: has to be strict"),
    "one right": (
        "CapabilityBoundingSet=",
        "CapabilityBoundingSet=CAP_SYS_ADMIN",
        "CapabilityBoundingSet=CAP_SYS_ADMIN",
    ),
    "all devices": ("DevicePolicy=closed", "DevicePolicy=auto", "DevicePolicy=auto: has to be closed"),
    "all addresses": ("IPAddressDeny=any", "", "IPAddressDeny=(none): has to be any"),
    "all memory": ("MemoryMax=32G", "MemoryMax=infinity", "MemoryMax=: there is no limit"),
    "no memory named": ("MemoryMax=32G", "", "MemoryMax=: there is no limit"),
    "all tasks": ("TasksMax=4096", "", "TasksMax=: there is no limit"),
    "all calls": ("SystemCallFilter=@system-service", "SystemCallFilter=~@mount", "SystemCallFilter=~@mount"),
    "a key in the environment": (
        "UMask=0077",
        'Environment="LLAMA_API_KEY=x"',
        "Environment=LLAMA_API_KEY=…",
    ),
    "a token": ("UMask=0077", "Environment=A=1 HF_TOKEN=x", "Environment=HF_TOKEN=…"),
    "a lower case secret": ("UMask=0077", "Environment=my_secret=x", "Environment=MY_SECRET=…"),
    "a password": ("UMask=0077", "Environment=PASSWORD=x", "Environment=PASSWORD=…"),
    "a key among the words": ("--api-key-file", "--api-key", "ExecStart: a key"),
    "all interfaces": ("127.0.0.1", "0.0.0.0", "ExecStart: listens to all"),  # noqa: S104
    "all of IPv6": ("--host 127.0.0.1", "--host ::", "ExecStart: listens to all"),
    "one address of the network": ("--host 127.0.0.1", "--host 10.0.0.5", "set 127.0.0.1"),
    "zero": ("--host 127.0.0.1", "--host 0", "set 127.0.0.1"),
    "a flag that the engine does not know": ("--no-slots", "--no-slotz", "--no-slotz: no such flag"),
    "a command that nobody can split": ("--no-ui", "'", "ExecStart, Environment: No closing"),
    "a key among quoted words": ("--api-key-file", '"--api-key"', "ExecStart: a key"),
    "all rights": ("ExecStart=", "ExecStart=+", "ExecStart=+…: runs with all rights"),
    "some rights": ("ExecStart=", "ExecStart=-!!", "ExecStart=-!!…: runs with all rights"),
    "all rights before": ("UMask=0077", "ExecStartPre=+/bin/true", "ExecStartPre=+…: runs with all rights"),
    "a shell": ("UMask=0077", 'ExecStartPre=/bin/sh -c "curl x|sh"', "ExecStartPre: a shell"),
    "a shell by another name": ("UMask=0077", "ExecStop=-/usr/bin/env bash x", "ExecStop: a shell"),
    "a dynamic root": ("DynamicUser=yes", "DynamicUser=yes\nUser=root", "User=root"),
    "root by more numbers": ("DynamicUser=yes", "User=00", "User=00"),
    "any peer": ("IPAddressAllow=localhost", "IPAddressAllow=any", "IPAddressAllow=any: too much"),
    "the network": (
        "IPAddressAllow=localhost",
        "IPAddressAllow=localhost 10.0.0.0/8",
        "IPAddressAllow=10.0.0.0/8: too much",
    ),
    "a disk": ("UMask=0077", "DeviceAllow=/dev/sda rw", "DeviceAllow=/dev/sda: too much"),
    "every device": ("char-nvidia rw", "char-* rw", "DeviceAllow=char-*: too much"),
    "new devices": ("char-nvidia rw", "char-nvidia rwm", "DeviceAllow=rwm: too much"),
    "a right for all": (
        "AmbientCapabilities=",
        "AmbientCapabilities=CAP_SYS_ADMIN",
        "AmbientCapabilities=CAP_SYS_ADMIN: too much",
    ),
    "more calls": (
        "SystemCallFilter=~@privileged",
        "SystemCallFilter=@mount",
        "SystemCallFilter=@mount: adds calls",
    ),
    "more calls in one line": (
        "SystemCallFilter=@system-service",
        "SystemCallFilter=@system-service @privileged @mount",
        "has to begin with @system-service",
    ),
    "all files": ("UMask=0077", "ReadWritePaths=/", "ReadWritePaths=/: too much"),
    "files upwards": ("UMask=0077", "ReadWritePaths=/srv/m/../../etc", "ReadWritePaths=/srv/m/../../etc"),
    "bound files": ("UMask=0077", "BindPaths=/:/host", "BindPaths=/:/host: too much"),
    "the daemon's group": ("video render", "video render docker", "SupplementaryGroups=docker: too much"),
    "its own group": ("UMask=0077", "Group=disk", "Group=disk: too much"),
    "a credential in the unit": ("UMask=0077", "SetCredential=key:abc", "SetCredential: may bring a secret"),
    "a variable of the manager": (
        "UMask=0077",
        "PassEnvironment=VLLM_API_KEY",
        "PassEnvironment: may bring a secret",
    ),
    "a file of variables": ("UMask=0077", "EnvironmentFile=/etc/llm", "EnvironmentFile: may bring a secret"),
    "all memory in percent": ("MemoryMax=32G", "MemoryMax=100%", "MemoryMax=: there is no limit"),
    "no memory": ("MemoryMax=32G", "MemoryMax=0", "MemoryMax=: there is no limit"),
    "in the environment": ("UMask=0077", "Environment=OLLAMA_HOST=0.0.0.0:1", "Environment: listens to all"),
}


@pytest.mark.parametrize("name", UNITS)
def test_the_guide_s_units_pass(name: str) -> None:
    assert complaints(UNITS[name]) == []


@pytest.mark.parametrize("name", WEAKER)
def test_what_is_weaker_is_refused(name: str) -> None:
    old, new, says = WEAKER[name]
    assert old in GOOD
    found = complaints(GOOD.replace(old, new))
    assert len(found) == 1, found
    assert says in found[0]


@pytest.mark.parametrize("name", ON)
def test_each_of_these_has_to_be_yes(name: str) -> None:
    assert f"{name}=yes" in GOOD
    assert complaints(GOOD.replace(f"{name}=yes", f"{name}=no")) == [f"{name}=no: has to be yes"]
    assert complaints(GOOD.replace(f"{name}=yes", "")) == [f"{name}=: has to be yes"]


@pytest.mark.parametrize("word", ["yes", "true", "on", "1"])
def test_yes_has_four_spellings(word: str) -> None:
    assert complaints(GOOD.replace("PrivateTmp=yes", f"PrivateTmp={word}")) == []


@pytest.mark.parametrize("host", ["::1", "[::1]", "127.0.0.9", "127.0.0.1"])
def test_an_address_of_this_machine_is_let_pass(host: str) -> None:
    assert complaints(GOOD.replace("127.0.0.1", host)) == []


def test_an_address_that_is_not_said_is_the_engine_s_own_and_vllm_s_is_all() -> None:
    (found,) = complaints(UNITS["vllm"].replace("--host 127.0.0.1", ""))
    assert "--host: not set, so every address" in found


@pytest.mark.parametrize(
    "line",
    [
        "MemoryMax=90%",
        "MemoryMax=10%",
        "MemoryMax=9G",
        "TasksMax=10",
        "MemoryMax=8T",
        "DeviceAllow=/dev/nvidia0 r",
        "DeviceAllow=/dev/dri/renderD128 rw",
        "IPAddressAllow=127.0.0.0/8 ::1/128",
        "ReadWritePaths=/srv/models -/var/cache/x",
        "Group=llm",
        "BindPaths=",
        "EnvironmentFile=",
    ],
)
def test_what_is_known_to_be_fine_passes(line: str) -> None:
    assert complaints(GOOD.replace("UMask=0077", f"UMask=0077\n{line}")) == []


def test_a_user_with_a_name_is_as_good() -> None:
    assert complaints(GOOD.replace("DynamicUser=yes", "User=llm")) == []


def test_a_part_is_judged_by_what_it_says() -> None:
    assert complaints("[Service]\nPrivateTmp=no\n") == []
    assert complaints("[Service]\nEnvironment=API_KEY=x\n")


def test_an_empty_value_takes_back_and_a_backslash_goes_on() -> None:
    text = "[Unit]\nA=0\n[Service]\n# B=1\n; C=1\nA=1\nA=\nA=2\nB=x \\\n  y=z\n[Install]\nA=3\n"
    assert parse_service(text) == {"A": ["", "2"], "B": ["x y=z"]}
