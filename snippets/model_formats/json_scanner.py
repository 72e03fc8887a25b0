"""How is JSON from a stranger read, to the byte?"""

# --8<-- [start:imports]
import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterator

from snippets.model_formats.cursor import (
    FormatError,
)

# --8<-- [end:imports]

# --8<-- [start:tokens]
PIECE = 4096
LONGEST_NAME = 4096
LARGEST_COUNT = 2**64 - 1
ESCAPE = (
    rb'\\(?:["\\/bfnrt]'
    rb"|u(?![dD][89a-fA-F])[0-9a-fA-F]{4}"
    # A character above 2**16 is a pair.
    rb"|u[dD][89abAB][0-9a-fA-F]{2}"
    rb"\\u[dD][c-fC-F][0-9a-fA-F]{2})"
)
# What has matched is not tried again: no blow-up.
TEXT = re.compile(
    rb'"(?:[^"\\\x00-\x1f]++|' + ESCAPE + rb')*+"'
)
SPACE = re.compile(rb"[ \t\n\r]*+")
COUNT = re.compile(
    rb"(?:0|[1-9][0-9]{0,19})(?![0-9.eE])"
)


def check_utf8(data: bytes, starts_at: int) -> None:
    """Refuse bytes that are no text, in pieces.

    One character of four bytes makes Python spend
    four on every other of the same text.
    """
    decoder = getincrementaldecoder("utf-8")()
    for at in range(0, len(data), PIECE):
        held = len(decoder.getstate()[0])
        piece = data[at : at + PIECE]
        last = at + PIECE >= len(data)
        try:
            decoder.decode(piece, last)
        except UnicodeDecodeError as error:
            raise FormatError(
                starts_at + at - held + error.start,
                "not UTF-8",
            ) from error


# --8<-- [end:tokens]


# --8<-- [start:scanner]
class Scanner:
    """Goes through JSON, and expects what may come.

    It keeps nothing, and follows no nesting that
    the format does not have: what is not expected
    ends it, at a known byte.

    starts_at: bytes of the file before the data
    """

    def __init__(
        self,
        data: bytes,
        starts_at: int,
        at: int = 0,
    ) -> None:
        self.data = data
        self.starts_at = starts_at
        self.at = at

    def refuse(
        self, reason: str, at: int | None = None
    ) -> FormatError:
        """Say what is wrong: here, or at a byte."""
        where = self.at if at is None else at
        return FormatError(
            self.starts_at + where, reason
        )

    def skip_space(self) -> None:
        """Go past what JSON has between tokens."""
        found = SPACE.match(self.data, self.at)
        self.at = found.end() if found else self.at

    def follows(self, mark: bytes) -> bool:
        """Go past a mark, if it is the next."""
        self.skip_space()
        if not self.data.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def expect(self, mark: bytes) -> None:
        """Go past a mark; FormatError without."""
        if not self.follows(mark):
            raise self.refuse(
                f"{mark.decode()} is expected"
            )

    def skip_text(self, what: str) -> None:
        """Go past a text, however long."""
        self.skip_space()
        found = TEXT.match(self.data, self.at)
        if not found:
            raise self.refuse(
                f"{what} is expected, as a text"
            )
        self.at = found.end()

    def text(self, what: str) -> str:
        """Read a text of at most 4,096 bytes."""
        self.skip_space()
        at = self.at
        self.skip_text(what)
        if self.at - at > LONGEST_NAME + 2:
            raise self.refuse(
                f"{what} is longer than "
                f"{LONGEST_NAME} bytes",
                at,
            )
        found: str = json.loads(
            self.data[at : self.at]
        )
        return found

    def count(self, what: str) -> int:
        """Read a whole number of 64 bits."""
        self.skip_space()
        found = COUNT.match(self.data, self.at)
        value = int(found.group()) if found else -1
        if not found or value > LARGEST_COUNT:
            raise self.refuse(
                f"{what} is expected, as a whole "
                "number of 64 bits"
            )
        self.at = found.end()
        return value

    def items(self, last: bytes) -> Iterator[int]:
        """Stop at each item, up to the last."""
        if self.follows(last):
            return
        while True:
            self.skip_space()
            yield self.at
            if self.follows(last):
                return
            self.expect(b",")


# --8<-- [end:scanner]
