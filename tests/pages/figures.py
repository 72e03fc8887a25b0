"""Which numbers does this page claim, and what proves each?

A figure is a number with a unit, currency, percent, multiplier or magnitude (K, M, B), a bare number of
two or more digits, or a number word with a unit. Dates, versions, ordinals and names are recognized and
are not figures. A figure is proved by a number of the same unit that a block printed, that a shown
literal carries (units are read from names: `gpu_usd_per_month=500`), or that a cited source states.
"""

from __future__ import annotations

import ast
import math
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

# --- units ------------------------------------------------------------------------------------
# name: (dimension, factor to the dimension's base, spellings in prose)
_UNITS: dict[str, tuple[str, float, str]] = {
    "usd": ("usd", 1, r"USD|US\$|dollars?|\$(?!\d)"),
    "cents": ("usd", 0.01, r"cents?"),
    "eur": ("eur", 1, r"EUR|euros?|€(?!\d)"),
    "gbp": ("gbp", 1, r"GBP|pounds?|£(?!\d)"),
    "jpy": ("jpy", 1, r"JPY|yen|¥(?!\d)"),
    "bytes": ("byte", 1, r"bytes?"),
    "kb": ("byte", 1e3, r"kB|KB|kilobytes?"),
    "mb": ("byte", 1e6, r"MB|mb|megabytes?"),
    "gb": ("byte", 1e9, r"GBs?|gb|gigabytes?"),
    "tb": ("byte", 1e12, r"TB|tb|terabytes?"),
    "pb": ("byte", 1e15, r"PB|petabytes?"),
    "kib": ("byte", 2.0**10, r"KiB|kibibytes?"),
    "mib": ("byte", 2.0**20, r"MiB|mebibytes?"),
    "gib": ("byte", 2.0**30, r"GiB|gibibytes?"),
    "tib": ("byte", 2.0**40, r"TiB|tebibytes?"),
    "bits": ("bit", 1, r"bits?"),
    "mbit": ("bit", 1e6, r"Mbit|Mb|Mbps|megabits?"),
    "gbit": ("bit", 1e9, r"Gbit|Gb|Gbps|gigabits?"),
    "ns": ("second", 1e-9, r"ns|nanoseconds?"),
    "us": ("second", 1e-6, r"µs|μs|us|microseconds?"),
    "ms": ("second", 1e-3, r"ms|milliseconds?"),
    "s": ("second", 1, r"s|secs?|seconds?"),
    "min": ("second", 60, r"min|mins|minutes?"),
    "h": ("second", 3600, r"h|hrs?|hours?"),
    "days": ("second", 86_400, r"days?"),
    "weeks": ("second", 604_800, r"weeks?"),
    "months": ("month", 1, r"months?"),
    "years": ("month", 12, r"years?"),
    "hz": ("hertz", 1, r"Hz"),
    "mhz": ("hertz", 1e6, r"MHz"),
    "ghz": ("hertz", 1e9, r"GHz"),
    "w": ("watt", 1, r"W|watts?"),
    "kw": ("watt", 1e3, r"kW|kilowatts?"),
    "mw": ("watt", 1e6, r"MW|megawatts?"),
    "wh": ("watt-hour", 1, r"Wh"),
    "kwh": ("watt-hour", 1e3, r"kWh|kilowatt-hours?"),
    "mwh": ("watt-hour", 1e6, r"MWh"),
    "gflops": ("flops", 1e9, r"GFLOPS|GFLOP/s"),
    "tflops": ("flops", 1e12, r"TFLOPS|TFLOP/s"),
    "pflops": ("flops", 1e15, r"PFLOPS|PFLOP/s"),
    "percent": ("percent", 1, r"%|percent|per\scent|pct|percentage\spoints?|pp"),
    "permille": ("percent", 0.1, r"‰"),
    "points": ("percent", 1, r"points?"),
    "times": ("times", 1, r"(?:×|x)(?!\s?[A-Z\d])|times|[-\s]?fold"),
    "tokens": ("token", 1, r"tokens?|toks?"),
    "gpus": ("gpu", 1, r"GPUs?"),
    "parameters": ("parameter", 1, r"parameters?|params?"),
    "requests": ("request", 1, r"requests?|reqs?"),
    "queries": ("query", 1, r"queries|query"),
    "users": ("user", 1, r"users?"),
}
_NAMED = {
    "byte": "bytes", "bit": "bits", "day": "days", "dollars": "usd", "fraction": "ratio", "gpu": "gpus",
    "hour": "h", "hours": "h", "minute": "min", "minutes": "min", "month": "months",
    "parameter": "parameters", "pct": "percent", "probability": "ratio", "query": "queries",
    "ratio": "ratio", "request": "requests", "second": "s", "seconds": "s", "share": "ratio",
    "tok": "tokens", "token": "tokens", "user": "users", "utilization": "ratio", "week": "weeks",
    "year": "years",
} | {name: name for name in _UNITS if name not in {"min", "us", "points", "times"}}  # fmt: skip
_BY_SPELLING = [(re.compile(rf"(?:{spelled})\Z"), name) for name, (_, _, spelled) in _UNITS.items()]
_SPELLINGS = [part for _, _, spelled in _UNITS.values() for part in re.split(r"\|(?![^(]*\))", spelled)]
ANY_UNIT = "|".join(sorted(_SPELLINGS, key=len, reverse=True))
_UNIT_NEXT = rf"[-\s\u00a0\u202f]?(?:{ANY_UNIT})(?![A-Za-z\d])"
_COUNTS = {"bit", "percent-points", "parameter", "request", "query", "user"}  # "two users" is prose
_MAGNITUDES = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "mn": 1e6, "mio": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9,
    "billion": 1e9, "t": 1e12, "trillion": 1e12,
}  # fmt: skip
_CURRENCIES = {
    "$": "usd",
    "usd": "usd",
    "us$": "usd",
    "€": "eur",
    "eur": "eur",
    "£": "gbp",
    "gbp": "gbp",
    "¥": "jpy",
}

