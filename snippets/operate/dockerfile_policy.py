"""Which Dockerfile do we let pass?"""

# --8<-- [start:imports]
import re
from collections.abc import Iterator
from typing import NamedTuple

from snippets.operate import policy

# --8<-- [end:imports]


# --8<-- [start:read]
class Step(NamedTuple):
    """One instruction, its lines joined."""

    line: int
    word: str
    rest: str


HERE = re.compile(r"<<-?[\"']?(\w+)[\"']?")


def steps(text: str) -> Iterator[Step]:
    """Read a Dockerfile by its instructions.

    Comments and empty lines are left out, also
    between the lines of one instruction; a here
    document belongs to its instruction.
    """
    lines = iter(enumerate(text.splitlines(), 1))
    for number, line in lines:
        if not line.strip() or _comment(line):
            continue
        whole = line.strip()
        while whole.endswith("\\"):
            more = next(lines, ("", ""))[-1]
            if not _comment(more):
                whole = whole[:-1] + more.strip()
        for end in HERE.findall(whole):
            for _, more in lines:
                whole += "\n" + more
                if more.strip() == end:
                    break
        word, _, rest = whole.partition(" ")
        yield Step(
            number, word.upper(), rest.strip()
        )


def _comment(line: str) -> bool:
    return line.lstrip().startswith("#")


# --8<-- [end:read]

# --8<-- [start:fetch]
PROGRAMS = {"curl", "wget"}
BEFORE = {
    *("sudo", "env", "exec", "time", "command"),
    *(
        "if",
        "then",
        "else",
        "do",
        "while",
        "!",
        "{",
    ),
}
WITHIN = re.compile(r"[(`\"']\s*(curl|wget)\b")
CHECK = re.compile(
    r"\bsha(256|512)sum\b.*\s(-c|--check)\b"
)
COMMANDS = re.compile(r"&&|\|\|?|;|\n|(?<!>)&")


def unchecked(shell: str) -> bool:
    """Say that a download is not compared first.

    After curl or wget comes `sha256sum --check`;
    in between no more than an echo of the hash.
    """
    waits = False
    for command in COMMANDS.split(shell):
        words = [
            word.rpartition("/")[2]
            for word in command.split()
            if not re.match(r"-|\w+=", word)
        ]
        first = words[0] if words else ""
        looked = (
            words if first in BEFORE else words[:1]
        )
        if WITHIN.search(command) or PROGRAMS & set(
            looked
        ):
            waits = True
        elif CHECK.search(command):
            waits = False
        elif waits and first not in {
            "",
            "echo",
            "printf",
        }:
            return True
    return waits


# --8<-- [end:fetch]

# --8<-- [start:policy]
OPEN = re.compile(
    r"--(security=insecure|network=host)"
)
REMOTE = re.compile(
    r"(?i)\b(https?|ftp|git|ssh)://|\bgit@"
)
SYNTAX = re.compile(r"(?i)#\s*syntax\s*=\s*(\S+)")
MOUNTED = re.compile(r"--mount=\S*\bfrom=([^,\s]+)")
KEYS = re.compile(
    r"(?i)(id_(rsa|dsa|ecdsa|ed25519)|\.env|\.netrc|"
    r"\.git-credentials|(.*[._-])?key\.pem|"
    r".*\.(key|p12|pfx))"
)


def complaints(text: str) -> list[str]:
    """List what a Dockerfile may not, by line."""
    found = [*_syntax(text)]
    stages = {"scratch"}
    given: dict[str, str] = {}
    user: str | None = None
    for step in map(_built, steps(text)):
        said: list[str] = []
        if step.word == "FROM":
            name, stage = _source(step.rest, given)
            if name.lower() not in stages:
                said = policy.image(name)
            if stage:
                stages.add(stage.lower())
            user = None
        elif step.word == "USER":
            user = step.rest
        elif step.word in {"ARG", "ENV"}:
            pairs = _pairs(step.rest)
            given |= pairs
            for name in pairs:
                said += policy.in_environment(name)
        else:
            said = [
                *_images(step, stages),
                *_does(step),
            ]
        found += [f"{step.line}: {x}" for x in said]
    found += [
        f"last stage: {x}" for x in _root(user)
    ]
    return found


def _built(step: Step) -> Step:
    """Take what ONBUILD keeps as a step."""
    if step.word != "ONBUILD":
        return step
    word, _, rest = step.rest.partition(" ")
    return Step(
        step.line, word.upper(), rest.strip()
    )


def _root(user: str | None) -> list[str]:
    number = (user or "").partition(":")[0]
    if number and not number.strip("0"):
        # 00 is 0, too.
        return [
            f"user {user}: root; name another user"
        ]
    return policy.root(user)


def _syntax(text: str) -> Iterator[str]:
    """Read the image that reads the file."""
    for number, line in enumerate(
        text.splitlines(), 1
    ):
        if not line.startswith("#"):
            return
        for name in SYNTAX.findall(line):
            for said in policy.image(name):
                yield f"{number}: {said}"


def _images(
    step: Step, stages: set[str]
) -> Iterator[str]:
    names = []
    if step.word in {"COPY", "ADD"}:
        names = re.findall(
            r"--from=(\S+)", step.rest
        )
    if step.word == "RUN":
        names = MOUNTED.findall(step.rest)
    for name in names:
        if (
            name.lower() not in stages
            and not name.isdecimal()
        ):
            yield from policy.image(name)


def _source(
    rest: str, given: dict[str, str]
) -> tuple[str, str]:
    words = [
        word
        for word in rest.split()
        if not word.startswith("--")
    ]
    name = re.sub(
        r"\$\{?(\w+)\}?",
        lambda found: given.get(found[1], found[0]),
        words[0] if words else "",
    )
    named = (
        len(words) > 2 and words[1].upper() == "AS"
    )
    return name, words[2] if named else ""


def _pairs(rest: str) -> dict[str, str]:
    if "=" not in rest:
        name, _, value = rest.partition(" ")
        return {name: value}
    return {
        name: value.strip("\"'")
        for name, _, value in (
            word.partition("=")
            for word in rest.split()
        )
    }


def _does(step: Step) -> Iterator[str]:
    words = re.findall(r"[^\s\"',\[\]]+", step.rest)
    if (
        step.word == "ADD"
        and REMOTE.search(step.rest)
        and "--checksum=" not in step.rest
    ):
        yield (
            "ADD from the network without "
            "--checksum; name the sha256"
        )
    if step.word in {"COPY", "ADD"}:
        for word in words[:-1]:
            if _is_key(word.rpartition("/")[2]):
                yield (
                    f"{step.word} of {word}: "
                    "a key in a layer"
                )
    if step.word in {"CMD", "ENTRYPOINT"}:
        yield from policy.on_command_line(words)
    if step.word == "RUN" and unchecked(step.rest):
        yield (
            "RUN what the network sends; fetch it, "
            "compare its hash, then run it"
        )
    if step.word == "RUN" and OPEN.search(
        step.rest
    ):
        yield "RUN outside the build's sandbox"


def _is_key(name: str) -> bool:
    if name.startswith("-"):
        return False
    if KEYS.fullmatch(name):
        return True
    stem = re.sub(r"[-.]", "_", name)
    return bool(policy.in_environment(stem))


# --8<-- [end:policy]
