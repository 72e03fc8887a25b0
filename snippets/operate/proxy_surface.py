"""What else does this nginx.conf open?"""

# --8<-- [start:tree]
import re
from collections.abc import Iterator, Sequence
from typing import Any

Directive = dict[str, Any]
PASSES = {
    "proxy_pass",
    "grpc_pass",
    "fastcgi_pass",
    "uwsgi_pass",
    "scgi_pass",
}
DATA = {"map", "types"}  # their rows are no words


def walk(
    tree: Sequence[Directive],
) -> Iterator[Directive]:
    """Yield each directive, those inside too."""
    for one in tree:
        yield one
        if one["directive"] not in DATA:
            yield from walk(one.get("block", ()))


def named(
    tree: Sequence[Directive], name: str
) -> list[Directive]:
    """Find the directives of a block by name."""
    return [
        one
        for one in tree
        if one["directive"] == name
    ]


# --8<-- [end:tree]


# --8<-- [start:words]
NEEDED = {
    "access_log",
    "add_header",
    "allow",
    "client_body_buffer_size",
    "client_body_timeout",
    "client_header_buffer_size",
    "client_header_timeout",
    "client_max_body_size",
    "daemon",
    "default_type",
    "deny",
    "error_log",
    "error_page",
    "events",
    "http",
    "http2",
    "if",
    "include",
    "internal",
    "keepalive",
    "keepalive_requests",
    "keepalive_timeout",
    "large_client_header_buffers",
    "least_conn",
    "limit_conn",
    "limit_conn_status",
    "limit_conn_zone",
    "limit_req",
    "limit_req_status",
    "limit_req_zone",
    "listen",
    "location",
    "log_format",
    "map",
    "pid",
    "proxy_buffering",
    "proxy_connect_timeout",
    "proxy_hide_header",
    "proxy_http_version",
    "proxy_next_upstream",
    "proxy_pass_request_headers",
    "proxy_read_timeout",
    "proxy_request_buffering",
    "proxy_send_timeout",
    "proxy_set_header",
    "resolver",
    "resolver_timeout",
    "return",
    "send_timeout",
    "server",
    "server_name",
    "server_tokens",
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_protocols",
    "ssl_reject_handshake",
    "ssl_session_cache",
    "ssl_session_tickets",
    "ssl_session_timeout",
    "types",
    "upstream",
    "user",
    "worker_connections",
    "worker_processes",
    "worker_rlimit_nofile",
    "worker_shutdown_timeout",
    "zone",
}
HERE = re.compile(
    r"(127(\.\d+){3}|localhost|\[::1\])(:\d+)?"
    r"|unix:.*"
)


def near(server: Sequence[Directive]) -> bool:
    """Tell if only this machine can ask it."""
    places = named(server, "listen")
    return bool(places) and all(
        HERE.fullmatch(one["args"][0])
        for one in places
    )


def words(tree: Sequence[Directive]) -> list[str]:
    """Refuse what a proxy has no need of."""
    known = {
        id(one)
        for server in walk(tree)
        if server["directive"] == "server"
        and near(server.get("block", ()))
        for one in walk(server["block"])
        if one["directive"] == "stub_status"
    }
    return [
        f"{one['directive']}: not needed here"
        for one in walk(tree)
        if one["directive"] not in NEEDED | PASSES
        and id(one) not in known
    ]


# --8<-- [end:words]


# --8<-- [start:values]
SAID = re.compile(
    r"\$\{?(request(_uri|_body|_filename)?\b|uri"
    r"|args|query_string|http_|arg_|cookie_"
    r"|document_uri|remote_user)",
    re.I,
)
TLS = {"TLSv1.2", "TLSv1.3"}
UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
MOST_BYTES = 64 * 2**20
MOST = 100  # requests in a second
MOST_AT_ONCE = 1_000


def size(text: str) -> int:
    """Read bytes, as nginx writes them."""
    unit = text[-1].lower()
    unit = unit if unit in UNITS else ""
    return (
        int(text[: len(text) - len(unit)])
        * UNITS[unit]
    )


def most(one: Directive) -> str | None:
    """Say which limit is none, or nothing."""
    line = " ".join(one["args"])
    match one["directive"]:
        case "client_max_body_size":
            if size(one["args"][0]) > MOST_BYTES:
                return "at most 64m"
        case "limit_req_zone":
            for many, per in re.findall(
                r"rate=(\d+)r/([sm])", line
            ):
                each = 60 if per == "m" else 1
                if int(many) > MOST * each:
                    return "at most 100r/s"
        case "limit_req" | "limit_conn":
            for many in re.findall(
                r"[= ](\d+)\b", line
            ):
                if int(many) > MOST_AT_ONCE:
                    return "at most 1000"
    return None


def weak(one: Directive) -> str | None:
    """Say what a value gives away, or nothing."""
    args = one["args"]
    match one["directive"]:
        case "ssl_protocols" if set(args) - TLS:
            return "from TLSv1.2"
        case "proxy_set_header" if SAID.search(
            " ".join(args)
        ):
            return "what the caller said"
        case (
            "limit_req_zone" | "limit_conn_zone"
        ) if SAID.search(args[0]):
            return "counted by what a caller says"
        case _:
            return most(one)


# --8<-- [end:values]


# --8<-- [start:surface]
def surface(tree: Sequence[Directive]) -> list[str]:
    """Say what stands open beside the list.

    tree: what crossplane parsed
    """
    found = words(tree)
    for one in walk(tree):
        said = weak(one)
        if said:
            line = " ".join(one["args"])
            found.append(
                f"{one['directive']} {line}: {said}"
            )
        inner = one.get("block", ())
        if (
            one["directive"] == "location"
            and one["args"][0].startswith("@")
            and any(
                x["directive"] in PASSES
                for x in walk(inner)
            )
        ):
            found.append(
                f"location {one['args'][0]}: the "
                "checks of its server do not run"
            )
    return found


# --8<-- [end:surface]
