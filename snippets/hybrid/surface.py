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
SAME = {"text": "content"}
KEY, ALL = "(keys)", "(values)"
MOST_DEPTH = 32
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

    Images, files, sound, arrays of tokens and keys
    nobody has thought about are not.
    """
    return (
        isinstance(body, dict)
        and body.keys() <= BODY
        and isinstance(body.get("messages"), list)
        and all(
            map(_known_message, body["messages"])
        )
    )


def _known_message(message: Any) -> bool:
    if not isinstance(message, dict):
        return False
    content = message.get("content")
    parts = (
        content if isinstance(content, list) else []
    )
    return message.keys() <= MESSAGE and (
        content is None
        or isinstance(content, str)
        or (
            content is parts
            and all(map(_text, parts))
        )
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
RUN = re.compile(r"[A-Za-z0-9+/_-]{12,}")
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
    yield ESCAPE.sub(_character, text)
    for run in RUN.findall(text):
        digits = run.translate(URL_SAFE)
        if len(digits) % 4 == 1:
            digits = digits[:-1]
        digits += "=" * (-len(digits) % 4)
        with suppress(UnicodeDecodeError):
            yield base64.b64decode(digits).decode()


def _character(escape: re.Match[str]) -> str:
    return chr(int(escape[1], 16))


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
    for text in set(texts(body)):
        for category, count in scan(text).items():
            if count:
                name = category
                if not CATEGORY.fullmatch(name):
                    name = "other"
                most = found.get(name, 0)
                found[name] = max(most, count)
    return found


def _no_key_twice(
    pairs: list[tuple[str, Any]],
) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise HybridError(Kind.BAD_REQUEST)
    return found


# --8<-- [end:inspect]
