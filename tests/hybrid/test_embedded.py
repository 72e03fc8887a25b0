"""A real llama.cpp starts with one call, on loopback, with a key; without the key it tells nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from snippets.data.small_model import read_small_model
from snippets.data.small_tokenizer import read_tokenizer
from snippets.hybrid import embedded
from snippets.hybrid.embedded import Embedded
from snippets.hybrid.policy import Label, Route
from snippets.hybrid.record import Record
from snippets.hybrid.router import HybridLLMRouter
from snippets.hybrid.settings import Settings
from snippets.model_formats.convert import build
from snippets.model_formats.convert_types import as_f16
from snippets.model_formats.gguf_writer import write_gguf

engine = pytest.mark.skipif("WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("model") / "small.gguf"
    metadata, tensors = build(read_small_model(), read_tokenizer(), "F16", as_f16)
    with file.open("wb") as out:
        write_gguf(out, metadata, tensors)
    return file


@pytest.fixture(scope="module")
def local(path: Path) -> Iterator[Embedded]:
    with Embedded(str(path), 512) as server:
        yield server


BODY = {"messages": [{"role": "user", "content": "In the beginning"}], "max_tokens": 8, "temperature": 0}


@engine
def test_it_answers_whole_and_in_pieces_the_same(local: Embedded) -> None:
    records: list[Record] = []
    router = HybridLLMRouter(Settings(local=local.endpoint), lambda _: {}, records.append)
    whole = router.chat(BODY, label=Label.SENSITIVE)
    parts = list(router.stream(BODY, label=Label.SENSITIVE))
    assert whole.text
    assert "".join(part.get("content") or "" for part in parts) == whole.text
    assert [record.route for record in records] == [Route.LOCAL, Route.LOCAL]
    for record in records:
        assert record.spent
        assert record.spent.output_tokens == 8
        assert (record.outcome, record.usd) == ("answered", 0)


@engine
@pytest.mark.parametrize("route", ["/v1/models", "/props", "/slots", "/metrics", "/v1/chat/completions"])
def test_without_the_key_it_tells_nothing(local: Embedded, route: str) -> None:
    root = local.endpoint.url.removesuffix("/v1")
    with httpx.Client(trust_env=False) as client:
        assert client.get(root + route).status_code == 401
        assert client.get(root + route, headers={"authorization": "Bearer wrong"}).status_code == 401


@engine
def test_two_servers_have_two_addresses_and_two_keys(local: Embedded, path: Path) -> None:
    with Embedded(str(path), 256) as other:
        assert other.endpoint.url != local.endpoint.url
        assert other.endpoint.key != local.endpoint.key
        assert other.endpoint.on_loopback


@engine
def test_it_can_be_closed_at_once(path: Path) -> None:
    addresses = set()
    for _ in range(20):
        with Embedded(str(path), 256) as server:
            addresses.add(server.endpoint.url)
    assert len(addresses) > 1


def test_what_the_engine_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, did = SimpleNamespace(model=SimpleNamespace(path="")), list[dict[str, Any]]()
    real = SimpleNamespace(listening_address="http://127.0.0.1:7", handle_completions=did.append)
    library: Any = SimpleNamespace(CommonParams=lambda: asked, Server=lambda _: real)
    monkeypatch.setattr(embedded, "import_module", {"xllamacpp": library}.__getitem__)
    with Embedded("model.gguf", 300) as server:
        end = server.endpoint
        # A server that is closed before it has begun to wait for work waits for good.
        assert did == [{"prompt": "", "n_predict": 0}]
    assert (asked.model.path, asked.n_ctx, asked.n_parallel, asked.port) == ("model.gguf", 300, 1, 0)
    assert (asked.hostnames, asked.model_alias) == (["127.0.0.1"], ["local"])
    assert not any((asked.ui, asked.endpoint_props, asked.endpoint_slots, asked.endpoint_metrics))
    assert end.key
    assert asked.api_keys == [end.key.get_secret_value()]
    assert len(asked.api_keys[0]) == 32
    assert (end.url, end.model) == ("http://127.0.0.1:7/v1", "local")
    assert asked.verbosity == 0
