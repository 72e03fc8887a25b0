# ruff: noqa: E501 - a list on one line
from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.detection import Detection, read_detection
from snippets.hybrid.detect import scan
from tests.hybrid.planted import generate

ROW = {"set": "plain", "kind": "card", "total": 2, "found": {"ours": 1}}


def record(**changes: Any) -> dict[str, Any]:
    detection: dict[str, Any] = json.loads(read_detection().model_dump_json())
    ours = {"ours": detection["detectors"]["ours"]}
    return detection | {"detectors": ours, "rows": [ROW]} | changes


def test_what_is_recorded_of_this_guide_is_what_its_scan_does_today() -> None:
    rows = {(row.set, row.kind): row for row in read_detection().rows}
    for name, planted in generate().items():
        for kind in {one.kind for one in planted}:
            texts = [one.text for one in planted if one.kind == kind]
            row = rows[name, kind]  # type: ignore[index]
            assert (row.total, row.found["ours"]) == (len(texts), sum(bool(scan(text)) for text in texts))


def test_each_kind_stands_once_and_all_were_asked() -> None:
    detection = read_detection()
    keys = [(row.set, row.kind) for row in detection.rows]
    assert len(keys) == len(set(keys))
    assert set(detection.detectors) == {"ours", "both", "presidio", "datafog", "detect_secrets"}
    assert {row.set for row in detection.rows} == {"public", "public texts", "plain", "disguised", "alike"}
    assert [row.kind for row in detection.of("public texts")] == ["with a value", "clean"]
    for row in detection.of("public"):
        assert row.wrong.keys() == row.found.keys()


def test_found_by_another_than_the_detectors_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"rows, plain, card: found by \['theirs'\], not \['ours'\]"):
        Detection.model_validate(record(rows=[ROW | {"found": {"theirs": 1}}]))


def test_more_found_than_there_is_is_refused() -> None:
    Detection.model_validate(record(rows=[ROW | {"found": {"ours": 2}}]))
    with pytest.raises(ValidationError, match="rows, plain, card: found 3; at most 2"):
        Detection.model_validate(record(rows=[ROW | {"found": {"ours": 3}}]))


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [("total", 1_000_000, 1_000_001), ("total", 2, 0), ("set", "alike", "other"), ("kind", "x", "")],
)
def test_a_row_out_of_bounds_is_refused(field: str, good: object, bad: object) -> None:
    Detection.model_validate(record(rows=[ROW | {field: good}]))
    with pytest.raises(ValidationError, match=field):
        Detection.model_validate(record(rows=[ROW | {field: bad}]))


@pytest.mark.parametrize("field", ["machine", "python", "public_set"])
def test_a_name_is_at_least_a_character(field: str) -> None:
    Detection.model_validate(record(**{field: "x"}))
    with pytest.raises(ValidationError, match=field):
        Detection.model_validate(record(**{field: ""}))


@pytest.mark.parametrize("field", ["name", "version", "setting"])
def test_what_a_detector_is_called_is_at_least_a_character(field: str) -> None:
    ours = record()["detectors"]["ours"]
    Detection.model_validate(record(detectors={"ours": ours | {field: "x"}}))
    with pytest.raises(ValidationError, match=field):
        Detection.model_validate(record(detectors={"ours": ours | {field: ""}}))


def test_one_row_is_enough_and_none_is_not() -> None:
    Detection.model_validate(record(rows=[ROW]))
    with pytest.raises(ValidationError, match="rows"):
        Detection.model_validate(record(rows=[]))
    Detection.model_validate(record(rows=[ROW | {"kind": "x"}]))


@pytest.mark.parametrize(("good", "bad"), [(10_000, 10_000.1), (0.001, 0)])
def test_a_time_out_of_bounds_is_refused(good: float, bad: float) -> None:
    ours = record()["detectors"]["ours"]
    Detection.model_validate(record(detectors={"ours": ours | {"ms_per_kb": good}}))
    with pytest.raises(ValidationError, match="ms_per_kb"):
        Detection.model_validate(record(detectors={"ours": ours | {"ms_per_kb": bad}}))


@pytest.mark.parametrize(
    "field",
    ["training_texts", "own_texts", "own_names", "own_found", "own_wrong_words", "public_names", "public_found", "public_wrong_words"],
)  # fmt: skip
def test_a_count_of_the_tagger_out_of_bounds_is_refused(field: str) -> None:
    tagger = record()["tagger"]
    least = 0 if field.endswith(("found", "words")) else 1
    for good in (least, 10**6):
        Detection.model_validate(record(tagger=tagger | {field: good}))
    for bad in (least - 1, 10**6 + 1):
        with pytest.raises(ValidationError, match=field):
            Detection.model_validate(record(tagger=tagger | {field: bad}))


@pytest.mark.parametrize("digest", ["", "0" * 63, "0" * 65, "G" * 64, "A" * 64])
def test_what_is_no_hash_is_refused(digest: str) -> None:
    with pytest.raises(ValidationError, match="public_sha256"):
        Detection.model_validate(record(public_sha256=digest))
    Detection.model_validate(record(public_sha256="09af" * 16))
