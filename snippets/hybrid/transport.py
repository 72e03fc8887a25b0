"""How do bytes reach an address, and no other?"""

# --8<-- [start:imports]
import logging
import socket
import ssl
from collections.abc import (
    Callable,
    Iterable,
    Iterator,
)
from contextlib import suppress
from typing import Any

import certifi
import httpcore
import httpx

from snippets.hybrid.endpoint import Network, within
from snippets.hybrid.errors import HybridError, Kind

Clock = Callable[[], float]
PIECE = 16_384  # bytes
# It logs headers; a server may write an echo there.
logging.getLogger("httpcore").setLevel(logging.INFO)
# --8<-- [end:imports]


# --8<-- [start:pinned]
class Pinned(httpcore.NetworkBackend):
    """Connects to addresses that are allowed.

    networks: the allowed ones; None is any. A name
    is looked up once, and all that it stands for
    has to be allowed. `until` is on the clock.
    """

    def __init__(
        self,
        networks: Iterable[Network] | None,
        until: float,
        clock: Clock,
    ) -> None:
        self._networks = networks
        self._until = until
        self._clock = clock

    def connect_tcp(
        self,
        host: str,
        port: int,
        *_: Any,
        **__: Any,
    ) -> httpcore.NetworkStream:
        """Look up, check, and connect there."""
        infos = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )
        found = [str(info[4][0]) for info in infos]
        if self._networks is not None and not all(
            within(one, self._networks)
            for one in found
        ):
            raise HybridError(Kind.ADDRESS)
        for one in found[:-1]:
            with suppress(httpcore.ConnectError):
                return self._connect(one, port)
        return self._connect(found[-1], port)

    def _connect(
        self, address: str, port: int
    ) -> httpcore.NetworkStream:
        return Timed(
            httpcore.SyncBackend().connect_tcp(
                address, port, _left(self)
            ),
            self._until,
            self._clock,
        )


class Timed(httpcore.NetworkStream):
    """A connection that ends at a time."""

    def __init__(
        self,
        stream: httpcore.NetworkStream,
        until: float,
        clock: Clock,
    ) -> None:
        self._stream = stream
        self._until = until
        self._clock = clock

    def read(
        self, max_bytes: int, *_: Any, **__: Any
    ) -> bytes:
        """Read while there is time."""
        left = _left(self)
        return self._stream.read(max_bytes, left)

    def write(
        self, buffer: bytes, *_: Any, **__: Any
    ) -> None:
        """Write while there is time.

        In pieces: whoever takes in some of it now
        and then would have all the time again.
        """
        for at in range(0, len(buffer), PIECE):
            piece = buffer[at : at + PIECE]
            self._stream.write(piece, _left(self))

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        *_: Any,
        **__: Any,
    ) -> httpcore.NetworkStream:
        """Encrypt, for the name that was asked."""
        inner = self._stream.start_tls(
            ssl_context,
            server_hostname,
            _left(self),
        )
        return Timed(
            inner, self._until, self._clock
        )

    def close(self) -> None:
        """Close it."""
        self._stream.close()


def _left(timed: Pinned | Timed) -> float:
    left = timed._until - timed._clock()
    if left <= 0:
        raise HybridError(Kind.TIMEOUT)
    return left


# --8<-- [end:pinned]


# --8<-- [start:direct]
class Direct(httpx.BaseTransport):
    """One connection a request, and no detours.

    It knows no proxies, cookies, redirects, retries
    and variables. A request ends after `seconds`,
    however slowly it is answered.
    """

    def __init__(
        self,
        networks: Iterable[Network] | None,
        seconds: float,
        clock: Clock,
        ca_file: str | None = None,
    ) -> None:
        self._networks = networks
        self._seconds = seconds
        self._clock = clock
        # Not ssl.create_default_context: it reads
        # SSLKEYLOGFILE, and writes keys there.
        tls = ssl.SSLContext(
            ssl.PROTOCOL_TLS_CLIENT
        )
        tls.load_verify_locations(
            ca_file or certifi.where()
        )
        self._tls = tls

    def handle_request(
        self, request: httpx.Request
    ) -> httpx.Response:
        """Send one request, and nothing else."""
        until = self._clock() + self._seconds
        pool = httpcore.ConnectionPool(
            self._tls,
            max_keepalive_connections=0,
            network_backend=Pinned(
                self._networks, until, self._clock
            ),
        )
        url = request.url
        kind = Kind.CUT
        try:
            answer = pool.handle_request(
                httpcore.Request(
                    request.method,
                    httpcore.URL(
                        scheme=url.raw_scheme,
                        host=url.raw_host,
                        port=url.port,
                        target=url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.read(),
                )
            )
            return httpx.Response(
                answer.status,
                headers=answer.headers,
                stream=_Body(answer),
            )
        except HybridError as error:
            kind = error.kind
        except Exception as error:
            kind = kind_of(error)
        raise HybridError(kind)


class _Body(httpx.SyncByteStream):
    def __init__(
        self, answer: httpcore.Response
    ) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._answer.iter_stream()
            return
        except HybridError as error:
            kind = error.kind
        except Exception as error:
            kind = kind_of(error)
        raise HybridError(kind)

    def close(self) -> None:
        self._answer.close()


def kind_of(error: BaseException) -> Kind:
    """Name what the network did."""
    if isinstance(
        error.__context__,
        ssl.SSLCertVerificationError,
    ):
        return Kind.CERTIFICATE
    if isinstance(error, httpcore.TimeoutException):
        return Kind.TIMEOUT
    if isinstance(
        error, httpcore.ConnectError | OSError
    ):
        return Kind.CONNECT
    return Kind.CUT


# --8<-- [end:direct]
