"""Is the local model local?"""

# --8<-- [start:hosted]
from typing import Any

import httpx

from snippets.hybrid.client import get
from snippets.hybrid.endpoint import Endpoint
from snippets.hybrid.errors import HybridError, Kind

NOT_OLLAMA = {404, 405}


def hosted(
    model: str, tags: dict[str, Any]
) -> bool:
    """Say whether Ollama passes a model on.

    tags: what /api/tags answered. A model's own
    name gives it away, or a host that stands there.
    """
    if model.endswith(("-cloud", ":cloud")):
        return True
    names = _names(model)
    return any(
        one.get("remote_host")
        or one.get("remote_model")
        for one in _rows(tags, "models")
        if one.get("name") in names
        or one.get("model") in names
    )


def _names(model: str) -> list[str]:
    """A name, and what Ollama takes it for."""
    return [model, f"{model}:latest"]


def _rows(
    said: dict[str, Any], name: str
) -> list[dict[str, Any]]:
    rows = said.get(name)
    if not isinstance(rows, list):
        raise HybridError(Kind.MALFORMED)
    return [
        one for one in rows if isinstance(one, dict)
    ]


# --8<-- [end:hosted]


# --8<-- [start:prove]
def prove(
    transport: httpx.BaseTransport,
    local: Endpoint,
    most_bytes: int,
) -> None:
    """Ask the local server what it serves.

    It has to list the model. A model that Ollama
    has from elsewhere would be local in name only.
    Raises: HybridError.
    """
    said = get(
        transport,
        local,
        f"{local.url}/models",
        most_bytes,
    )
    names = _names(local.model)
    if not any(
        one.get("id") in names
        for one in _rows(said, "data")
    ):
        raise HybridError(Kind.NO_MODEL)
    root = local.url.removesuffix("/v1")
    tags: dict[str, Any] = {"models": []}
    try:
        tags = get(
            transport,
            local,
            f"{root}/api/tags",
            most_bytes,
        )
    except HybridError as error:
        if error.status not in NOT_OLLAMA:
            raise
    if hosted(local.model, tags):
        raise HybridError(Kind.CLOUD_MODEL)


# --8<-- [end:prove]
