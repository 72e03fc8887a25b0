"""What of a request could carry a secret?"""

# --8<-- [start:allowed]
import base64
import html
import json
import re
from collections.abc import (
    Callable,
    Iterator,
    Mapping,
)
from contextlib import suppress
from itertools import chain, islice
from typing import Any
from urllib.parse import unquote

from snippets.hybrid.errors import HybridError, Kind

Scanner = Callable[[str], Mapping[str, int]]

BODY = {
    "messages",
    "model",
    "stream",
    "stream_options",
    "max_tokens",
    "max_completion_tokens",
    "temperature",
    "top_p",
    "seed",
    "stop",
    "presence_penalty",
    "frequency_penalty",
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "metadata",
    "user",
}
MESSAGE = {
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "refusal",
}
FUNCTION = {"id", "type", "function", "index"}
CALLS = "tool_calls"
SAME = {"text": "content"}
# No name that a request could have.
KEY, ALL = "\ud800keys", "\ud800values"
MOST_DEPTH = 32
MOST_SCANNED = 2**19  # characters, in all
EDGE = 64  # no secret has a longer part
CATEGORY = re.compile("[a-z][a-z _-]{0,31}")
# --8<-- [end:allowed]


# --8<-- [start:seal]
def seal(body: Mapping[str, Any]) -> bytes:
    """Write a request as the bytes that are sent.

    Raises: HybridError, for what is not JSON or not
    Unicode text.
    """
    try:
        text = json.dumps(
            body,
            ensure_ascii=False,
            allow_nan=False,
        )
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        pass
    raise HybridError(Kind.BAD_REQUEST)


# --8<-- [end:seal]


# --8<-- [start:known]
def known(body: Any) -> bool:
    """Say whether all parts are of a known kind.

    Images, files, sound and tokens in a message are
    not, nor are keys nobody has thought about. What
    other fields hold is scanned, and not judged.
    """
    return (
        isinstance(body, dict)
        and body.keys() <= BODY
        and _all(
            body.get("messages"), _known_message
        )
        and all(map(_function, _of(body, "tools")))
        and _texts(body, "user", "model")
    )


