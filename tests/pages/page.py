"""Does this page show what is true? One page, everything that is checked about it, and its rewriting."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache, cached_property
from itertools import zip_longest
from pathlib import Path
from typing import Any

import nbformat

from tests.pages import figures, style
from tests.pages.citations import Library, catalog_tables, label, library_of, uses
from tests.pages.collect import ROOT, Block, Page, Region, Segment, read_page, site_config
from tests.pages.execute import Result, Run
from tests.pages.figures import Figure, Truth
from tests.pages.front import FrontMatter, read_front
from tests.pages.languages import VALIDATORS, validate
from tests.pages.report import FIGURE_CLASSES, report_table
from tests.pages.tools import tool
from theme.twins import nav_paths

PRINTED = "the block above printed"
GENERATED = ("sources", "checked", "report", "records")
LINE_IN_COMPLAINT = re.compile(r"\bline (\d+)|^-:(\d+)")
MERMAID_STYLE = re.compile(
    r"^\s*(?:%%|style|classDef|linkStyle|class|click)\b.*$|^\s*autonumber.*$", re.MULTILINE
)
UNIT_IN_HEADER = re.compile(rf"(?:^|[\s,(])(?P<unit>{figures.ANY_UNIT})(?:/\w+)?\)?\s*$")
DESCRIPTION_LENGTH = 220


@dataclass
class Check:
    """One page under check: what it shows, what came out, and what was counted."""

    page: Page
    run: Run
    front: FrontMatter = field(default_factory=FrontMatter)
    figures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @classmethod
    def of(cls, path: Path, source: str | None = None) -> Check:
        """Read a page; nothing is run yet."""
        page = read_page(path, source)
        front, wrong = read_front(page.front)
        check = cls(page, Run(page), front)
        for place, message in wrong:
            line = check._front_line(*place)
            page.problem(line, message, "write it as “Figures” in CONTRIBUTING.md has it")
        return check

    @property
    def blocks(self) -> Counter[tuple[str, str]]:
        """The number of blocks by language and role."""
        return Counter((block.language, block.role) for block in self.page.blocks)

    @property
    def advice_to_update(self) -> str:
        """The command that rewrites what is generated."""
        return f"make update PAGE={self.page.path}"

    def everything(self) -> list[Any]:
        """Run and check the whole page; its problems in the order of its lines."""
        start = time.perf_counter()
        self.run.all()
        for block in self.page.blocks:
            self.check_block(block)
        self.check_page()
        self.seconds = time.perf_counter() - start
        self.page.problems.sort(key=lambda problem: problem.line)
        return self.page.problems

    # --- blocks -------------------------------------------------------------------------------
    def check_block(self, block: Block) -> None:
        """Execute, validate or compare one block."""
        page = self.page
        if block.role in {"output", "error"}:
            self._compare(block)
            return
        if block.language not in VALIDATORS.keys() | {"pycon"}:
            page.problem(
                block.line,
                f"no validator for “{block.language}”" if block.language else "the fence names no language",
                'a text block is an output: title="Output"; otherwise use one of '
                + ", ".join(sorted([*VALIDATORS, "pycon"]))
                + ", or add a validator in tests/pages/languages.py",
            )
            return
        if block.title.strip().lower() in {"output", "error"}:
            self.page.problem(block.line, f"a {block.language} block cannot be an output", "use ```text")
        if block.not_run == "":
            page.problem(
                block.line,
                "“Not run here” gives no reason",
                'title="Not run here: needs an NVIDIA GPU"',
            )
        if block.language == "bash" or block.role != "run":
            complaints = (
                [] if block.language == "pycon" else validate(block.language, block.code, block.title)
            )
            for complaint in complaints:
                inner = LINE_IN_COMPLAINT.findall(complaint)
                row = int("".join(inner[-1])) if inner and not block.included else 0
                line = max(min(block.line + row, block.end - 1), block.line)
                page.problem(line, complaint, f"mend the {block.language} block")
        if block.role == "run":
            self._check_run(block)

    def _check_run(self, block: Block) -> None:
        result = self.run.up_to(block.index)
        if block.must_fail:
            follower = self._after(block)
            if not result.error:
                self.page.problem(
                    block.line,
                    "the block says that it fails, and it runs",
                    "drop “Fails” from the title",
                )
            if follower is None or follower.role != "error":
                self.page.problem(
                    block.line,
                    "a block that fails shows no message",
                    'follow it with ```text title="Error"',
                )
        elif result.error:
            where = f"\n{result.traceback}" if result.traceback else ""
            message = f"the block fails{where}\n{result.error}"
            self.page.problem(result.line or block.line, message, "mend the block or what it calls")

    def _after(self, block: Block) -> Block | None:
        """The block after this one and after the output that it may have."""
        following = self.page.blocks[block.index + 1 : block.index + 3]
        return next((after for after in following if after.role != "output"), None)

    def _compare(self, block: Block) -> None:
        expected = self.expected(block)
        if expected is None:
            self.page.problem(
                block.line,
                f"this {block.role} follows no block that {'fails' if block.role == 'error' else 'is run'}",
                "put it right after the block that prints it",
            )
        elif "```" in expected and "````" not in self.page.lines[block.line - 1]:
            self.page.problem(
                block.line, "the output holds a fence", "open and close this block with four marks"
            )
        elif _visible(expected) != _visible(block.code):
            line = self._differing_line(block, expected)
            self._differs(line, block.code, expected, PRINTED)

    def _differing_line(self, shown: Block | Region, expected: str) -> int:
        """The line of the page where what it shows first differs from what was printed."""
        written = [line.strip() for line in self.page.lines[shown.line : shown.end - 1]]
        blank = next((n for n, line in enumerate(written) if line), 0)
        pairs = zip_longest(written[blank:], (line.strip() for line in expected.strip("\n").split("\n")))
        same = next((n for n, (line, wanted) in enumerate(pairs) if line != wanted), 0)
        return min(shown.line + 1 + blank + same, max(shown.end - 1, shown.line))

    def expected(self, block: Block) -> str | None:
        """What an output or error block has to show."""
        if block.index == 0:
            return None
        above = self.page.blocks[block.index - 1]
        if above.role == "output" and block.role == "error" and block.index > 1:
            above = self.page.blocks[block.index - 2]
        if above.role != "run":
            return None
        result = self.run.up_to(above.index)
        if block.role == "error":
            return result.error if above.must_fail else None
        return result.stdout

    def _above(self, region: Region) -> Block | None:
        above = [b for b in self.page.blocks if b.end < region.line and b.role == "run"]
        return above[-1] if above else None

    def _source_of(self, region: Region) -> Result | None:
        above = self._above(region)
        return self.run.up_to(above.index) if above else None

    # --- the page as a whole ------------------------------------------------------------------
    def check_page(self) -> None:
        """Generated regions, charts, figures, sources, description, lint, the line at its foot."""
        self.check_regions()
        self.check_charts()
        self.check_figures()
        self._check_citations()
        self._check_code()
        self._check_links()
        if any(region.name == "records" for region in self.page.regions):
            self._check_records()
        wanted = self.description()
        in_site = self.page.path.startswith("docs/") and self.page.path.endswith(".md")
        if in_site and "description" not in self.page.front:
            advice = 'put description: "" into the front matter, then make update'
            self.page.problem(1, "the page has no description", advice)
        if "description" in self.page.front and self.page.front["description"] != wanted:
            shown = str(self.page.front["description"])
            self._differs(self._front_line("description"), shown, wanted, "its first sentences are")
        for name in GENERATED:
            # The foot counts what holds: it is judged once everything else does.
            if name in {"sources", "records"} or not self.page.problems:
                self._check_generated(name)

    def _check_links(self) -> None:
        """Links within the site lead to pages and anchors that are there; the navigation leads here."""
        here = ROOT / self.page.path
        for link in sorted(set(self.page.links)):
            path, _, anchor = link.partition("#")
            if re.match(r"[a-z]+:|//", link) or anchor.startswith(("fn:", "fnref", "__")):
                continue
            target = (here.parent / path).resolve() if path else here
            line = next((n for n, text in enumerate(self.page.lines, 1) if f"({link}" in text), 1)
            if not target.exists():
                self.page.problem(line, f"the link {link} leads nowhere", "name a file that is there")
            elif anchor and target.suffix == ".md" and anchor not in anchors_of(target):
                self.page.problem(line, f"{target.name} has no anchor #{anchor}", "give the heading {: #… }")
        if self.page.path.startswith("docs/") and self.page.path.removeprefix("docs/") not in _navigation():
            self.page.problem(1, "the navigation does not name this page", "add it to nav: in mkdocs.yml")

    def _differs(self, line: int, shown: str, wanted: str, origin: str) -> None:
        message = f"the page shows\n{_quote(shown)}\nand {origin}\n{_quote(wanted)}"
        self.page.problem(line, message, self.advice_to_update)

    def _check_generated(self, name: str) -> None:
        found = [region for region in self.page.regions if region.name == name]
        if name in {"report", "records"} and not found:
            return
        wanted = self.generated(name)
        # A notebook's foot would be one more cell to run past.
        in_site = self.page.path.startswith("docs/") and self.page.path.endswith(".md")
        if not found and wanted and in_site:
            message = f"the page has no {name} region"
            self.page.problem(len(self.page.lines), message, f"add <!-- {name} --> and <!-- /{name} -->")
        for region in found:
            if region.content != wanted:
                self._differs(region.line, region.content, wanted, "it should be")

    def check_regions(self) -> None:
        """Generated Markdown equals what the block above it printed."""
        for region in (r for r in self.page.regions if r.name == "output"):
            result = self._source_of(region)
            if result is None:
                message = "this output follows no block that is run"
                self.page.problem(region.line, message, "put it after its block")
            elif result.stdout.strip("\n") != region.content:
                self._differs(
                    self._differing_line(region, result.stdout), region.content, result.stdout, PRINTED
                )

    def charts(self) -> dict[str, Path]:
        """The SVG files that the page's blocks wrote, by name."""
        return {path.name: path for path in sorted(self.run.folder.glob("*.svg"))}

    def check_charts(self) -> None:
        """Every chart shown is the file that a block of the page wrote."""
        written = self.charts()
        folder = (ROOT / self.page.path).parent
        images = {re.split(r"[?#]", source)[0] for source in self.page.images}
        shown = {source for source in images if source.lower().endswith(".svg")}
        for name in sorted(shown):
            line = self._line_of(name)
            if name not in written:
                self.page.problem(
                    line,
                    f"no block on this page writes {name}",
                    "save the chart in a block: chart.save(…)",
                )
            elif not (folder / name).exists() or (folder / name).read_bytes() != written[name].read_bytes():
                self.page.problem(line, f"{name} is not what the block draws", self.advice_to_update)
        for name in sorted(written.keys() - shown):
            self.page.problem(
                1, f"a block writes {name}, which the page does not show", f"show it: ![…]({name})"
            )

    @property
    def _shown(self) -> set[int]:
        """The blocks whose output the reader sees; what nobody sees proves nothing."""
        shown = {block.index for block in self.page.blocks if block.language == "pycon"}
        for block in self.page.blocks:
            if block.role in {"output", "error"}:
                shown |= {block.index - 1, block.index - 2} if block.role == "error" else {block.index - 1}
        for region in self.page.regions:
            above = self._above(region)
            if region.name == "output" and above:
                shown.add(above.index)
        return shown & {block.index for block in self.page.blocks if block.role == "run"}

    # --- figures ------------------------------------------------------------------------------
    @cached_property
    def truths(self) -> list[Truth]:
        """Every number that vouches for a figure of this page, apart from what it cites."""
        found: list[Truth] = []
        for block in self.page.blocks:
            if block.index in self._shown:
                result = self.run.up_to(block.index)
                follower = self.page.blocks[block.index + 1 : block.index + 2]
                silent = block.must_fail and bool(follower) and follower[0].role == "error"
                found += figures.printed_truths("" if silent else result.stdout)
                found += figures.printed_truths(result.error if block.must_fail else "")
        for block in self.page.blocks:
            if block.role in {"run", "validated", "not run"} and block.language != "mermaid":
                found += figures.literal_truths(block.code, block.language)
        return found

    def claims(self) -> Iterator[tuple[Figure, Segment, frozenset[str]]]:
        """Every figure the page claims, with the text around it and what is cited there."""
        labels = (_plain(label(self.library.records[key]).rstrip(".")) for key in self.cited)
        notes = tuple(f"{said}, as of " for said in labels)
        segments = [
            s for s in self.page.segments if s.region in {"", "output"} and not s.plain.startswith(notes)
        ]
        for block in self.page.blocks:
            if block.language == "mermaid":
                segments.append(Segment("block", MERMAID_STYLE.sub("", block.code), frozenset()))
            if block.role not in {"output", "error"}:
                segments.append(Segment("block", block.title, frozenset()))
        for number, segment in enumerate(segments):
            cites = segment.cites | _cited_around(segments, number)
            for figure in figures_of(segment):
                if figure.is_claim:
                    yield figure, segment, cites

    @cached_property
    def library(self) -> Library:
        """The records that this page can cite."""
        return library_of(self.page.path)

    @cached_property
    def cited(self) -> list[str]:
        """The records that the page cites, in the order in which it does."""
        cites = (name for segment in self.page.segments for name in sorted(segment.cites))
        return [name for name in dict.fromkeys(cites) if name in self.library.records]

    def proof_of(self, figure: Figure, segment: Segment, cites: frozenset[str]) -> tuple[str, set[str]]:
        """Which class of proof a figure has, or none, and the exemption it makes use of."""
        for key in cites & self.library.records.keys():
            if figures.proof(figure, self.library.truths(key)):
                return "cited", set()
        vouching = figures.proof(figure, self.truths)
        if vouching:
            return vouching.origin, set()
        for text in (_one_line(entry.figure) for entry in self.front.exempt):
            if text in _one_line(segment.text) and _one_line(figure.text) in text:
                return "exempt", {text}
        return "", set()

    def check_figures(self) -> None:
        """Every figure is printed, input, cited or exempt; what is exempt is used, what is cited is there."""
        used: set[str] = set()
        seen: Counter[str] = Counter()
        for figure, segment, cites in self.claims():
            seen[_one_line(figure.text)] += 1
            kind, needed = self.proof_of(figure, segment, cites)
            used |= needed
            self.figures[kind or "unproved"] += 1
            if not kind:
                self._unproved(figure, seen[_one_line(figure.text)])
        for text in sorted({_one_line(entry.figure) for entry in self.front.exempt} - used):
            message = f"the exemption “{text}” is not used on the page"
            self.page.problem(self._front_line(text), message, "use it or drop it")
        if self.figures["exempt"] and not any(self.figures[name] for name in FIGURE_CLASSES[:3]):
            self.page.problem(
                1, "every figure of this page is exempt", "prove at least one, or take them out"
            )

    def _check_citations(self) -> None:
        """What is cited is a record, or a footnote of the page itself."""
        cites = {name for segment in self.page.segments for name in segment.cites}
        for name in sorted(cites - self.library.records.keys() - _footnotes(self.page)):
            near = get_close_matches(name, self.library.records, n=3, cutoff=0.5)
            said = f"; the nearest are {', '.join(near)}" if near else ""
            message = f"[^{name}] cites no record{said}"
            advice = "add the record and its source to snippets/data, as CONTRIBUTING.md has it"
            self.page.problem(self._line_of(f"[^{name}]"), message, advice)

    def _check_records(self) -> None:
        """Every record is cited somewhere; said where the table of all records stands."""
        for name in sorted(self.library.records.keys() - uses().keys()):
            line = next((n for n, text in enumerate(self.page.lines, 1) if text.startswith(f"| {name} |")), 1)
            self.page.problem(line, f"no page cites the record {name}", f"cite it with [^{name}] or drop it")

    def _unproved(self, figure: Figure, occurrence: int) -> None:
        line = self._line_of(figure.text, occurrence)
        if figure.is_slip:
            message = f"“{figure.text}” is not written as a number"
            self.page.problem(line, message, "write 1,500.5 with commas and a point, and 0.5 with its zero")
            return
        near = figures.nearest(figure, self.truths)
        hint = f"; the nearest number with that unit is {near.text} ({near.origin})" if near else ""
        self.page.problem(
            line,
            f"nothing on this page proves “{figure.text}”{hint}",
            "print it in a block with its unit, show it as an input whose name carries the unit "
            "(setup_hours=8), or cite a record that states it",
        )

    @cached_property
    def _prose(self) -> str:
        """The source with everything blanked, line by line, that is not prose of the body."""
        hidden = set(range(1, self._front_end + 1))
        for block in self.page.blocks:
            if block.language != "mermaid":
                hidden.update(range(block.line + 1, block.end + 1))
        for region in self.page.regions:
            if region.name != "output":
                hidden.update(range(region.line, region.end + 1))
        lines = enumerate(self.page.lines, 1)
        return "\n".join(" " * len(line) if number in hidden else line for number, line in lines)

    @cached_property
    def _figures_in_source(self) -> dict[str, list[int]]:
        """Where each figure stands in the source, by its text: offsets in order."""
        found: dict[str, list[int]] = {}
        for figure in figures.find_figures(self._prose):
            found.setdefault(_one_line(figure.text), []).append(figure.start)
        return found

    def offsets(self, text: str) -> list[int]:
        """Where in the source a figure, or else any text, stands as prose, in order."""
        known = self._figures_in_source.get(_one_line(text))
        if known is not None:
            return known
        number = re.search(r"[\d.,]*\d", text)
        whole = re.escape(_one_line(text)).replace("\\ ", r"\s+")
        sought = [whole, re.escape(number[0] if number else text)]
        found = ([match.start() for match in re.finditer(one, self._prose)] for one in sought)
        return next(filter(None, found), [])

    def _line_of(self, text: str, occurrence: int = 1) -> int:
        """The line of the n-th place where a text stands as prose, else of the last one, else 1."""
        offsets = self.offsets(text)[:occurrence]
        return self._prose.count("\n", 0, offsets[-1]) + 1 if offsets else 1

    def _front_line(self, *place: str) -> int:
        """The line of the front matter with the last of these keys or texts that stands in it."""
        front = [*enumerate(self.page.lines[: self._front_end], 1)]
        keys = [
            [n for n, line in front if line.strip().removeprefix("- ").startswith(f"{text}:")]
            for text in reversed(place)
        ]
        texts = [[n for n, line in front if text in line] for text in reversed(place)]
        return next(filter(None, [*keys, *texts]), [1])[-1]

    @property
    def _front_end(self) -> int:
        """The number of lines that the front matter takes."""
        if not self.page.front:
            return 0
        return next((n for n, line in enumerate(self.page.lines[1:], 2) if line in {"---", "..."}), 0)

    # --- code ---------------------------------------------------------------------------------
    def _code_cells(self) -> list[Block]:
        """The Python that has to be in good style: what is shown and parses."""
        shown = [b for b in self.page.blocks if b.language == "python" and not b.must_fail]
        return [b for b in shown if not validate("python", b.code, b.title)]

    def _check_snippets(self) -> None:
        """The package's files that the page embeds are in good style too, not only the sections it shows."""
        inside = {n for block in self.page.blocks for n in range(block.line, block.end)}
        include = re.compile(r'-8<-+\s+"(snippets/[^":]+\.py)')
        found = {n + 1: include.search(self.page.lines[n]) for n in inside}
        first = {match[1]: line for line, match in sorted(found.items(), reverse=True) if match}
        for path, line in sorted(first.items()):
            for arguments in (["check", "--quiet", "--output-format=concise"], ["format", "--check"]):
                command = [tool("ruff"), *arguments, path]
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
                if done.returncode:
                    self.page.problem(line, done.stdout.strip(), f"mend it, or: .venv/bin/ruff format {path}")

    def _check_code(self) -> None:
        self._check_snippets()
        cells = self._code_cells()
        if not cells:
            return
        given = {name for block in cells for name in block.fixtures}
        for found in style.complaints(cells):
            block, row = cells[found["cell"] - 1], found["location"]["row"]
            undefined = found["code"] == "F821"
            if undefined and any(f"`{name}`" in found["message"] for name in given):
                continue
            if not block.included or undefined:
                self.page.problem(
                    block.line if block.included else block.line + row,
                    f"{found['code']}: {found['message']}",
                    "mend the code; its style is that of snippets/ruff.toml",
                )
        for block, formatted in zip(cells, style.formatted(cells), strict=True):
            if not block.included and formatted != block.code.strip("\n"):
                self.page.problem(
                    block.line,
                    f"the code is not formatted; it should read\n{_quote(formatted)}",
                    self.advice_to_update,
                )

    # --- what is generated --------------------------------------------------------------------
    def description(self) -> str:
        """The page's first sentences, for search engines and link previews."""
        plain = next((s.plain for s in self.page.segments if s.kind == "p" and s.plain and not s.region), "")
        said = ""
        for sentence in re.split(r"(?<=[.!?])\s+", plain):
            if said and len(said) + len(sentence) >= DESCRIPTION_LENGTH:
                break
            said = f"{said} {sentence}".strip()
        return said

    def generated(self, name: str) -> str:
        """What stands between the markers of a generated region that no block printed."""
        written = {
            "sources": self.sources,
            "checked": self.checked,
            "report": report_table,
            "records": self.records,
        }
        return written[name]()

    def sources(self) -> str:
        """The footnotes of the records that the page cites."""
        return "\n".join(f"[^{name}]: {self.library.footnote(name)}" for name in self.cited)

    def records(self) -> str:
        """The tables of all records."""
        return "\n".join(catalog_tables(self.library, ROOT / self.page.path)).strip()

    def checked(self) -> str:
        """The line at the foot of the page: what of it was executed and proved, and where."""
        return f"[{self.counted()}]({self._proof_address()}){{ .checked }}"

    def counted(self) -> str:
        """How many blocks were run, validated, compared, and how many figures proved, by class."""
        roles = Counter(block.role for block in self.page.blocks)
        shown = {
            "blocks run": roles["run"],
            "validated": roles["validated"],
            "not run here": roles["not run"],
            "outputs compared": roles["output"]
            + roles["error"]
            + sum(r.name == "output" for r in self.page.regions),
        }
        proved = sum(self.figures[name] for name in FIGURE_CLASSES)
        by_class = ", ".join(f"{self.figures[name]} {name}" for name in FIGURE_CLASSES if self.figures[name])
        parts = [_counted(count, name) for name, count in shown.items() if count]
        if not parts and not proved:
            return "no blocks and no figures on this page"
        parts.append(_counted(proved, "figures checked") + (f" ({by_class})" if by_class else ""))
        return ", ".join(parts)

    def _proof_address(self) -> str:
        """The test that proves the page's snippet, else the page checker."""
        repository = str(
            site_config().get("extra", {}).get("repository") or site_config().get("repo_url", "")
        ).rstrip("/")
        own = Path("tests", *Path(self.page.path.replace("-", "_")).parts[1:])
        own = own.with_name(f"test_{own.stem}.py")
        return f"{repository}/blob/main/{own if (ROOT / own).exists() else 'tests/pages'}"

    # --- update -------------------------------------------------------------------------------
    def _rewritten_blocks(self) -> Iterator[tuple[Block, str]]:
        for block in self.page.blocks:
            wanted = self._rewritten_output(block) if block.role in {"output", "error"} else None
            if block.language == "pycon" and block.role == "run":
                wanted = self.run.up_to(block.index).session or None
            if wanted is not None:
                yield block, _visible(wanted)
        cells = self._code_cells()
        for block, formatted in zip(cells, style.formatted(cells) if cells else [], strict=True):
            if not block.included:
                yield block, formatted

    def _rewritten_output(self, block: Block) -> str | None:
        """What the page should show; nothing where the block above failed or the page would break."""
        wanted = self.expected(block)
        above = self.page.blocks[max(block.index - 1, 0)]
        failed = above.role == "run" and self.run.up_to(above.index).error and not above.must_fail
        fenced = "```" in (wanted or "") and "````" not in self.page.lines[block.line - 1]
        return None if failed or fenced or (block.role == "error" and not wanted) else wanted

    def _rewritten_region(self, region: Region) -> str | None:
        if region.name in GENERATED:
            return self.generated(region.name)
        result = self._source_of(region)
        return result.stdout.strip("\n") if result and not result.error else None

    def _updated_notebook(self) -> str:
        """The notebook with outputs as its cells print them, and cells formatted."""
        notebook = nbformat.reads(self.page.source, as_version=4)  # type: ignore[no-untyped-call]
        formatted = {block.index: text for block, text in self._rewritten_blocks() if block.role == "run"}
        cells = (cell for cell in notebook.cells if cell.cell_type == "code")
        blocks = (block for block in self.page.blocks if block.role == "run" and not block.included)
        for cell, block in zip(cells, blocks, strict=True):
            cell.source = formatted.get(block.index, cell.source)
            result = self.run.up_to(block.index)
            if not result.error:
                printed = {"output_type": "stream", "name": "stdout", "text": result.stdout}
                cell.outputs = [nbformat.from_dict(printed)] if result.stdout else []  # type: ignore[no-untyped-call]
        return str(nbformat.writes(notebook)) + "\n"  # type: ignore[no-untyped-call]

    def updated(self) -> str:
        """The page's source with outputs, generated regions and formatting as they should be."""
        if self.page.path.endswith(".ipynb"):
            return self._updated_notebook()
        edits = [
            (block.line, block.end - 1, _indented(wanted, block.indent))
            for block, wanted in self._rewritten_blocks()
        ]
        for region in self.page.regions:
            content = self._rewritten_region(region)
            if content is not None:
                written = _indented(f"\n{content}\n" if content else "", region.indent)
                edits.append((region.line, region.end - 1, written))
        lines = self.page.lines
        inside = [(r.line, r.end) for r in self.page.regions if r.name == "output"]
        for start, end, new in sorted(edits, reverse=True):
            if not any(first < start and end < last for first, last in inside):
                lines = lines[:start] + new + lines[end:]
        return self._with_description(lines)

    def _with_description(self, lines: list[str]) -> str:
        """The source with its description as it should be, where it has one."""
        head, body = "\n".join(lines[: self._front_end]), "\n".join(lines[self._front_end :])
        if "description" in self.page.front and self.page.front["description"] != self.description():
            said = f"description: {json.dumps(self.description(), ensure_ascii=False)}"
            head = re.sub(r"^description:.*(?:\n[ \t]+.*)*", lambda _: said, head, flags=re.MULTILINE)
        return f"{head}\n{body}" if head else body


