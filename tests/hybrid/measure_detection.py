# ruff: noqa: E501, S311 - tables of one line each; chance that is no secret
"""Measure what detectors find and what they flag wrongly, and write it down as data.

In an environment of its own, as Presidio and datafog bring more packages than this guide should:

    python -m venv DIR && DIR/bin/pip install --require-hashes -r tests/hybrid/detect.lock
    DIR/bin/pip download --no-deps --no-binary :all: presidio-evaluator==0.3.2
    tar xzf presidio_evaluator-0.3.2.tar.gz
    DIR/bin/python -m tests.hybrid.measure_detection presidio_evaluator-0.3.2/data/synth_dataset_v2.json

The set is presidio-research's, published under the MIT license; its hash is checked, and it stays outside.
Texts are ours otherwise, from planted.py and a seed. Nothing is sent: the network is cut first.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from random import Random
from time import perf_counter
from typing import Any
from unittest.mock import patch

from snippets.hybrid.detect import scan
from snippets.hybrid.second_opinion import SAME, with_second_opinion
from tests.hybrid.name_tagger import Named, Tagger, made
from tests.hybrid.planted import generate

TARGET = Path(__file__).parents[2] / "snippets" / "data" / "detection.json"
SHA256 = "ec08a771ba8135314cafb60752b2295212222ba3a4cd75d73811839c699e0012"
Find = Callable[[str], Mapping[str, int]]

# The set's names of kinds, and ours.
PUBLIC = {
    "CREDIT_CARD": "card", "US_SSN": "ssn", "IBAN_CODE": "iban", "EMAIL_ADDRESS": "email", "PHONE_NUMBER": "phone",
    "IP_ADDRESS": "ip", "PERSON": "name", "STREET_ADDRESS": "street_address", "GPE": "place",
    "ORGANIZATION": "organization", "DATE_TIME": "date", "TITLE": "title", "AGE": "age", "NRP": "nationality",
    "ZIP_CODE": "zip_code", "DOMAIN_NAME": "domain", "US_DRIVER_LICENSE": "driver_license",
}  # fmt: skip
PRESIDIO = {**PUBLIC, **SAME, "LOCATION": "place", "URL": "domain"}
DATAFOG = {
    "EMAIL": "email", "PHONE": "phone", "SSN": "ssn", "CREDIT_CARD": "card", "IP_ADDRESS": "ip", "DATE": "date",
    "ZIP_CODE": "zip_code",
}  # fmt: skip


def cut_network() -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network while measuring")

    patch.object(socket.socket, "connect", refuse).start()
    patch.object(socket, "getaddrinfo", refuse).start()
    logging.disable(logging.CRITICAL)


def presidio() -> Any:
    """Build an analyzer of patterns alone: no model is loaded, none is fetched."""
    analyzer = import_module("presidio_analyzer")
    engine = import_module("presidio_analyzer.nlp_engine").NoOpNlpEngine(
        [{"lang_code": "en", "model_name": "none"}]
    )
    engine.load()
    registry = analyzer.RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"], nlp_engine=engine)
    return analyzer.AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["en"])


def detect_secrets() -> Find:
    scan_line = import_module("detect_secrets.core.scan").scan_line
    module = import_module("detect_secrets.settings")
    with module.default_settings() as settings:
        named = [p for p in settings.json()["plugins_used"] if "HighEntropy" not in p["name"]]

    def find(text: str) -> dict[str, int]:
        with module.transient_settings({"plugins_used": named}):
            return dict(Counter(secret.type for line in text.splitlines() for secret in scan_line(line)))

    return find


def detectors() -> dict[str, tuple[str, str, str, Find]]:
    datafog = import_module("datafog")
    analyzer = presidio()

    def by_presidio(text: str) -> dict[str, int]:
        found = analyzer.analyze(text=text, language="en")
        return dict(Counter(PRESIDIO.get(r.entity_type, r.entity_type.lower()) for r in found))

    def by_datafog(text: str) -> dict[str, int]:
        return dict(Counter(DATAFOG.get(e.type, e.type.lower()) for e in datafog.scan(text).entities))

    stdnum, numbers = version("python-stdnum"), version("phonenumbers")
    of_presidio = version("presidio-analyzer")
    return {
        "ours": ("this guide", f"python-stdnum {stdnum}, phonenumbers {numbers}", "as it is", scan),
        "both": ("this guide and Presidio", of_presidio, "score of 0.4 and more", with_second_opinion(scan, analyzer)),
        "presidio": ("Presidio", of_presidio, "pattern recognizers, no model, any score", by_presidio),
        "datafog": ("datafog", version("datafog"), "as it is", by_datafog),
        "detect_secrets": ("detect-secrets", version("detect-secrets"), "no entropy plugins", detect_secrets()),
    }  # fmt: skip


def of_public(texts: list[dict[str, Any]], told: dict[str, list[Mapping[str, int]]]) -> list[dict[str, Any]]:
    """Count values of each kind: as many as were told in a text, and no more than are in it."""
    planted = [Counter(PUBLIC[span["entity_type"]] for span in one["spans"]) for one in texts]
    rows = []
    for kind in PUBLIC.values():
        pairs = {
            name: [(t.get(kind, 0), p[kind]) for t, p in zip(all_of, planted, strict=True)]
            for name, all_of in told.items()
        }
        rows.append({
            "set": "public", "kind": kind, "total": sum(p[kind] for p in planted),
            "found": {name: sum(min(t, p) for t, p in all_of) for name, all_of in pairs.items()},
            "wrong": {name: sum(max(0, t - p) for t, p in all_of) for name, all_of in pairs.items()},
        })  # fmt: skip
    for kind, has in (("with a value", True), ("clean", False)):
        ours = [i for i, p in enumerate(planted) if bool(p) == has]
        rows.append({
            "set": "public texts", "kind": kind, "total": len(ours),
            "found": {name: sum(bool(all_of[i]) for i in ours) for name, all_of in told.items()},
        })  # fmt: skip
    return rows


def measure(public: list[dict[str, Any]]) -> dict[str, Any]:
    texts = [one["full_text"] for one in public]
    kilobytes = sum(len(text.encode()) for text in texts) / 1024
    described, told = {}, {}
    finders = detectors()
    for name, (title, of, setting, find) in finders.items():
        for text in texts[:50]:
            find(text)
        times = []
        for _ in range(3):
            start = perf_counter()
            told[name] = [find(text) for text in texts]
            times.append(perf_counter() - start)
        described[name] = {
            "name": title, "version": of, "setting": setting, "ms_per_kb": round(1000 * min(times) / kilobytes, 3),
        }  # fmt: skip
    rows = of_public(public, told)
    for which, planted in generate().items():
        for kind in dict.fromkeys(one.kind for one in planted):
            same = [one.text for one in planted if one.kind == kind]
            rows.append({
                "set": which, "kind": kind, "total": len(same),
                "found": {name: sum(bool(find(text)) for text in same) for name, (*_, find) in finders.items()},
            })  # fmt: skip
    return {"detectors": described, "rows": rows, "tagger": tagged(public)}


def tagged(public: list[dict[str, Any]], training: int = 2_000, held_out: int = 1_000) -> dict[str, int]:
    """Train on templates; ask about other texts of the same templates, and about the published set."""
    chance = Random(6)
    tagger = Tagger()
    tagger.train(made(chance, training), chance)
    own = tagger.judge(made(chance, held_out))
    theirs = tagger.judge(
        Named(
            one["full_text"],
            tuple(
                (s["start_position"], s["end_position"]) for s in one["spans"] if s["entity_type"] == "PERSON"
            ),
        )
        for one in public
    )
    return {
        "training_texts": training, "own_texts": held_out,
        "own_names": own.names, "own_found": own.found, "own_wrong_words": own.wrong_words,
        "public_names": theirs.names, "public_found": theirs.found, "public_wrong_words": theirs.wrong_words,
    }  # fmt: skip


def main() -> None:
    arguments = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    arguments.add_argument("public", type=Path, help="data/synth_dataset_v2.json of presidio-evaluator")
    path = arguments.parse_args().public
    raw = path.read_bytes()
    if (digest := sha256(raw).hexdigest()) != SHA256:
        raise SystemExit(f"{path}: SHA-256 is {digest}, and {SHA256} was measured")
    cut_network()
    result = {
        "day": datetime.now(UTC).date().isoformat(),
        "machine": "a virtual machine, two cores",
        "python": platform.python_version(),
        "public_set": "presidio-research, synth_dataset_v2.json, as in presidio-evaluator 0.3.2",
        "public_sha256": digest,
        **measure(json.loads(raw)),
    }
    TARGET.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
