"""Everything that is not loopback is the recording cloud, for this process.

Whatever a client connects to, a name or an address, arrives at the cloud's port on loopback: with TLS for
port 443, else without. So no client needs the network, and none can reach it.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from typing import Any

ANYWHERE = "203.0.113.7"  # reserved for documentation
TLS = 443


def is_loopback(host: str) -> bool:
    """Is this name or address the machine itself?"""
    if host in {"", "localhost"}:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback or address.is_unspecified


def is_address(host: str) -> bool:
    """Is this an address and not a name?"""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def divert(plain_port: int, tls_port: int, authority: str) -> None:
    """Have every connection and every name of this process lead to the cloud, and the cloud be trusted."""
    resolve, connect, connect_ex = socket.getaddrinfo, socket.socket.connect, socket.socket.connect_ex

    def getaddrinfo(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name is None or is_loopback(name) or is_address(name):
            return resolve(host, *rest, **more)
        return resolve(ANYWHERE, *rest, **more)

    def diverted(
        original: Callable[[Any, Any], Any],
    ) -> Callable[[socket.socket, Any], Any]:
        def go(self: socket.socket, address: Any) -> Any:
            if isinstance(address, tuple) and not is_loopback(str(address[0])):
                port = tls_port if address[1] == TLS else plain_port
                v6 = self.family == socket.AF_INET6
                address = (f"::ffff:{'127.0.0.1'}", port, 0, 0) if v6 else ("127.0.0.1", port)
            return original(self, address)

        return go

    socket.getaddrinfo = getaddrinfo
    setattr(socket.socket, "connect", diverted(connect))  # noqa: B010
    setattr(socket.socket, "connect_ex", diverted(connect_ex))  # noqa: B010
    os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = authority
    try:
        import certifi  # noqa: PLC0415
    except ImportError:
        return
    certifi.where = lambda: authority
    if core := sys.modules.get("certifi.core"):
        core.where = certifi.where  # type: ignore[attr-defined]
