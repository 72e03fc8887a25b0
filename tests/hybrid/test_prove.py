"""A local model is on the local server, and is not one that Ollama has from elsewhere."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from snippets.hybrid.endpoint import Endpoint
from snippets.hybrid.errors import HybridError, Kind
from snippets.hybrid.prove import hosted, prove
from tests.hybrid.fakes import LOCAL, Recorder

TAGS = {"models": [{"name": "small", "model": "small"}]}


def server(models: Any, tags: Any, status: int = 200) -> Recorder:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/models":
            return httpx.Response(200, json=models)
        assert request.url.path == "/api/tags"
        return httpx.Response(status, json=tags)

    return Recorder(answer)


def ids(*names: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name} for name in names]}


def fails(kind: Kind, recorder: Recorder, local: Endpoint = LOCAL) -> None:
    with pytest.raises(HybridError) as caught:
        prove(recorder, local, 10_000)
    assert caught.value.kind is kind


def test_a_model_that_is_there() -> None:
    recorder = server(ids("other", "small"), TAGS)
    prove(recorder, LOCAL, 10_000)
    assert [str(one.url) for one in recorder.got] == [
        "http://127.0.0.1:1111/v1/models",
        "http://127.0.0.1:1111/api/tags",
    ]


def test_a_name_of_ollamas_without_its_tag() -> None:
    prove(server(ids("small:latest"), {}, 404), LOCAL, 10_000)
    fails(Kind.NO_MODEL, server(ids("small:other"), {}, 404))


@pytest.mark.parametrize("name", [["small"], {"small": 1}, 5, None])
def test_a_name_that_is_no_name(name: Any) -> None:
    fails(Kind.NO_MODEL, server({"data": [{"id": name}]}, {}, 404))
    prove(server(ids("small"), {"models": [{"name": name, "remote_host": "x"}]}), LOCAL, 10_000)


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_that_is_not_ollama(status: int) -> None:
    prove(server(ids("small"), {}, status), LOCAL, 10_000)


@pytest.mark.parametrize("status", [301, 307, 400, 401, 402, 403, 406, 429, 500, 502])
def test_a_server_that_may_be_ollama_and_does_not_say(status: int) -> None:
    fails(Kind.STATUS, server(ids("small"), {}, status))


def test_a_model_that_is_not_there() -> None:
    fails(Kind.NO_MODEL, server(ids("other"), TAGS))
    fails(Kind.NO_MODEL, server(ids(), TAGS))


@pytest.mark.parametrize("models", [{}, {"data": None}, {"data": {}}, []])
def test_a_list_of_another_shape(models: Any) -> None:
    fails(Kind.MALFORMED, server(models, TAGS))


def test_a_model_that_ollama_passes_on() -> None:
    row = {"name": "small", "model": "small", "remote_host": "https://ollama.com:443"}
    fails(Kind.CLOUD_MODEL, server(ids("small"), {"models": [{"name": "other"}, row]}))
    fails(Kind.MALFORMED, server(ids("small"), {"models": "none"}))


@pytest.mark.parametrize(
    ("model", "row", "passed_on"),
    [
        ("m", {"name": "m", "remote_host": "https://x"}, True),
        ("m", {"name": "m", "remote_model": "x"}, True),
        ("m", {"model": "m", "remote_host": "https://x"}, True),
        ("m", {"name": "m:latest", "remote_host": "https://x"}, True),
        ("m:latest", {"name": "m:latest", "remote_host": "https://x"}, True),
        ("m", {"name": "m", "remote_host": ""}, False),
        ("m", {"name": "m"}, False),
        ("m", {"name": "n", "remote_host": "https://x"}, False),
        ("m", "m", False),
        ("gpt-oss:120b-cloud", {}, True),
        ("kimi:cloud", {}, True),
        ("cloudy", {}, False),
        ("cloud", {}, False),
    ],
)
def test_how_it_gives_itself_away(model: str, row: Any, passed_on: bool) -> None:
    assert hosted(model, {"models": [row]}) == passed_on
