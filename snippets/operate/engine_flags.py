"""Would this engine start so, and for whom?"""

# --8<-- [start:imports]
import json
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import takewhile
from pathlib import PurePosixPath
from typing import NamedTuple

from snippets.data.flags import (
    Command,
    Flag,
    read_commands,
)

# --8<-- [end:imports]

# --8<-- [start:call]
WRAPPERS = {
    *("sudo", "env", "exec", "nohup", "time"),
    *("nice", "uv", "uvx", "run", "-m", "--"),
    *("python", "python3"),
}
WITH_VALUE = ("-u", "-g", "-n", "--user", "--with")
ASSIGNED = re.compile(r"[A-Za-z_]\w*=")
ALSO = {
    ("mlx_lm", "server"): ["mlx_lm.server"],
    ("ollama", "ls"): ["ollama", "list"],
    ("ollama", "start"): ["ollama", "serve"],
}
ASKS = {"-h", "--help", "-v", "--version"}


class Call(NamedTuple):
    """An engine's command, and what it is given."""

    command: Command
    given: tuple[str, ...]
    variables: Mapping[str, str]


def call_of(
    words: Sequence[str],
    environment: Mapping[str, str],
) -> Call | str | None:
    """Find the engine that the words start.

    None: they start no engine. A text: a complaint
    about a command that the engine does not have.
    """
    known = read_commands().values()
    first = {one.words[0] for one in known}
    first |= {name for name, _ in ALSO}
    variables = dict(environment)
    left = list(words)
    while left:
        word = left.pop(0)
        name = PurePosixPath(word).name
        if name in first:
            break
        if ASSIGNED.match(word):
            key, _, value = word.partition("=")
            variables[key] = value
        elif word in WITH_VALUE:
            del left[:1]
        elif word.startswith("-"):
            continue
        elif name not in WRAPPERS:
            return None
    else:
        return None
    rest = [name, *left]
    also = ALSO.get((name, "".join(left[:1])))
    if also:
        rest[:2] = also
    fit = [
        one
        for one in known
        if tuple(rest[: len(one.words)])
        == one.words
    ]
    if not fit:
        asks = set(rest[1:2]) <= ASKS
        return None if asks else _no_command(rest)
    best = max(fit, key=lambda one: len(one.words))
    given = tuple(rest[len(best.words) :])
    return Call(best, given, variables)


def _no_command(rest: Sequence[str]) -> str:
    """Say which commands the engine has."""
    plain = takewhile(
        lambda word: not word.startswith("-"), rest
    )
    called = " ".join([*plain][:3])
    known = sorted(
        " ".join(one.words)
        for one in read_commands().values()
        if one.words[0] == rest[0]
    )
    return (
        f"{called}: no such command is recorded; "
        f"recorded: {', '.join(known)}"
    )


IMAGES = {
    "vllm/vllm-openai": ("vllm", "serve"),
    "ghcr.io/ggml-org/llama.cpp": ("llama-server",),
    "ollama/ollama": ("ollama",),
}


def words_of_image(
    image: str, given: Sequence[str]
) -> list[str]:
    """Say what a container of an image runs.

    image: with its tag or digest
    given: the arguments; [] for those of the image
    Empty: no image of an engine that we know.
    """
    name = re.sub(r"(@.*|:[^/]*)$", "", image)
    name = name.removeprefix("docker.io/")
    runs = IMAGES.get(name)
    if runs is None:
        return []
    if name == "ollama/ollama" and not given:
        return [*runs, "serve"]
    return [*runs, *given]


# --8<-- [end:call]


# --8<-- [start:flags]
class Seen(NamedTuple):
    """What was said of each flag, and wrongly."""

    values: Mapping[str, str]
    wrong: list[str]


NUMBER = re.compile(r"-\d")


def read_flags(call: Call) -> Seen:
    """Read the words as the engine's parser does.

    A word with $ in it is the shell's to fill in:
    its value is not judged.
    """
    called = " ".join(call.command.words)
    by_name = {
        name: flag
        for flag in call.command.flags
        for name in flag.spellings
    }
    values: dict[str, str] = {}
    wrong: list[str] = []
    left = list(call.given)
    while left:
        word = left.pop(0)
        if word == "--":
            break
        if not _is_flag(word):
            continue
        name, has, value = word.partition("=")
        name = _plain(call.command, name)
        flag = by_name.get(name)
        base, dot, _ = name.partition(".")
        if flag is None and dot:
            flag = by_name.get(base)
            if flag and len(flag.values) == 1:
                flag = None
        if flag is None or (
            has and not call.command.equals
        ):
            wrong.append(
                f"{called}: {word}: "
                + _unknown(name, has, by_name)
            )
            continue
        taken = [value] if has else []
        taken += _values(flag, left, len(taken))
        wrong += [
            f"{called}: {name}: {said}"
            for said in _judge(
                flag, taken, bool(has), bool(dot)
            )
        ]
        for key in flag.spellings:
            values[key] = " ".join(taken)
    return Seen(values, wrong)


def _is_flag(word: str) -> bool:
    return (
        word.startswith("-")
        and word != "-"
        and not NUMBER.match(word)
    )


