"""Where a secret can stand in a request, and how it is found again in what a server received.

Standard library only: what attacks a client runs in that client's own environment.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import gzip
import hashlib
import json
import re
import unicodedata
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

MODEL = "local-model"
SURFACES = (
    "system",
    "user",
    "assistant",
    "tool description",
    "tool arguments",
    "tool result",
    "response schema",
    "message name",
    "metadata",
    "split parts",
    "base64 file",
    "zero-width",
    "full-width",
)


class Mark(NamedTuple):
    """A secret that a scanner can see and one that it cannot; both are this request's alone."""

    number: str  # in the form of an American social security number
    word: str

    @classmethod
    def of(cls, client: int, fault: int, surface: int) -> Mark:
        """Make the secret of one request of the matrix."""
        serial = 1 + 100 * client + surface
        digest = hashlib.sha256(f"{client} {fault} {surface}".encode()).digest()
        word = base64.b32encode(digest)[:12].decode().lower().translate(str.maketrans("234567", "aeioux"))
        return cls(f"512-{10 + fault:02}-{serial:04}", word)

    @property
    def text(self) -> str:
        """A sentence with both."""
        return f"The SSN is {self.number} and the project is called {self.word}."


def full_width(text: str) -> str:
    """Write printable ASCII in the forms that East Asian typography has for it."""
    return "".join(chr(ord(one) + 0xFEE0) if "!" <= one <= "~" else one for one in text)


def body(surface: str, mark: Mark) -> dict[str, Any]:  # noqa: PLR0912  # a branch a surface
    """Make a chat request of the OpenAI form with the secret on one surface, and on no other."""
    user: dict[str, Any] = {"role": "user", "content": "Write one sentence."}
    request: dict[str, Any] = {"model": MODEL, "messages": [user]}
    text = mark.text
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
    asked = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "done"}
    if surface == "system":
        request["messages"] = [{"role": "system", "content": text}, user]
    elif surface == "user":
        user["content"] = text
    elif surface == "assistant":
        request["messages"] = [user, {"role": "assistant", "content": text}, user]
    elif surface == "tool description":
        parameters = {"type": "object", "properties": {}}
        function = {"name": "look_up", "description": text, "parameters": parameters}
        request["tools"] = [{"type": "function", "function": function}]
    elif surface == "tool arguments":
        call["function"] = {"name": "look_up", "arguments": json.dumps({"query": text})}
        request["messages"] = [user, asked, result]
    elif surface == "tool result":
        request["messages"] = [user, asked, {**result, "content": text}]
    elif surface == "response schema":
        schema = {"type": "object", "properties": {"answer": {"type": "string", "description": text}}}
        wanted = {"name": "answer", "schema": schema}
        request["response_format"] = {"type": "json_schema", "json_schema": wanted}
    elif surface == "message name":
        user["name"] = mark.number  # of the few characters that a name may have
    elif surface == "metadata":
        request["metadata"] = {"note": text}
    elif surface == "split parts":
        middle = text.index(mark.number) + 6  # within the number
        user["content"] = [{"type": "text", "text": part} for part in (text[:middle], text[middle:])]
    elif surface == "base64 file":
        data = base64.b64encode(text.encode()).decode()
        file = {"filename": "note.txt", "file_data": f"data:text/plain;base64,{data}"}
        user["content"] = [{"type": "text", "text": "Read this."}, {"type": "file", "file": file}]
    elif surface == "zero-width":
        user["content"] = "\u200b".join(text)
    elif surface == "full-width":
        user["content"] = full_width(text)
    else:
        raise ValueError(f"surface: {surface}; allowed: {', '.join(SURFACES)}")
    return request


RUN = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")
DEEPEST = 4


def decoded(data: bytes) -> list[bytes]:
    """What these bytes may be another form of: percent signs, gzip, base64."""
    found = [unquote_to_bytes(data)] if b"%" in data else []
    if data[:2] == b"\x1f\x8b":
        with contextlib.suppress(OSError, EOFError):
            found.append(gzip.decompress(data))
    for run in RUN.findall(data):
        bare = run.rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        try:
            found.append(base64.b64decode(bare + b"=" * (-len(bare) % 4)))
        except binascii.Error:
            continue
    return found


def leaves(value: Any) -> list[str]:
    """Every key and text of a JSON value, in order."""
    if isinstance(value, dict):
        return [text for key, one in value.items() for text in (key, *leaves(one))]
    if isinstance(value, list):
        return [text for one in value for text in leaves(one)]
    return [value if isinstance(value, str) else str(value)]


def values(value: Any) -> list[str]:
    """Only texts that are not keys and not the names of kinds: what stays of parts when they are joined."""
    if isinstance(value, dict):
        return [text for key, one in value.items() if key not in {"type", "role"} for text in values(one)]
    if isinstance(value, list):
        return [text for one in value for text in values(one)]
    return [value] if isinstance(value, str) else []


def fold(text: str) -> str:
    """Compatibility forms to plain ones, invisible characters away, case away."""
    plain = unicodedata.normalize("NFKC", text)
    return "".join(one for one in plain if unicodedata.category(one) != "Cf").casefold()


def views(data: bytes, depth: int = DEEPEST) -> list[str]:
    """Each text that a reader with some patience gets from these bytes, folded."""
    text = data.decode("utf-8", "replace")
    found = [fold(text), fold(data.decode("utf-16-le", "replace"))]
    if not depth:
        return found
    inner: list[bytes] = decoded(data)
    start = min((at for at in (text.find("{"), text.find("[")) if at >= 0), default=-1)
    if start >= 0:
        try:
            value, _ = json.JSONDecoder().raw_decode(text[start:])
        except (ValueError, RecursionError):
            pass
        else:
            found += [fold("".join(values(value))), fold(" ".join(values(value)))]
            inner += [leaf.encode("utf-8", "replace") for leaf in leaves(value) if len(leaf) > 8]
    for one in inner:
        found += views(one, depth - 1)
    return found


def holds(seen: list[str], mark: Mark) -> bool:
    """Is either secret in any of the views?"""
    forms = (mark.number, mark.number.replace("-", ""), mark.number.replace("-", " "), mark.word)
    return any(form in text for text in seen for form in forms)
