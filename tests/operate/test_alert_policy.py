"""Every alert says what to do, and why; what a query asks for is found without parsing it."""

from __future__ import annotations

from typing import Any

import pytest

from snippets.operate.alert_policy import alert_complaints, metric_names
from tests.pages.languages import validate

NOTES = {"summary": "late", "why": "2 % of the month in an hour", "first_action": "roll back"}
GOOD: dict[str, Any] = {
    "alert": "Late",
    "expr": "up == 0",
    "for": "2m",
    "labels": {"severity": "page"},
    "annotations": NOTES,
}


def document(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"groups": [{"name": "a", "rules": list(rules)}]}


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


def test_an_alert_with_everything_is_accepted_and_records_need_nothing() -> None:
    assert alert_complaints(document(GOOD, {"record": "a:b", "expr": "up"})) == []
    assert alert_complaints({}) == alert_complaints({"groups": [{"name": "a"}]}) == []
    for waits in ("2m", "1h30m", "500ms", "1d", "10s"):
        assert alert_complaints(document(GOOD | {"for": waits})) == []
    assert alert_complaints(document(GOOD | {"labels": {"severity": "ticket"}})) == []


BAD: list[tuple[str, dict[str, Any]]] = [
    ("a.Late: for is ''; a time above 0 is needed, as in 2m", without("for")),
    ("a.Late: for is '0m'; a time above 0 is needed, as in 2m", GOOD | {"for": "0m"}),
    ("a.Late: for is 'soon'; a time above 0 is needed, as in 2m", GOOD | {"for": "soon"}),
    ("a.Late: severity is None; allowed are page, ticket", without("labels")),
    ("a.Late: severity is 'critical'; allowed are page, ticket", GOOD | {"labels": {"severity": "critical"}}),
    (
        "a.Late: summary is missing: what a person sees, in one line",
        GOOD | {"annotations": NOTES | {"summary": " "}},
    ),
    (
        "a.Late: why is missing: where the threshold comes from",
        GOOD | {"annotations": {"summary": "late", "first_action": "roll back"}},
    ),
    (
        "a.Late: first_action is missing: what to do first",
        GOOD | {"annotations": NOTES | {"first_action": ""}},
    ),
]


@pytest.mark.parametrize(("says", "rule"), BAD)
def test_what_is_left_out_is_named_with_its_place(says: str, rule: dict[str, Any]) -> None:
    assert alert_complaints(document(rule)) == [says]


def test_all_that_is_missing_is_said_at_once() -> None:
    assert len(alert_complaints(document({"alert": "Bare", "expr": "up"}))) == 5


def test_a_name_stands_once() -> None:
    assert alert_complaints(document(GOOD, GOOD)) == ["a.Late: alert stands twice; each name is allowed once"]


def test_the_policy_judges_every_block_of_rules_after_promtool() -> None:
    block = "groups:\n- name: a\n  rules:\n  - alert: Down\n    expr: up == 0\n"
    said = validate("yaml", block, "rules.yml")
    assert "a.Down: severity is None; allowed are page, ticket" in said
    said = validate("yaml", block.replace("up == 0", "up = 0"), "rules.yml")
    assert len(said) == 1
    assert "unexpected character" in said[0] or "parse error" in said[0]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("up", {"up"}),
        (
            'sum by (job, le) (rate(a:b_total{code=~"5.."}[5m])) / on (x) group_left (y) c > 1e3',
            {"a:b_total", "c"},
        ),
        ('up{job="vllm"} == 1 unless on (instance) vllm:n', {"up", "vllm:n"}),
        ("histogram_quantile(0.95, sum(rate(h_bucket[1h])) without (pod))", {"h_bucket"}),
        ("A offset 5m or B == Inf and ignoring(q) C", {"A", "B", "C"}),
        ('label_replace(m, "to", \'$1\', \'from\', "(a\\".*)")', {"m"}),
        ("vector(1) > bool 14.4 * 0.005", set()),
    ],
)
def test_names_are_metrics_and_nothing_else(query: str, names: set[str]) -> None:
    assert metric_names(query) == names
    assert validate("promql", query, "") == []


def test_a_query_that_does_not_parse_is_refused() -> None:
    assert "parse error" in validate("promql", "rate(a[5m)", "")[0]


def test_a_configuration_with_a_misspelled_key_is_refused() -> None:
    good = "scrape_configs:\n- job_name: a\n  static_configs:\n  - targets: [127.0.0.1:1]\n"
    assert validate("yaml", good, "") == []
    assert "not found in type" in validate("yaml", good.replace("targets", "target"), "")[0]


def test_a_test_of_rules_that_names_none_of_ours_is_refused() -> None:
    said = validate("yaml", "rule_files: [none.yml]\ntests: []\n", "")
    assert said == ["rule_files: none.yml: no such file in snippets"]


PANEL = (
    '{"id":1,"type":"timeseries","title":"A","description":"","datasource":{},'
    '"gridPos":{"x":0,"y":0,"w":12,"h":8},"targets":[{"refId":"A","expr":"up"}]}'
)


@pytest.mark.parametrize(
    ("panels", "says"),
    [
        (PANEL.replace('"up"', '"up{"'), "parse error"),
        (PANEL.replace('"expr":"up"', '"x":1'), "'expr' is a required property"),
        (PANEL.replace('"x":0', '"x":20'), "dashboard: A: ends in column 32 of 24"),
        (f"{PANEL},{PANEL}", "the id 1 stands there twice"),
        (f"{PANEL},{PANEL}".replace('"id":1', '"id":2', 1), "dashboard: A: lies on A"),
    ],
)
def test_a_dashboard_that_would_show_nothing_is_refused(panels: str, says: str) -> None:
    def board(inside: str) -> str:
        return (
            '{"uid":"a","title":"A","schemaVersion":39,"time":{"from":"now-1h","to":"now"},'
            f'"templating":{{}},"panels":[{inside}]}}'
        )

    assert validate("json", board(PANEL), "") == []
    assert any(says in one for one in validate("json", board(panels), ""))
