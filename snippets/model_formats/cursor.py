"""How to read numbers from a file that may lie?"""

# --8<-- [start:error]
from codecs import getincrementaldecoder
from os import SEEK_END
from struct import calcsize, unpack
from typing import BinaryIO


class FormatError(ValueError):
    """What is wrong with a file, and where.

    offset: bytes from the start of the file
    reason: what is there, and what is allowed
    """

    def __init__(
        self, offset: int, reason: str
    ) -> None:
        super().__init__(f"byte {offset}: {reason}")
        self.offset = offset
        self.reason = reason


# --8<-- [end:error]


# --8<-- [start:cursor]
PIECE = 4096


class Cursor:
    """Reads little-endian values up to the end.

    A length is compared with what is left of the
    file before a byte of it is read: a length of
    2**64 - 1 costs nothing.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.size = file.seek(0, SEEK_END)
        self.at = file.seek(0)

    @property
    def left(self) -> int:
        """How many bytes follow."""
        return self.size - self.at

    def skip(self, count: int, what: str) -> None:
        """Go past so many bytes, unread.

        Raises FormatError where fewer are left.
        """
        if not 0 <= count <= self.left:
            raise FormatError(
                self.at,
                f"{what} of {count} bytes: only "
                f"{self.left} are left",
            )
        self.at = self.file.seek(self.at + count)

    def take(self, count: int, what: str) -> bytes:
        """Read so many bytes.

        Raises FormatError where fewer are left.
        """
        at = self.at
        self.skip(count, what)
        self.file.seek(at)
        data = self.file.read(count)
        if len(data) != count:
            raise FormatError(
                at, f"{what}: the file shrank"
            )
        return data

    def number(
        self, form: str, what: str
    ) -> int | float:
        """Read a number; form as in `struct`."""
        data = self.take(calcsize("<" + form), what)
        value: int | float = unpack(
            "<" + form, data
        )[0]
        return value

    def count(
        self, what: str, most: int, least_bytes: int
    ) -> int:
        """Read how many things follow, in 64 bits.

        most: how many are allowed
        least_bytes: what one takes at the least
        Raises FormatError, at the count, for more
        than are allowed or than the rest of the
        file holds.
        """
        at = self.at
        value = int(self.number("Q", what))
        holds = self.left // least_bytes
        if value > min(most, holds):
            raise FormatError(
                at,
                f"{value} {what}: at most {most}, "
                f"and there is room for {holds}",
            )
        return value

    def text(self, what: str, most: int) -> str:
        """Read a length in 64 bits, then UTF-8.

        Raises FormatError for bytes that are none.
        """
        at = self.at
        self.skip_text(what, most)
        end, self.at = self.at, at + 8
        return self.take(
            end - self.at, what
        ).decode()

    def skip_text(
        self, what: str, most: int
    ) -> int:
        """Check a text as `text` does, unkept.

        In pieces: one character of four bytes makes
        Python spend four on every other.
        Returns its length in bytes.
        """
        size = self.count(
            f"bytes of {what}", most, 1
        )
        end = self.at + size
        decoder = getincrementaldecoder("utf-8")()
        while self.at < end:
            at = self.at
            held = len(decoder.getstate()[0])
            piece = self.take(
                min(PIECE, end - at), what
            )
            try:
                decoder.decode(
                    piece, self.at == end
                )
            except UnicodeDecodeError as error:
                raise FormatError(
                    at - held + error.start,
                    f"{what} is not UTF-8",
                ) from error
        return size


# --8<-- [end:cursor]
