"""Serve the site on 127.0.0.1 and reload it in the browser whenever a source changes.

    python -m theme.serve [PORT]

Nothing is written under what is watched, so a build never starts the next one.
"""

from __future__ import annotations

import logging
import socket
import sys

from mkdocs.exceptions import MkDocsException
from mkdocs.livereload import LiveReloadServer

from theme.build import ROOT, BuildError, build_mkdocs, configured

HOST = "127.0.0.1"
SITE = ROOT / "build" / "serve"
WATCHED = ("docs", "snippets", "theme/overrides", "mkdocs.yml")


def is_free(port: int) -> bool:
    """Whether nobody listens on the port yet."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def serve(port: int) -> None:
    """Build, then serve until interrupted; what would fail a strict build is only logged."""

    def rebuild() -> None:
        config = configured(SITE, strict=False)
        config.site_url = f"http://{HOST}:{port}/"
        build_mkdocs(config)

    def error_page(code: int) -> bytes | None:
        page = SITE / f"{code}.html"
        return page.read_bytes() if page.is_file() else None

    server = LiveReloadServer(rebuild, HOST, port, str(SITE))
    server.error_handler = error_page
    rebuild()
    for path in WATCHED:
        server.watch(str(ROOT / path))
    logging.getLogger("mkdocs").setLevel(logging.INFO)
    try:
        server.serve()  # type: ignore[no-untyped-call]  # MkDocs leaves it untyped
    except KeyboardInterrupt:
        print("stopped")
    finally:
        server.shutdown()


def main(arguments: list[str]) -> int:
    """Check the port before anything else, so that a taken one costs a line and no build."""
    given = arguments[0] if arguments else "8000"
    if not given.isdecimal() or not 0 < int(given) < 65536:
        print(f"error: {given} is not a port; try: make serve PORT=8001", file=sys.stderr)
        return 2
    port = int(given)
    if not is_free(port):
        print(f"error: port {port} is taken; try: make serve PORT={port + 1}", file=sys.stderr)
        return 2
    print(f"Building; then on http://{HOST}:{port}/ until Ctrl-C", flush=True)
    try:
        serve(port)
    except (BuildError, MkDocsException) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
