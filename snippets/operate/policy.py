"""What do all policies ask: image, user, keys?"""

# --8<-- [start:imports]
import re
from collections.abc import Iterable
from typing import Any

# --8<-- [end:imports]

# --8<-- [start:image]
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
VERSION = re.compile(r"\d+\.\d+|\d{4,}")


def image(name: Any) -> list[str]:
    """Say why an image may be another tomorrow.

    A digest names bytes. A tag names what its owner
    likes; one with a version, as 2.11 or b11459, is
    seldom moved.
    """
    if not isinstance(name, str) or not name:
        return [f"image {name!r}: none is named"]
    rest, at, digest = name.partition("@")
    last = rest.rpartition("/")[2]
    _, colon, tag = last.partition(":")
    why = ""
    if "$" in name:
        why = "a variable decides"
    elif at and not DIGEST.fullmatch(digest):
        why = "its digest is no sha256"
    elif not at and not colon:
        why = "no tag, which means latest"
    elif not at and not VERSION.search(tag):
        why = "the tag moves"
    return (
        [f"image {name}: {why}; name its digest"]
        if why
        else []
    )


# --8<-- [end:image]

# --8<-- [start:user]
ROOT = {"", "0", "root"}


def root(user: Any) -> list[str]:
    """Say that a user is root, or cannot be told.

    user: 1000, "1000:1000", "nobody"; 0 is root
    """
    name = str("" if user is None else user)
    name = name.partition(":")[0]
    if "$" in name:
        return [f"user {user}: a variable decides"]
    if name in ROOT or not name.strip("0"):
        return [
            f"user {user}: root; name another user"
        ]
    return []


# --8<-- [end:user]

# --8<-- [start:secret]
SECRET = re.compile(
    r"(^|_|PG)(API_?KEYS?|KEYS?|TOKENS?|SECRETS?|"
    r"PASSWORDS?|PASSWD|PASS|CREDENTIALS?)$"
)
FLAG = re.compile(
    r"--?(api[-_]key|hf[-_]token|token|password|"
    r"secret)(=.*)?"
)


def in_environment(name: str) -> list[str]:
    """Say that a variable has a secret's name.

    Whoever inspects the container reads it, and so
    does each process it starts. `…_FILE` and
    `…_PATH` name a file, and pass.
    """
    if not SECRET.search(name.upper()):
        return []
    return [
        f"{name}: a secret in the environment; "
        "mount it as a file"
    ]


def on_command_line(
    words: Iterable[Any],
) -> list[str]:
    """Say that a command has a secret in it.

    Each user of the machine reads it in the list of
    processes. `--api-key-file` names a file, and
    passes.
    """
    return [
        f"{word.partition('=')[0]}: a secret "
        "on the command line; name a file"
        for words_of in map(str, words)
        for word in words_of.split()
        if FLAG.fullmatch(word)
    ]


# --8<-- [end:secret]
