"""Which values can a GGUF file say, and how?"""

# --8<-- [start:imports]
from struct import calcsize, error, pack, unpack
from typing import ClassVar, NamedTuple

from snippets.model_formats.cursor import (
    PIECE,
    Cursor,
    FormatError,
)

# --8<-- [end:imports]


# --8<-- [start:numbers]
class Whole(int):
    """A whole number of a stated width.

    Raises ValueError for one that is too wide.
    """

    form: ClassVar[str] = "q"

    def __new__(cls, value: int) -> "Whole":
        """Check it."""
        bits = 8 * calcsize(cls.form)
        signed = cls.form.islower()
        low = -(2 ** (bits - 1)) if signed else 0
        high = low + 2**bits - 1
        if not low <= value <= high:
            raise ValueError(
                f"{cls.__name__} is {value}, "
                f"not {low} to {high}"
            )
        return super().__new__(cls, value)


class U8(Whole):
    """0 to 255."""

    form = "B"


class I8(Whole):
    """-128 to 127."""

    form = "b"


class U16(Whole):
    """Sixteen bits, without a sign."""

    form = "H"


class I16(Whole):
    """Sixteen bits."""

    form = "h"


class U32(Whole):
    """Thirty-two bits, without a sign."""

    form = "I"


class I32(Whole):
    """Thirty-two bits."""

    form = "i"


class U64(Whole):
    """Sixty-four bits, without a sign."""

    form = "Q"


class I64(Whole):
    """Sixty-four bits."""

    form = "q"


class F64(float):
    """Sixty-four bits of floating point."""

    form: ClassVar[str] = "d"


class F32(float):
    """A float as thirty-two bits keep it.

    Raises ValueError for one that is too large.
    """

    form: ClassVar[str] = "f"

    def __new__(cls, value: float) -> "F32":
        """Round it."""
        try:
            kept = unpack("<f", pack("<f", value))[
                0
            ]
        except OverflowError:
            raise ValueError(
                f"F32 is {value}: too large"
            ) from None
        return super().__new__(cls, kept)


# --8<-- [end:numbers]


# --8<-- [start:kinds]
class Array(NamedTuple):
    """Values of one kind: Array(U32, (1, 2)).

    kind: one of KINDS; of arrays, Array itself
    """

    kind: type
    values: "tuple[Value, ...]"


# A number has its width: U32(1), not 1.
Value = bool | int | float | str | Array

# Kinds by the code that stands in a file.
KINDS: dict[int, type] = {
    0: U8,
    1: I8,
    2: U16,
    3: I16,
    4: U32,
    5: I32,
    6: F32,
    7: bool,
    8: str,
    9: Array,
    10: U64,
    11: I64,
    12: F64,
}
CODES = {kind: code for code, kind in KINDS.items()}
LONGEST_TEXT = 67_108_864
LONGEST_ARRAY = 16_777_216


def form_of(kind: type) -> str:
    """Say how `struct` packs one of a kind."""
    return str(getattr(kind, "form", "?"))


def least_bytes(kind: type) -> int:
    """Say what one of a kind takes at the least."""
    least = {str: 8, Array: 12}
    return least.get(kind) or calcsize(
        form_of(kind)
    )


# --8<-- [end:kinds]


# --8<-- [start:check]
def take_kind(cursor: Cursor) -> type:
    """Read which kind of value follows.

    Raises FormatError for a kind unknown.
    """
    at = cursor.at
    code = int(cursor.number("I", "kind of value"))
    if code not in KINDS:
        raise FormatError(
            at, f"kind {code}: known are 0 to 12"
        )
    return KINDS[code]


def skip_bools(cursor: Cursor, count: int) -> None:
    """Check that each is 0 or 1."""
    while count:
        at = cursor.at
        piece = cursor.take(
            min(PIECE, count), "bools"
        )
        count -= len(piece)
        if odd := piece.lstrip(b"\x00\x01"):
            raise FormatError(
                at + len(piece) - len(odd),
                f"a bool is {odd[0]}, not 0 or 1",
            )


def skip_value(
    cursor: Cursor, kind: type, deep: int
) -> None:
    """Check a value, and keep nothing of it.

    deep: how far arrays may stand in arrays; 1, as
    in llama.cpp, for not at all
    Raises FormatError for what a value cannot be.
    """
    if kind is str:
        cursor.skip_text("text", LONGEST_TEXT)
    elif kind is bool:
        skip_bools(cursor, 1)
    elif kind is not Array:
        cursor.skip(least_bytes(kind), "number")
    else:
        at = cursor.at
        inner = take_kind(cursor)
        if inner is Array and deep < 2:
            raise FormatError(
                at, "an array in an array: too deep"
            )
        size = least_bytes(inner)
        count = cursor.count(
            "values of an array",
            LONGEST_ARRAY,
            size,
        )
        if inner is bool:
            skip_bools(cursor, count)
        elif inner in (str, Array):
            for _ in range(count):
                skip_value(cursor, inner, deep - 1)
        else:
            cursor.skip(count * size, "array")


# --8<-- [end:check]


# --8<-- [start:read]
def read_value(cursor: Cursor, kind: type) -> Value:
    """Read a value that was checked before."""
    if kind is str:
        return cursor.text("text", LONGEST_TEXT)
    if kind is not Array:
        form = form_of(kind)
        number: Value = kind(
            cursor.number(form, "number")
        )
        return number
    inner = take_kind(cursor)
    count = cursor.count("values", LONGEST_ARRAY, 1)
    if inner in (str, Array):
        return Array(
            inner,
            tuple(
                read_value(cursor, inner)
                for _ in range(count)
            ),
        )
    size = count * least_bytes(inner)
    form = f"<{count}{form_of(inner)}"
    return Array(
        inner,
        unpack(form, cursor.take(size, "array")),
    )


# --8<-- [end:read]


# --8<-- [start:pack]
def pack_text(text: str) -> bytes:
    """Write a length in 64 bits, then UTF-8."""
    data = text.encode()
    return pack("<Q", len(data)) + data


def pack_value(value: Value) -> bytes:
    """Write a value without its kind.

    Raises ValueError for one without a width, and
    for a list of what is not of its kind.
    """
    kind = type(value)
    if kind not in CODES:
        raise ValueError(
            f"{value!r} is a {kind.__name__}: say "
            "its width, as in U32(1) or F32(1)"
        )
    if isinstance(value, str):
        return pack_text(value)
    if not isinstance(value, Array):
        return pack("<" + form_of(kind), value)
    inner, values = value
    if inner not in CODES:
        raise ValueError(
            f"an array of {inner}: use one of KINDS"
        )
    head = pack("<IQ", CODES[inner], len(values))
    if inner in (str, Array):
        if not all(
            type(v) is inner for v in values
        ):
            raise ValueError(
                f"not all are of {inner.__name__}"
            )
        return head + b"".join(
            map(pack_value, values)
        )
    try:
        form = f"<{len(values)}{form_of(inner)}"
        return head + pack(form, *values)
    except (error, OverflowError) as wrong:
        raise ValueError(
            f"an array of {inner.__name__}: {wrong}"
        ) from wrong


# --8<-- [end:pack]
