"""Which addresses of the net are in a text?"""

# --8<-- [start:imports]
import re
from ipaddress import ip_address

# --8<-- [end:imports]

# --8<-- [start:email]
# One character before the @ is enough to tell.
EMAIL = re.compile(
    "(?<=[\\w.%+'\"!#$&*/=?^`{|}~-])@"
    "(?:[^\\W_](?:[\\w-]{0,61}[^\\W_])?[.]){1,8}"
    "[^\\W\\d_]{2,24}"
    "(?![\\w([])"
)


def emails(text: str) -> int:
    """Count addresses with an @ and a domain."""
    return sum(1 for _ in EMAIL.finditer(text))


# --8<-- [end:email]

# --8<-- [start:ip]
# A word in front makes four numbers a version.
IPV4 = re.compile(
    "(?i:(version|release|ver|rev|v)[.:= ]{0,3})?"
    "(?<![0-9A-Za-z.])"
    "((?:[0-9]{1,3}[.]){3}[0-9]{1,3})"
    "(?![0-9A-Za-z]|[.][0-9])"
)
IPV6 = re.compile(
    "(?<![0-9A-Za-z:.])[0-9A-Fa-f:.]{3,45}"
    "(?![0-9A-Za-z:.])"
)


def is_address(text: str) -> bool:
    """Tell an IP address that can be somebody's.

    Loopback and unspecified ones are nobody's.
    """
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (
        address.is_loopback
        or address.is_unspecified
    )


def ips(text: str) -> int:
    """Count IPv4 and IPv6 addresses."""
    six = [
        found.span()
        for found in IPV6.finditer(text)
        if ":" in found.group()
        and any(map(str.isdigit, found.group()))
        and (
            is_address(found.group())
            or is_address(
                found.group().rstrip(".:")
            )
        )
    ]
    within = {
        i for span in six for i in range(*span)
    }
    four = [
        found.start()
        for found in IPV4.finditer(text)
        if not found[1]
        and found.start() not in within
        and is_address(found[2])
    ]
    return len(six) + len(four)


# --8<-- [end:ip]
