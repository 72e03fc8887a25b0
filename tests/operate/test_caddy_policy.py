"""Our policy of Caddy: the page's Caddyfile passes, and each way to weaken it is refused by its own name."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from snippets.operate.caddy_policy import complaints
from tests.operate.proxies import FOLDER
from tests.pages.language_proxy import check_caddyfile

GOOD = (FOLDER / "Caddyfile").read_text()
WEAKER = {
    "no key": ('respond @stranger `{"error": "a key is needed"}` 401', "", "no key is asked for"),
    "let in": ('needed"}` 401', 'needed"}` 200', "no key is asked for"),
    "a stranger has a name": (
        'import llm/keys.caddy\n\t\tdefault ""',
        "import llm/keys.caddy\n\t\tdefault x",
        "no key",
    ),
    "another header": ("map {header.Authorization}", "map {header.X-User}", "no key is asked for"),
    "no list": ("respond @unlisted 404", "", "no list of paths"),
    "path alone": ('map "{method} {uri}"', 'map "{uri}"', "no list of paths"),
    "decoded": ('map "{method} {uri}"', 'map "{method} {path}"', "no list of paths"),
    "a pattern": ('"GET /v1/models" /v1/models', '"~^GET /v1/" /v1/models', "no list of paths"),
    "open by default": (
        '/v1/chat/completions\n\t\tdefault ""',
        "/v1/chat/completions\n\t\tdefault {uri}",
        "no list",
    ),
    "as it came": ("rewrite {route}", "", "rewrite: to the listed path"),
    "any size": ("max_size 1MiB", "", "max_size is missing"),
    "buffered": ("flush_interval -1", "", "flush_interval: set it to -1"),
    "all headers": ("header_up -*", "", "header_up: -*"),
    "no limit": ("unhealthy_request_count 16", "", "unhealthy_request_count: no limit"),
    "the log has requests": ("request delete", "", "request delete"),
    "files": ("log_append client", "file_server browse\n\tlog_append client", "file_server: not needed"),
    "admin to all": ("admin unix//run/caddy/admin.sock", "admin 0.0.0.0:2019", "admin 0.0.0.0:2019"),
    "errors are passed on": (
        "respond 429",
        "reverse_proxy 127.0.0.1:8080",
        "handle_errors: no reverse_proxy",
    ),
    "in the clear": ("\nllm.example {", "\nhttp://llm.example:80 {", ":80: without TLS"),
}


@pytest.mark.parametrize("name", WEAKER)
def test_what_is_weaker_is_refused(name: str) -> None:
    old, new, says = WEAKER[name]
    text = GOOD
    if name == "in the clear":
        text = text[: text.index("http://llm.example {")] + text[text.index("\nllm.example {") :]
        text = text.replace("tls llm/cert.pem llm/cert.key {\n\t\tprotocols tls1.2 tls1.3\n\t}", "")
    assert old in text
    found = check_caddyfile(text.replace(old, new), "")
    assert any(says in one for one in found), found


def test_the_page_s_caddyfile_passes() -> None:
    assert check_caddyfile(GOOD, "") == []


def test_the_validator_says_what_caddy_says() -> None:
    assert "unrecognized directive" in check_caddyfile("llm.example {\n\trespnd 404\n}", "")[0]
    assert "policy" in check_caddyfile("llm.example {\n\treverse_proxy 127.0.0.1:8080\n}", "")[0]


@cache
def small() -> dict[str, Any]:
    """What `caddy adapt` gives, and no more of it than the policy reads."""
    maps: list[dict[str, Any]] = [
        {"handler": "map", "source": "{http.request.header.Authorization}", "destinations": ["{c}"]},
        {"handler": "map", "source": "{http.request.method} {http.request.uri}", "destinations": ["{r}"]},
    ]
    steps: list[dict[str, Any]] = [{"handle": [{**one, "defaults": [""], "mappings": []}]} for one in maps]
    steps += [
        {"match": [{"vars": {"{c}": [""]}}], "handle": [{"handler": "static_response", "status_code": 401}]},
        {"match": [{"vars": {"{r}": [""]}}], "handle": [{"handler": "static_response", "status_code": 404}]},
        {"handle": [{"handler": "request_body", "max_size": 1}, {"handler": "rewrite", "uri": "{r}"}]},
    ]
    proxy = {
        "handler": "reverse_proxy",
        "flush_interval": -1,
        "headers": {"request": {"delete": ["*"]}},
        "health_checks": {"passive": {"unhealthy_request_count": 1}},
    }
    inner = [*steps, {"handle": [proxy]}]
    routes = [{"handle": [{"handler": "subroute", "routes": inner}]}]
    return {
        "apps": {
            "http": {
                "servers": {"a": {"listen": [":443"], "routes": routes, "tls_connection_policies": [{}]}}
            }
        }
    }


def server(config: dict[str, Any]) -> Any:
    return config["apps"]["http"]["servers"]["a"]


def inner(config: dict[str, Any]) -> Any:
    return server(config)["routes"][0]["handle"][0]["routes"]


def test_the_smallest_passes() -> None:
    assert complaints(small()) == []
    assert complaints({}) == []


def test_another_port_in_the_clear_is_refused() -> None:
    config = deepcopy(small())
    server(config)["listen"] = [":8000"]
    server(config)["tls_connection_policies"] = []
    assert complaints(config) == [":8000: without TLS"]
    server(config)["listen"] = ["127.0.0.1:8000"]
    assert complaints(config) == []


def test_a_site_that_passes_nothing_on_may_serve_metrics() -> None:
    config = deepcopy(small())
    routes = [{"handle": [{"handler": "metrics"}]}]
    config["apps"]["http"]["servers"]["b"] = {"listen": ["127.0.0.1:2020"], "routes": routes}
    assert complaints(config) == []


def test_a_check_after_the_proxy_is_no_check() -> None:
    config = deepcopy(small())
    inner(config).reverse()
    assert any("no key" in one for one in complaints(config))


@pytest.mark.parametrize(("status", "passes"), [(403, True), (404, True), (200, False)])
def test_what_is_not_listed_may_be_forbidden_or_not_there(status: int, passes: bool) -> None:
    config = deepcopy(small())
    inner(config)[3]["handle"][0]["status_code"] = status
    assert (complaints(config) == []) == passes


def test_a_check_for_some_is_no_check() -> None:
    for match in ({"vars": {"{c}": [""]}, "path": ["/x"]}, {"vars": {"{c}": [""], "{x}": [""]}}):
        config = deepcopy(small())
        inner(config)[2]["match"] = [match]
        assert any("no key" in one for one in complaints(config))


@pytest.mark.parametrize("old", ["tls1.0", "tls1.1"])
def test_old_tls_is_refused(old: str) -> None:
    config = deepcopy(small())
    server(config)["tls_connection_policies"] = [{"protocol_min": old}]
    assert complaints(config) == ["protocols: tls1.2 or later"]
    server(config)["tls_connection_policies"] = [{"protocol_min": "tls1.2"}]
    assert complaints(config) == []


def test_the_port_in_the_clear_is_80_or_what_it_is_set_to() -> None:
    config = deepcopy(small())
    server(config)["listen"] = [":80"]
    assert complaints(config) == [":80: without TLS"]
    config["apps"]["http"]["http_port"] = 8080
    assert complaints(config) == []