# --- grammar ----------------------------------------------------------------------------------
_DIGITS = r"\d(?:[\d.,\u202f\u00a0]*\d)?(?:\s\d{3}(?!\d))*|(?<![\w.])\.\d+"  # well written or not
_WELL_WRITTEN = re.compile(r"(?:0|[1-9]\d{0,2}(?:[,\u202f\u00a0]\d{3})+|[1-9]\d*)(?:\.\d+)?")
_NUMBER = rf"(?:{_DIGITS})(?:[eE][+-]?\d+(?![A-Za-z\d]))?"
_MAGNITUDE = r"[\s\u00a0\u202f]?(?:[KkMBT]|bn|thousand|million|billion|trillion)(?![A-Za-z\d])"
_MAGNITUDE_OF_MONEY = rf"{_MAGNITUDE}|[\s\u00a0]?(?:mn|mio|m)(?![A-Za-z\d])"
_PER = (
    r"(?:\s?/\s?|\s(?:per|an?|each|every)\s)"
    r"(?P<per_n>1K|1k|1M|1,000|1000|(?:1\s)?(?:thousand|million|billion)|[KM])?\s?(?P<per>"
    + ANY_UNIT
    + r")(?![A-Za-z\d])|\s(?P<adverb>hourly|daily|weekly|monthly|yearly|annually)\b"
)
_ADVERBS = {
    "hourly": "h", "daily": "days", "weekly": "weeks", "monthly": "months", "yearly": "years",
    "annually": "years",
}  # fmt: skip
_FIGURE = re.compile(
    r"(?P<sign>(?<![\w)\]$€£%])[-+−])?"
    r"(?:(?<![A-Za-z])(?P<currency>US\$|(?:USD|EUR|GBP)(?=[\s\u00a0]?\d)|[$€£¥])[\s\u00a0]?)?"
    rf"(?P<number>{_NUMBER})(?P<magnitude>(?(currency)(?:{_MAGNITUDE_OF_MONEY})|(?:{_MAGNITUDE})))?\+?"
    rf"(?:[-\s\u00a0\u202f]?(?P<unit>{ANY_UNIT})(?![A-Za-z\d]))?(?:{_PER})?"
)
_SMALL = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen""".split()  # noqa: SIM905 - as words
WORDS = {word: value for value, word in enumerate(_SMALL, 1)} | {
    "zero": 0, "dozen": 12, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1_000, "million": 1_000_000, "billion": 10**9,
}  # fmt: skip
_LARGE = "hundred|thousand|million|billion|dozen"
_WORD = "|".join(sorted(WORDS, key=len, reverse=True))
_IN_WORDS = re.compile(
    rf"(?<![-\w])(?P<words>(?:an?\s(?:{_LARGE})|(?!{_LARGE})(?:{_WORD}))(?:(?:[-–\s]|\sand\s)(?:{_WORD}))*)"
    r"(?=fold|[^A-Za-z]|\Z)(?P<half>\sand\sa\shalf)?"
    rf"(?:(?:[-\s\u00a0]|(?=fold))(?P<unit>{ANY_UNIT})(?![A-Za-z\d])(?:{_PER})?)?",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\s?(?:[-–—/,]|to|or|and|, and|, or)\s?\Z")
_NUMBERING = re.compile(rf"^\s*\d+(?:\.\d+)*(?:[.)](?=\s)|(?=\s)(?!{_MAGNITUDE})(?!{_UNIT_NEXT})(?=\s[A-Z]))")
_MONTHS = (
    "(?:January|February|March|April|May|June|July|August|September|October|November|December|"
    r"(?:Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec)\b\.?)"
)
_PRODUCTS = (
    "CUDA|Claude|Opus|Sonnet|Haiku|CommonMark|CPython|Debian|Docker|FIPS|Gemini|Gemma|Granite|HTTP|Kubernetes|"
    "Linux|Llama|macOS|Material|MkDocs|Mistral|NIST(?: [A-Z]+)?|Node|npm|Ollama|OpenSSL|PCI DSS|PCIe|Phi|pip|"
    "Pydantic|pytest|Python|PyTorch|Qwen|ROCm|ruff|TLS|Ubuntu|USB|vLLM|WCAG|WikiText|Windows|Zensical|version"
)
_PLACES = (
    r"Articles?|Art\.|Annex|Chapters?|Sections?|§+|Parts?|Titles?|Recitals?|Rules?|Phase|Tier|Level|Type|Figures?|"
    r"Opinion|Tables?|Steps?|Issues?|Lines?|Pages?|Rows?|Columns?|Items?|PR|ISO|IEC|ISO/IEC|SOC|RTX|GTX|EPYC|Ryzen|Xeon|Core|"
    r"Radeon|Instinct|Jetson|Mac|Requirements?"
)
# What looks like a number and is not a figure; each is a class of writing, none is a single case.
_NOT_FIGURES = [
    re.compile(pattern)
    for pattern in (
        r"https?://\S+",
        r"(?<=\d)\s?[×x]\s(?=[A-Z][A-Za-z]*-?\d)",  # 8× H100
        r"\b(?:arXiv|doi|DOI|ISBN|CVE|RFC|GHSA)[:\s-]*\d[\w./-]*\w",
        r"(?<!\w)#\d+\b",
        r"\b(?:commit|revision)\s[0-9a-f]{7,40}\b",
        r"\b(?:Regulation|Directive)\s\([A-Z]+\)\s(?:No\s)?\d+/\d+",
        r"\b\d+\sCFR\s[\d.]+(?:\([a-z0-9]+\))*",  # US code of federal regulations
        r"\b\d{4}-\d{2}(?:-\d{2})?(?:T[\d:]+Z?)?\b",  # ISO dates
        r"\b\d{1,2}/\d{1,2}/\d{4}\b|\b20\d\d/\d\d\b(?!\d)",
        rf"\b(?:\d{{1,2}}\s)?{_MONTHS}(?:\s\d{{1,2}},)?\s\d{{4}}\b",
        rf"\b\d{{1,2}}\s{_MONTHS}\b|\b{_MONTHS}\s\d{{1,2}}\b(?!{_UNIT_NEXT})",
        r"\b\d{1,2}:\d{2}\b",  # times of day
        r"\b(?:24|twenty-four)\shours\sa\sday|\b(?:7|seven|five)\sdays\sa\sweek|\b365\sdays\sa\syear|\b24/7\b",
        # years
        rf"(?<![$€£,.\d])\b(?:19[89]|20[0-3])\d(?:s\b|\b)(?![,.]\d)(?!{_MAGNITUDE})(?!{_UNIT_NEXT})"
        rf"(?!\s?(?:[-–—]|to)\s?\d[\d.,]*(?:{_UNIT_NEXT}))",
        r"\b[vV]\d+(?:\.\d+)*\b",
        r"\b\d+\.\d+\.\d+(?:\.\d+)*\b",  # versions
        rf"\b(?i:{_PRODUCTS})\s\d+(?:\.\d+)*(?:-\d+)?(?!\w)(?!{_MAGNITUDE})(?!{_UNIT_NEXT})",
        r"\b\d+(?:st|nd|rd|th)\b",  # ordinals
        rf"(?<!\w)(?i:{_PLACES})[\s-]?\d+(?:[\d.:/-]*\d)?(?:\([a-z0-9]+\))*(?:\s?(?:,|to|and|or|–)\s?\d+(?!\w))*"
        rf"(?!\w)(?!{_MAGNITUDE})(?!{_UNIT_NEXT})",
        r"\b\d+x\d+(?:\.\d+)?B\b",  # 8x7B
        # H100, GPT-4o, Q4_K_M, Llama-3.1-8B; not sub-900 ms
        rf"(?<![A-Za-z\d$€£])(?!(?:USD|EUR|GBP|US)[\s\d])(?![a-z]+[-.]?\d[\d.,]*(?:{_UNIT_NEXT}))"
        r"[A-Za-z][A-Za-z_]*[-_.]?\d[\w.+-]*(?<![.,-])",
        # 4o, 3D
        rf"(?<![$€£¥.,\d])\b\d+(?!{_MAGNITUDE})(?!{_UNIT_NEXT})(?!e[+-]?\d)(?!x\d)[A-Za-z]\w*",
        r"\b\d+\^[-−]?\d+\b",
    )
]


@dataclass(frozen=True)
class Figure:
    """A number as it is written: its value in the base unit, the weight of its last digit, its unit."""

    text: str
    start: int
    value: float
    ulp: float
    unit: str = ""
    per: str = ""
    per_factor: float = 1.0
    bare: float = 0.0
    sign: str = ""
    digits: int = 0
    magnitude: float = 1.0
    is_slip: bool = False  # written as no number is: 007, $0,500, 9,5, .5, 0M

    @property
    def is_claim(self) -> bool:
        """Whether it needs a proof: a unit, a magnitude, or two digits."""
        return bool(self.unit) or self.magnitude != 1 or self.digits >= 2 or self.is_slip


def _unit_of(spelled: str) -> str:
    return next(
        (name for pattern, name in _BY_SPELLING if pattern.match(spelled)),
        next((name for pattern, name in _BY_SPELLING if pattern.match(spelled.lower())), ""),
    )


def _per_factor(number: str | None) -> float:
    if not number:
        return 1.0
    written = number.replace(",", "").lower().split()[-1]
    found = re.fullmatch(r"(\d*)([a-z]*)", written)
    return float(found[1] or 1) * _MAGNITUDES.get(found[2], 1.0) if found else 1.0


def _blank(match: re.Match[str]) -> str:
    return " " * len(match[0])


def find_figures(text: str, *, heading: bool = False) -> list[Figure]:
    """Every number in a text, in order; `is_claim` says which of them need a proof."""
    masked = _NUMBERING.sub(_blank, text) if heading else text
    for pattern in _NOT_FIGURES:
        masked = pattern.sub(_blank, masked)
    found = list(_in_words(masked))
    for figure in found:
        masked = masked[: figure.start] + " " * len(figure.text) + masked[figure.start + len(figure.text) :]
    found += [_parse(match) for match in _FIGURE.finditer(masked) if not _part_of_word(masked, match)]
    found.sort(key=lambda figure: figure.start)
    return _share_units(found, masked)


def _part_of_word(text: str, match: re.Match[str]) -> bool:
    before = text[max(match.start() - 2, 0) : match.start()]
    if re.fullmatch(r"\d[x×]", before):  # 4x80 GB
        return False
    return bool(before) and not match["currency"] and (before[-1].isalnum() or before[-1] in "_^")


def _parse(match: re.Match[str]) -> Figure:
    mantissa, _, exponent = match["number"].lower().partition("e")
    plain = re.sub(r"[,\u202f\u00a0\s]", "", mantissa)
    ordinary = _WELL_WRITTEN.fullmatch(mantissa) is not None
    magnitude = _MAGNITUDES[match["magnitude"].strip().lower()] if match["magnitude"] else 1.0
    spelled = match["currency"] or match["unit"] or ""
    unit = _CURRENCIES[spelled.lower()] if match["currency"] else _unit_of(spelled)
    try:
        number = float(f"{plain}e{exponent or 0}")
    except ValueError:  # several decimal points
        number, ordinary = 0.0, False
    ulp = 10.0 ** (int(exponent or 0) - len(plain.partition(".")[2])) if math.isfinite(number) else 1.0
    slip = not ordinary or not math.isfinite(number) or (magnitude != 1 and number == 0)
    digits = len(plain.replace(".", "").lstrip("0"))
    return _figure(match, number, ulp, unit, digits=digits, magnitude=magnitude, is_slip=slip)


def _in_words(text: str) -> Iterator[Figure]:
    for match in _IN_WORDS.finditer(text):
        words = re.split(r"[-–\s]+", match["words"].lower())
        value = _value_of([word for word in words if word not in {"a", "an", "and"}])
        unit = _unit_of(match["unit"] or "")
        large = bool({"thousand", "million", "billion"} & set(words))
        counted = unit == "points" or (unit and _UNITS[unit][0] in _COUNTS)
        article = words in (["one"], ["zero"]) or (not unit and not large) or (counted and value < 10)
        if not article or match["half"]:
            half = 0.5 if match["half"] else 0.0
            yield _figure(match, value + half, 1.0 if not half else 0.1, unit, digits=2 if large else 1)


def _value_of(words: list[str]) -> float:
    """`two hundred and seven thousand` → 207,000."""
    total = current = 0
    for word in words:
        size = WORDS[word]
        if size >= 1000:
            total, current = total + (current or 1) * size, 0
        elif word in {"hundred", "dozen"}:
            current = (current or 1) * size
        else:
            current += size
    return float(total + current)


def _figure(match: re.Match[str], number: float, ulp: float, unit: str, **rest: Any) -> Figure:
    per = _ADVERBS.get(match["adverb"] or "", _unit_of(match["per"] or "")) if unit else ""
    magnitude = rest.get("magnitude", 1.0)
    factor = magnitude * (_UNITS[unit][1] if unit else 1.0)
    return Figure(
        text=match[0].strip(),
        start=match.start() + len(match[0]) - len(match[0].lstrip()),
        value=number * factor,
        ulp=ulp * factor,
        unit=_UNITS[unit][0] if unit else "",
        per=_UNITS[per][0] if per else "",
        per_factor=_UNITS[per][1] * _per_factor(match["per_n"]) if per else 1.0,
        bare=number * magnitude,
        sign=(match.groupdict().get("sign") or "").replace("−", "-"),
        **rest,
    )


def _share_units(found: list[Figure], text: str) -> list[Figure]:
    """In "2–8 hours", "$40–60K" and "30, 50 and 7 GB" every number has what one of them is written with."""
    shared: set[int] = set()
    for left in reversed(range(len(found) - 1)):
        first, second = found[left], found[left + 1]
        between = text[first.start + len(first.text) : second.start]
        joined = between.strip()
        if not joined or not _RANGE.match(between):
            continue
        if joined == "," and left + 1 not in shared:
            continue
        to = joined in {"-", "–", "—", "to"}
        if to and first.magnitude == 1 != second.magnitude and first.bare < second.bare / second.magnitude:
            found[left] = first = _scaled(first, second.magnitude)
        if bool(first.unit) == bool(second.unit):
            continue
        if second.unit:
            found[left] = _with_unit_of(first, second)
            shared.add(left)
        elif to:
            found[left + 1] = _with_unit_of(second, first)
    return found


def _scaled(figure: Figure, magnitude: float) -> Figure:
    value, ulp, bare = (part * magnitude for part in (figure.value, figure.ulp, figure.bare))
    return replace(figure, magnitude=magnitude, value=value, ulp=ulp, bare=bare)


def _with_unit_of(taker: Figure, giver: Figure) -> Figure:
    scale = giver.value / giver.bare if giver.bare else 1.0
    return replace(
        taker,
        unit=giver.unit,
        per=giver.per,
        per_factor=giver.per_factor,
        value=taker.bare * scale,
        ulp=taker.ulp * scale,
    )


# --- what vouches -----------------------------------------------------------------------------
@dataclass(frozen=True)
class Truth:
    """A number that vouches: its value in the base unit, its unit, and where it comes from."""

    value: float
    bare: float
    unit: str
    per: str
    per_factor: float
    origin: str
    text: str
    sign: str = ""


def truth_of(figure: Figure, origin: str) -> Truth:
    """A number that was printed or stated, as one that vouches for others."""
    return Truth(
        figure.value,
        figure.bare,
        figure.unit,
        figure.per,
        figure.per_factor,
        origin,
        figure.text,
        figure.sign,
    )


def matches(figure: Figure, truth: Truth) -> bool:
    """Whether a truth rounds to a figure at the figure's printed precision, in the figure's unit.

    A figure per hour needs a number per hour; a figure without a rate is content with either. A figure with
    a sign needs that sign, one without is a size. Zero has to be exact, and a number written with a leading
    zero is a slip that nothing proves.
    """
    if figure.is_slip or (figure.bare == 0 and truth.bare != 0):
        return False
    if figure.sign and (figure.sign == "-") != (truth.sign == "-"):
        return False
    if not figure.unit:
        return _rounds_to(figure.bare, figure.ulp, truth.bare)
    if not truth.unit:
        share = figure.unit == "percent" and 0 < truth.bare < 1
        return share and _rounds_to(figure.value, figure.ulp, truth.bare * 100)
    if figure.unit != truth.unit or (figure.per and figure.per != truth.per):
        return False
    scale = figure.per_factor / truth.per_factor if figure.per else 1.0
    return _rounds_to(figure.value, figure.ulp, truth.value * scale)


def _rounds_to(shown: float, ulp: float, exact: float) -> bool:
    """Rounding at the last digit, by a twentieth at most: 2M is no rounding of 1.67M."""
    most = min(ulp / 2, abs(exact) / 20) if exact else ulp / 2
    return abs(shown - exact) <= most * (1 + 1e-9) + 4 * math.ulp(shown)


_KEYED = re.compile(
    r"(?P<key>[A-Za-z_]\w*)['\"]?\s*[=:]\s*(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.,]*\d)"
)


def printed_truths(text: str, origin: str = "printed") -> Iterator[Truth]:
    """Numbers in what a block printed, with the units it printed, or those of the names it printed."""
    for line in text.splitlines():
        for figure in find_figures(line):
            if not figure.is_slip:
                yield truth_of(figure, origin)
        for match in _KEYED.finditer(line):
            yield _named_truth(match["key"], float(match["number"]), origin)


def literal_truths(code: str, language: str) -> Iterator[Truth]:
    """Numbers that a shown block holds as values; their units come from the names they are bound to."""
    if language == "pycon":
        code = "\n".join(line[4:] for line in code.splitlines() if line.startswith((">>> ", "... ")))
    if language in {"python", "pycon"}:
        try:
            tree = ast.parse(code)
        except SyntaxError:
            return
        yield from _named_literals(tree, "")
    elif language in {"json", "toml", "yaml"}:
        try:
            loaded = (
                list(YAML(typ="safe", pure=True).load_all(code))
                if language != "toml"
                else tomllib.loads(code)
            )
        except (YAMLError, ValueError):
            return
        yield from _named_values(loaded, "")
    elif language in {"bash", "dockerfile"}:
        uncommented = (line for line in code.splitlines() if not line.lstrip().startswith("#"))
        yield from printed_truths("\n".join(line.split(" #")[0] for line in uncommented), "input")


def _named_values(value: object, name: str) -> Iterator[Truth]:
    """Numbers of a parsed document, each with the key it stands under."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield _named_truth(name, float(value), "input")
    elif isinstance(value, list):
        for each in value:
            yield from _named_values(each, name)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _named_values(each, str(key))


