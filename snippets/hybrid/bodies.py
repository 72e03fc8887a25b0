"""What is sent here, and what would be there?"""

# --8<-- [start:bodies]
from collections.abc import Mapping, Sequence
from typing import Any

from snippets.hybrid.errors import HybridError, Kind
from snippets.hybrid.settings import Settings
from snippets.hybrid.surface import seal

Body = (
    Mapping[str, Any] | Sequence[Mapping[str, Any]]
)
OURS = ("model", "stream", "stream_options")
LIMITS = ("max_completion_tokens", "max_tokens")


def bodies(
    body: Body, settings: Settings, streamed: bool
) -> tuple[bytes, bytes, int]:
    """Write the bytes for here and for the cloud.

    And say how many tokens the cloud may answer.
    Raises: ValueError for what the settings say,
    HybridError for what cannot be sent.
    """
    said: dict[str, Any] = (
        dict(body)
        if isinstance(body, Mapping)
        else {"messages": list(body)}
    )
    for name in OURS:
        if name in said:
            raise ValueError(
                f"{name}: the router sets it"
            )
    if streamed:
        said["stream"] = True
        said["stream_options"] = {
            "include_usage": True
        }
    home = seal(
        said | {"model": settings.local.model}
    )
    if len(home) > settings.most_body_bytes:
        raise HybridError(Kind.TOO_LONG)
    limit = settings.most_output_tokens
    if settings.cloud is None:
        return home, b"", limit
    asked = [
        said[name]
        for name in LIMITS
        if name in said
    ]
    if not asked:
        said["max_tokens"] = limit
        asked = [limit]
    for value in asked:
        if type(value) is not int or value < 1:
            raise ValueError(
                f"{' or '.join(LIMITS)}: a whole "
                "number above 0 is needed"
            )
    out = seal(
        said | {"model": settings.cloud.model}
    )
    return home, out, max(asked)


# --8<-- [end:bodies]
