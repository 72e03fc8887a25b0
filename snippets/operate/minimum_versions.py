"""Is what you run older than a known fix?"""

# --8<-- [start:imports]
import csv
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

# --8<-- [end:imports]


# --8<-- [start:version]
class Version(NamedTuple):
    """What orders versions; builds have one number.

    final: 0 for a pre-release, which comes before
    its release and has not all of its fixes
    """

    release: tuple[int, ...]
    final: int


BUILD = re.compile(
    r"(?:version: )?b?(\d+)(?: \([0-9a-f]+\))?"
)
RELEASE = re.compile(
    r"v?(\d+(?:\.\d+)+)"
    r"(?:[-._]?(a|b|c|rc|alpha|beta|pre|preview)"
    r"[-._]?\d*)?"
    r"(?:[-._]?post[-._]?\d*)?"
    r"([-._]?dev[-._]?\d*)?"
    r"(?:\+[a-z0-9.-]+)?",
    re.IGNORECASE,
)


def parse(engine: str, text: str) -> Version:
    """Read a version as an engine prints it.

    llama.cpp counts builds: b8146, or, as it says,
    "version: 8146 (d7d826b)". Others number their
    releases; a local part, +cu129, changes nothing.

    Raises ValueError with the engine and the text.
    """
    text = text.strip()
    if engine == "llama.cpp":
        if build := BUILD.fullmatch(text):
            return Version((int(build[1]),), 1)
    elif found := RELEASE.fullmatch(text):
        release = [
            int(n) for n in found[1].split(".")
        ]
        while release and not release[-1]:
            release.pop()
        early = found[2] or found[3]
        return Version(
            tuple(release), 0 if early else 1
        )
    raise ValueError(
        f"{engine}: {text!r} is no version; "
        "b8146 is for llama.cpp, 0.14.1 for others"
    )


# --8<-- [end:version]


# --8<-- [start:flaws]
class Flaw(NamedTuple):
    """From which version on, and before which.

    fact: the id of the record that says so
    """

    engine: str
    first: str
    fixed: str
    fact: str


def read_flaws(lines: Iterable[str]) -> list[Flaw]:
    """Read flaws from lines of CSV."""
    return [
        Flaw(**row) for row in csv.DictReader(lines)
    ]


# --8<-- [end:flaws]


# --8<-- [start:complain]
def complaints(
    installed: Mapping[str, str],
    flaws: Iterable[Flaw],
) -> list[str]:
    """Say which installed versions have a flaw.

    installed: version by engine, as it prints it

    What cannot be told is a complaint, too: a text
    that is no version, an engine with no record.
    """
    known = list(flaws)
    found = []
    for engine, text in installed.items():
        if all(
            one.engine != engine for one in known
        ):
            found.append(
                f"{engine}: no record of it"
            )
            continue
        try:
            version = parse(engine, text)
        except ValueError as error:
            found.append(str(error))
            continue
        found += [
            f"{engine} {text.strip()}: {one.fact}, "
            f"fixed in {one.fixed}"
            for one in known
            if one.engine == engine
            and parse(engine, one.first).release
            <= version.release
            and version < parse(engine, one.fixed)
        ]
    return found


def minimum(
    engine: str, flaws: Iterable[Flaw]
) -> str:
    """Name the lowest version without a known flaw.

    Raises ValueError when no flaw of it is known.
    """
    fixes = [
        one.fixed
        for one in flaws
        if one.engine == engine
    ]
    if not fixes:
        raise ValueError(
            f"{engine}: no record of it"
        )
    return max(
        fixes, key=lambda fix: parse(engine, fix)
    )


# --8<-- [end:complain]
