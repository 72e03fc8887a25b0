"""What blocks and what text does a reader see on this page? The site's own renderer answers.

The page is rendered with the `markdown_extensions` of `mkdocs.yml`. Every formatter that superfences
would call is wrapped, so a block is recorded exactly when the site renders one, and the HTML that
comes out is read once more for its text, its alternative texts and for blocks that nobody recorded.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import markdown
import nbformat
from mkdocs.utils.meta import get_data
from mkdocs.utils.yaml import yaml_load
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

FENCE_OPENER = re.compile(r"^[\s>]*(?:[*+-]\s+|\d+[.)]\s+)?(?:`{3,}[^`]*|~{3,}[^~]*)$")
NOT_RUN = re.compile(r"\bnot run here: *(?P<reason>.*)", re.IGNORECASE)
FAILS = re.compile(r"^fails\b", re.IGNORECASE)
REGION = re.compile(r"^\s*<!-- (?P<close>/?)(?P<name>output|sources|checked|report|records) -->\s*$")
_INVISIBLE = {0x200B: None, 0x2060: None, 0xAD: None, 0x2011: "-", 0x2009: "\u202f"}
CITATION = re.compile(r"\[\^([\w.-]+)\]")
ALIASES = {
    "docker": "dockerfile",
    "ipython": "python",
    "py": "python",
    "py3": "python",
    "python3": "python",
    "sh": "bash",
    "shell": "bash",
    "yml": "yaml",
    "zsh": "bash",
}
BLOCK_ELEMENTS = frozenset(
    """address article aside blockquote caption dd details div dl dt figcaption figure footer h1 h2 h3 h4 h5
    h6 header hr legend li main nav ol p section summary table tbody td tfoot th thead tr ul""".split()  # noqa: SIM905 - as words, not as thirty quoted strings
)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where, and what mends it."""

    path: str
    line: int
    message: str
    advice: str

    def __str__(self) -> str:
        message = self.message.replace("\n", "\n    ")
        return f"{self.path}:{self.line}: {message}\n    fix: {self.advice}"


@dataclass(frozen=True)
class Block:
    """A block of code as the reader sees it: includes expanded, indentation removed."""

    index: int
    language: str
    code: str
    title: str
    line: int
    end: int
    indent: str
    included: bool
    fixtures: tuple[str, ...] = ()

    @property
    def not_run(self) -> str | None:
        """The reason that the reader is shown, where the block is not run here."""
        found = NOT_RUN.search(self.title)
        return found["reason"].strip() if found else None

    @property
    def must_fail(self) -> bool:
        """Whether the title says that the block fails."""
        return bool(FAILS.match(self.title))

    @property
    def role(self) -> str:
        """One of: run, output, error, not run, validated."""
        title = self.title.strip().lower()
        if self.language == "text" and title in {"output", "error"}:
            return title
        if self.not_run is not None:
            return "not run"
        return "run" if self.language in {"python", "pycon", "bash"} else "validated"


@dataclass(frozen=True)
class Region:
    """Generated Markdown between `<!-- name -->` and `<!-- /name -->`; lines include the markers."""

    name: str
    line: int
    end: int
    content: str
    indent: str


@dataclass(frozen=True)
class Segment:
    """A run of text in one block element, with what it cites and where it stands."""

    kind: str
    text: str
    cites: frozenset[str]
    region: str = ""
    plain: str = ""
    header: str = ""


@dataclass
class Page:
    """A page as its reader sees it."""

    path: str
    source: str
    front: dict[str, Any] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    images: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)
    anchors: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        """The lines of the source file."""
        return self.source.split("\n")

    def problem(self, line: int, message: str, advice: str) -> None:
        """Record a problem of this page."""
        self.problems.append(Problem(self.path, line, message, advice))


@cache
def site_config() -> dict[str, Any]:
    """`mkdocs.yml`, with the names of Python objects in it resolved."""
    with (ROOT / "mkdocs.yml").open(encoding="utf-8") as stream:
        config: dict[str, Any] = yaml_load(stream)
    return config


