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

# --8<-- [start:policy]
PIPED = re.compile(
    r"\b(curl|wget)\b[^|;&]*\|\s*(sudo\s+)?"
    r"(ba|da|z)?sh\b|<\(\s*(curl|wget)\b"
)
OPEN = re.compile(
    r"--(security=insecure|network=host)"
)
REMOTE = re.compile(r"\b(https?|ftp)://")


def complaints(text: str) -> list[str]:
    """List what a Dockerfile may not, by line."""
    found: list[str] = []
    stages = {"scratch"}
    given: dict[str, str] = {}
    user: str | None = None
    for step in steps(text):
        said: list[str] = []
        if step.word == "FROM":
            name, stage = _source(step.rest, given)
            if name not in stages:
                said = policy.image(name)
            stages |= {stage} if stage else set()
            user = None
        elif step.word == "USER":
            user = step.rest
        elif step.word in {"ARG", "ENV"}:
            pairs = _pairs(step.rest)
            given |= pairs
            for name in pairs:
                said += policy.in_environment(name)
        else:
            said = _does(step)
        found += [f"{step.line}: {x}" for x in said]
    found += [
        f"last stage: {x}"
        for x in policy.root(user)
    ]
    return found


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


def _does(step: Step) -> list[str]:
    if (
        step.word == "ADD"
        and REMOTE.search(step.rest)
        and "--checksum=" not in step.rest
    ):
        return [
            "ADD from the network without "
            "--checksum; name the sha256"
        ]
    if step.word == "RUN" and PIPED.search(
        step.rest
    ):
        return [
            "RUN what the network sends; fetch it, "
            "compare its hash, then run it"
        ]
    if step.word == "RUN" and OPEN.search(
        step.rest
    ):
        return ["RUN outside the build's sandbox"]
    return []


# --8<-- [end:policy]
