"""Prometheus' own tool judges its files; our policy judges its alerts; a dashboard's queries have to parse.

`promtool` reads rules, tests of rules, configurations and queries. Tests of rules name files of rules:
those are looked for in the snippets. A dashboard is JSON; Grafana has no validator, so what it needs to
show anything is asked for here. Alertmanager's tool is no part of what this machine has: its files are held
against a schema of what they may say here.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
from ruamel.yaml import YAML

from snippets.operate.alert_policy import alert_complaints
from tests.pages.collect import ROOT
from tests.pages.tools import need

Document = dict[Any, Any]
SNIPPETS = ROOT / "snippets"
WORDS_OF_GRAFANA = {"$__rate_interval": "5m", "$__interval": "1m", "$__range": "1h"}
DASHBOARD = {
    "type": "object",
    "required": ["uid", "title", "schemaVersion", "time", "panels", "templating"],
    "properties": {
        "title": {"type": "string", "minLength": 1},
        "schemaVersion": {"type": "integer", "minimum": 30},
        "time": {"type": "object", "required": ["from", "to"]},
        "panels": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["id", "type", "title", "description", "gridPos", "datasource", "targets"],
                "properties": {
                    "id": {"type": "integer", "minimum": 1},
                    "title": {"type": "string", "minLength": 1},
                    "gridPos": {
                        "type": "object",
                        "required": ["x", "y", "w", "h"],
                        "properties": {
                            "x": {"type": "integer", "minimum": 0, "maximum": 23},
                            "w": {"type": "integer", "minimum": 1, "maximum": 24},
                            "h": {"type": "integer", "minimum": 1},
                        },
                    },
                    "targets": {
                        "type": "array",
                        "minItems": 1,
                        "items": {"type": "object", "required": ["refId", "expr"]},
                    },
                },
            },
        },
    },
}

DURATION = {"type": "string", "pattern": r"^(\d+(ms|[smhdwy]))+$"}
HOOK = {
    "type": "object",
    "additionalProperties": False,
    "required": ["url_file"],
    "properties": {"url_file": {"type": "string", "pattern": "^/"}, "send_resolved": {"type": "boolean"}},
}
ROUTE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "receiver": {"type": "string"},
        "group_by": {"type": "array", "minItems": 1, "items": {"type": "string"}},
        "matchers": {
            "type": "array",
            "minItems": 1,
            "items": {"type": "string", "pattern": r'^\w+(=|!=|=~|!~)"[^"]*"$'},
        },
        **dict.fromkeys(("group_wait", "group_interval", "repeat_interval"), DURATION),
        "routes": {"type": "array", "items": {"$ref": "#/$defs/route"}},
    },
}
ALERTMANAGER = {
    "$defs": {"route": ROUTE},
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "route": {"$ref": "#/$defs/route", "required": ["receiver"]},
        "receivers": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["name", "webhook_configs"],
                "properties": {
                    "name": {"type": "string", "minLength": 1},
                    "webhook_configs": {"type": "array", "minItems": 1, "items": HOOK},
                },
            },
        },
    },
}


def is_rules(document: Document, _title: str) -> bool:
    """A file of rules has groups, and those have rules."""
    groups = document.get("groups")
    return isinstance(groups, list) and any(isinstance(g, dict) and "rules" in g for g in groups)


def is_rules_test(document: Document, _title: str) -> bool:
    """A test of rules names them, and says what to expect."""
    return {"rule_files", "tests"} <= document.keys()


def is_configuration(document: Document, _title: str) -> bool:
    """A configuration of Prometheus says whom to scrape."""
    return isinstance(document.get("scrape_configs"), list)


def is_alertmanager(document: Document, _title: str) -> bool:
    """A configuration of Alertmanager says where alerts go, and who is there."""
    return {"route", "receivers"} <= document.keys()


def check_alertmanager(document: Document, _title: str) -> list[str]:
    """Each route leads to a receiver that is declared, once."""
    schema = jsonschema.Draft202012Validator(ALERTMANAGER)
    errors = sorted(schema.iter_errors(document), key=lambda error: list(map(str, error.path)))
    if errors:
        return [f"alertmanager: {'.'.join(map(str, e.path)) or 'top level'}: {e.message}" for e in errors]
    names = [one["name"] for one in document["receivers"]]
    twice = sorted({name for name in names if names.count(name) > 1})
    routes = list(_routes("route", document["route"]))
    return [
        *(f"alertmanager: receivers: {name!r} stands there twice" for name in twice),
        *(
            f"alertmanager: {place}: receiver {name!r} is not declared"
            for place, name in routes
            if name not in names
        ),
        *(
            f"alertmanager: receivers: no route leads to {name!r}"
            for name in names
            if name not in {to for _, to in routes}
        ),
    ]


def _routes(place: str, route: Document) -> Iterator[tuple[str, str]]:
    """Each route that names a receiver; one that does not takes its parent's."""
    if "receiver" in route:
        yield place, route["receiver"]
    for number, one in enumerate(route.get("routes", ())):
        yield from _routes(f"{place}.routes.{number}", one)


