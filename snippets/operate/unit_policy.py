"""Does a unit give a server only what it needs?"""

# --8<-- [start:parse]
import re
from collections.abc import (
    Iterator,
    Mapping,
    Sequence,
)

Unit = Mapping[str, Sequence[str]]


def parse_service(
    text: str,
) -> dict[str, list[str]]:
    """Read what [Service] says, in its order.

    A line that ends in a backslash goes on; an
    empty value takes back those before it.
    """
    found: dict[str, list[str]] = {}
    inside = False
    joined = re.sub(r"\s*\\\n\s*", " ", text)
    for raw in joined.splitlines():
        line = raw.strip()
        if line.startswith("["):
            inside = line == "[Service]"
        elif (
            inside and line and line[0] not in "#;"
        ):
            name, _, value = line.partition("=")
            values = found.setdefault(
                name.strip(), []
            )
            if not value.strip():
                values.clear()
            values.append(value.strip())
    return found


# --8<-- [end:parse]


# --8<-- [start:policy]
YES = {"yes", "true", "on", "1"}
ON = (
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
)
EXACT = {
    "ProtectSystem": "strict",
    "CapabilityBoundingSet": "",
    "DevicePolicy": "closed",
    "IPAddressDeny": "any",
}
BOUNDED = ("MemoryMax", "TasksMax")
SECRET = re.compile(
    r"\w*(KEY|TOKEN|SECRET|PASSWORD)\w*="
)
GIVEN = re.compile(r"--api-key(\s|=)")
OPEN = re.compile(
    r"(?<![\d.])0\.0\.0\.0|\[?::\]?(?![\w:])"
)


def rights_complaints(unit: Unit) -> Iterator[str]:
    """Say which rights are too many."""
    last = {name: unit[name][-1] for name in unit}
    user = last.get("User", "")
    dynamic = last.get("DynamicUser") in YES
    if not dynamic and user in {"", "root", "0"}:
        yield (
            f"User={user}: DynamicUser=yes, or "
            "a user other than root"
        )
    for name in ON:
        value = last.get(name, "")
        if value not in YES:
            yield f"{name}={value}: has to be yes"
    for name, allowed in EXACT.items():
        if unit.get(name) != [allowed]:
            said = " ".join(
                unit.get(name, ["(none)"])
            )
            yield (
                f"{name}={said}: has to be "
                f"{allowed or 'empty'}"
            )
    for name in BOUNDED:
        if last.get(name, "") in {"", "infinity"}:
            yield f"{name}=: there is no limit"
    first = unit.get("SystemCallFilter", [""])[0]
    if first.split()[:1] != ["@system-service"]:
        yield (
            f"SystemCallFilter={first}: has to "
            "begin with @system-service"
        )


def start_complaints(unit: Unit) -> Iterator[str]:
    """Say what is wrong with how it is started."""
    for value in unit.get("Environment", ()):
        for match in SECRET.finditer(value.upper()):
            yield (
                f"Environment={match[0]}…: a "
                "secret; use LoadCredential"
            )
    for value in unit.get("ExecStart", ()):
        if GIVEN.search(value):
            yield (
                "ExecStart: a key, which all users "
                "see; use LoadCredential"
            )
    for name in ("ExecStart", "Environment"):
        for value in unit.get(name, ()):
            if OPEN.search(value):
                yield (
                    f"{name}: listens to all; bind "
                    "to 127.0.0.1, behind a proxy"
                )


def complaints(text: str) -> list[str]:
    """Say what our policy has against a unit.

    text: a unit; without ExecStart, it is a part of
    one, and only what it says is judged
    """
    unit = parse_service(text)
    found = [*start_complaints(unit)]
    if "ExecStart" in unit:
        found += rights_complaints(unit)
    return found


# --8<-- [end:policy]