def _plain(command: Command, name: str) -> str:
    """Spell it as the engine does, if it does."""
    if command.underscores and name[:2] == "--":
        base, dot, key = name.partition(".")
        return base.replace("_", "-") + dot + key
    return name


def _values(
    flag: Flag, left: list[str], taken: int
) -> list[str]:
    """Take the words that belong to a flag."""
    if flag.values in ("0", "="):
        return []
    if flag.values not in ("?", "+"):
        most = 2 if flag.values == "2" else 1
        most -= taken
        found = left[:most]
        del left[:most]
        return found
    most = 1 if flag.values == "?" else len(left)
    most = 0 if taken else most
    found = [
        *takewhile(
            lambda word: not _is_flag(word),
            left[:most],
        )
    ]
    del left[: len(found)]
    return found


def _judge(
    flag: Flag,
    taken: Sequence[str],
    has: bool,
    dotted: bool,
) -> list[str]:
    """Say what is wrong with a flag's values."""
    found: list[str] = []
    if flag.status:
        found.append(flag.status)
    least = {"0": 0, "=": 0, "?": 0, "2": 2}
    need = least.get(flag.values, 1)
    if len(taken) < need:
        found.append(f"needs {need} value(s)")
    if flag.values == "0" and has:
        found.append("takes no value")
    for value in taken:
        if "$" in value:
            continue
        if flag.choices and (
            value not in flag.choices
        ):
            allowed = ", ".join(flag.choices)
            found.append(
                f"{value!r} is not one of {allowed}"
            )
        if flag.values == "json" and not dotted:
            found += _json(value)
    return found


def _json(value: str) -> list[str]:
    try:
        json.loads(value)
    except ValueError as error:
        return [f"{value!r} is no JSON: {error}"]
    return []


def _unknown(
    name: str, has: str, names: Mapping[str, Flag]
) -> str:
    if has and name in names:
        return "takes its value as the next word"
    near = get_close_matches(name, names, 3)
    said = ", ".join(near) or "none is near"
    return f"no such flag; nearest: {said}"


# --8<-- [end:flags]


# --8<-- [start:policy]
LOOPBACK = re.compile(
    r"(https?://)?(127\.[\d.]+|localhost|\[?::1\]?)"
    r"(:\d+)?/?|unix:.+|/.+"
)


def exposed(
    call: Call, seen: Seen, proxied: bool
) -> list[str]:
    """Say who could use this engine, unasked.

    Our policy: it listens on the loopback address
    unless a proxy is in front; it asks for a key
    if it can; no key stands in the command.
    """
    one = call.command
    called = " ".join(one.words)
    found = []
    if one.host and not proxied:
        found += _listening(call, seen, called)
    if one.key:
        said = {**call.variables, **seen.values}
        keys = [
            key for key in one.key if key in said
        ]
        if not keys:
            found.append(
                f"{called}: no key: set one of "
                + ", ".join(one.key)
            )
        found += [
            f"{called}: {key}: a key in a command "
            "can be read by all who list processes"
            "; use a file or a variable"
            for key in keys
            if key == "--api-key"
        ]
        found += [
            f"{called}: {key}: a key in plain text;"
            " read it from a file"
            for key in keys
            if key in call.variables
            and call.variables[key][:1] not in "$"
        ]
    return found


def _listening(
    call: Call, seen: Seen, called: str
) -> list[str]:
    one = call.command
    said = {**call.variables, **seen.values}
    names = [one.host or ""] + [
        flag.environment
        for flag in one.flags
        if one.host in flag.spellings
    ]
    hosts = [
        said[key] for key in names if key in said
    ]
    host = (hosts or [one.default_host])[0]
    if "--uds" in seen.values or "$" in host:
        return []
    if LOOPBACK.fullmatch(host):
        return []
    where = host or "not set, so every address"
    return [
        f"{called}: {one.host}: {where}: whoever "
        "reaches this machine reaches the engine; "
        "set 127.0.0.1, with a proxy in front"
    ]


# --8<-- [end:policy]


# --8<-- [start:complaints]
def complaints(
    words: Sequence[str],
    environment: Mapping[str, str] | None = None,
    proxied: bool = False,
) -> list[str]:
    """Say what is wrong with an engine's command.

    words: of one command, as the shell splits them
    environment: variables set elsewhere, by name;
        a value of "" is set and not shown
    proxied: a proxy is in front, and nothing else
        reaches the engine
    Empty: it starts no engine, or nothing is wrong.
    """
    call = call_of(words, environment or {})
    if call is None:
        return []
    if isinstance(call, str):
        return [call]
    seen = read_flags(call)
    if ASKS & set(call.given):
        return seen.wrong
    return (
        seen.wrong
        + _misspelled(call)
        + exposed(call, seen, proxied)
    )


def _misspelled(call: Call) -> list[str]:
    """Name variables that the engine ignores."""
    one = call.command
    names = {
        name
        for flag in one.flags
        for name in (
            flag.environment,
            *flag.spellings,
        )
    }
    return [
        f"{' '.join(one.words)}: {name}: no such "
        "variable; nearest: "
        + ", ".join(
            get_close_matches(name, names, 3)
        )
        for name in call.variables
        if one.variables
        and name.startswith(one.variables)
        and name not in names
    ]


# --8<-- [end:complaints]