def named_truths(value: object, name: str) -> Iterator[Truth]:
    """Numbers of a record's field: the unit is that of the innermost name that carries one.

    Text is read as a number where its name carries a unit, as in `published_parameters = "30.5B"`.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        yield _named_truth(name, float(value), "cited")
    elif isinstance(value, str) and unit_from_name(name)[0]:
        unit = name.rpartition("_")[2]
        yield from (truth_of(each, "cited") for each in find_figures(f"{value} {unit}"))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from named_truths(each, name)
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from named_truths(each, str(key) if unit_from_name(str(key))[0] else name)


_CONTAINERS = {"Decimal", "Fraction", "float", "frozenset", "int", "list", "set", "tuple"}


def _named_literals(node: ast.AST, name: str) -> Iterator[Truth]:
    """Literals below a node, each with the name it is bound to: assignment, keyword, parameter, key, loop."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from (replace(truth, sign="-") for truth in _named_literals(node.operand, name))
        return
    if isinstance(node, ast.Constant):
        if (
            isinstance(node.value, int | float)
            and not isinstance(node.value, bool)
            and abs(node.value) < 1e300
        ):
            yield _named_truth(name, float(node.value), "input")
        return
    for child, bound in _bound_children(node, name):
        yield from _named_literals(child, bound)