def _known_message(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    content = message.get("content")
    whole = content is None or isinstance(
        content, str
    )
    return (
        message.keys() <= MESSAGE
        and _texts(message, "role", "name")
        and _texts(message, "tool_call_id")
        and all(map(_function, _of(message, CALLS)))
        and (whole or _all(content, _text))
    )


def _texts(where: Any, *names: str) -> bool:
    return all(
        isinstance(where.get(name, ""), str)
        for name in names
    )


def _all(
    value: Any, right: Callable[[Any], bool]
) -> bool:
    return isinstance(value, list) and all(
        map(right, value)
    )


def _of(where: Any, name: str) -> list[Any]:
    found = where.get(name) or []
    return found if isinstance(found, list) else [0]


def _function(one: Any) -> bool:
    """A tool, or a call of one: a function."""
    return (
        isinstance(one, dict)
        and one.keys() <= FUNCTION
        and one.get("type") == "function"
        and isinstance(one.get("function"), dict)
        and _texts(one, "id")
    )


def _text(part: Any) -> bool:
    return (
        isinstance(part, dict)
        and part.keys() == {"type", "text"}
        and part["type"] == "text"
        and isinstance(part["text"], str)
    )


# --8<-- [end:known]


# --8<-- [start:texts]
def texts(body: Any) -> Iterator[str]:
    """Yield every text in a request, and joins.

    Each key, each text and number; what decodes to
    text; all values together, and those under the
    same key, for a secret that is split.
    """
    joined: dict[str, list[str]] = {}
    for key, text in leaves(body):
        yield from decoded(text)
        joined.setdefault(key, []).append(text)
        if key != KEY:
            joined.setdefault(ALL, []).append(text)
    for group in joined.values():
        yield from decoded("".join(group))
        yield from decoded(apart(group))
        yield from borders(group)


def apart(group: list[str]) -> str:
    """Join, with a space where words would grow.

    "Hello" and "078-05-" are no word: a number that
    begins in the second part begins there.
    """
    return GROWN.sub(" ", SEAM.join(group)).replace(
        SEAM, ""
    )


def borders(group: list[str]) -> Iterator[str]:
    """Yield where two or three parts meet.

    What stands before and after them is not there,
    as digits of another number could be.
    """
    for at in range(len(group) - 1):
        left = group[at][-EDGE:]
        yield left + group[at + 1][:EDGE]
        if len(group[at + 1]) <= EDGE:
            rest = "".join(group[at + 2 : at + 3])
            yield left + group[at + 1] + rest[:EDGE]


SEAM = "\0"
GROWN = re.compile(
    f"(?<=[^\\W\\d_]){SEAM}+(?=[0-9])"
    f"|(?<=[0-9]){SEAM}+(?=[^\\W\\d_])"
)


def leaves(
    value: Any, key: str = "", depth: int = 0
) -> Iterator[tuple[str, str]]:
    """Yield each text with its key, in order."""
    if depth > MOST_DEPTH:
        raise HybridError(Kind.BAD_REQUEST)
    if isinstance(value, dict):
        for name, inner in value.items():
            yield KEY, name
            at = SAME.get(name, str(name))
            yield from leaves(inner, at, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from leaves(inner, key, depth + 1)
    elif isinstance(value, str):
        yield key, value
        yield from _written(value, key, depth)
    elif value is not None:
        yield key, str(value)


def _written(
    text: str, key: str, depth: int
) -> Iterator[tuple[str, str]]:
    """Yield the leaves of JSON in a text."""
    if text.lstrip()[:1] in {"{", "[", '"'}:
        try:
            inner = json.loads(
                text, object_pairs_hook=list
            )
        except ValueError:
            return
        yield from leaves(inner, key, depth + 1)


# --8<-- [end:texts]


# --8<-- [start:decoded]
LETTERS = "A-Za-z0-9+/"
RUN = re.compile(f"[{LETTERS}_-]{{8,}}")
MARK = re.compile("[/_-]")
MOST_NAMED = 2**12
WRAPPED = re.compile(
    f"(?<![{LETTERS}_-])"
    f"(?:[{LETTERS}_-]{{40,}}\\s{{1,4}})+"
    f"[{LETTERS}_-]+"
)
SPACE = re.compile(r"\s+")
ESCAPE = re.compile(r"\\u([0-9A-Fa-f]{4})")
URL_SAFE = str.maketrans("-_", "+/")


def decoded(text: str) -> Iterator[str]:
    """Yield a text, and what is encoded in it.

    As base64, by percent signs, HTML entities or
    JSON's escapes: once, not one in another.
    """
    yield text
    yield unquote(text)
    yield html.unescape(text)
    yield (
        ESCAPE.sub(_character, text)
        .encode("utf-16", "surrogatepass")
        .decode("utf-16", "replace")
    )
    runs = {*RUN.findall(text)}
    for run in sorted(runs):
        if len(run) <= MOST_NAMED:
            runs.update(_ends(run))
    for lines in WRAPPED.findall(text):
        runs.add(SPACE.sub("", lines))
    for run in sorted(runs):
        found = _base64(run)
        if found:
            yield found


def _ends(run: str) -> Iterator[str]:
    """Yield what follows a path or a name in it."""
    marks = islice(MARK.finditer(run), 8)
    return (run[mark.end() :] for mark in marks)


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


def _base64(run: str) -> str:
    """Decode to text, or to nothing.

    UTF-8; or, if nearly all of it is ASCII, Latin-1
    or UTF-16.
    """
    digits = run.translate(URL_SAFE)
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    data = base64.b64decode(digits + "==")
    with suppress(UnicodeDecodeError):
        return data.decode()
    data = data.replace(b"\0", b"")
    plain = sum(32 <= one < 127 for one in data)
    if 10 * plain < 8 * len(data):
        return ""
    return data.decode("latin-1")


# --8<-- [end:decoded]


# --8<-- [start:inspect]
def inspect(
    sealed: bytes, scan: Scanner
) -> dict[str, int]:
    """Count what a scanner finds in the bytes.

    By category; a part of an unknown kind counts
    as found. Raises: whatever the scanner raises.
    """
    body = json.loads(
        sealed, object_pairs_hook=_no_key_twice
    )
    found: dict[str, int] = {}
    if not known(body):
        found["unknown part"] = 1
    for text in _once(sealed.decode(), texts(body)):
        for category, count in scan(text).items():
            if type(count) is not int:
                raise TypeError("no count")
            if count:
                name = category
                if not CATEGORY.fullmatch(name):
                    name = "other"
                most = found.get(name, 0)
                found[name] = max(most, count)
    return found


def _once(
    whole: str, parts: Iterator[str]
) -> Iterator[str]:
    """Yield each text once, the whole one first.

    It is the longest, as a rule: a scanner with a
    limit stops there. Keys stand by their values.
    """
    seen = set[str]()
    left = MOST_SCANNED
    for text in chain([whole], parts):
        if text not in seen:
            seen.add(text)
            left -= len(text)
            if left < 0:
                raise HybridError(Kind.TOO_LONG)
            yield text


def _no_key_twice(
    pairs: list[tuple[str, Any]],
) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise HybridError(Kind.BAD_REQUEST)
    return found


# --8<-- [end:inspect]
