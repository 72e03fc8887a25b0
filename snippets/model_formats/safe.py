"""What would a pickle do, without doing it?"""

# --8<-- [start:imports]
import pickletools
import re
import zlib
from collections.abc import Iterator
from io import SEEK_END, BytesIO
from lzma import LZMAError
from typing import IO, BinaryIO, NamedTuple
from zipfile import BadZipFile, ZipFile, is_zipfile

# --8<-- [end:imports]

# --8<-- [start:kinds]
# What a state dict of PyTorch needs, and no more.
# A list of what is bad is never complete.
NEEDED = frozenset(
    {
        "collections OrderedDict",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_parameter",
        "torch Size",
    }
    | {
        f"torch {kind}Storage"
        for kind in (
            "BFloat16",
            "Bool",
            "Byte",
            "Char",
            "Double",
            "Float",
            "Half",
            "Int",
            "Long",
            "Short",
            "Untyped",
        )
    }
)
CALLS = {
    "REDUCE",
    "INST",
    "OBJ",
    "NEWOBJ",
    "NEWOBJ_EX",
    "BUILD",
    "PERSID",
    "BINPERSID",
}
EXTENSIONS = {"EXT1", "EXT2", "EXT4"}
# What they fill stays where it was, text too if
# nothing is put in.
FILLS = {
    "ADDITEMS",
    "APPEND",
    "APPENDS",
    "BUILD",
    "SETITEM",
    "SETITEMS",
}
MOST_STEPS = 1_000_000
MOST_BYTES = 2**26
DEEPEST = 4


class Finding(NamedTuple):
    """What a pickle would do, at a byte.

    kind: imports, calls, or cannot be told
    member: of a ZIP file, or where a pickle is in
        another
    """

    member: str
    at: int
    kind: str
    what: str


# --8<-- [end:kinds]


# --8<-- [start:stack]
class Mark:
    """Stands on the stack where a group begins."""


class Other:
    """Stands for what is certainly no text."""


Known = str | Mark | Other | None


class Stack:
    """What a pickle has put down, where it is text.

    None is what only running it would tell.
    """

    def __init__(self) -> None:
        self.values: list[Known] = []
        self.memo: dict[int, Known] = {}

    def pop_group(self) -> None:
        """Take all up to the last mark, and it."""
        while self.values:
            last = self.values.pop()
            if isinstance(last, Mark):
                return

    def remember(
        self, name: str, argument: object
    ) -> bool:
        """Do what an opcode does with the memo."""
        last = self.values[-1:] or [None]
        place = len(self.memo)
        if isinstance(argument, int):
            place = argument
        if name == "MEMOIZE" or name.endswith(
            "PUT"
        ):
            self.memo[place] = last[0]
        elif name.endswith("GET"):
            self.values.append(self.memo.get(place))
        elif name == "DUP":
            self.values += last
        else:
            return False
        return True

    def step(
        self,
        code: pickletools.OpcodeInfo,
        argument: object,
    ) -> None:
        """Do what an opcode does to the stack."""
        if self.remember(code.name, argument):
            return
        if code.name == "MARK":
            self.values.append(Mark())
            return
        before = code.stack_before
        if pickletools.markobject in before:
            self.pop_group()
            before = before[
                : before.index(
                    pickletools.markobject
                )
            ]
        last: Known = None
        for _ in before[: len(self.values)]:
            last = self.values.pop()
        for kind in code.stack_after:
            known: Known = None
            if isinstance(argument, str):
                known = argument
            elif code.name in FILLS:
                known = last
            elif kind is not pickletools.anyobject:
                known = Other()
            self.values.append(known)


# --8<-- [end:stack]


# --8<-- [start:scan]
UNTOLD = "what only running it would tell"
TOO_LONG = "it is too long"
EXTENSION = "extension "
NO_TEXT = "an import by what is no text"


def named(stack: Stack) -> str:
    """Say what STACK_GLOBAL would import."""
    values = stack.values[-2:]
    if len(values) == 2 and all(
        isinstance(one, str) for one in values
    ):
        return f"{values[0]} {values[1]}"
    return UNTOLD


def asked(stack: Stack) -> tuple[str, str]:
    """Say what STACK_GLOBAL makes of two values.

    It stops the pickle where one is missing, or is
    no text.
    """
    values = stack.values[-2:]
    if len(values) < 2 or any(
        isinstance(one, Mark | Other)
        for one in values
    ):
        return "cannot be told", NO_TEXT
    return "imports", named(stack)


def scan_pickle(
    file: BinaryIO, member: str = "", depth: int = 0
) -> Iterator[Finding]:
    """List what pickles would import and call.

    Nothing is imported, and nothing runs. What is
    before a fault has run when the fault is found,
    so it is listed; the fault is listed too.
    """
    steps = 0
    size = file.seek(0, SEEK_END)
    at = file.seek(0)
    while True:
        stack = Stack()
        try:
            for (
                code,
                argument,
                place,
            ) in pickletools.genops(file):
                if place is not None:
                    at = place
                steps += 1
                if steps > MOST_STEPS:
                    raise ValueError(TOO_LONG)
                name = code.name
                if name in {"GLOBAL", "INST"}:
                    yield Finding(
                        member,
                        at,
                        "imports",
                        str(argument),
                    )
                if name == "STACK_GLOBAL":
                    kind, what = asked(stack)
                    yield Finding(
                        member, at, kind, what
                    )
                if name in EXTENSIONS:
                    yield Finding(
                        member,
                        at,
                        "imports",
                        f"{EXTENSION}{argument}",
                    )
                if name in CALLS:
                    yield Finding(
                        member, at, "calls", name
                    )
                yield from scan_inside(
                    argument, member, at, depth
                )
                stack.step(code, argument)
        # A strange escape warns, or is an error.
        except (ValueError, Warning) as error:
            yield Finding(
                member,
                at,
                "cannot be told",
                str(error),
            )
            return
        at = file.tell()
        if at == size:
            return


