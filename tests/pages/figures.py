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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

# --- units ------------------------------------------------------------------------------------
# name: (dimension, factor to the dimension's base, spellings in prose)
_UNITS: dict[str, tuple[str, float, str]] = {
    "usd": ("usd", 1, r"USD|US\$|dollars?"),
    "cents": ("usd", 0.01, r"cents?"),
    "eur": ("eur", 1, r"EUR|euros?"),
    "gbp": ("gbp", 1, r"GBP"),
    "bytes": ("byte", 1, r"bytes?"),
    "kb": ("byte", 1e3, r"kB|KB|kilobytes?"),
    "mb": ("byte", 1e6, r"MB|megabytes?"),
    "gb": ("byte", 1e9, r"GB|gigabytes?"),
    "tb": ("byte", 1e12, r"TB|terabytes?"),
    "kib": ("byte", 2.0**10, r"KiB|kibibytes?"),
    "mib": ("byte", 2.0**20, r"MiB|mebibytes?"),
    "gib": ("byte", 2.0**30, r"GiB|gibibytes?"),
    "tib": ("byte", 2.0**40, r"TiB|tebibytes?"),
    "bits": ("bit", 1, r"bits?"),
    "mbit": ("bit", 1e6, r"Mbit|megabits?"),
    "gbit": ("bit", 1e9, r"Gbit|gigabits?"),
    "ns": ("second", 1e-9, r"ns|nanoseconds?"),
    "us": ("second", 1e-6, r"µs|μs|us|microseconds?"),
    "ms": ("second", 1e-3, r"ms|milliseconds?"),
    "s": ("second", 1, r"s|secs?|seconds?"),
    "min": ("second", 60, r"min|minutes?"),
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
    "percent": ("percent", 1, r"%|percent|per\scent|percentage\spoints?"),
    "points": ("percent", 1, r"points?"),
    "times": ("times", 1, r"×|x|times|[-\s]?fold"),
    "tokens": ("token", 1, r"tokens?|toks?"),
    "gpus": ("gpu", 1, r"GPUs?"),
    "parameters": ("parameter", 1, r"parameters?|params?"),
    "requests": ("request", 1, r"requests?"),
    "queries": ("query", 1, r"queries|query"),
    "users": ("user", 1, r"users?"),
}
_NAMED = {
    "byte": "bytes",
    "bit": "bits",
    "day": "days",
    "dollars": "usd",
    "fraction": "ratio",
    "gpu": "gpus",
    "hour": "h",
    "hours": "h",
    "minute": "min",
    "minutes": "min",
    "month": "months",
    "parameter": "parameters",
    "pct": "percent",
    "probability": "ratio",
    "query": "queries",
    "ratio": "ratio",
    "request": "requests",
    "second": "s",
    "seconds": "s",
    "share": "ratio",
    "tok": "tokens",
    "token": "tokens",
    "user": "users",
    "utilization": "ratio",
    "week": "weeks",
    "year": "years",
} | {name: name for name in _UNITS}
_BY_SPELLING = [(re.compile(rf"(?:{spelled})\Z"), name) for name, (_, _, spelled) in _UNITS.items()]
_ANY_UNIT = "|".join(
    sorted(
        (part for _, _, spelled in _UNITS.values() for part in spelled.split("|")),
        key=len,
        reverse=True,
    )
)
_MAGNITUDES = {
    "k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "bn": 1e9, "billion": 1e9,
    "t": 1e12, "trillion": 1e12,
}  # fmt: skip
_CURRENCIES = {"$": "usd", "€": "eur", "£": "gbp"}

