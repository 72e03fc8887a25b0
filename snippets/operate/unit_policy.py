"""Does this unit give a server only what it needs?"""

# --8<-- [start:parse]
import re
from collections.abc import Mapping, Sequence

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
    joined = re.sub(r"\\\n\s*", " ", text)
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
OPEN = re.compile(r"0\.0\.0\.0|\[?::\]?(?![\w:])")


def complaints(text: str) -> list[str]:
    """Say what our policy has against a unit."""
    unit = parse_service(text)
    found = []

    def last(name: str) -> str | None:
        return (
            unit[name][-1] if name in unit else None
        )

    user = last("User")
    dynamic = (last("DynamicUser") or "") in YES
    if not dynamic and user in {
        None,
        "",
        "root",
        "0",
    }:
        found.append(
            f"User={user or ''}: DynamicUser=yes, or a "
            "user other than root"
        )
    for name in ON:
        value = last(name)
        if value not in YES:
            found.append(
                f"{name}={value or ''}: has to be yes"
            )
    for name, allowed in EXACT.items():
        if unit.get(name) != [allowed]:
            value = " ".join(
                unit.get(name, ["(none)"])
            )
            found.append(
                f"{name}={value}: has to be "
                f"{allowed or 'empty'}"
            )
    for name in BOUNDED:
        if last(name) in {None, "", "infinity"}:
            found.append(
                f"{name}=: there is no limit"
            )
    calls = unit.get("SystemCallFilter", [""])
    if not calls[0].startswith("@system-service"):
        found.append(
            f"SystemCallFilter={calls[0]}: has to begin "
            "with @system-service"
        )
    for value in unit.get("Environment", ()):
        for match in SECRET.finditer(value.upper()):
            found.append(
                f"Environment={match[0]}…: a secret; "
                "use LoadCredential"
            )
    starts = unit.get("ExecStart", [])
    if any(GIVEN.search(one) for one in starts):
        found.append(
            "ExecStart: a key among its words, which "
            "all users see; use LoadCredential"
        )
    for name in ("ExecStart", "Environment"):
        for value in unit.get(name, ()):
            if OPEN.search(value):
                found.append(
                    f"{name}: listens to all; bind to "
                    "127.0.0.1, behind a proxy"
                )
    return found


# --8<-- [end:policy]
