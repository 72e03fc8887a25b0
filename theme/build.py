"""Build the site twice, strictly: with MkDocs into build/site, with Zensical into build/zensical.

python -m theme.build
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import Abort, MkDocsException
from pymdownx.snippets import SnippetMissingError  # type: ignore[import-untyped]

from theme.notebooks import name_notebooks, notebooks_as_pages, show_notebooks
from theme.trim import trim
from theme.twins import write_twins

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "build" / "site"
ZENSICAL = ROOT / "build" / "zensical"


class BuildError(Exception):
    """A generator refused; it has said why."""


def configured(site: Path, *, strict: bool = True) -> MkDocsConfig:
    """Read mkdocs.yml for a build into `site`, with MkDocs' own messages on stderr."""
    os.environ.setdefault("NO_MKDOCS_2_WARNING", "1")
    logger = logging.getLogger("mkdocs")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        logger.addHandler(handler)
        logger.setLevel(logging.WARNING)
    return load_config(str(ROOT / "mkdocs.yml"), site_dir=str(site), strict=strict)


def finish(config: MkDocsConfig, site: Path) -> None:
    """Add the Markdown twins to a built site, take what it cannot use from its stylesheets."""
    write_twins(config, site)
    trim(site)


def build_mkdocs(config: MkDocsConfig) -> None:
    """Build with MkDocs, plugins and all, and finish."""
    dirty = False
    config.plugins.on_startup(command="build", dirty=dirty)
    try:
        build(config, dirty=dirty)
    except (Abort, MkDocsException, SnippetMissingError) as error:
        raise BuildError(f"MkDocs: {error}") from None
    finally:
        config.plugins.on_shutdown()
    show_notebooks(config, Path(config.site_dir))
    finish(config, Path(config.site_dir))


def build_zensical(config: MkDocsConfig, site: Path) -> None:
    """Build with Zensical from the same pages, and finish.

    It is asked to forget its cache: that does not notice when an included snippet changes.
    """
    shutil.rmtree(site, ignore_errors=True)
    with notebooks_as_pages(ROOT) as file:
        finished = subprocess.run(
            [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "--config-file", str(file)],
            cwd=ROOT,
            env={**os.environ, "SITE_DIR": str(site.relative_to(ROOT))},
            capture_output=True,
            text=True,
            check=False,
        )
    if finished.returncode:
        said = (finished.stdout + finished.stderr).partition("Traceback")[0].strip()
        raise BuildError(f"Zensical:\n{said}")
    name_notebooks(config, site)
    finish(config, site)


def main() -> int:
    """Build both and say how long each took."""
    try:
        config = configured(SITE)
        for name, site in (("MkDocs", SITE), ("Zensical", ZENSICAL)):
            start = time.monotonic()
            if site == SITE:
                build_mkdocs(config)
            else:
                build_zensical(config, site)
            pages = len(list(site.rglob("index.html")))
            seconds = time.monotonic() - start
            print(f"{name}: {pages} pages in {site.relative_to(ROOT)} ({seconds:.1f} s)")
    except (BuildError, MkDocsException) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
