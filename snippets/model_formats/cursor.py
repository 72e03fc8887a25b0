"""How to read numbers from a file that may lie?"""

# --8<-- [start:error]
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
class Cursor:
    """Reads little-endian values, and never past an end.

    A length is compared with what is left of the file
    before a byte of it is read, so that a length of
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

    def take(self, count: int, what: str) -> bytes:
        """Read so many bytes.

        Raises FormatError where fewer are left.
        """
        if not 0 <= count <= self.left:
            raise FormatError(
                self.at,
                f"{what} of {count} bytes: only "
                f"{self.left} are left",
            )
        data = self.file.read(count)
        self.at += count
        return data

    # --8<-- [end:cursor]

    # --8<-- [start:values]
    def number(
        self, form: str, what: str
    ) -> int | float:
        """Read one number, form as `struct` has it."""
        data = self.take(calcsize(form), what)
        value: int | float = unpack(
            "<" + form, data
        )[0]
        return value

    def count(
        self, what: str, most: int, least_bytes: int
    ) -> int:
        """Read how many things follow, as 64 bits.

        most: how many are allowed
        least_bytes: what one takes at the least
        Raises FormatError, at the count, for more than
        are allowed or than the rest of the file holds.
        """
        at = self.at
        value = int(self.number("Q", what))
        holds = self.left // least_bytes
        if value > min(most, holds):
            raise FormatError(
                at,
                f"{value} {what}: at most {most}, and "
                f"the file has room for {holds}",
            )
        return value

    def text(self, what: str, most: int) -> str:
        """Read a length in 64 bits, then UTF-8.

        Raises FormatError for bytes that are none.
        """
        size = self.count(
            f"bytes of {what}", most, 1
        )
        at = self.at
        data = self.take(size, what)
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise FormatError(
                at + error.start,
                f"{what} is not UTF-8",
            ) from error


# --8<-- [end:values]
