"""Both built sites, their pages, and one browser for all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_socket import socket_allow_hosts

from theme.build import ROOT, SITE, ZENSICAL, configured
from theme.twins import nav_paths

LOOPBACK = ["127.0.0.1", "::1", "localhost"]
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
]
NO_BROWSER = "no Chromium on PATH: browser tests skipped (REQUIRE_BROWSER=1 makes this an error)"


@dataclass(frozen=True)
class BuiltPage:
    """One page of the navigation as a generator built it."""

    site: Path
    source: str

    @property
    def url(self) -> str:
        """Address within the site."""
        stem = self.source.removesuffix(".md").removesuffix(".ipynb")
        return stem.removesuffix("index") if Path(stem).name == "index" else f"{stem}/"

    @property
    def html(self) -> str:
        """The page's HTML as it is served."""
        return (self.site / self.url / "index.html").read_text(encoding="utf-8")

    @property
    def soup(self) -> BeautifulSoup:
        """The page's HTML, parsed."""
        return BeautifulSoup(self.html, "html.parser")


@pytest.fixture(scope="session")
def sources() -> list[str]:
    """Paths under docs/ of all pages of the navigation, in order."""
    return [path for path, _, _ in nav_paths(configured(SITE).nav or [])]


@pytest.fixture(scope="session")
def built() -> None:
    """Both sites, built now: a stale one proves nothing."""
    command = [sys.executable, "-m", "theme.build"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=[SITE, ZENSICAL], ids=["mkdocs", "zensical"], scope="session")
def site(request: pytest.FixtureRequest, built: None) -> Path:  # noqa: ARG001  # built first
    """One of the two built sites."""
    chosen: Path = request.param
    return chosen


@pytest.fixture
def pages(site: Path, sources: list[str]) -> list[BuiltPage]:
    """All pages of that site."""
    return [BuiltPage(site, source) for source in sources]


@dataclass
class Visitor:
    """A browser at one site, with everything it asked for and everything that went wrong."""

    context: BrowserContext
    page: Page
    origin: str
    requests: list[str]
    complaints: list[str]

    def open(self, url: str) -> None:
        """Open a page and wait until diagrams and tables are drawn."""
        self.requests.clear()
        self.complaints.clear()
        self.page.goto(self.origin + url, wait_until="load")
        self.page.wait_for_function(
            "!document.querySelector('pre.mermaid, .md-typeset > table:not([class])')"
        )


def chromium() -> str:
    """Path of the machine's Chromium; skips the module, or ends the run, where there is none."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    found = next(filter(None, map(shutil.which, names)), None)
    if found is None and os.environ.get("REQUIRE_BROWSER") == "1":
        pytest.exit("no Chromium on PATH, and REQUIRE_BROWSER=1", returncode=1)
    return found or pytest.skip(NO_BROWSER, allow_module_level=True)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One Chromium for the session."""
    path = chromium()
    socket_allow_hosts(LOOPBACK, allow_unix_socket=True)
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield launched
        launched.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def serve(folder: Path) -> ThreadingHTTPServer:
    """Serve a folder on a free loopback port, in a thread."""
    handler = partial(_Quiet, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def visitor(browser: Browser, folder: Path, *, scripts: bool = True) -> Iterator[Visitor]:
    """Yield a fresh visitor of one built site."""
    server = serve(folder)
    context = browser.new_context(java_script_enabled=scripts, reduced_motion="reduce")
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    # the bundle puts diagrams into closed shadow trees: the tests must see into them
    context.add_init_script(
        "const attach = Element.prototype.attachShadow;"
        "Element.prototype.attachShadow = function (options) {"
        "  return attach.call(this, { ...options, mode: 'open' }) }"
    )
    page = context.new_page()
    requests: list[str] = []
    complaints: list[str] = []
    context.on("request", lambda request: requests.append(request.url))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on(
        "console",
        lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None,
    )
    origin = f"http://127.0.0.1:{server.server_port}/"
    yield Visitor(context, page, origin, requests, complaints)
    context.close()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def reader(browser: Browser, built: None) -> Iterator[Visitor]:  # noqa: ARG001  # built first
    """A visitor of the MkDocs site."""
    yield from visitor(browser, SITE)


@pytest.fixture(scope="session")
def zensical_reader(browser: Browser, built: None) -> Iterator[Visitor]:  # noqa: ARG001
    """A visitor of the Zensical site."""
    yield from visitor(browser, ZENSICAL)


@pytest.fixture(scope="session")
def plain_reader(browser: Browser, built: None) -> Iterator[Visitor]:  # noqa: ARG001
    """A visitor of the MkDocs site whose browser runs no scripts."""
    yield from visitor(browser, SITE, scripts=False)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give one test to each page of the navigation."""
    if "source" in metafunc.fixturenames:
        paths = [path for path, _, _ in nav_paths(configured(SITE).nav or [])]
        metafunc.parametrize("source", paths, scope="module")
