"""Does a unit give a server only what it needs?"""

# --8<-- [start:parse]
import re
import shlex
from collections.abc import (
    Iterator,
    Mapping,
    Sequence,
)

from snippets.operate import engine_flags, policy

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


# --8<-- [start:rights]
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
LIMIT = re.compile(r"0*[1-9]\d*[KMGT]?|[1-9]\d?%")
WORDS = {
    "AmbientCapabilities": re.compile(r"(?!)"),
    "SupplementaryGroups": re.compile(
        "video|render"
    ),
    "Group": re.compile(
        r"(?!\d|root$|docker$|disk$).+"
    ),
    "IPAddressAllow": re.compile(
        r"localhost|127(\.\d+){3}(/\d+)?|::1(/128)?"
    ),
    "DeviceAllow": re.compile(
        r"(char-|/dev/)(nvidia|drm|dri/|kfd)"
        r"[\w-]*|r|w|rw"
    ),
    "ReadWritePaths": re.compile(
        r"-?(/srv|/var/(lib|cache)|%S|%C)/\w"
        r"(?!.*\.\.).*"
    ),
}
ALSO = ("BindPaths", "ReadWriteDirectories")
BOUNDED = ("MemoryMax", "TasksMax")


def rights_complaints(unit: Unit) -> Iterator[str]:
    """Say which rights are too many."""
    last = {name: unit[name][-1] for name in unit}
    user = last.get("User", "")
    dynamic = last.get("DynamicUser") in YES
    if (user or not dynamic) and (
        policy.root(user) or not user.strip("0")
    ):
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
        if not LIMIT.fullmatch(last.get(name, "")):
            yield f"{name}=: there is no limit"
    first, *more = [
        value
        for value in unit.get(
            "SystemCallFilter", ()
        )
        if value
    ] or [""]
    if first != "@system-service":
        yield (
            f"SystemCallFilter={first}: has to "
            "begin with @system-service"
        )
    for value in more:
        if not value.startswith("~"):
            yield (
                f"SystemCallFilter={value}: adds "
                "calls; write ~ before it"
            )


def word_complaints(unit: Unit) -> Iterator[str]:
    """Say which groups, paths, … are too many."""
    for name, allowed in WORDS.items():
        for value in unit.get(name, ()):
            for word in value.split():
                if not allowed.fullmatch(word):
                    yield f"{name}={word}: too much"
    for name in ALSO:
        for value in unit.get(name, ()):
            if value:
                yield (
                    f"{name}={value}: too much; "
                    "use StateDirectory"
                )


# --8<-- [end:rights]


# --8<-- [start:policy]
SECRET = re.compile(
    r"\w*(KEY|TOKEN|SECRET|PASS)\w*="
)
GIVEN = re.compile(r"""--api-key["']?(\s|=)""")
OPEN = re.compile(
    r"(?<![\d.])0\.0\.0\.0|\[?::\]?(?![\w:])"
)
UNSEEN = (
    "EnvironmentFile",
    "PassEnvironment",
    "SetCredential",
)
MARKS = "@:+!-"
SHELL = re.compile(
    r"([^\s]*/)?(env\s+)?([^\s]*/)?"
    r"(ba|da|z|k)?sh(\s.*)?"
)


def start_complaints(unit: Unit) -> Iterator[str]:
    """Say what is wrong with how it is started."""
    for value in unit.get("Environment", ()):
        for match in SECRET.finditer(value.upper()):
            yield (
                f"Environment={match[0]}…: a "
                "secret; use LoadCredential"
            )
    for name in UNSEEN:
        if any(unit.get(name, ())):
            yield (
                f"{name}: may bring a secret; use "
                "LoadCredential"
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


def exec_complaints(unit: Unit) -> Iterator[str]:
    """Say what may do more than the unit allows."""
    started = [
        (name, value)
        for name in unit
        if name.startswith("Exec")
        for value in unit[name]
    ]
    for name, value in started:
        rest = value.lstrip(MARKS)
        marks = value[: len(value) - len(rest)]
        if set(marks) & {"+", "!"}:
            yield (
                f"{name}={marks}…: runs with all "
                "rights"
            )
        if SHELL.fullmatch(rest):
            yield (
                f"{name}: a shell; name the program"
            )


def engine_complaints(unit: Unit) -> Iterator[str]:
    """Say what is wrong with an engine's flags."""
    try:
        given = dict(
            word.partition("=")[::2]
            for value in unit.get("Environment", ())
            for word in shlex.split(value)
        )
        commands = [
            shlex.split(value.lstrip(MARKS))
            for value in unit.get("ExecStart", ())
        ]
    except ValueError as error:
        yield f"ExecStart, Environment: {error}"
        return
    for words in commands:
        # vLLM reads its key from its settings.
        held = (
            {"VLLM_API_KEY": ""}
            if "--config" in words
            else {}
        )
        yield from engine_flags.complaints(
            words, {**given, **held}
        )


def complaints(text: str) -> list[str]:
    """Say what our policy has against a unit.

    text: a unit; without ExecStart, it is a part of
    one, and only what it says is judged
    """
    unit = parse_service(text)
    found = [*start_complaints(unit)]
    found += exec_complaints(unit)
    found += word_complaints(unit)
    if "ExecStart" in unit:
        found += rights_complaints(unit)
    # What is said already is not said twice.
    said = " ".join(found)
    for one in engine_complaints(unit):
        key = "a key in" in one and (
            "LoadCredential" in said
        )
        host = "set 127" in one and "to all" in said
        if not key and not host:
            found.append(one)
    return found


# --8<-- [end:policy]