def _bound_children(  # noqa: PLR0912 - a case for each kind of binding
    node: ast.AST, name: str
) -> Iterator[tuple[ast.AST, str]]:
    match node:
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                said = key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else name
                yield value, said
                if key and said is name:
                    yield key, name
        case ast.arguments():
            positional = [*node.posonlyargs, *node.args]
            positional = positional[len(positional) - len(node.defaults) :]
            for named, defaults in ((positional, node.defaults), (node.kwonlyargs, node.kw_defaults)):
                pairs = zip(named, defaults, strict=True)
                yield from ((default, argument.arg) for argument, default in pairs if default)
        case ast.keyword(arg=str() as own):
            # A bound is no statement about a value.
            if own not in {"ge", "gt", "le", "lt"}:
                yield node.value, name if own == "default" and name else own
        case ast.Assign(targets=[ast.Name(id=own)]) | ast.AnnAssign(target=ast.Name(id=own)):
            yield from ((child, own) for child in ast.iter_child_nodes(node))
        case ast.For(target=ast.Name(id=own)) | ast.comprehension(target=ast.Name(id=own)):
            yield from ((child, own if child is node.iter else name) for child in ast.iter_child_nodes(node))
        case ast.Expr(value=ast.Constant(value=str())):
            pass  # a docstring vouches for nothing
        case ast.BinOp() | ast.Compare() | ast.BoolOp() | ast.Subscript():
            yield from ((child, "") for child in ast.iter_child_nodes(node))  # half of a sum has no name
        case ast.Call(func=func):
            kept = name if isinstance(func, ast.Name) and func.id in _CONTAINERS else ""
            yield from ((argument, kept) for argument in node.args)
            # Field(default=…) speaks of the name it is assigned to.
            field = isinstance(func, ast.Name) and func.id == "Field"
            yield from ((keyword, name if field else "") for keyword in node.keywords)
        case _:
            yield from ((child, name) for child in ast.iter_child_nodes(node))


