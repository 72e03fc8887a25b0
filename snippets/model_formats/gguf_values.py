"""How do GGUF files store what is not a tensor?"""

# --8<-- [start:types]
from collections.abc import Sequence
from struct import calcsize, pack, unpack
from typing import NamedTuple

from snippets.model_formats.cursor import (
    Cursor,
    FormatError,
)

# Far above what any file has.
LONGEST_TEXT = 16_777_216
LONGEST_ARRAY = 10_000_000
# Types by their code: name, and form in `struct`.
TYPES = {
    0: ("u8", "B"),
    1: ("i8", "b"),
    2: ("u16", "H"),
    3: ("i16", "h"),
    4: ("u32", "I"),
    5: ("i32", "i"),
    6: ("f32", "f"),
    7: ("bool", "B"),
    8: ("str", ""),
    9: ("array", ""),
    10: ("u64", "Q"),
    11: ("i64", "q"),
    12: ("f64", "d"),
}
CODES = {
    name: code for code, (name, _) in TYPES.items()
}
FORMS = dict(TYPES.values())

Item = int | float | bool | str


class Value(NamedTuple):
    """A value and its type, as the file has them.

    type: u8, i8, u16, i16, u32, i32, u64, i64, f32,
        f64, bool, str; of an array, that of its items
    data: one item, or a tuple of them: an array
    """

    type: str
    data: Item | tuple[Item, ...]


# --8<-- [end:types]


# --8<-- [start:read]
def read_type(file: Cursor, what: str) -> str:
    """Read a code, and say which type it is."""
    at = file.at
    code = int(
        file.number("I", f"the type of {what}")
    )
    if code not in TYPES:
        raise FormatError(
            at,
            f"{what} has type {code}: allowed are 0 "
            f"to {max(TYPES)}",
        )
    return TYPES[code][0]


def read_items(
    file: Cursor, kind: str, count: int, what: str
) -> tuple[Item, ...]:
    """Read so many items of one type.

    Raises FormatError for a bool that is not 0 or 1,
    and for text that is no UTF-8.
    """
    if kind == "str":
        return tuple(
            file.text(what, LONGEST_TEXT)
            for _ in range(count)
        )
    at = file.at
    size = calcsize(FORMS[kind])
    data = file.take(count * size, what)
    items = unpack(f"<{count}{FORMS[kind]}", data)
    if kind != "bool":
        return items
    for place, item in enumerate(items):
        if item > 1:
            raise FormatError(
                at + place,
                f"{what} has a bool of {item}: "
                "allowed are 0 and 1",
            )
    return tuple(map(bool, items))


def read_value(file: Cursor, what: str) -> Value:
    """Read a type, and a value or an array of it.

    Raises FormatError for an array of arrays, which
    the format describes and llama.cpp refuses.
    """
    kind = read_type(file, what)
    if kind != "array":
        (item,) = read_items(file, kind, 1, what)
        return Value(kind, item)
    at = file.at
    kind = read_type(file, f"items of {what}")
    if kind == "array":
        raise FormatError(
            at, f"{what} is an array of arrays"
        )
    least = calcsize(FORMS[kind]) or 8
    count = file.count(
        f"items of {what}", LONGEST_ARRAY, least
    )
    return Value(
        kind, read_items(file, kind, count, what)
    )


# --8<-- [end:read]


# --8<-- [start:write]
def text_bytes(text: str) -> bytes:
    """Write a length in 64 bits, then UTF-8."""
    data = text.encode()
    return pack("<Q", len(data)) + data


def items_bytes(
    kind: str, items: Sequence[Item]
) -> bytes:
    """Write items of one type, one after another.

    Raises struct.error for a number out of range.
    """
    if kind == "str":
        return b"".join(
            text_bytes(str(item)) for item in items
        )
    return pack(
        f"<{len(items)}{FORMS[kind]}", *items
    )


def value_bytes(value: Value) -> bytes:
    """Write a type, and a value or an array of it."""
    if (
        value.type not in CODES
        or value.type == "array"
    ):
        allowed = ", ".join(
            kind
            for kind in CODES
            if kind != "array"
        )
        raise ValueError(
            f"type {value.type!r}: allowed are {allowed}"
        )
    code = pack("<I", CODES[value.type])
    if not isinstance(value.data, tuple):
        return code + items_bytes(
            value.type, [value.data]
        )
    return (
        pack("<I", CODES["array"])
        + code
        + pack("<Q", len(value.data))
        + items_bytes(value.type, value.data)
    )


# --8<-- [end:write]
