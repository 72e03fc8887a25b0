"""Does nginx let in only whom and what it lists?"""

# --8<-- [start:guards]
import re
from collections.abc import Iterator, Sequence

from snippets.operate.proxy_surface import (
    HERE,
    PASSES,
    SAID,
    Directive,
    named,
    surface,
    walk,
)

WHO = "$http_authorization"
WHAT = "$request_method $request_uri"


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
    http: Sequence[Directive], source: str
) -> dict[str, Directive]:
    """Find maps from this, closed by default."""
    return {
        one["args"][1]: one
        for one in named(http, "map")
        if one["args"][0] == source
        and default_of(one) == [""]
    }


# --8<-- [end:guards]


# --8<-- [start:rows]
LISTED = re.compile(r"~\^[A-Z]+ ([\w/-]+)\$")
KEY = re.compile(r"~\^Bearer [\w-]{20,}\$")
NAME = re.compile(r"[\w.@-]+")


def row_complaints(
    tree: Sequence[Directive],
) -> Iterator[str]:
    """Say which rows of maps let in too much."""
    seen: set[str] = set()
    for one in walk(tree):
        if one["directive"] != "map":
            continue
        source, gives = one["args"]
        if source not in {WHO, WHAT}:
            yield f"map {source}: not needed here"
        if gives in seen:
            yield f"map {gives}: given twice"
        seen.add(gives)
        for row in one["block"]:
            asked = row["directive"]
            if asked == "default":
                continue
            got = "".join(row["args"])
            path = LISTED.fullmatch(asked)
            if source == WHAT and not path:
                yield (
                    f"{asked}: list a method and a "
                    "path, as in ~^GET /health$"
                )
            if path and path[1] != got:
                yield f"{asked}: gives {got}"
            if source == WHO and asked != "include":
                key = KEY.fullmatch(asked)
                if key and NAME.fullmatch(got):
                    continue
                yield (
                    "a row of the keys: as in "
                    "~^Bearer KEY$ NAME, of 20 "
                    "letters and digits or more"
                )


# --8<-- [end:rows]


# --8<-- [start:server]
ORIGIN = re.compile(r"https?://[\w.:-]+")
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
        near = HERE.fullmatch(one["args"][0])
        if "ssl" not in one["args"] and not near:
            at = one["args"][0]
            yield f"listen {at}: add ssl"
    who = tables(http, WHO)
    if not guarded(server, {"401"}) & set(who):
        yield (
            "no key is asked for: a map of "
            "$http_authorization with an empty "
            "default, and return 401"
        )
    lists = guarded(server, {"403", "404"}) & set(
        tables(http, WHAT)
    )
    if not lists:
        yield (
            "no list of paths: a map of "
            "$request_method and $request_uri with "
            "an empty default, and return 404"
        )
    for one in walk(server):
        if one["directive"] in PASSES:
            target = one["args"][0]
            base, _, path = target.partition("$")
            if f"${path}" not in lists or (
                not ORIGIN.fullmatch(base)
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
LEVELS = {"crit", "alert", "emerg"}


def complaints(
    tree: Sequence[Directive],
) -> list[str]:
    """Say what our policy has against nginx.

    tree: what crossplane parsed, `http` or within
    """
    tops = named(tree, "http")
    http = tops[0]["block"] if tops else tree
    found = list(row_complaints(tree))
    if not any(
        one["directive"] in PASSES
        for one in walk(tree)
    ):
        return found
    for one in named(http, "server"):
        if any(
            x["directive"] in PASSES
            for x in walk(one["block"])
        ):
            found += server_complaints(
                http, one["block"]
            )
    found += surface(tree)
    if not named(http, "ssl_protocols"):
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
