"""Does every alert say what to do, and why?"""

# --8<-- [start:imports]
import re
from collections.abc import Iterator, Mapping
from typing import Any

# --8<-- [end:imports]

# --8<-- [start:policy]
SEVERITIES = ("page", "ticket")
ANNOTATIONS = {
    "summary": "what a person sees, in one line",
    "why": "where the threshold comes from",
    "first_action": "what to do first",
}
DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")


def alerts(
    document: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every alert of a file of rules, and where."""
    for group in document.get("groups") or []:
        for rule in group.get("rules") or []:
            if "alert" in rule:
                yield (
                    f"{group.get('name')}."
                    f"{rule['alert']}",
                    rule,
                )


def alert_complaints(
    document: Mapping[str, Any],
) -> list[str]:
    """What alerts leave out, each with its place.

    for: a single bad sample wakes nobody
    severity: page or ticket
    summary, why, first_action: for who is woken
    """
    said = []
    seen: set[str] = set()
    for place, rule in alerts(document):
        name = str(rule["alert"])
        if name in seen:
            said.append(
                f"{place}: alert stands twice; "
                "each name is allowed once"
            )
        seen.add(name)
        waits = str(rule.get("for", ""))
        some = re.search("[1-9]", waits)
        if not (DURATION.fullmatch(waits) and some):
            said.append(
                f"{place}: for is {waits!r}; a "
                "time above 0 is needed, as in 2m"
            )
        labels = rule.get("labels") or {}
        severity = labels.get("severity")
        if severity not in SEVERITIES:
            said.append(
                f"{place}: severity is "
                f"{severity!r}; allowed are "
                + ", ".join(SEVERITIES)
            )
        notes = rule.get("annotations") or {}
        said += [
            f"{place}: {key} is missing: {what}"
            for key, what in ANNOTATIONS.items()
            if not str(notes.get(key) or "").strip()
        ]
    return said


# --8<-- [end:policy]


# --8<-- [start:names]
WORDS = {
    *("and", "or", "unless", "by", "without"),
    *("on", "ignoring", "group_left", "bool"),
    *("group_right", "offset", "inf", "nan"),
}
QUOTED = r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
APART = (
    QUOTED,
    r"\{[^}]*\}",
    r"\[[^\]]*\]",
    r"\b(?:by|without|on|ignoring|group_left|"
    r"group_right)\s*\([^)]*\)",
)


def metric_names(expression: str) -> set[str]:
    """The metrics that a PromQL expression has.

    Names, but not functions, labels, durations or
    words of the language. It does not parse: let
    promtool accept the expression first.
    """
    for part in APART:
        expression = re.sub(part, " ", expression)
    found = re.findall(
        r"(?<![\w:.])[A-Za-z_:][\w:]*(?![\w:]*\s*\()",
        expression,
    )
    return {
        name
        for name in found
        if name.lower() not in WORDS
    }


# --8<-- [end:names]
