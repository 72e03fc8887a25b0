"""What a closed list leaves open beside it: each is refused by its own message."""

from __future__ import annotations

from pathlib import Path

import pytest

from snippets.operate.proxy_surface import size, walk
from tests.operate.proxies import FOLDER
from tests.operate.test_proxy_policy import said_of

GOOD = (FOLDER / "nginx.conf").read_text()
LAST = "location @stranger"
WEAKER = {
    "a variable is set": ('if ($client = "")', 'set $client x;\n if ($client = "")', "set: not needed here"),
    "the checks are left": ('if ($client = "")', 'break;\n if ($client = "")', "break: not needed here"),
    "the path is rewritten": (
        "error_page 401",
        "rewrite ^ /v1/models break;\n error_page 401",
        "rewrite: not needed here",
    ),
    "files": (LAST, f"location /files {{ root /; }}\n {LAST}", "root: not needed here"),
    "files by another name": (LAST, f"location /x {{ alias /etc/; }}\n {LAST}", "alias: not needed here"),
    "lists of files": (LAST, f"location /x {{ autoindex on; }}\n {LAST}", "autoindex: not needed here"),
    "uploads": (LAST, f"location /x {{ dav_methods PUT; }}\n {LAST}", "dav_methods: not needed here"),
    "a copy": ("proxy_buffering off;", "proxy_buffering off; mirror /m;", "mirror: not needed here"),
    "another server": (
        "server { # in the clear",
        "server { listen 8081; autoindex on; }\n server { # in the clear",
        "autoindex: not needed here",
    ),
    "another layer": (
        "events {}",
        "events {}\nstream { server { listen 9000; proxy_pass 127.0.0.1:8080; } }",
        "stream: not needed here",
    ),
    "dry limits": ("limit_req zone", "limit_req_dry_run on; limit_req zone", "limit_req_dry_run: not needed"),
    "weak ciphers": (
        "ssl_protocols TLSv1.2",
        "ssl_ciphers NULL; ssl_protocols TLSv1.2",
        "ssl_ciphers: not needed here",
    ),
    "old TLS of one server": (
        "ssl_certificate llm/cert.pem;",
        "ssl_certificate llm/cert.pem; ssl_protocols TLSv1;",
        "ssl_protocols TLSv1: from TLSv1.2",
    ),
    "the caller's cookie": (
        'Connection "";',
        'Connection ""; proxy_set_header Cookie $http_cookie;',
        "proxy_set_header Cookie $http_cookie: what the caller said",
    ),
    "the caller's header in braces": (
        'Connection "";',
        'Connection ""; proxy_set_header X ${HTTP_X};',
        "what the caller said",
    ),
    "long bodies": ("client_max_body_size 1m", "client_max_body_size 100g", "100g: at most 64m"),
    "bodies a little long": ("client_max_body_size 1m", "client_max_body_size 65m", "65m: at most 64m"),
    "fast": ("rate=60r/m", "rate=101r/s", "at most 100r/s"),
    "fast by the minute": ("rate=60r/m", "rate=6001r/m", "at most 100r/s"),
    "a long queue": ("burst=20", "burst=1001", "at most 1000"),
    "many at once": ("limit_conn all 16", "limit_conn all 1001", "at most 1000"),
    "counted by a header": (
        "limit_req_zone $client",
        "limit_req_zone $http_x",
        "counted by what a caller says",
    ),
    "held by an argument": ("limit_conn_zone $client", "limit_conn_zone $arg_x", "counted by what a caller"),
    "errors are passed on": (
        LAST,
        f"location @open {{ proxy_pass http://engine$route; }}\n {LAST}",
        "location @open: the checks of its server do not run",
    ),
    "status to all": (LAST, f"location /s {{ stub_status; }}\n {LAST}", "stub_status: not needed here"),
}


@pytest.mark.parametrize("name", WEAKER)
def test_what_is_open_is_refused(name: str, tmp_path: Path) -> None:
    old, new, says = WEAKER[name]
    assert old in GOOD
    found = said_of(GOOD.replace(old, new), tmp_path)
    assert any(says in one for one in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("client_max_body_size 1m", "client_max_body_size 64m"),
        ("client_max_body_size 1m", "client_max_body_size 65536k"),
        ("rate=60r/m", "rate=100r/s"),
        ("rate=60r/m", "rate=6000r/m"),
        ("burst=20", "burst=1000"),
        ("limit_conn all 16", "limit_conn all 1000"),
    ],
)
def test_at_the_limit_it_passes(old: str, new: str, tmp_path: Path) -> None:
    assert old in GOOD
    assert said_of(GOOD.replace(old, new), tmp_path) == []


def test_a_status_that_this_machine_alone_can_ask_passes(tmp_path: Path) -> None:
    text = "server {{ listen {}; location / {{ stub_status; }} }}\n  server {{ # in the clear"
    near = GOOD.replace("server { # in the clear", text.format("127.0.0.1:8089"))
    far = GOOD.replace("server { # in the clear", text.format("8089"))
    assert said_of(near, tmp_path) == []
    assert said_of(far, tmp_path) == ["stub_status: not needed here"]


def test_a_file_that_the_server_includes_passes(tmp_path: Path) -> None:
    assert said_of(GOOD.replace("  upstream", "  include upstream.conf;\n  upstream"), tmp_path) == []


@pytest.mark.parametrize(
    ("text", "bytes_"), [("5", 5), ("2k", 2_048), ("3M", 3_145_728), ("1g", 1_073_741_824)]
)
def test_sizes_are_as_nginx_writes_them(text: str, bytes_: int) -> None:
    assert size(text) == bytes_


def test_walk_goes_inside_and_not_into_data() -> None:
    inner = {"directive": "b", "args": []}
    for name, seen in (("a", ["a", "b"]), ("map", ["map"])):
        tree = [{"directive": name, "args": [], "block": [inner]}]
        assert [one["directive"] for one in walk(tree)] == seen
