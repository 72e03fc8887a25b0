"""Does nginx let in only whom and what it lists?"""

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


def walk(
    tree: Sequence[Directive],
) -> Iterator[Directive]:
    """Yield each directive, those inside too."""
    for one in tree:
        yield one
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


# --8<-- [start:guards]
def default_of(
    table: Directive,
) -> Sequence[str] | None:
    """Say what a map gives to all others."""
    rows = named(table["block"], "default")
    return rows[0]["args"] if rows else None


def guarded(
    server: Sequence[Directive], statuses: set[str]
) -> set[str]:
    """Find variables that may not be empty here."""
    return {
        one["args"][0]
        for one in named(server, "if")
        if one["args"][1:] in (["=", ""], ["="])
        for end in named(one["block"], "return")
        if end["args"][0] in statuses
    }


def tables(
    http: Sequence[Directive], *parts: str
) -> dict[str, Directive]:
    """Find maps from these, closed by default."""
    return {
        one["args"][1]: one
        for one in named(http, "map")
        if all(
            part in one["args"][0] for part in parts
        )
        and default_of(one) == [""]
    }


LISTED = re.compile(r"~\^[A-Z]+ [\w/-]+\$")


def loose(table: Directive) -> list[str]:
    """Find rows that are no exact path."""
    return [
        one["directive"]
        for one in table["block"]
        if one["directive"] not in {"default", "#"}
        and not LISTED.fullmatch(one["directive"])
    ]


# --8<-- [end:guards]


# --8<-- [start:server]
HERE = ("127.", "localhost", "[::1]", "unix:")
TLS = {"TLSv1.2", "TLSv1.3"}
SET = {
    "proxy_buffering": ["off"],
    "proxy_pass_request_headers": ["off"],
}


def server_complaints(
    http: Sequence[Directive],
    server: Sequence[Directive],
) -> Iterator[str]:
    """Say what is wrong with one that passes on."""
    for one in named(server, "listen"):
        near = one["args"][0].startswith(HERE)
        if "ssl" not in one["args"] and not near:
            at = one["args"][0]
            yield f"listen {at}: add ssl"
    who = tables(http, "$http_authorization")
    if not guarded(server, {"401"}) & set(who):
        yield (
            "no key is asked for: a map of "
            "$http_authorization with an empty "
            "default, and return 401"
        )
    what = tables(
        http, "$request_method", "$request_uri"
    )
    lists = guarded(server, {"403", "404"}) & set(
        what
    )
    if not lists:
        yield (
            "no list of paths: a map of "
            "$request_method and $request_uri with "
            "an empty default, and return 404"
        )
    for name in sorted(lists):
        for row in loose(what[name]):
            yield (
                f"{row}: list a method and a path, "
                "as in ~^GET /health$"
            )
    for one in walk(server):
        if one["directive"] in PASSES:
            target = one["args"][0]
            if not target.endswith(
                tuple(lists or "$")
            ):
                yield (
                    f"{one['directive']} {target}: "
                    "end with the listed path"
                )
    for place in walk(server):
        block = place.get("block", ())
        if any(
            x["directive"] in PASSES for x in block
        ):
            yield from place_complaints(
                [*http, *server, *block]
            )


def place_complaints(
    seen: Sequence[Directive],
) -> Iterator[str]:
    """Say what is wrong where it is passed on."""
    for name, allowed in SET.items():
        found = [
            x["args"] for x in named(seen, name)
        ]
        if found[-1:] != [allowed]:
            yield f"{name}: set it to {allowed[0]}"
    for name in ("limit_req", "limit_conn"):
        if not named(seen, name):
            yield f"{name}: no limit"
    sizes = named(seen, "client_max_body_size")
    if not sizes or sizes[-1]["args"] == ["0"]:
        yield "client_max_body_size: no limit"


# --8<-- [end:server]


# --8<-- [start:complaints]
SAID = re.compile(
    r"\$(request\b|request_uri|request_body|uri|args"
    r"|query_string|http_|arg_|cookie_|document_uri)"
)
LEVELS = {"crit", "alert", "emerg"}


def complaints(
    tree: Sequence[Directive],
) -> list[str]:
    """Say what our policy has against nginx.

    tree: what crossplane parsed, `http` or within
    """
    tops = named(tree, "http")
    http = tops[0]["block"] if tops else tree
    servers = [
        one["block"]
        for one in named(http, "server")
        if any(
            x["directive"] in PASSES
            for x in walk(one["block"])
        )
    ]
    found = [
        said
        for server in servers
        for said in server_complaints(http, server)
    ]
    if not servers:
        return found
    tls = named(http, "ssl_protocols")
    if not tls or set(tls[-1]["args"]) - TLS:
        found.append(
            "ssl_protocols: in http, from TLSv1.2"
        )
    formats = {
        one["args"][0]: " ".join(one["args"][1:])
        for one in named(http, "log_format")
    }
    for one in walk(tree):
        words = one["args"]
        if one["directive"] == "access_log":
            if words == ["off"]:
                continue
            form = formats.get("".join(words[1:2]))
            if form is None or SAID.search(form):
                found.append(
                    f"access_log {words[0]}: use "
                    "a format without requests"
                )
    logs = [
        one
        for one in walk(tree)
        if one["directive"] == "error_log"
    ]
    if tops and (
        not logs
        or any(
            x["args"][-1] not in LEVELS
            for x in logs
        )
    ):
        found.append(
            "error_log: crit; others quote requests"
        )
    return found


# --8<-- [end:complaints]
