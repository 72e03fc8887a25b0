"""How can a request fail?"""

# --8<-- [start:errors]
from enum import StrEnum


class Kind(StrEnum):
    """What went wrong, in words of ours."""

    REFUSED = "refused by the policy"
    BAD_REQUEST = "the request cannot be sent"
    TOO_LONG = "the request is too long"
    OPEN = "not asked: it failed too often"
    SPENT = "not asked: the budget is spent"
    ADDRESS = "the address is not allowed"
    CONNECT = "no connection"
    CERTIFICATE = "the certificate does not match"
    TIMEOUT = "no answer in time"
    STATUS = "an HTTP status that is no answer"
    NOT_JSON = "an answer that is not JSON"
    MALFORMED = "an answer of another shape"
    CUT = "the answer broke off"
    ABANDONED = "the caller stopped reading"
    TOO_LARGE = "an answer that does not end"
    NO_MODEL = "the model is not on the server"
    CLOUD_MODEL = "a local model that is not local"


UNSENT = frozenset(
    {
        Kind.REFUSED,
        Kind.ADDRESS,
        Kind.CONNECT,
        Kind.CERTIFICATE,
    }
)
REFUSALS = frozenset(
    {400, 401, 403, 404, 413, 422, 429}
)
RETRIED = frozenset(
    {Kind.CONNECT, Kind.TIMEOUT, Kind.CUT}
)


class HybridError(Exception):
    """A request failed.

    Says how, with which status, and how long the
    server asked to wait: a closed list of words,
    and numbers. Nothing else that a server or
    a caller wrote is in it, or chained to it.
    """

    def __init__(
        self,
        kind: Kind,
        status: int | None = None,
        wait_s: int = 0,
    ) -> None:
        super().__init__(kind, status, wait_s)
        self.kind = kind
        self.status = status
        self.wait_s = wait_s

    def __str__(self) -> str:
        if self.status is None:
            return self.kind.value
        return f"{self.kind.value}: {self.status}"

    @property
    def free(self) -> bool:
        """Whether the server did no work for it."""
        return (
            self.kind in UNSENT
            or self.status in REFUSALS
        )

    @property
    def works(self) -> bool:
        """Whether a working server refused it."""
        return (
            self.status is not None
            and self.status >= 400
            and not self.passing
        )

    @property
    def passing(self) -> bool:
        """Whether another try may succeed."""
        if self.status is None:
            return self.kind in RETRIED
        return self.status in {408, 429} or (
            self.status >= 500
        )


# --8<-- [end:errors]
