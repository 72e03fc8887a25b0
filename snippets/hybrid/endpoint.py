"""Is this address the one that was meant?"""

# --8<-- [start:endpoint]
import re
from collections.abc import Iterable
from ipaddress import (
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Annotated, Self
from urllib.parse import urlsplit

import httpx
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

Network = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (
    ip_network("127.0.0.0/8"),
    ip_network("::1/128"),
)


def _plain(url: str) -> str:
    """Take scheme, host, port and path alone."""
    url = url.rstrip("/")
    parts = urlsplit(url)
    path, host = parts.path, parts.hostname or ""
    port = "" if parts.port is None else parts.port
    shown = f"[{host}]" if ":" in host else host
    tail = f":{port}{path}" if port != "" else path
    plain = f"{parts.scheme}://{shown}{tail}"
    if not host or url != plain:
        raise ValueError(
            "only scheme, host, port and path are "
            "allowed, in lower case"
        )
    try:
        httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError(
            "not an address that can be asked"
        ) from None
    return url


class Endpoint(BaseModel):
    """Where a model answers.

    url: up to and with /v1, of an OpenAI-compatible
    server. Plain HTTP is for loopback alone.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    url: Annotated[
        str,
        Field(pattern=r"^https?://[!-~]+$"),
        AfterValidator(_plain),
    ]
    model: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/@+-]*$",
        max_length=200,
    )
    key: SecretStr | None = None
    ca_file: str | None = Field(
        default=None,
        description="who signed its certificate",
    )

    @model_validator(mode="after")
    def _key_fits_a_header(self) -> Self:
        key = (
            self.key and self.key.get_secret_value()
        )
        if key and not re.fullmatch(r"[!-~]+", key):
            raise ValueError(
                "key: only visible ASCII is allowed"
            )
        return self

    @property
    def chat_url(self) -> str:
        """Where to post a chat."""
        return f"{self.url}/chat/completions"

    @property
    def encrypted(self) -> bool:
        """Whether what is sent is encrypted."""
        return self.url.startswith("https:")

    @property
    def on_loopback(self) -> bool:
        """Whether it can only be this machine."""
        host = self.origin[1]
        if host == "localhost":
            return True
        try:
            return within(host, LOOPBACK)
        except ValueError:
            return False

    def same_as(self, other: "Endpoint") -> bool:
        """Whether both can only be one server."""
        loopback = self.on_loopback and (
            other.on_loopback
        )
        ports = self.origin[2], other.origin[2]
        return self.origin == other.origin or (
            loopback and ports[0] == ports[1]
        )

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        parts = urlsplit(self.url)
        usual = {"http": 80, "https": 443}
        port = parts.port or usual[parts.scheme]
        return (
            parts.scheme,
            parts.hostname or "",
            port,
        )


# --8<-- [end:endpoint]


# --8<-- [start:within]
def within(
    address: str, networks: Iterable[Network]
) -> bool:
    """Say whether an IP address is in a network.

    An IPv4 address inside an IPv6 one is judged as
    what it is; an address with a zone is not one.
    """
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        if found.scope_id:
            return False
        found = found.ipv4_mapped or found
    return any(
        found in network
        for network in networks
        if found.version == network.version
    )


# --8<-- [end:within]