def _visible(text: str) -> str:
    """Text as Markdown shows it in a block: tabs expanded, no line end at the end."""
    return text.expandtabs(4).rstrip("\n")


def _plain(text: str) -> str:
    """Text without the marks of Markdown, as a reader sees it."""
    return re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", text)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _counted(count: int, name: str) -> str:
    noun, _, rest = name.partition(" ")
    singular = noun.removesuffix("s") if count == 1 and noun in {"blocks", "figures", "outputs"} else noun
    return f"{count} {singular} {rest}".strip()


@cache
def anchors_of(page: Path) -> set[str]:
    """The anchors of a page, as the renderer gives them."""
    return read_page(page).anchors


@cache
def _navigation() -> set[str]:
    return {path for path, _, _ in nav_paths(site_config().get("nav", []))}


def _footnotes(page: Page) -> set[str]:
    """The footnotes that the page itself defines outside its generated region."""
    return set(re.findall(r"^\s*\[\^([\w.-]+)\]:", page.source, re.MULTILINE))


def figures_of(segment: Segment) -> list[Figure]:
    """The numbers of a segment; a bare number in a typed table has the unit that heads its column."""
    unit = UNIT_IN_HEADER.search(segment.header)
    if unit and not segment.region and re.fullmatch(r"\W*[\d.,]*\d\s?[KMBkm]?\W*", segment.text):
        return figures.find_figures(f"{segment.text.strip()} {unit['unit']}")
    heading = segment.kind in {"h1", "h2", "h3", "h4", "h5", "h6"}
    return figures.find_figures(segment.text, heading=heading)


def _cited_around(segments: list[Segment], number: int) -> frozenset[str]:
    """What a cell or item may lean on: every citation of its table or list and of the paragraph before it."""
    cells = {"td", "th"} if segments[number].kind in {"td", "th"} else {"li", "dt", "dd"}
    if segments[number].kind not in cells:
        return frozenset()
    start = number
    while start > 0 and (segments[start - 1].kind in cells or not segments[start - 1].text.strip()):
        start -= 1
    end = number
    while end + 1 < len(segments) and segments[end + 1].kind in cells:
        end += 1
    return frozenset().union(*(s.cites for s in segments[max(start - 1, 0) : end + 1]))


def _quote(text: str) -> str:
    return "\n".join(f"| {line}" for line in text.rstrip("\n").split("\n"))


def _indented(text: str, indent: str) -> list[str]:
    if not text:
        return []
    return [(indent + line).rstrip() if not line else indent + line for line in text.split("\n")]
