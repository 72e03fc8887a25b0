"""How does a local model start with one call?"""

# --8<-- [start:embedded]
import secrets
from importlib import import_module
from types import TracebackType
from typing import Any, Self

from pydantic import SecretStr

from snippets.hybrid.endpoint import Endpoint


class Embedded:
    """llama.cpp's server, in this process.

    On loopback, at a free port, with a key that no
    one else has. Its name for the model is `local`.

    path: a GGUF file
    tokens: the longest prompt and answer together
    """

    def __init__(
        self, path: str, tokens: int
    ) -> None:
        library: Any = import_module("xllamacpp")
        key = secrets.token_urlsafe(24)
        asked = library.CommonParams()
        asked.model.path = path
        asked.model_alias = ["local"]
        asked.hostnames = ["127.0.0.1"]
        asked.port = 0
        asked.api_keys = [key]
        asked.n_ctx = tokens
        asked.n_parallel = 1
        asked.ui = False
        asked.endpoint_props = False
        asked.endpoint_slots = False
        asked.endpoint_metrics = False
        asked.verbosity = 0
        self._server: Any = library.Server(asked)
        # One that ends before it has begun to wait
        # for work never ends: give it some, first.
        self._server.handle_completions(
            {"prompt": "", "n_predict": 0}
        )
        url = self._server.listening_address
        self.endpoint = Endpoint(
            url=f"{url}/v1",
            model="local",
            key=SecretStr(key),
        )

    def close(self) -> None:
        """Stop it."""
        self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


# --8<-- [end:embedded]
