"""Does Caddy let in only whom and what it lists?"""

# --8<-- [start:walk]
from collections.abc import (
    Iterator,
    Mapping,
    Sequence,
)
from typing import Any, NamedTuple

Json = Mapping[str, Any]


class Step(NamedTuple):
    """A handler, and for which requests it is."""

    match: Sequence[Json]
    handler: Json


def steps(routes: Sequence[Json]) -> Iterator[Step]:
    """Yield handlers in the order that they run."""
    for route in routes:
        match = route.get("match", ())
        for one in route.get("handle", ()):
            yield Step(match, one)
            yield from steps(one.get("routes", ()))


# --8<-- [end:walk]


# --8<-- [start:guards]
def closed_maps(
    before: Sequence[Step], *parts: str
) -> set[str]:
    """Find what is empty unless it is listed."""
    return {
        step.handler["destinations"][0]
        for step in before
        if step.handler["handler"] == "map"
        and step.handler.get("defaults") == [""]
        and all(
            part in step.handler["source"]
            for part in parts
        )
        and not any(
            "input_regexp" in row
            for row in step.handler.get(
                "mappings", ()
            )
        )
    }


def guarded(
    before: Sequence[Step], statuses: set[int]
) -> set[str]:
    """Find variables that may not be empty here."""
    return {
        name
        for step in before
        if step.handler["handler"]
        == "static_response"
        and step.handler.get("status_code")
        in statuses
        and len(step.match) == 1
        and set(step.match[0]) == {"vars"}
        for name, no in step.match[0][
            "vars"
        ].items()
        if no == [""]
        and len(step.match[0]["vars"]) == 1
    }


# --8<-- [end:guards]


# --8<-- [start:pass]
KEY = "{http.request.header.Authorization}"
ASKED = (
    "{http.request.method}",
    "{http.request.uri}",
)


def pass_complaints(
    before: Sequence[Step], proxy: Json
) -> Iterator[str]:
    """Say what is wrong with one that passes on."""
    who = closed_maps(before, KEY)
    if not guarded(before, {401}) & who:
        yield (
            "no key is asked for: a map of "
            "{header.Authorization} with an empty "
            "default, and respond 401"
        )
    what = closed_maps(before, *ASKED)
    lists = guarded(before, {403, 404}) & what
    if not lists:
        yield (
            'no list of paths: a map of "{method} '
            '{uri}" with an empty default, without '
            "~, and respond 404"
        )
    by_name: dict[str, list[Json]] = {}
    for step in before:
        name = step.handler["handler"]
        by_name.setdefault(name, []).append(
            step.handler
        )
    paths = [
        x.get("uri")
        for x in by_name.get("rewrite", ())
    ]
    if not paths or paths[-1] not in lists:
        yield "rewrite: to the listed path"
    bodies = by_name.get("request_body", ())
    if not any(x.get("max_size") for x in bodies):
        yield "request_body: max_size is missing"
    if proxy.get("flush_interval") != -1:
        yield "flush_interval: set it to -1"
    headers = proxy.get("headers", {}).get(
        "request", {}
    )
    if "*" not in headers.get("delete", ()):
        yield "header_up: -*, then what is needed"
    passive = proxy.get("health_checks", {}).get(
        "passive", {}
    )
    if not passive.get("unhealthy_request_count"):
        yield "unhealthy_request_count: no limit"


# --8<-- [end:pass]


# --8<-- [start:complaints]
OLD = {"tls1.0", "tls1.1"}
HERE = (
    "unix/",
    "127.0.0.1:",
    "localhost:",
    "[::1]:",
)
NEEDED = {
    "headers",
    "log_append",
    "map",
    "request_body",
    "reverse_proxy",
    "rewrite",
    "static_response",
    "subroute",
}


def others(
    server: Json, run: Sequence[Step]
) -> Iterator[str]:
    """Say which handlers a proxy has no need of."""
    for step in run:
        name = step.handler["handler"]
        if name not in NEEDED:
            yield f"{name}: not needed"
    errors = server.get("errors", {})
    for step in steps(errors.get("routes", ())):
        name = step.handler["handler"]
        if name not in {
            "subroute",
            "static_response",
        }:
            yield f"handle_errors: no {name}"


def complaints(config: Json) -> list[str]:
    """Say what our policy has against a Caddyfile.

    config: as `caddy adapt` gives it
    """
    http = config.get("apps", {}).get("http", {})
    port = f":{http.get('http_port', 80)}"
    found: list[str] = []
    admin = config.get("admin", {}).get("listen")
    if admin and not admin.startswith(HERE):
        found.append(f"admin {admin}: here alone")
    for server in http.get("servers", {}).values():
        run = list(steps(server.get("routes", ())))
        proxies = [
            place
            for place, step in enumerate(run)
            if step.handler["handler"]
            == "reverse_proxy"
        ]
        for place in proxies:
            found += pass_complaints(
                run[:place], run[place].handler
            )
        if not proxies:
            continue
        found += others(server, run)
        for listen in server.get("listen", ()):
            if listen.endswith(port) or (
                not server.get(
                    "tls_connection_policies"
                )
                and not listen.startswith(HERE)
            ):
                found.append(
                    f"{listen}: without TLS"
                )
        for one in server.get(
            "tls_connection_policies", ()
        ):
            if one.get("protocol_min") in OLD:
                found.append(
                    "protocols: tls1.2 or later"
                )
    logs = config.get("logging", {}).get("logs", {})
    for name, log in logs.items():
        fields = log.get("encoder", {}).get(
            "fields", {}
        )
        request = fields.get("request", {})
        if log.get("include") and (
            request.get("filter") != "delete"
        ):
            found.append(
                f"log {name}: request delete"
            )
    return found


# --8<-- [end:complaints]
