"""Our policy of nginx: the page's configuration passes, and each way to weaken it is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from snippets.operate.proxy_policy import complaints
from tests.operate.proxies import FOLDER
from tests.pages.language_proxy import check_nginx, parse

GOOD = (FOLDER / "nginx.conf").read_text()
# What is changed, to what, and what is said of it.
WEAKER = {
    "no key": ('if ($client = "") {\n      return 401;\n    }', "", "no key is asked for"),
    "key asked for, and let in": ("return 401;", "return 200;", "no key is asked for"),
    "a stranger has a name": (
        'default "";\n    include',
        "default guest;\n    include",
        "no key is asked for",
    ),
    "the key is in the address": ("map $http_authorization", "map $arg_key", "no key is asked for"),
    "no list": ('if ($route = "") {\n      return 404;\n    }', "", "no list of paths"),
    "a list of what is closed": (
        'default "";\n    "~^GET /health$"',
        'default $request_uri;\n    "~^GET /health$"',
        "no list",
    ),
    "decoded": ("$request_method $request_uri", "$request_method $uri", "no list of paths"),
    "all methods": ("$request_method $request_uri", "$request_uri", "no list of paths"),
    "without an end": ('"~^GET /health$"', '"~^GET /health"', "~^GET /health: list a method and a path"),
    "without a start": ('"~^GET /health$"', '"~GET /health$"', "~GET /health$: list"),
    "all below": ('"~^GET /v1/models$"', '"~^GET /v1/.*$"', "~^GET /v1/.*$: list"),
    "any case": ('"~^GET /health$"', '"~*^GET /health$"', "~*^GET /health$: list"),
    "as it came": ("http://engine$route;", "http://engine;", "proxy_pass http://engine: end with"),
    "in the clear": ("listen 443 ssl;", "listen 443;", "listen 443: add ssl"),
    "old TLS": ("TLSv1.2 TLSv1.3", "TLSv1 TLSv1.2", "ssl_protocols"),
    "TLS of the server's version": ("ssl_protocols TLSv1.2 TLSv1.3;", "", "ssl_protocols"),
    "buffered": ("proxy_buffering off", "proxy_buffering on", "proxy_buffering: set it to off"),
    "all headers": ("proxy_pass_request_headers off;", "", "proxy_pass_request_headers: set it to off"),
    "no rate": ("limit_req zone=rate burst=20 nodelay;", "", "limit_req: no limit"),
    "no share": ("limit_conn each 4;\n      limit_conn all 16;", "", "limit_conn: no limit"),
    "any size": ("client_max_body_size 1m", "client_max_body_size 0", "client_max_body_size: no limit"),
    "size of the default": ("client_max_body_size 1m;", "", "client_max_body_size: no limit"),
    "the log has the query": ('"$route"', '"$request_uri"', "access_log /var/log/nginx/llm.log"),
    "the log has the body": ('"$route"', '"$request_body"', "access_log"),
    "the log has the key": ('"$client"', '"$http_authorization"', "access_log"),
    "the log is the default": ("llm.log llm;", "llm.log;", "access_log"),
    "anybody is a client": ('"";\n    include', '"";\n    "" guest;\n    include', "a row of the keys"),
    "any key": ('"";\n    include', '"";\n    "~^Bearer .*$" guest;\n    include', "a row of the keys"),
    "a short key": (
        '"";\n    include',
        f'"";\n    "~^Bearer {"a" * 19}$" guest;\n    include',
        "a row of the keys",
    ),
    "a key that is no pattern": (
        '"";\n    include',
        f'"";\n    "Bearer {"a" * 20}" guest;\n    include',
        "a row of the keys",
    ),
    "a client's name is what it says": (
        '"";\n    include',
        f'"";\n    "~^Bearer {"a" * 20}$" $request_uri;\n    include',
        "a row of the keys",
    ),
    "a row gives another path": ('$" /health;', '$" /metrics;', "~^GET /health$: gives /metrics"),
    "the list is more than the request": (
        '"$request_method $request_uri"',
        '"$request_method $request_uri$arg_x"',
        "no list of paths",
    ),
    "the key or an argument": ("map $http_authorization", "map $arg_x$http_authorization", "no key is asked"),
    "a map of another thing": (
        "# What",
        'map $http_cookie $x { default ""; }\n # What',
        "map $http_cookie: not needed here",
    ),
    "a variable given twice": (
        "# What",
        'map $http_authorization $client { default ""; }\n # What',
        "map $client: given twice",
    ),
    "more before the path": ("http://engine$route", "http://engine/x$route", "end with the listed path"),
    "two variables": ("http://engine$route", "http://engine$uri$route", "end with the listed path"),
    "a name that begins like this machine's": ("listen 443 ssl;", "listen 127.example:1;", "add ssl"),
    "the log has the query in braces": ('"$route"', '"${request_uri}"', "access_log"),
    "the log has the file": ('"$route"', '"$request_filename"', "access_log"),
    "errors quote": ("error_log stderr crit;", "error_log stderr;", "error_log"),
    "errors quote more": ("stderr crit;", "stderr info;", "error_log"),
}


def said_of(text: str, folder: Path) -> list[str]:
    file = folder / "nginx.conf"
    file.write_text(text)
    tree, errors = parse(file)
    assert errors == []
    return complaints(tree)


def test_the_page_s_configuration_passes(tmp_path: Path) -> None:
    assert said_of(GOOD, tmp_path) == []


@pytest.mark.parametrize("name", WEAKER)
def test_what_is_weaker_is_refused(name: str, tmp_path: Path) -> None:
    old, new, says = WEAKER[name]
    assert old in GOOD
    found = said_of(GOOD.replace(old, new), tmp_path)
    assert any(says in one for one in found), found


@pytest.mark.parametrize(
    "near", ["127.0.0.1:8081", "127.1.2.3:80", "localhost:80", "[::1]:80", "unix:/run/a"]
)
def test_what_listens_here_alone_needs_no_tls(near: str, tmp_path: Path) -> None:
    assert said_of(GOOD.replace("listen 443 ssl;", f"listen {near};"), tmp_path) == []


@pytest.mark.parametrize("name", ["grpc_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass"])
def test_all_ways_to_pass_on_are_found(name: str, tmp_path: Path) -> None:
    text = GOOD.replace("location @stranger", f"location /x {{ {name} 127.0.0.1:1; }}\n location @stranger")
    assert f"{name} 127.0.0.1:1: end with the listed path" in said_of(text, tmp_path)


@pytest.mark.parametrize("status", ["403", "404"])
def test_what_is_not_listed_may_be_forbidden_or_not_there(status: str, tmp_path: Path) -> None:
    assert said_of(GOOD.replace("return 404;", f"return {status};"), tmp_path) == []
    assert said_of(GOOD.replace("return 404;", "return 200;"), tmp_path)


@pytest.mark.parametrize("level", ["alert", "emerg"])
def test_quiet_levels_pass(level: str, tmp_path: Path) -> None:
    assert said_of(GOOD.replace("stderr crit", f"stderr {level}"), tmp_path) == []


def test_a_server_that_passes_nothing_on_is_not_judged(tmp_path: Path) -> None:
    assert said_of("http { server { listen 80; return 404; } }", tmp_path) == []


def test_a_key_of_20_letters_passes(tmp_path: Path) -> None:
    row = f'default "";\n    "~^Bearer {"a" * 20}$" alice;\n    include'
    assert said_of(GOOD.replace('default "";\n    include', row), tmp_path) == []


def test_a_map_of_keys_is_judged_alone(tmp_path: Path) -> None:
    assert said_of('http { map $http_authorization $client { "" guest; } }', tmp_path)


def test_the_validator_says_what_the_tool_says() -> None:
    assert check_nginx(GOOD, "") == []
    assert "unexpected end of file" in check_nginx("server {", "")[0]
    assert "nginx:" in check_nginx("server { listne 80; }", "")[0]
    assert "invalid number of arguments" in check_nginx("server { listen; }", "")[0]
    assert "policy" in check_nginx(GOOD.replace("return 401;", "return 200;"), "")[0]