# --- grammar ----------------------------------------------------------------------------------
_NUMBER = r"(?:\d{1,3}(?:[,\u202f\u00a0]\d{3})+|\d+)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_MAGNITUDE = r"(?:[\s\u00a0\u202f]?(?:[KkMBT]|bn|thousand|million|billion|trillion)(?![A-Za-z0-9]))"
_PER = (
    r"(?:\s?/\s?|\s(?:per|an?|each|every)\s)"
    r"(?P<per_n>1K|1k|1M|1,000|1000|(?:1\s)?(?:thousand|million|billion)|[KM])?\s?(?P<per>"
    + _ANY_UNIT
    + r")(?![A-Za-z])|\s(?P<adverb>hourly|daily|weekly|monthly|yearly|annually)\b"
)
_ADVERBS = {
    "hourly": "h",
    "daily": "days",
    "weekly": "weeks",
    "monthly": "months",
    "yearly": "years",
    "annually": "years",
}
_FIGURE = re.compile(
    rf"(?P<sign>(?<![\w)\]$€£%])[-+−])?(?P<currency>[$€£])?(?P<number>{_NUMBER})(?P<magnitude>{_MAGNITUDE})?"
    rf"(?:[-\s\u00a0\u202f]?(?P<unit>{_ANY_UNIT})(?![A-Za-z]))?(?:{_PER})?"
)
_SMALL = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen""".split()  # noqa: SIM905
WORDS = {word: value for value, word in enumerate(_SMALL, 2)} | {
    "dozen": 12, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90, "hundred": 100, "thousand": 1000,
}  # fmt: skip
_ONES = {"one": 1} | {word: value for value, word in enumerate(_SMALL[:8], 2)}
_WORD = "|".join(sorted(WORDS, key=len, reverse=True))
_IN_WORDS = re.compile(
    rf"\b(?P<word>{_WORD})(?:-(?P<ones>{'|'.join(_ONES)}))?(?P<scale>(?:\s(?:hundred|thousand|million|billion))*)"
    rf"(?:[-\s\u00a0]|(?=fold))(?P<unit>{_ANY_UNIT})(?![A-Za-z])(?:{_PER})?",
    re.IGNORECASE,
)
_RANGE = re.compile(r"\s?(?:[-–—]|to|or|and)\s?\Z")
_MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
_PRODUCTS = (
    "CUDA|Claude|CommonMark|Debian|Gemini|Gemma|Granite|HTTP|Llama|Material|MkDocs|Mistral|NIST SP|"
    "Node|OpenSSL|PCI DSS|Phi|Pydantic|Python|Qwen|TLS|Ubuntu|WCAG|WikiText"
)
# What looks like a number and is not a figure; each is a class of writing, none is a single case.
_NOT_FIGURES = [
    re.compile(pattern)
    for pattern in (
        r"https?://\S+",
        r"\b(?:Regulation|Directive)\s\([A-Z]+\)\s(?:No\s)?\d+/\d+",
        r"\b\d{4}-\d{2}(?:-\d{2})?(?:T[\d:]+Z?)?\b",  # ISO dates
        rf"\b(?:\d{{1,2}}\s)?(?:{_MONTHS})(?:\s\d{{1,2}},)?\s\d{{4}}\b",
        rf"\b(?:{_MONTHS})\s\d{{1,2}}\b(?!\s?(?:{_ANY_UNIT})(?![A-Za-z]))",
        r"\b\d{1,2}:\d{2}\b",  # times of day
        # years
        rf"(?<![$€£,.\d])\b(?:19|20)\d\d\b(?![,.]\d)(?!{_MAGNITUDE})(?![\s-]?(?:{_ANY_UNIT})(?![A-Za-z]))",
        r"\b[vV]\d+(?:\.\d+)*\b",
        r"\b\d+\.\d+\.\d+(?:\.\d+)*\b",  # versions
        rf"\b(?:{_PRODUCTS}|[Vv]ersion)\s\d+(?:\.\d+)*(?!\w)",
        r"\b\d+(?:st|nd|rd|th)\b",  # ordinals
        r"\b24/7\b",
        r"\b\d+\sCFR\s[\d.]+(?:\([a-z0-9]+\))*",  # US code of federal regulations
        r"\b(?:Articles?|Art\.|Annex|Chapter|Section|§+|Part|Title|Recital|Rule|Phase|Tier|Level|Type|Figure|"
        r"Table|Step|Issue|RFC|ISO|IEC|ISO/IEC|SOC|CVE|RTX|GTX|EPYC|Ryzen|Xeon|Core|Radeon|Instinct|Jetson|Mac)"
        r"[\s-]\d+(?:[\d.:/-]*\d)?(?:\([a-z0-9]+\))*",
        # H100, GPT-4o, Q4_K_M, Llama-3.1-8B
        r"(?<![A-Za-z])(?!(?:USD|EUR|GBP|US)\b)[A-Za-z][A-Za-z_]*[-_.]?\d[\w.+-]*(?<![.,-])",
        rf"\b\d+(?!{_MAGNITUDE})(?!(?:{_ANY_UNIT})(?![A-Za-z]))(?!e[+-]?\d)[A-Za-z]\w*",  # 4o, 3D
        r"\b\d+\^\d+\b",
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
    has_magnitude: bool = False

    @property
    def is_claim(self) -> bool:
        """Whether it needs a proof: a unit, a magnitude, or two digits."""
        return bool(self.unit) or self.has_magnitude or self.digits >= 2 or self.is_slip

    @property
    def is_slip(self) -> bool:
        """Whether it is written as no number is: `007`, `$0,500`, `0M`."""
        leading = re.match(r"[-+−]?[$€£]?0[\d,]", self.text)
        return bool(leading) or (self.has_magnitude and self.bare == 0)


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
    masked = re.sub(r"^\s*\d+(?:\.\d+)*[.)]?(?=\s)", _blank, text) if heading else text
    for pattern in _NOT_FIGURES:
        masked = pattern.sub(_blank, masked)
    found = list(_in_words(masked))
    for figure in found:
        masked = masked[: figure.start] + " " * len(figure.text) + masked[figure.start + len(figure.text) :]
    found += [_parse(match) for match in _FIGURE.finditer(masked) if not _part_of_word(masked, match)]
    found.sort(key=lambda figure: figure.start)
    return _share_units(found, masked)


def _part_of_word(text: str, match: re.Match[str]) -> bool:
    before = text[match.start() - 1 : match.start()]
    return bool(before) and (before.isalnum() or before in "_^")


def _parse(match: re.Match[str]) -> Figure:
    number = re.sub(r"[,\u202f\u00a0]", "", match["number"])
    mantissa, _, exponent = number.lower().partition("e")
    magnitude = _MAGNITUDES[match["magnitude"].strip().lower()] if match["magnitude"] else 1.0
    unit = _CURRENCIES[match["currency"]] if match["currency"] else _unit_of(match["unit"] or "")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return _figure(
        match,
        float(number),
        10.0**-decimals,
        magnitude,
        unit,
        len(mantissa.replace(".", "").lstrip("0")),
    )


def _in_words(text: str) -> Iterator[Figure]:
    for match in _IN_WORDS.finditer(text):
        value = float(WORDS[match["word"].lower()] + _ONES.get((match["ones"] or "").lower(), 0))
        for scale in match["scale"].lower().split():
            value *= 100 if scale == "hundred" else _MAGNITUDES[scale]
        yield _figure(match, value, 1.0, 1.0, _unit_of(match["unit"]), 1)


def _figure(
    match: re.Match[str], number: float, ulp: float, magnitude: float, unit: str, digits: int
) -> Figure:
    per = _ADVERBS.get(match["adverb"] or "", _unit_of(match["per"] or "")) if unit else ""
    factor = magnitude * (_UNITS[unit][1] if unit else 1.0)
    return Figure(
        text=match[0].strip(),
        start=match.start(),
        value=number * factor,
        ulp=ulp * factor,
        unit=_UNITS[unit][0] if unit else "",
        per=_UNITS[per][0] if per else "",
        per_factor=_UNITS[per][1] * _per_factor(match["per_n"]) if per else 1.0,
        bare=number * magnitude,
        sign=(match.groupdict().get("sign") or "").replace("−", "-"),
        digits=digits,
        has_magnitude=magnitude != 1,
    )


def _share_units(found: list[Figure], text: str) -> list[Figure]:
    """In "2–8 hours" and "$40,000–60,000" both ends have the unit that one of them is written with."""
    for left in reversed(range(len(found) - 1)):
        first, second = found[left], found[left + 1]
        between = text[first.start + len(first.text) : second.start]
        if not _RANGE.match(between) or not between.strip() or bool(first.unit) == bool(second.unit):
            continue
        giver, taker = (second, first) if second.unit else (first, second)
        if between.strip() in {"and", "or"} and taker is second:
            continue
        if not giver.bare:
            continue
        scale = giver.value / giver.bare
        lone = replace(
            taker,
            unit=giver.unit,
            per=giver.per,
            per_factor=giver.per_factor,
            value=taker.bare * scale,
            ulp=taker.ulp * scale,
        )
        found[left if taker is first else left + 1] = lone
    return found


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
    return abs(shown - exact) <= ulp / 2 * (1 + 1e-9) + 4 * math.ulp(shown)


_KEYED = re.compile(
    rf"(?P<key>[A-Za-z_]\w*)['\"]?\s*[=:]\s*(?P<number>-?{_NUMBER.replace(',', '')})(?![\w.])"
)


def printed_truths(text: str, origin: str = "printed") -> Iterator[Truth]:
    """Numbers in what a block printed, with the units it printed, or those of the names it printed."""
    for line in text.splitlines():
        for figure in find_figures(line):
            yield truth_of(figure, origin)
        for match in _KEYED.finditer(line):
            yield _named_truth(match["key"], float(match["number"]), origin)


def literal_truths(code: str, language: str) -> Iterator[Truth]:
    """Numbers that a shown block holds as literals; their units come from the names they are bound to."""
    if language in {"python", "pycon"}:
        if language == "pycon":
            code = "\n".join(line[4:] for line in code.splitlines() if line.startswith((">>> ", "... ")))
        try:
            tree = ast.parse(code)
        except SyntaxError:
            return
        yield from _named_literals(tree, "")
    else:
        yield from printed_truths(code, "input")


def _named_literals(node: ast.AST, name: str) -> Iterator[Truth]:
    """Literals below a node, each with the name it is bound to: assignment, keyword, parameter, key, loop."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield from (replace(truth, sign="-") for truth in _named_literals(node.operand, name))
        return
    if isinstance(node, ast.Constant):
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            yield _named_truth(name, float(node.value), "input")
        return
    for child, bound in _bound_children(node, name):
        yield from _named_literals(child, bound)


def _bound_children(node: ast.AST, name: str) -> Iterator[tuple[ast.AST, str]]:
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
            # Field(default=…) speaks of the name it is assigned to; a bound is no statement about it.
            if own not in {"ge", "gt", "le", "lt"}:
                yield node.value, name if own == "default" and name else own
        case ast.Assign(targets=[ast.Name(id=own)]) | ast.AnnAssign(target=ast.Name(id=own)):
            yield from ((child, own) for child in ast.iter_child_nodes(node))
        case ast.For(target=ast.Name(id=own)) | ast.comprehension(target=ast.Name(id=own)):
            yield from ((child, own if child is node.iter else name) for child in ast.iter_child_nodes(node))
        case ast.Expr(value=ast.Constant(value=str())):
            pass  # a docstring vouches for nothing
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