def check_rules(document: Document, _title: str) -> list[str]:
    """Rules pass promtool, and alerts our policy."""
    with tempfile.TemporaryDirectory() as folder:
        path = _written(Path(folder), "rules.yml", document)
        return promtool(["check", "rules", "--lint-fatal", path.name], path.parent) or alert_complaints(
            document
        )


def check_rules_test(document: Document, _title: str) -> list[str]:
    """Rules do what their test says."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for asked in document["rule_files"] or []:
            found = sorted(SNIPPETS.rglob(f"*/{Path(asked).name}"))
            if not found:
                return [f"rule_files: {asked}: no such file in snippets"]
            shutil.copy(found[0], folder / Path(asked).name)
        path = _written(folder, "test.yml", document)
        return promtool(["test", "rules", path.name], folder)


def check_configuration(document: Document, _title: str) -> list[str]:
    """A configuration passes promtool; the files it names are not looked for."""
    with tempfile.TemporaryDirectory() as folder:
        path = _written(Path(folder), "prometheus.yml", document)
        return promtool(["check", "config", "--syntax-only", path.name], path.parent)


def check_promql(source: str, _title: str) -> list[str]:
    """A query parses."""
    return queries([source])


def queries(expressions: list[str]) -> list[str]:
    """What promtool has to say of queries; each becomes a rule."""
    rules = [
        {"record": f"query:{number}", "expr": _without_words_of_grafana(expression)}
        for number, expression in enumerate(expressions, 1)
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = _written(Path(folder), "rules.yml", {"groups": [{"name": "queries", "rules": rules}]})
        return promtool(["check", "rules", path.name], path.parent)


def is_dashboard(document: Any) -> bool:
    """A dashboard of Grafana has panels and the version of their form."""
    return isinstance(document, dict) and "schemaVersion" in document and "panels" in document


def check_dashboard(document: Document) -> list[str]:
    """A dashboard has what Grafana needs to show it, panels that do not overlap, and queries that parse."""
    schema = jsonschema.Draft202012Validator(DASHBOARD)
    errors = sorted(schema.iter_errors(document), key=lambda error: list(map(str, error.path)))
    found = [f"dashboard: {'.'.join(map(str, e.path)) or 'top level'}: {e.message}" for e in errors]
    return found or [*_overlaps(document["panels"]), *queries(list(expressions(document)))]


def expressions(document: Document) -> Iterator[str]:
    """Every query of a dashboard."""
    for panel in document["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def _overlaps(panels: list[Document]) -> Iterator[str]:
    """Panels have a number and a place of their own, and lie within the 24 columns."""
    taken: dict[tuple[int, int], str] = {}
    numbers: set[int] = set()
    for panel in panels:
        at = panel["gridPos"]
        if panel["id"] in numbers:
            yield f"dashboard: {panel['title']}: the id {panel['id']} stands there twice"
        numbers.add(panel["id"])
        if at["x"] + at["w"] > 24:
            yield f"dashboard: {panel['title']}: ends in column {at['x'] + at['w']} of 24"
        cells = [(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])]
        for other in dict.fromkeys(taken[cell] for cell in cells if cell in taken):
            yield f"dashboard: {panel['title']}: lies on {other}"
        taken.update((cell, str(panel["title"])) for cell in cells)


def _without_words_of_grafana(expression: str) -> str:
    for word, value in WORDS_OF_GRAFANA.items():
        expression = expression.replace(word, value)
    return re.sub(r"\$\{?\w+\}?", "x", expression)


def promtool(arguments: list[str], folder: Path) -> list[str]:
    """What promtool complains about, if it does."""
    done = subprocess.run(
        [need("promtool"), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    said = (done.stderr + done.stdout).strip()
    return [f"promtool: {said or done.returncode}"] if done.returncode else []


def _written(folder: Path, name: str, document: Document) -> Path:
    path = folder / name
    with path.open("w", encoding="utf-8") as file:
        YAML(typ="safe", pure=True).dump(json.loads(json.dumps(document)), file)
    return path


DOCUMENTS: list[tuple[Callable[[Document, str], bool], Callable[[Document, str], list[str]]]] = [
    (is_rules, check_rules),
    (is_rules_test, check_rules_test),
    (is_configuration, check_configuration),
    (is_alertmanager, check_alertmanager),
]
