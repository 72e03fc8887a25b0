"""Did every file arrive, unchanged, and no more?"""

# --8<-- [start:imports]
import hashlib
import re
from collections.abc import (
    Iterable,
    Iterator,
    Mapping,
)
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple

# --8<-- [end:imports]


# --8<-- [start:names]
NEEDED = {
    "",
    ".gguf",
    ".jinja",
    ".json",
    ".md",
    ".model",
    ".safetensors",
    ".txt",
}
NAME = re.compile(
    r"[A-Za-z0-9_](?:[A-Za-z0-9_.+-]*[A-Za-z0-9_])?"
)


def wrong_name(path: str) -> str:
    """Say what is wrong with a path, if anything.

    Right is a relative path in plain letters, which
    leads to the same place on each system, to a
    file of a kind that weights need.
    """
    if not all(
        map(NAME.fullmatch, path.split("/"))
    ):
        return "is no plain relative path"
    kind = PurePosixPath(path).suffix.lower()
    if kind not in NEEDED:
        return f"is of a kind not needed: {kind}"
    return ""


# --8<-- [end:names]


# --8<-- [start:digest]
PICKLE = re.compile(
    rb"PK\x03\x04|"
    # A header's length in safetensors looks alike.
    rb"\x80[\x02-\x05](?!..\0\0\0\0\{)",
    re.DOTALL,
)


def digest(file: BinaryIO) -> str:
    """Hash a file with SHA-256, read in pieces.

    Raises ValueError for what begins as a pickle or
    as a ZIP file, which can have one inside.
    """
    found = hashlib.sha256()
    first = file.read(1 << 20)
    if PICKLE.match(first):
        raise ValueError(
            "begins as a pickle or a ZIP"
        )
    found.update(first)
    while piece := file.read(1 << 20):
        found.update(piece)
    return found.hexdigest()


# --8<-- [end:digest]


# --8<-- [start:look]
class Found(NamedTuple):
    """What lies in a folder, under a path.

    file: None for a link, a pipe, a device
    """

    path: str
    file: Path | None


def look(folder: Path) -> Iterator[Found]:
    """List a folder in order; follow no link."""
    for at in sorted(folder.iterdir()):
        if at.is_dir() and not at.is_symlink():
            for path, file in look(at):
                yield Found(
                    f"{at.name}/{path}", file
                )
        elif at.is_file() and not at.is_symlink():
            yield Found(at.name, at)
        else:
            yield Found(at.name, None)


# --8<-- [end:look]


# --8<-- [start:manifest]
def manifest(found: Iterable[Found]) -> str:
    """List files as `sha256sum` does: hash, path.

    Raises ValueError with the path and the reason.
    """
    lines = []
    for path, file in found:
        reason = wrong_name(path)
        if reason or file is None:
            reason = reason or "is no plain file"
            raise ValueError(f"{path!r} {reason}")
        lines.append(
            f"{_digest(path, file)}  {path}\n"
        )
    text = "".join(lines)
    read_manifest(text)
    return text


def _digest(path: str, file: Path) -> str:
    with file.open("rb") as opened:
        try:
            return digest(opened)
        except ValueError as error:
            raise ValueError(
                f"{path!r} {error}"
            ) from None


# --8<-- [end:manifest]


# --8<-- [start:read]
LINE = re.compile(r"([0-9a-f]{64})  (\S+)")


def read_manifest(text: str) -> dict[str, str]:
    """Read hashes by path, as strictly as written.

    Raises ValueError with the number of the line.
    """
    listed: dict[str, str] = {}
    for number, line in enumerate(
        text.split("\n")[:-1]
    ):
        parts = LINE.fullmatch(line)
        if not parts or wrong_name(parts[2]):
            raise ValueError(
                f"line {number + 1} is wrong"
            )
        if parts[2].lower() in map(
            str.lower, listed
        ):
            raise ValueError(
                f"line {number + 1} is double"
            )
        listed[parts[2]] = parts[1]
    if not listed or not text.endswith("\n"):
        raise ValueError(
            "empty, or cut off at the end"
        )
    return listed


# --8<-- [end:read]


# --8<-- [start:verify]
def complaints(
    listed: Mapping[str, str],
    found: Iterable[Found],
) -> list[str]:
    """Say how a folder differs from its manifest.

    No complaint: each file is there and has its
    hash, and nothing else is there.
    """
    said = []
    seen = set()
    for path, file in found:
        seen.add(path)
        if path not in listed:
            said.append(f"{path!r} is not listed")
        elif file is None:
            said.append(
                f"{path!r} is no plain file"
            )
        else:
            try:
                if (
                    _digest(path, file)
                    != listed[path]
                ):
                    said.append(
                        f"{path!r} is changed"
                    )
            except ValueError as error:
                said.append(str(error))
    missing = [p for p in listed if p not in seen]
    return said + [
        f"{p!r} is missing" for p in missing
    ]


# --8<-- [end:verify]