class Renderer:
    """The site's Markdown renderer, made to say which blocks it renders and from which lines."""

    def __init__(self) -> None:
        names: list[str] = ["toc", "tables"]
        settings: dict[str, dict[str, Any]] = {}
        for entry in site_config()["markdown_extensions"]:
            name, options = next(iter(entry.items())) if isinstance(entry, dict) else (entry, None)
            names.append(name)
            settings[name] = dict(options or {})
        if "pymdownx.snippets" in settings:
            bases = settings["pymdownx.snippets"].get("base_path", ["."])
            settings["pymdownx.snippets"]["base_path"] = [str(ROOT / base) for base in bases]
        self.markdown = markdown.Markdown(extensions=list(dict.fromkeys(names)), extension_configs=settings)
        self.page = Page("", "")
        self.offset = 0
        self.origin: list[int] = []
        self.pending: dict[str, Any] = {}
        self._record_fences()
        self._record_includes()

    def _record_fences(self) -> None:
        fences: Any = self.markdown.preprocessors["fenced_code_block"]
        for entry in fences.extension.superfences:
            entry["formatter"] = self._formatter
        store = fences._store

        def located_store(source: str, code: str, start: int, end: int) -> None:
            first, last = self.origin[start], self.origin[end - 1]
            self.page.blocks.append(
                Block(
                    index=len(self.page.blocks),
                    line=first + self.offset,
                    end=last + self.offset,
                    indent=fences.ws,
                    included=any(
                        "-8<-" in text for text in self.page.lines[first + self.offset : last + self.offset]
                    ),
                    **self.pending,
                )
            )
            store(source, code, start, end)

        fences._store = located_store

    def _formatter(
        self,
        *,
        src: str,
        language: str,
        options: dict[str, Any],
        attrs: dict[str, str],
        **_: object,
    ) -> str:
        spoken = (language or "").lower()
        self.pending = {
            "language": ALIASES.get(spoken, spoken),
            "code": src,
            "title": str(options.get("title", "")),
            "fixtures": tuple(attrs.get("data-fixture", "").split()),
        }
        return f'<pre data-block="{len(self.page.blocks)}"></pre>'

    def _record_includes(self) -> None:
        snippets: Any = self.markdown.preprocessors["snippet"]

        def located_run(lines: list[str]) -> list[str]:
            snippets.seen, snippets.bases, snippets.failed = set(), None, set()
            expanded: list[str] = []
            self.origin = []
            for number, line in enumerate(lines, 1):
                opener = snippets.RE_ALL_SNIPPETS.match(line)
                if opener and not opener["inline_marker"] and not opener["escape"]:
                    self.page.problem(
                        number + self.offset,
                        "a multi-line include: its lines cannot be traced back",
                        'write one `--8<-- "path:section"` for each include',
                    )
                try:
                    produced = snippets.parse_snippets([line])
                except Exception as error:  # the extension raises its own type for every failing target
                    self.page.problem(
                        number + self.offset, f"{error}", "name an existing file and section of it"
                    )
                    produced = []
                expanded += produced
                self.origin += [number] * len(produced)
            return expanded

        snippets.run = located_run

    def render(self, page: Page, body: str, offset: int) -> str:
        """Render one page and record its blocks; the HTML has `<pre data-block>` for each."""
        self.page, self.offset = page, offset
        self.markdown.reset()
        return self.markdown.convert(body)


