"""Compose, Kubernetes, Dockerfiles and Helm templates: each passes its validator, then our policy.

A kind that has no schema here is a complaint, never passed over: the core kinds are in
kubernetes-validate, those of operators in `schemas/`, minimal and with their source.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
from kubernetes_validate import utils as kubernetes  # type: ignore[import-untyped]
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from snippets.operate import compose_policy, dockerfile_policy, engine_flags, kubernetes_policy
from tests.pages.collect import ROOT
from tests.pages.tools import tool

Document = dict[str, Any]
SCHEMAS = Path(__file__).with_name("schemas")
CHARTS = ROOT / "snippets" / "operate"


def is_compose(document: Document, title: str) -> bool:
    """A Compose file has services, or says so in its title."""
    return "compose.y" in title.lower() or isinstance(document.get("services"), dict)


def check_compose(document: Document, _title: str) -> list[str]:
    """A Compose file fits its schema and our policy; the engine knows its flags."""
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    found = _against("compose-spec", (folder / "compose-spec.json").read_text(encoding="utf-8"), document)
    if found:
        return found
    services: dict[str, Document] = document.get("services") or {}
    proxied = any(compose_policy.PROXY.search(str(service.get("image"))) for service in services.values())
    return [
        *compose_policy.complaints(document),
        *(
            f"{name}: {said}"
            for name, service in services.items()
            for said in _flags(
                service.get("image"),
                [*_words(service.get("entrypoint")), *_words(service.get("command"))],
                dict(_pairs(service.get("environment"))),
                proxied,
            )
        ),
    ]


def is_kubernetes(document: Document, _title: str) -> bool:
    """A manifest says its kind and its API."""
    return {"apiVersion", "kind"} <= document.keys()


def check_kubernetes(document: Document, _title: str) -> list[str]:
    """A manifest fits its schema, strictly, and our policy; the engine knows its flags."""
    found = _manifest(document)
    if found:
        return found
    return [
        *kubernetes_policy.complaints(document),
        *(
            f"{container['name']}: {said}"
            for pod in kubernetes_policy.pods(document)
            for container in pod["spec"]["containers"]
            for said in _flags(
                # A command takes the place of the image's own.
                None if container.get("command") else container.get("image"),
                [*_words(container.get("command")), *_words(container.get("args"))],
                {str(each["name"]): str(each.get("value", "")) for each in container.get("env") or []},
                # A manifest alone cannot tell; `unguarded` asks for a policy in front of each pod.
                proxied=True,
            )
        ),
    ]


def _manifest(document: Document) -> list[str]:
    kind = str(document["kind"])
    own = SCHEMAS / f"{kind.lower()}.json"
    if own.exists():
        return [
            *_against(kind, own.read_text(encoding="utf-8"), document),
            *(f"{kind}: spec.serveConfigV2: {said}" for said in _serve_config(document)),
            *(
                f"{kind}: {said}"
                for template in kubernetes_policy.pods(document)
                for said in _core({**template, "apiVersion": "v1", "kind": "Pod"})
            ),
        ]
    return [f"{kind}: {said}" for said in _core(document)]


def _serve_config(document: Document) -> list[str]:
    """A RayService has one more document in a text: what Ray Serve is told."""
    text = document["spec"].get("serveConfigV2") if isinstance(document.get("spec"), dict) else None
    if not isinstance(text, str):
        return []
    try:
        told = YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        return [str(error)]
    named = isinstance(told, dict) and told.get("applications")
    return [] if named else ["it has no applications"]


def _core(document: Document) -> list[str]:
    try:
        kubernetes.validate(document, kubernetes.latest_version(), strict=True)
    except kubernetes.ValidationError as error:
        return [f"{'.'.join(map(str, error.path)) or 'top level'}: {error.message}"]
    except kubernetes.SchemaNotFoundError as error:
        return [f"{error.message}; put a minimal one, with its source, into {SCHEMAS.relative_to(ROOT)}"]
    return []


def _against(name: str, schema: str, document: Any) -> list[str]:
    errors = sorted(_validator(schema).iter_errors(document), key=lambda error: list(map(str, error.path)))
    return [f"{name}: {'.'.join(map(str, error.path)) or 'top level'}: {error.message}" for error in errors]


@cache
def _validator(schema: str) -> Any:
    loaded = json.loads(schema)
    return jsonschema.validators.validator_for(loaded)(loaded)


# The entrypoint of an engine's image, where the command is its flags alone.
PROGRAMS = {"llama.cpp:": ["llama-server"], "vllm-openai": ["vllm", "serve"], "ollama/ollama": ["ollama"]}


def _flags(image: Any, words: list[str], environment: dict[str, str], proxied: bool) -> list[str]:
    """What the engine of an image says to the words of its command line."""
    program = next((name for part, name in PROGRAMS.items() if part in str(image)), [])
    if not words:
        return []
    if program and Path(words[0]).name != program[0]:
        words = [*program, *words]
    if "--config" in words:
        # vLLM reads its key from there: set, and not shown.
        environment = {**environment, "VLLM_API_KEY": ""}
    found: list[str] = engine_flags.complaints(words, environment, proxied)
    return found


def _words(value: Any) -> list[str]:
    if isinstance(value, str):
        return value.split()
    return [str(word) for word in value or []]


def _pairs(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        yield from ((str(name), str(given)) for name, given in value.items())
    else:
        for entry in value or []:
            name, _, given = str(entry).partition("=")
            yield name, given


def check_dockerfile(source: str, _title: str) -> list[str]:
    """A Dockerfile passes hadolint and our policy."""
    done = subprocess.run(
        [tool("hadolint"), "--no-color", "-"],
        input=source + "\n",
        capture_output=True,
        text=True,
        check=False,
    )
    said = (done.stdout + done.stderr).strip()
    return [
        *([said or f"hadolint exited with {done.returncode}"] if done.returncode else []),
        *dockerfile_policy.complaints(source),
    ]


def check_helm(source: str, _title: str) -> list[str]:
    """A template is a file of a chart that renders, passes its lint, and whose manifests pass the above."""
    for chart in sorted(CHARTS.glob("**/Chart.yaml")):
        for template in sorted((chart.parent / "templates").iterdir()):
            if template.read_text(encoding="utf-8").strip() == source.strip():
                return list(chart_complaints(chart.parent))
    return ["helm: no chart of this guide has this template; show the file itself"]


def chart_complaints(chart: Path, values: Mapping[str, Any] | None = None) -> Iterator[str]:
    """Lint a chart, render it, and check what comes out, as a set too."""
    chosen = dict(values or {})
    report = helm_python.lint(chart, chosen, strict=True)
    # The one thing that is information and no fault: a chart without an icon.
    yield from (f"helm lint: {message['error']}" for message in report["messages"] if message["severity"] > 1)
    try:
        documents = rendered(chart, chosen)
    except helm_python.HelmError as error:
        yield f"helm: {error}"
        return
    for document in documents:
        for said in check_kubernetes(document, ""):
            yield f"{document['kind']} {document['metadata']['name']}: {said}"
    yield from kubernetes_policy.unguarded(documents)


def rendered(chart: Path, values: Mapping[str, Any] | None = None) -> list[Document]:
    """Render a chart to its manifests, offline."""
    with helm_python.Chart.load(chart) as loaded:
        loaded.validate_schema(dict(values or {}))
        texts = loaded.render(values=dict(values or {}), name="llm", namespace="llm")
    return [
        document
        for _, text in sorted(texts.items())
        for document in YAML(typ="safe", pure=True).load_all(text)
        if isinstance(document, dict)
    ]