def _named_truth(name: str, number: float, origin: str) -> Truth:
    unit, factor, per, per_factor = unit_from_name(name)
    text = f"{name}={number:g}" if name else f"{number:g}"
    sign = "-" if number < 0 else ""
    return Truth(abs(number) * factor, abs(number), unit, per, per_factor, origin, text, sign)


def unit_from_name(name: str) -> tuple[str, float, str, float]:
    """`gpu_usd_per_hour` → usd × 1 per second × 3600: each unit with its factor to the base unit."""
    words = name.lower().split("_")
    left, right = words, []
    if "per" in words[1:]:
        cut = words.index("per", 1)
        left, right = words[:cut], words[cut + 1 :]
    unit = next((_NAMED[word] for word in reversed(left) if word in _NAMED), "")
    if unit == "ratio":
        return "percent", 100.0, "", 1.0
    if not unit:
        return "", 1.0, "", 1.0
    dimension, factor, _ = _UNITS[unit]
    per = next((_NAMED[word] for word in reversed(right) if word in _NAMED and _NAMED[word] in _UNITS), "")
    if not per:
        return dimension, factor, "", 1.0
    return (
        dimension,
        factor,
        _UNITS[per][0],
        _UNITS[per][1] * _per_factor(right[0] if len(right) > 1 else None),
    )


def proof(figure: Figure, truths: Iterable[Truth]) -> Truth | None:
    """The first number that vouches for a figure."""
    return next((truth for truth in truths if matches(figure, truth)), None)


def nearest(figure: Figure, truths: Iterable[Truth]) -> Truth | None:
    """The number of the same unit that is closest, for the advice."""
    same = [truth for truth in truths if truth.unit == figure.unit]
    return min(same, key=lambda truth: abs(truth.value - figure.value), default=None)