class _Reader(HTMLParser):
    """Reads the rendered page: text by block element, alternative texts, blocks, citations."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.segments: list[Segment] = []
        self.images: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()
        self.blocks: list[str | None] = []
        self.kind = "p"
        self.text: list[str] = []
        self.plain: list[str] = []
        self.cites: set[str] = set()
        self.region = ""
        self.opened: Counter[str] = Counter()
        self.skip: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.headers: list[str] = []
        self.column = -1

    def flush(self) -> None:
        """End the segment that is open."""
        text = " ".join(re.split(r"[ \t\r\n]+", "".join(self.text).translate(_INVISIBLE)))
        # A citation whose footnote is not written yet stands in the text as it was typed.
        self.cites |= set(CITATION.findall(text))
        text = CITATION.sub("\N{OBJECT REPLACEMENT CHARACTER}", text)
        plain = CITATION.sub("", " ".join("".join(self.plain).split()))
        if self.kind == "th":
            self.headers.append(plain)
        if text.strip() or self.cites:
            header = dict(enumerate(self.headers)).get(self.column, "") if self.kind == "td" else ""
            cites = frozenset(self.cites)
            self.segments.append(Segment(self.kind, text, cites, self.region, plain, header))
        for kind, said in self.attributes:
            self.segments.append(Segment(kind, said, frozenset(self.cites), self.region))
        self.text, self.plain, self.cites, self.attributes = [], [], set(), []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        values = dict(attrs)
        if tag == "pre":
            self.blocks.append(values.get("data-block"))
        if tag == "img":
            self.images.append(values.get("src") or "")
        if tag in BLOCK_ELEMENTS:
            self.flush()
            self.kind = tag
        if tag == "table":
            self.headers = []
        if tag == "tr":
            self.column = -1
        if tag == "td":
            self.column += 1
        spoken = [(name, values.get(name) or "") for name in ("alt", "title", "aria-label", "placeholder")]
        if not {"footnote-ref", "footnote-backref", "headerlink"} & set((values.get("class") or "").split()):
            self.attributes += [(name, said) for name, said in spoken if said]
        if tag in {"br", "sup"}:
            self.text.append(" " if tag == "br" else "^")
        href = values.get("href") or ""
        self.links += [href] if href else []
        self.anchors.add(values.get("id") or values.get("name") or "")
        classes = (values.get("class") or "").split()
        if tag == "a" and "footnote-ref" in classes:
            self.cites.add(href.removeprefix("#fn:"))
        noise = {"footnote-ref", "footnote-backref", "headerlink"} & set(classes)
        if tag in {"code", "pre", "script", "style"} or noise:
            self.skip.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close an element."""
        if tag in BLOCK_ELEMENTS:
            self.flush()
            self.kind = "p"
        if self.skip and self.skip[-1] == tag:
            self.skip.pop()
            self.text.append("\N{OBJECT REPLACEMENT CHARACTER}")

    def handle_data(self, data: str) -> None:
        """Keep the text that is prose."""
        if not self.skip:
            self.text.append(data)
        if not self.skip or self.skip[-1] in {"code"}:
            self.plain.append(data)

    def handle_comment(self, data: str) -> None:
        """Notice where a generated region begins and ends."""
        found = REGION.match(f"<!--{data}-->")
        if found:
            self.flush()
            self.region = "" if found["close"] else found["name"]
            self.opened[self.region] += not found["close"]


@cache
def _renderer() -> Renderer:
    return Renderer()


def read_page(path: Path, source: str | None = None) -> Page:
    """Read one page: its front matter, blocks, generated regions, text; what cannot be read is a problem."""
    name = path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
    if source is None:
        try:
            source = path.read_text(encoding="utf-8-sig")
        except UnicodeDecodeError as error:
            page = Page(name, "")
            page.problem(1, f"the file is not UTF-8: {error}", "save it as UTF-8")
            return page
    if path.suffix == ".ipynb":
        return _read_notebook(name, source)
    body, front = get_data(source)
    page = Page(name, source, dict(front))
    if source.startswith("---\n") and not front:
        _explain_front_matter(page)
        return page
    offset = source[: source.rindex(body)].count("\n") if body else 0
    html = _renderer().render(page, body, offset)
    reader = _Reader()
    reader.feed(html)
    reader.flush()
    page.segments, page.images = reader.segments, reader.images
    page.links, page.anchors = reader.links, reader.anchors
    page.regions = list(_regions(page))
    _account_for_blocks(page, reader.blocks)
    lines = [*enumerate(page.lines, 1)]
    if reader.skip:
        line = max((n for n, text in lines if f"<{reader.skip[-1]}" in text), default=1)
        page.problem(line, f"<{reader.skip[-1]}> is not closed and hides what follows", "close it")
    if reader.region or +reader.opened != Counter(region.name for region in page.regions):
        odd = (n for n, text in lines if "<!-- " in text and not REGION.match(text))
        page.problem(next(odd, 1), "a region marker stands inside HTML or text", "give it a line of its own")
    return page


def _explain_front_matter(page: Page) -> None:
    """Say where front matter that no generator can read goes wrong."""
    head, fence, _ = page.source[4:].partition("\n---\n")
    line, said = 1, "it is not closed by ---" if not fence else "it is not a mapping of keys to values"
    try:
        YAML(typ="safe", pure=True).load(head)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, said = (mark.line + 2 if mark else 1), str(getattr(error, "problem", error))
    except ValueError as error:
        said = str(error)
    page.problem(line, f"the front matter cannot be read: {said}", "write `key: value` lines between two ---")


