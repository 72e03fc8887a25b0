"""What stops a connection that nobody planned?"""

# --8<-- [start:fence]
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any, NoReturn

from snippets.hybrid.endpoint import Network, within

SENDING = {
    "socket.connect",
    "socket.sendto",
    "socket.sendmsg",
}
STARTING = {
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
    "cpython.PyInterpreterState_New",
}


class FenceError(RuntimeError):
    """Something tried to leave; not said what."""


def fence(networks: Iterable[Network]) -> None:
    """Let this process connect to these alone.

    For good: an audit hook cannot be taken out.
    It sees what Python does, not what C code does
    by itself. No process or interpreter is started
    any more, as that one would have no fence.
    Raises, from then on: FenceError.
    """
    allowed = tuple(networks)
    # multiprocessing starts its processes by this,
    # and it raises no event of its own.
    starts: Any = import_module("_posixsubprocess")
    starts.fork_exec = _refuse

    def look(
        event: str, args: tuple[Any, ...]
    ) -> None:
        if event in STARTING:
            raise FenceError
        if event in SENDING and not passes(
            args[1], allowed
        ):
            raise FenceError

    sys.addaudithook(look)


def _refuse(*_: Any) -> NoReturn:
    raise FenceError


def passes(
    address: object, networks: tuple[Network, ...]
) -> bool:
    """Say whether a socket may use an address.

    A path is a socket of this machine; what was
    connected before has no address any more.
    """
    if address is None or isinstance(
        address, str | bytes
    ):
        return True
    try:
        return within(str(address[0]), networks)  # type: ignore[index]
    except (TypeError, ValueError, LookupError):
        return False


# --8<-- [end:fence]
