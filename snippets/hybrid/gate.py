"""What may pass on to the cloud?"""

# --8<-- [start:imports]
import hashlib
import secrets
from contextlib import suppress
from typing import NamedTuple

import httpx

from snippets.hybrid.errors import HybridError, Kind
from snippets.hybrid.policy import Label
from snippets.hybrid.surface import Scanner, inspect

KEPT = (
    "content-type",
    "authorization",
    "accept",
    "accept-encoding",
    "connection",
)
# --8<-- [end:imports]


# --8<-- [start:gate]
class Permit(NamedTuple):
    """Leave to send these bytes there, once."""

    number: str
    sha256: str
    url: str


class Gate(httpx.BaseTransport):
    """The one way to the cloud.

    It gives permits, and sends nothing without one.
    """

    def __init__(
        self,
        inner: httpx.BaseTransport,
        url: str,
        scan: Scanner,
    ) -> None:
        self._inner = inner
        self._url = url
        self._scan = scan
        self._given: set[Permit] = set()

    def permit(
        self, body: bytes, label: Label
    ) -> Permit:
        """Look at the bytes that are to be sent.

        Raises: HybridError, unless they are labeled
        public, and scanned, and nothing was found.
        """
        clean = False
        if label is Label.PUBLIC:
            with suppress(Exception):
                clean = not inspect(
                    body, self._scan
                )
        if not clean:
            raise HybridError(Kind.REFUSED)
        number = secrets.token_hex(16)
        given = Permit(
            number, _sum(body), self._url
        )
        self._given.add(given)
        return given

    def handle_request(
        self, request: httpx.Request
    ) -> httpx.Response:
        """Send what has a permit, nothing else."""
        body = request.read()
        permit = request.extensions.get("permit")
        url = str(request.url)
        if (
            not isinstance(permit, Permit)
            or permit not in self._given
            or permit.sha256 != _sum(body)
            or permit.url != url
            or request.method != "POST"
        ):
            raise HybridError(Kind.REFUSED)
        self._given.remove(permit)
        headers = [
            (name, request.headers[name])
            for name in KEPT
            if name in request.headers
        ]
        sent = httpx.Request(
            "POST",
            url,
            headers=headers,
            content=body,
        )
        return self._inner.handle_request(sent)


def _sum(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


# --8<-- [end:gate]