def _account_for_blocks(page: Page, rendered: list[str | None]) -> None:
    """Blocks rendered equals blocks recorded, and no fence in the source is neither."""
    seen = [int(index) for index in rendered if index is not None]
    for _ in range(rendered.count(None)):
        line = max((n for n, text in enumerate(page.lines, 1) if "<pre" in text), default=1)
        page.problem(line, "a raw <pre> is shown that no fence wrote", "use a fence with a language")
    for block in page.blocks:
        if seen.count(block.index) != 1:
            page.problem(
                block.line,
                f"this block is rendered {seen.count(block.index)} times",
                "take the fence out of the HTML comment or raw HTML it stands in",
            )
    inside = {line for block in page.blocks for line in range(block.line, block.end + 1)}
    for number, text in enumerate(page.lines, 1):
        if number not in inside and FENCE_OPENER.match(text):
            page.problem(
                number,
                f"this fence does not render as a block: {text.strip()}",
                'close it with the same marks and indentation; write options as title="…", not as bare words',
            )


def _regions(page: Page) -> Iterator[Region]:
    inside = {line for block in page.blocks for line in range(block.line, block.end + 1)}
    opened: tuple[str, int] | None = None
    for number, text in enumerate(page.lines, 1):
        found = REGION.match(text)
        if not found or number in inside:
            continue
        if not found["close"]:
            if opened:
                page.problem(opened[1], f"<!-- {opened[0]} --> is not closed", f"add <!-- /{opened[0]} -->")
            opened = found["name"], number
        elif opened and opened[0] == found["name"]:
            content = page.lines[opened[1] : number - 1]
            indent = text[: len(text) - len(text.lstrip())]
            yield Region(
                opened[0],
                opened[1],
                number,
                "\n".join(line.removeprefix(indent) for line in content).strip("\n"),
                indent,
            )
            opened = None
        else:
            page.problem(number, f"<!-- /{found['name']} --> closes nothing", "remove it or open the region")
    if opened:
        page.problem(opened[1], f"<!-- {opened[0]} --> is not closed", f"add <!-- /{opened[0]} -->")


def _read_notebook(name: str, source: str) -> Page:
    """A notebook is a page whose cells are its blocks; stored outputs are its Output blocks."""
    page = Page(name, source)
    try:
        notebook = nbformat.reads(source, as_version=4)  # type: ignore[no-untyped-call]
        nbformat.validate(notebook)
    except Exception as error:
        page.problem(1, f"not a notebook: {str(error).splitlines()[0]}", "save it from Jupyter again")
        return page
    lines = source.split("\n")
    position = 0
    for cell in notebook.cells:
        first = cell.source.split("\n", 1)[0]
        position = next(
            (n for n in range(position, len(lines)) if first and _json_text(first) in lines[n]),
            position,
        )
        line = position + 1
        if cell.cell_type == "code":
            page.blocks.append(
                Block(len(page.blocks), "python", cell.source, "", line, line, "", included=False)
            )
            for out in cell.outputs:
                if out.get("name") != "stdout":
                    message = f"a stored output of type {out.output_type} is not compared"
                    page.problem(line, message, "print what the reader is to see, and run the notebook again")
            shown = "".join(str(out.get("text", "")) for out in cell.outputs if out.get("name") == "stdout")
            if shown:
                page.blocks.append(
                    Block(
                        len(page.blocks),
                        "text",
                        shown.rstrip("\n"),
                        "Output",
                        line,
                        line,
                        "",
                        included=False,
                    )
                )
        elif cell.cell_type == "raw":
            page.problem(line, "a raw cell is not checked", "make it Markdown or code")
        else:
            inner = Page(name, cell.source)
            reader = _Reader()
            reader.feed(_renderer().render(inner, cell.source, line - 1))
            reader.flush()
            page.segments += reader.segments
            page.blocks += [
                Block(
                    len(page.blocks) + i,
                    b.language,
                    b.code,
                    b.title,
                    b.line,
                    b.end,
                    "",
                    included=True,
                )
                for i, b in enumerate(inner.blocks)
            ]
            page.problems += inner.problems
    return page


def _json_text(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def find_pages(root: Path = DOCS) -> list[Path]:
    """Every page and notebook of the site, in a stable order."""
    return sorted(path for suffix in ("*.md", "*.ipynb") for path in root.rglob(suffix))