def scan_inside(
    argument: object,
    member: str,
    at: int,
    depth: int,
) -> Iterator[Finding]:
    """Scan a text, or bytes, as a pickle too."""
    if isinstance(argument, str):
        argument = argument.encode(
            "latin-1", "replace"
        )
    if not isinstance(argument, bytes | bytearray):
        return
    inner = BytesIO(argument)
    place = f"{member}, inside byte {at}".strip(
        ", "
    )
    found = []
    if depth < DEEPEST:
        found = list(
            scan_pickle(inner, place, depth + 1)
        )
    if names_imports(found):
        yield from found


def names_imports(found: list[Finding]) -> bool:
    """Tell a pickle from what begins as one.

    An extension imports only what a program has
    registered, and hardly any has.
    """
    return any(
        one.what == TOO_LONG
        or (
            one.kind == "imports"
            and not one.what.startswith(EXTENSION)
        )
        for one in found
    )


# --8<-- [end:scan]


# --8<-- [start:file]
FAULTS = (
    BadZipFile,
    EOFError,
    LZMAError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
    Warning,
    zlib.error,
)


def untold(
    member: str, error: Exception
) -> Finding:
    """Say that a part of an archive is not read."""
    said = str(error) or type(error).__name__
    return Finding(
        member, 0, "cannot be told", said
    )


ARRAY = b"\x93NUMPY"
OF_OBJECTS = re.compile(rb"['|<>=]O\d*'")
SHORT = re.compile(
    r"expected (\d+) bytes .* only (\d+) remain"
)
ENDS = ("no newline", "exhausted", "not enough")


def goes_on(
    found: list[Finding], more: int
) -> bool:
    """Are bytes needed that were not read?

    found: of the bytes that were read
    more: how many there are behind them
    """
    said = found[-1].what if found else ""
    short = SHORT.search(said)
    if short:
        return int(short[1]) - int(short[2]) <= more
    return any(text in said for text in ENDS)


def scan_array(
    data: bytes, member: str
) -> list[Finding]:
    """Scan the objects of a NumPy array, if any.

    Numbers have nothing to run. A header that is
    not understood is taken for one of objects.
    """
    wide = 2 if data[6:7] == b"\x01" else 4
    start = 8 + wide
    size = int.from_bytes(data[8:start], "little")
    header = data[start : start + size]
    if header.startswith(b"{") and not (
        OF_OBJECTS.search(header)
    ):
        return []
    rest = BytesIO(data[start + size :])
    found = list(scan_pickle(rest, member))
    what = "an array of objects"
    told = Finding(
        member, 0, "cannot be told", what
    )
    return [told, *found]


def scan_part(
    file: IO[bytes], member: str, size: int
) -> list[Finding]:
    """Scan 64 MiB, and say if more may follow.

    size: bytes of the whole part
    """
    data = file.read(MOST_BYTES)
    if data.startswith(ARRAY):
        return scan_array(data, member)
    found = list(scan_pickle(BytesIO(data), member))
    is_named = member.lower().endswith(".pkl")
    more = size - len(data)
    # Weights are no pickle, and soon end as one.
    if member and not (
        is_named
        or names_imports(found)
        or (more > 0 and goes_on(found, more))
    ):
        return []
    if len(data) == MOST_BYTES:
        found.append(
            Finding(
                member,
                MOST_BYTES,
                "cannot be told",
                "the rest is not read",
            )
        )
    return found


def scan_file(file: BinaryIO) -> list[Finding]:
    """Scan a pickle, or each member of a ZIP file.

    All members, whatever their names: a loader may
    look for another name than a scanner. A ZIP file
    may begin with a pickle: that is scanned, too.
    """
    found: list[Finding] = []
    file.seek(0)
    start = file.read(2)
    is_archive = is_zipfile(file)
    if start != b"PK" or not is_archive:
        size = file.seek(0, SEEK_END)
        file.seek(0)
        found += scan_part(file, "", size)
    if start == b"PK" and not is_archive:
        # Another program may find its members.
        error = BadZipFile(
            "Python reads no ZIP here"
        )
        found.append(untold("", error))
    if not is_archive:
        return found
    name = ""
    try:
        archive = ZipFile(file)
    except FAULTS as error:
        return [*found, untold(name, error)]
    for info in archive.infolist():
        name = info.filename
        try:
            with archive.open(info) as opened:
                found += scan_part(
                    opened, name, info.file_size
                )
        except FAULTS as error:
            found.append(untold(name, error))
    return found


def strangers(findings: list[Finding]) -> list[str]:
    """List what is more than weights need."""
    return [
        f"{one.kind}: {one.what}"
        for one in findings
        if one.kind == "cannot be told"
        or (
            one.kind == "imports"
            and one.what not in NEEDED
        )
    ]


# --8<-- [end:file]
