"""What does a citation vouch for? The records of snippets/data, their footnotes, and where they are used."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from pathlib import Path

from snippets.data.catalog import check, read_catalog, read_sources
from snippets.data.facts import Fact
from snippets.data.records import Record, Source, read_entries
from tests.pages.collect import CITATION, DOCS, find_pages
from tests.pages.figures import Truth, named_truths

CORPUS = Path(__file__).with_name("corpus")
_DEFINITION = re.compile(r"^\s*\[\^[\w.-]+\]:.*$", re.MULTILINE)
_NO_FIGURES = {"id", "sources", "as_of", "expires"}


@dataclass(frozen=True)
class Library:
    """Records by kind and id, and the sources they name."""

    kinds: Mapping[str, Mapping[str, Record]]
    sources: Mapping[str, Source]

    @cached_property
    def records(self) -> dict[str, Record]:
        """Every record by id."""
        return {key: record for records in self.kinds.values() for key, record in records.items()}

    @property
    def newest(self) -> date:
        """The newest date in the data: what `make test` takes for today."""
        dates = [source.read for source in self.sources.values()]
        dates += [record.as_of for record in self.records.values()]
        return max(dates, default=date(2026, 11, 22))

    def footnote(self, key: str) -> str:
        """What the page says of a record: what it is, its sources, their dates."""
        record = self.records[key]
        sources = "; ".join(_cited(self.sources[name]) for name in record.sources)
        return f"{label(record).rstrip('.')}, as of {record.as_of}. {sources}."

    def truths(self, key: str) -> list[Truth]:
        """The numbers of a record, each with the unit that its field's name carries."""
        return self._truths[key]

    @cached_property
    def _truths(self) -> dict[str, list[Truth]]:
        fields = {key: record.model_dump(exclude=_NO_FIGURES) for key, record in self.records.items()}
        return {
            key: [truth for name, value in own.items() for truth in named_truths(value, name)]
            for key, own in fields.items()
        }


def label(record: Record) -> str:
    """What a record is called: what it says, or its name, or its id."""
    return str(getattr(record, "says", "") or getattr(record, "name", "") or record.id)


def _cited(source: Source) -> str:
    return f"[{source.title}]({source.url}), {source.publisher}, read {source.read}"


@cache
def library_of(page: str) -> Library:
    """The records that a page can cite: those of the guide, or those of the checker's own corpus."""
    if not page.startswith("tests/pages/corpus/"):
        return Library(read_catalog(), read_sources())
    kinds = {"facts": read_entries(CORPUS / "data" / "facts", Fact)}
    sources = read_entries(CORPUS / "data" / "sources", Source)
    check(kinds, sources)
    return Library(kinds, sources)


def uses() -> dict[str, list[Path]]:
    """The pages that cite each record, in order, by its id."""
    found: dict[str, list[Path]] = {}
    for path in find_pages():
        body = _DEFINITION.sub("", path.read_text(encoding="utf-8"))
        for key in dict.fromkeys(CITATION.findall(body)):
            found.setdefault(key, []).append(path)
    return found


def catalog_tables(library: Library, page: Path) -> Iterator[str]:
    """Every record by kind: what it is, for which day, until when, from where, on which pages.

    A kind with many records has a page of its own beside the others', named after it: `catalog-facts.md`.
    """
    used = uses()
    own = page.stem.removeprefix("catalog-")
    for kind, records in library.kinds.items():
        elsewhere = page.with_name(f"catalog-{kind}.md")
        if own in library.kinds and own != kind:
            continue
        yield f"## {kind.capitalize()} {{: #{kind} }}\n"
        if elsewhere.exists() and own != kind:
            yield f"They have [a page of their own]({elsewhere.name}).\n"
            continue
        yield "| Record | As of | Expires | Sources | Used on |\n|---|---|---|---|---|"
        for key, record in records.items():
            # Their addresses stand in the footnotes of the pages; here they would double the page's weight.
            sources = ", ".join(dict.fromkeys(library.sources[name].publisher for name in record.sources))
            pages = ", ".join(
                f"[{path.stem if path.stem != 'index' else path.parent.name}]({_relative(path, page)})"
                for path in used.get(key, [])
            )
            yield f"| {key} | {record.as_of} | {record.expires or ''} | {sources} | {pages} |"
        yield ""


def _relative(target: Path, page: Path) -> str:
    ups = len(page.relative_to(DOCS).parts) - 1
    path = target.relative_to(DOCS).as_posix()
    folder = page.parent.relative_to(DOCS).as_posix()
    return path.removeprefix(f"{folder}/") if path.startswith(f"{folder}/") else "../" * ups + path
