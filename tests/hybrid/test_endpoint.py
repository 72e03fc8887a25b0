"""An address is what it says, and inside the networks that are allowed."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from pydantic import SecretStr, ValidationError

from snippets.hybrid.endpoint import LOOPBACK, Endpoint, within


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1:8080/v1", ("http", "127.0.0.1", 8080)),
        ("http://127.0.0.1/v1", ("http", "127.0.0.1", 80)),
        ("https://api.example/v1", ("https", "api.example", 443)),
        ("https://api.example:8443/deep/er/v1", ("https", "api.example", 8443)),
        ("http://[::1]:8080/v1", ("http", "::1", 8080)),
        ("http://localhost:1/", ("http", "localhost", 1)),
    ],
)
def test_scheme_host_and_port(url: str, origin: tuple[str, str, int]) -> None:
    end = Endpoint(url=url, model="m")
    assert end.origin == origin
    assert end.chat_url == url.rstrip("/") + "/chat/completions"
    assert end.encrypted == url.startswith("https")


@pytest.mark.parametrize(
    "url",
    [
        "http://user@127.0.0.1/v1",
        "http://127.0.0.1:8080@evil.example/v1",
        "http://127.0.0.1/v1?x=1",
        "http://127.0.0.1/v1#x",
        "http://127.0.0.1:/v1",
        "http://127.0.0.1:08080/v1",
        "http://127.0.0.1:99999/v1",
        "http://LOCALHOST/v1",
        "HTTP://localhost/v1",
        "ftp://localhost/v1",
        "file:///etc/passwd",
        "//localhost/v1",
        "localhost:8080",
        "http:///v1",
        "http://",
        "http://local host/v1",
        "http://localhost/v1\r\nX: 1",
        "http://ⅼocalhost/v1",
        "http://[::1/v1",
        "https://0313.0.0161.07/v1",
        "http://[::1%25eth0]/v1?",
        "",
    ],
)
def test_a_url_that_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="url"):
        Endpoint(url=url, model="m")


@pytest.mark.parametrize("model", ["llama3:8b", "org/Model-1.5", "m", "a@b+c", "m" * 200])
def test_names_of_models(model: str) -> None:
    assert Endpoint(url="http://localhost/v1", model=model).model == model


@pytest.mark.parametrize("model", ["", "a b", "a\n", "\x1b[31m", "a\x00", "/etc", "m" * 201, "mödel"])
def test_a_model_with_control_characters_is_refused(model: str) -> None:
    with pytest.raises(ValidationError, match="model") as caught:
        Endpoint(url="http://localhost/v1", model=model)
    assert not model or model not in str(caught.value)


def test_a_key_is_not_shown_and_fits_a_header() -> None:
    end = Endpoint(url="http://localhost/v1", model="m", key=SecretStr("top-secret"))
    assert "top-secret" not in repr(end) + str(end) + end.model_dump_json()
    for key in ("a b", "a\r\nX: 1", "schlüssel", "\x7f"):
        with pytest.raises(ValidationError, match="key") as caught:
            Endpoint(url="http://localhost/v1", model="m", key=SecretStr(key))
        assert key not in str(caught.value)


@pytest.mark.parametrize("name", ["urls", "Model", "api_key", "ca_files"])
def test_a_misspelled_setting_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match=name):
        Endpoint.model_validate({"url": "http://localhost/v1", "model": "m", name: "x"})


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("http://127.0.0.1:1/v1", True),
        ("http://127.9.9.9:1/v1", True),
        ("http://[::1]:1/v1", True),
        ("http://localhost/v1", True),
        ("http://128.0.0.1/v1", False),
        ("http://[::2]/v1", False),
        ("http://localhost.example/v1", False),
        ("http://127.0.0.1.example/v1", False),
        ("http://0.0.0.0/v1", False),
    ],
)
def test_what_is_on_loopback(url: str, here: bool) -> None:
    assert Endpoint(url=url, model="m").on_loopback == here


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("127.0.0.1", True),
        ("127.255.255.255", True),
        ("126.255.255.255", False),
        ("128.0.0.0", False),
        ("::1", True),
        ("::2", False),
        ("::", False),
        ("0.0.0.0", False),  # noqa: S104 (an address to be refused)
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("::1%lo", False),
        ("fe80::1%eth0", False),
        ("10.0.0.1", False),
    ],
)
def test_within_loopback(address: str, inside: bool) -> None:
    assert within(address, LOOPBACK) == inside


def test_within_a_network_of_ones_own() -> None:
    own = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]
    assert within("10.1.2.3", own)
    assert within("fd12::1", own)
    assert within("::ffff:10.1.2.3", own)
    assert not within("10.2.0.1", own)
    assert not within("127.0.0.1", own)
    assert not within("10.1.2.3", [])


def test_an_endpoint_does_not_change() -> None:
    end = Endpoint(url="http://localhost/v1", model="m")
    with pytest.raises(ValidationError, match="frozen"):
        end.url = "https://evil.example"  # type: ignore[misc]
