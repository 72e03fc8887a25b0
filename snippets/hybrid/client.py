"""How is a model asked, and its answer read?"""

# --8<-- [start:imports]
import json
import re
from collections.abc import Generator, Iterator
from typing import Any, NamedTuple

import httpx

from snippets.hybrid.endpoint import Endpoint
from snippets.hybrid.errors import HybridError, Kind

# --8<-- [end:imports]


# --8<-- [start:request]
def request(
    endpoint: Endpoint,
    body: bytes,
    permit: object = None,
) -> httpx.Request:
    """Write the HTTP request of a chat."""
    return httpx.Request(
        "POST",
        endpoint.chat_url,
        headers=_headers(endpoint),
        content=body,
        extensions={"permit": permit},
    )


def get(
    transport: httpx.BaseTransport,
    endpoint: Endpoint,
    url: str,
    most_bytes: int,
) -> dict[str, Any]:
    """Get an object of JSON from an endpoint."""
    asked = httpx.Request(
        "GET", url, headers=_headers(endpoint)
    )
    answer = send(
        transport, asked, "application/json"
    )
    return parse(read(answer, most_bytes))


def _headers(endpoint: Endpoint) -> dict[str, str]:
    """Ask for nothing that is compressed."""
    headers = {
        "content-type": "application/json",
        "accept-encoding": "identity",
        "connection": "close",
    }
    if endpoint.key:
        key = endpoint.key.get_secret_value()
        headers["authorization"] = f"Bearer {key}"
    return headers


# --8<-- [end:request]


# --8<-- [start:send]
def send(
    transport: httpx.BaseTransport,
    asked: httpx.Request,
    kind: str,
) -> httpx.Response:
    """Send it; raise unless the answer is one.

    kind: the media type that was asked for.
    """
    answer = _answer(transport, asked)
    said = answer.headers.get("content-type", "")
    said = said.split(";")[0].strip().lower()
    packed = "content-encoding" in answer.headers
    if answer.status_code != 200:
        answer.close()
        raise HybridError(
            Kind.STATUS,
            answer.status_code,
            _wait_s(answer),
        )
    if said != kind or packed:
        answer.close()
        raise HybridError(Kind.NOT_JSON)
    return answer


def _answer(
    transport: httpx.BaseTransport,
    asked: httpx.Request,
) -> httpx.Response:
    """Ask; what a transport raises is named.

    An error of httpx holds the request.
    """
    try:
        return transport.handle_request(asked)
    except Exception as error:
        kind = kind_of(error)
    raise HybridError(kind)


def _pieces(
    answer: httpx.Response,
) -> Iterator[bytes]:
    try:
        yield from answer.iter_bytes()
        return
    except Exception as error:
        kind = kind_of(error)
    raise HybridError(kind)


def kind_of(error: Exception) -> Kind:
    """Name what a transport raised."""
    if isinstance(error, HybridError):
        return error.kind
    if isinstance(error, httpx.TimeoutException):
        return Kind.TIMEOUT
    if isinstance(error, httpx.ConnectError):
        return Kind.CONNECT
    return Kind.CUT


def _wait_s(answer: httpx.Response) -> int:
    """Read when to come again; a date is 0."""
    said = answer.headers.get("retry-after", "")
    if re.fullmatch("[0-9]{1,6}", said):
        return int(said)
    return 0


def read(
    answer: httpx.Response, most: int
) -> bytes:
    """Read a whole answer, up to so many bytes."""
    data = bytearray()
    try:
        for piece in _pieces(answer):
            data += piece
            if len(data) > most:
                raise HybridError(Kind.TOO_LARGE)
    finally:
        answer.close()
    return bytes(data)


def parse(data: bytes) -> dict[str, Any]:
    """Parse an object of JSON."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise HybridError(Kind.MALFORMED)
    return value


# --8<-- [end:send]


# --8<-- [start:chat]
class Said(NamedTuple):
    """What a model answered.

    Tokens are as the server counted them, or None.
    """

    message: dict[str, Any]
    input_tokens: int | None = None
    output_tokens: int | None = None


def chat(
    transport: httpx.BaseTransport,
    asked: httpx.Request,
    most_bytes: int,
) -> Said:
    """Ask, and read one whole answer.

    Raises: HybridError.
    """
    answer = send(
        transport, asked, "application/json"
    )
    said = parse(read(answer, most_bytes))
    message = _choice(said).get("message")
    if not isinstance(message, dict):
        raise HybridError(Kind.MALFORMED)
    return Said(message, *tokens(said))


def tokens(
    said: dict[str, Any],
) -> tuple[int | None, int | None]:
    """Read how many tokens went in and came out."""
    usage = said.get("usage")
    if not isinstance(usage, dict):
        return None, None
    return (
        _count(usage.get("prompt_tokens")),
        _count(usage.get("completion_tokens")),
    )


def _count(value: object) -> int | None:
    whole = (
        type(value) is int and 0 <= value < 2**31
    )
    return int(str(value)) if whole else None


def _choice(said: dict[str, Any]) -> dict[str, Any]:
    choices = said.get("choices")
    if not isinstance(choices, list) or not choices:
        raise HybridError(Kind.MALFORMED)
    if not isinstance(choices[0], dict):
        raise HybridError(Kind.MALFORMED)
    return choices[0]


# --8<-- [end:chat]


# --8<-- [start:stream]
def stream(
    transport: httpx.BaseTransport,
    asked: httpx.Request,
    most_bytes: int,
) -> Generator[Said, None, None]:
    """Ask, and yield pieces of the answer.

    A stream that ends without its end is an error:
    half an answer is not taken for a whole one.
    """
    answer = send(
        transport, asked, "text/event-stream"
    )
    try:
        for data in events(answer, most_bytes):
            if data == b"[DONE]":
                return
            said = parse(data)
            if said.get("choices") == []:
                yield Said({}, *tokens(said))
                continue
            delta = _choice(said).get("delta")
            if not isinstance(delta, dict):
                raise HybridError(Kind.MALFORMED)
            yield Said(delta, *tokens(said))
    finally:
        answer.close()
    raise HybridError(Kind.CUT)


def events(
    answer: httpx.Response, most_bytes: int
) -> Iterator[bytes]:
    """Yield the data of server-sent events."""
    rest, total = bytearray(), 0
    for piece in _pieces(answer):
        total += len(piece)
        if total > most_bytes:
            raise HybridError(Kind.TOO_LARGE)
        rest += piece
        if b"\n" not in piece:
            continue
        *lines, last = bytes(rest).split(b"\n")
        rest = bytearray(last)
        for line in lines:
            if line.startswith(b"data:"):
                yield line[5:].strip()
            elif line.strip() and line[:1] != b":":
                field = line.split(b":")[0]
                if field not in _FIELDS:
                    raise HybridError(
                        Kind.MALFORMED
                    )


_FIELDS = {b"event", b"id", b"retry"}
# --8<-- [end:stream]
