"""The chart and the arithmetic of its page: rendered, refused where values are wrong, held by the policy."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import helm_python
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from ruamel.yaml import YAML

from snippets.operate.kubernetes import (
    Scale,
    Start,
    Surge,
    failures_allowed,
    longest_queue,
    replicas,
    seconds_to_load,
    seconds_to_pull,
    seconds_to_start,
)
from snippets.operate.kubernetes_policy import complaints
from tests.pages import language_prometheus
from tests.pages.collect import ROOT
from tests.pages.language_manifests import chart_complaints, check_helm, rendered

CHART = ROOT / "snippets" / "operate" / "kubernetes" / "chart"
ADAPTER = CHART.parent / "adapter.yaml"
Json = dict[str, Any]
LOADING: Json = {"loader": {"enabled": True, "repository": "owner/model", "revision": "0123456789" * 4}}
VARIANTS: dict[str, Json] = {
    "as it is": {},
    "scaled by its queue": {"autoscaling": {"enabled": True}},
    "one GPU, one replica": {"gpus": 1, "replicas": 1},
    "a digest": {"image": {"digest": "sha256:" + "0123456789abcdef" * 4}},
    "a class of storage": {"storage": {"className": "fast", "accessModes": ["ReadWriteOnce"]}},
    "a claim of yours": {"storage": {"existingClaim": "weights"}},
    "loading": {**LOADING, "replicas": 0},
}


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_chart_passes_lint_schema_strict_manifests_and_policy(values: Json) -> None:
    assert [*chart_complaints(CHART, values)] == []


WRONG: dict[str, tuple[Json, str]] = {
    "a moving tag": ({"image": {"tag": "latest"}}, "/image/tag"),
    "half a digest": ({"image": {"digest": "sha256:0123"}}, "/image/digest"),
    "no GPU": ({"gpus": 0}, "/gpus"),
    "a misspelled key": ({"replica": 2}, "replica"),
    "no time to start": ({"startupSeconds": 5}, "/startupSeconds"),
    "a path that leads out": ({"model": {"path": "../etc"}}, "/model/path"),
    "any node": ({"nodeSelector": {"nvidia.com/gpu.product": None}}, "nodeSelector"),
    "an empty claim that nobody may write": (
        {"storage": {"accessModes": ["ReadOnlyMany"]}},
        "/storage/access",
    ),
    "a revision that moves": ({"loader": {**LOADING["loader"], "revision": "main"}}, "/loader/revision"),
    "nothing to load": ({"loader": {"enabled": True}}, "/loader/repository"),
    "any way out": ({"loader": {"proxy": {"labels": {"app.kubernetes.io/name": None}}}}, "labels"),
    "any client": ({"clients": {"labels": {"app.kubernetes.io/name": None}}}, "labels"),
}


@pytest.mark.parametrize(("values", "named"), WRONG.values(), ids=WRONG)
def test_a_wrong_value_stops_it_and_is_named(values: Json, named: str) -> None:
    with pytest.raises(helm_python.HelmError, match=named.replace("/", ".")):
        rendered(CHART, values)


def manifest(kind: str, values: Json | None = None, name: str = "llm") -> Json:
    [found] = [d for d in rendered(CHART, values) if (d["kind"], d["metadata"]["name"]) == (kind, name)]
    return found


def container(values: Json | None = None) -> Json:
    [only] = manifest("Deployment", values)["spec"]["template"]["spec"]["containers"]
    found: Json = only
    return found


def test_startup_is_allowed_as_long_as_the_values_say_and_a_bit_of_ten_seconds() -> None:
    for seconds, failures in ((60, 6), (61, 7), (420, 42), (3600, 360)):
        probe = container({"startupSeconds": seconds})["startupProbe"]
        assert probe["periodSeconds"] * probe["failureThreshold"] >= seconds
        assert probe["failureThreshold"] == failures == failures_allowed(seconds, 10)


def test_the_pull_is_time_of_the_deadline_and_none_of_the_probe() -> None:
    """A startup probe begins when the container runs, and its image is there by then."""
    values = {"startupSeconds": 420, "pullSeconds": 100}
    spec = manifest("Deployment", values)["spec"]
    [probed] = spec["template"]["spec"]["containers"]
    assert probed["startupProbe"]["failureThreshold"] == 42
    gone = spec["template"]["spec"]["terminationGracePeriodSeconds"]
    assert spec["progressDeadlineSeconds"] > gone + 100 + 420
    longer = manifest("Deployment", {**values, "pullSeconds": 900})["spec"]["progressDeadlineSeconds"]
    assert longer - spec["progressDeadlineSeconds"] == 800


def test_answers_under_way_are_finished_before_the_pod_is_killed() -> None:
    """vLLM aborts what runs unless told to wait; the wait begins when the service has forgotten the pod."""
    pod = manifest("Deployment")["spec"]["template"]["spec"]
    [one] = pod["containers"]
    waits = int(one["args"][one["args"].index("--shutdown-timeout") + 1])
    forgets = one["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert waits >= 60
    assert forgets + waits < pod["terminationGracePeriodSeconds"]


def test_the_three_probes_ask_for_health_and_only_liveness_is_patient() -> None:
    probes = {name: container()[f"{name}Probe"] for name in ("startup", "readiness", "liveness")}
    assert {probe["httpGet"]["path"] for probe in probes.values()} == {"/health"}
    spent = {name: each["periodSeconds"] * each["failureThreshold"] for name, each in probes.items()}
    assert spent["readiness"] < spent["liveness"] < spent["startup"]


def test_gpus_are_limits_and_as_many_as_the_engine_is_told_to_use() -> None:
    for gpus in (1, 4):
        one = container({"gpus": gpus})
        assert one["resources"]["limits"]["nvidia.com/gpu"] == gpus
        assert one["args"][one["args"].index("--tensor-parallel-size") + 1] == str(gpus)


def test_a_new_pod_waits_for_the_gpus_of_an_old_one() -> None:
    assert manifest("Deployment")["spec"]["strategy"]["rollingUpdate"] == {"maxSurge": 0, "maxUnavailable": 1}


def test_replicas_are_left_to_the_autoscaler_where_there_is_one() -> None:
    assert manifest("Deployment")["spec"]["replicas"] == 2
    scaled = {"autoscaling": {"enabled": True}}
    assert "replicas" not in manifest("Deployment", scaled)["spec"]
    assert manifest("ScaledObject", scaled)["spec"]["scaleTargetRef"]["name"] == "llm"


def test_replicas_keep_apart_where_there_is_room() -> None:
    pod = manifest("Deployment")["spec"]["template"]
    [spread] = pod["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"] == pod["metadata"]["labels"]
    assert (spread["topologyKey"], spread["maxSkew"]) == ("kubernetes.io/hostname", 1)
    assert spread["whenUnsatisfiable"] == "ScheduleAnyway"


SCALED: Json = {"autoscaling": {"enabled": True}}


def test_what_scales_it_is_measured() -> None:
    """The labels of the query come from a monitor: `service` is the name of the service that it selects."""
    monitor, service = manifest("ServiceMonitor", SCALED)["spec"], manifest("Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    [endpoint] = monitor["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert query(SCALED).count('namespace="llm", service="llm"') == 2
    kinds = {each["kind"] for each in rendered(CHART)}
    assert "ServiceMonitor" not in kinds
    watched = {"monitor": {"enabled": True, "labels": {"release": "prometheus"}}}
    assert manifest("ServiceMonitor", watched)["metadata"]["labels"]["release"] == "prometheus"


def query(values: Json) -> str:
    [trigger] = manifest("ScaledObject", values)["spec"]["triggers"]
    found: str = trigger["metadata"]["query"]
    return found


def test_the_adapter_measures_what_keda_asks_for() -> None:
    [rule] = YAML(typ="safe", pure=True).load(ADAPTER.read_text(encoding="utf-8"))["externalRules"]
    asked = rule["metricsQuery"].replace("<<.LabelMatchers>>", 'namespace="llm", service="llm"')
    assert asked == query(SCALED)
    assert language_prometheus.check_promql(asked, "") == []
    assert rule["resources"]["overrides"]["namespace"]["resource"] == "namespace"
    page = (ROOT / "docs" / "operate" / "kubernetes.md").read_text(encoding="utf-8")
    assert f"name: {rule['name']['as']}\n" in page


@pytest.mark.parametrize(("seconds", "period"), [(60, 60), (1800, 1800), (1801, 1800), (3600, 1800)])
def test_a_period_is_no_longer_than_kubernetes_lets_it(seconds: int, period: int) -> None:
    spec = manifest("ScaledObject", {**SCALED, "startupSeconds": seconds})["spec"]
    behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
    [policy] = behavior["scaleUp"]["policies"]
    assert policy["periodSeconds"] == period


def test_weights_and_key_are_read_only_and_the_key_is_a_file() -> None:
    mounts = {mount["name"]: mount for mount in container()["volumeMounts"]}
    assert mounts["models"]["readOnly"]
    assert mounts["config"]["readOnly"]
    args = container()["args"]
    assert args[args.index("--config") + 1].startswith(mounts["config"]["mountPath"])


def test_the_network_lets_two_ask_and_the_engine_ask_nobody() -> None:
    engine, everyone = manifest("NetworkPolicy")["spec"], manifest("NetworkPolicy", name="llm-deny")["spec"]
    assert (everyone["podSelector"], everyone.get("ingress"), everyone.get("egress")) == ({}, None, None)
    assert engine["egress"] == []
    [rule] = engine["ingress"]
    assert [peer["namespaceSelector"]["matchLabels"] for peer in rule["from"]] == [
        {"kubernetes.io/metadata.name": "gateway"},
        {"kubernetes.io/metadata.name": "monitoring"},
    ]
    assert all(peer["podSelector"]["matchLabels"] for peer in rule["from"])


def loader(values: Json | None = None) -> Json:
    [job] = [each for each in rendered(CHART, values or LOADING) if each["kind"] == "Job"]
    return job


def volume(pod: Json) -> Json:
    [found] = [each for each in pod["volumes"] if each["name"] == "models"]
    claim: Json = found["persistentVolumeClaim"]
    return claim


@pytest.mark.parametrize("own", [None, "weights"])
def test_the_loader_writes_where_the_engine_reads_as_the_same_user(own: str | None) -> None:
    values = {**LOADING, "storage": {"existingClaim": own or ""}}
    engine = manifest("Deployment", values)["spec"]["template"]["spec"]
    loads = loader(values)["spec"]["template"]["spec"]
    assert volume(engine) == {"claimName": own or "llm-models", "readOnly": True}
    assert volume(loads) == {"claimName": own or "llm-models"}
    assert loads["securityContext"] == engine["securityContext"]
    [one] = loads["containers"]
    [mount] = [each for each in one["volumeMounts"] if each["name"] == "models"]
    assert not mount.get("readOnly")
    read = engine["containers"][0]["args"][0]
    assert one["command"][one["command"].index("--local-dir") + 1] == read
    claims = [each for each in rendered(CHART, values) if each["kind"] == "PersistentVolumeClaim"]
    assert [each["metadata"]["name"] for each in claims] == ([] if own else ["llm-models"])


def test_the_claim_of_the_chart_may_be_written_by_whom_it_is_filled() -> None:
    assert manifest("PersistentVolumeClaim", name="llm-models")["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_loader_has_a_way_out_of_its_own_and_the_engine_has_none_still() -> None:
    found = {
        each["metadata"]["name"]: each["spec"]
        for each in rendered(CHART, LOADING)
        if each["kind"] == "NetworkPolicy"
    }
    assert found["llm"]["egress"] == []
    way, job = found["llm-loader"], loader()
    assert way["podSelector"]["matchLabels"] == job["spec"]["template"]["metadata"]["labels"]
    assert way["podSelector"]["matchLabels"] != found["llm"]["podSelector"]["matchLabels"]
    names, proxy = way["egress"]
    assert {port["port"] for port in names["ports"]} == {53}
    [peer] = proxy["to"]
    assert peer["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "gateway"}
    assert peer["podSelector"]["matchLabels"] == {"app.kubernetes.io/name": "egress"}
    [environment] = [each["env"] for each in job["spec"]["template"]["spec"]["containers"]]
    [url] = [each["value"] for each in environment if each["name"] == "HTTPS_PROXY"]
    assert proxy["ports"] == [{"port": urlsplit(url).port, "protocol": "TCP"}]
    assert "llm-loader" not in {each["metadata"]["name"] for each in rendered(CHART)}


def test_another_revision_is_another_job_since_a_job_cannot_be_changed() -> None:
    other = {"loader": {**LOADING["loader"], "revision": "f" * 40}}
    assert loader()["metadata"]["name"] != loader(other)["metadata"]["name"]


def test_a_single_replica_can_still_be_drained() -> None:
    spec = manifest("PodDisruptionBudget", {"replicas": 1})["spec"]
    assert spec["maxUnavailable"] == 1
    assert "minAvailable" not in spec


def test_the_policy_sees_what_is_rendered() -> None:
    document = deepcopy(manifest("Deployment"))
    spec = document["spec"]["template"]["spec"]
    spec["hostIPC"] = True
    del spec["containers"][0]["readinessProbe"]
    assert complaints(document) == ["hostIPC: the node is not isolated", "vllm: readinessProbe is missing"]


def test_a_chart_that_lacks_a_network_policy_is_refused(tmp_path: Path) -> None:
    copy = tmp_path / "vllm"
    for file in CHART.rglob("*"):
        if file.is_file() and file.name != "networkpolicy.yaml":
            target = copy / file.relative_to(CHART)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())
    assert [*chart_complaints(copy)] == ["Deployment llm: its pods are held by no NetworkPolicy"]


@pytest.mark.parametrize("template", sorted(path.name for path in (CHART / "templates").iterdir()))
def test_each_template_on_a_page_is_a_file_of_the_chart(template: str) -> None:
    text = (CHART / "templates" / template).read_text(encoding="utf-8")
    assert check_helm(text, "") == []
    assert check_helm(text + "# changed", "") != []


# The arithmetic.

START = Start(weights_gib=70, read_gb_per_s=2, image_gb=12, pull_gb_per_s=0.5, engine_seconds=90)


def test_a_start_adds_up_image_weights_and_engine() -> None:
    # 12 GB at 0.5 GB/s; 70 GiB are 75.161927680 GB, at 2 GB/s; 90 s.
    assert seconds_to_pull(START) == pytest.approx(24)
    assert seconds_to_load(START) == pytest.approx(37.58096384 + 90)
    assert seconds_to_start(START) == pytest.approx(24 + 37.58096384 + 90)
    cached = START.model_copy(update={"image_gb": 0.0})
    assert seconds_to_start(START) - seconds_to_start(cached) == pytest.approx(24)


def test_the_chart_gives_twice_what_the_pages_second_row_takes() -> None:
    page = Start(weights_gib=66, read_gb_per_s=2, image_gb=12, pull_gb_per_s=0.2, engine_seconds=120)
    values = YAML(typ="safe", pure=True).load((CHART / "values.yaml").read_text(encoding="utf-8"))
    assert values["startupSeconds"] == 10 * failures_allowed(2 * seconds_to_load(page), 10)
    assert values["pullSeconds"] == 2 * seconds_to_pull(page)


def test_a_node_has_the_image_unless_told() -> None:
    assert seconds_to_start(Start(weights_gib=1, read_gb_per_s=1, engine_seconds=0)) == pytest.approx(
        1.073741824
    )


def test_an_image_is_pulled_at_a_tenth_of_a_gigabyte_a_second_unless_told() -> None:
    slow = Start(weights_gib=1, read_gb_per_s=1, image_gb=1, engine_seconds=0)
    assert seconds_to_start(slow) == pytest.approx(10 + 1.073741824)


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [("weights_gib", 0, 4096), ("read_gb_per_s", 0, 1000), ("pull_gb_per_s", 0, 100)],
)
def test_what_is_out_of_bounds_is_named(name: str, least: float, most: float) -> None:
    given = START.model_dump()
    Start(**{**given, name: most})
    for wrong in (least, most + 0.1):
        with pytest.raises(ValidationError, match=name):
            Start(**{**given, name: wrong})


@pytest.mark.parametrize(("name", "most"), [("image_gb", 200), ("engine_seconds", 3600)])
def test_nothing_to_pull_or_to_compile_is_fine(name: str, most: float) -> None:
    for fine in (0.1, 0, most):
        Start(**{**START.model_dump(), name: fine})
    for wrong in (-0.1, most + 0.1):
        with pytest.raises(ValidationError, match=name):
            Start(**{**START.model_dump(), name: wrong})


@given(st.floats(0.1, 1e5), st.integers(1, 60))
def test_a_probe_allows_the_time_and_less_than_a_period_more(seconds: float, period: int) -> None:
    allowed = failures_allowed(seconds, period) * period
    assert seconds <= allowed < seconds + period


SCALE = Scale(target_per_replica=20, least=2, most=6)


@pytest.mark.parametrize(
    ("measured", "now", "wanted"),
    [
        (40, 2, 2),
        (41, 2, 2),  # 2.5 % over: within the tenth
        (43.9, 2, 2),
        (44.1, 2, 3),  # more than a tenth over
        (36.1, 2, 2),
        (61, 2, 4),
        (55, 3, 3),
        (53, 4, 3),  # a tenth under four
        (0, 4, 2),
        (1000, 4, 6),
    ],
)
def test_replicas_are_counted_as_kubernetes_does(measured: float, now: int, wanted: int) -> None:
    assert replicas(SCALE, measured, now) == wanted


@pytest.mark.parametrize(("name", "least", "most"), [("least", 1, 1000), ("most", 1, 1000)])
def test_bounds_of_replicas(name: str, least: int, most: int) -> None:
    for fine in (least, most):
        Scale(**{**SCALE.model_dump(), name: fine})
    for wrong in (least - 1, most + 1):
        with pytest.raises(ValidationError, match=name):
            Scale(**{**SCALE.model_dump(), name: wrong})


def test_bounds_of_the_target() -> None:
    for fine in (0.1, 10_000):
        Scale(target_per_replica=fine, least=1, most=1)
    for wrong in (0, 10_001):
        with pytest.raises(ValidationError, match="target_per_replica"):
            Scale(target_per_replica=wrong, least=1, most=1)


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.integers(1, 10))
def test_more_load_never_wants_fewer(one: float, other: float, now: int) -> None:
    low, high = sorted((one, other))
    assert replicas(SCALE, low, now) <= replicas(SCALE, high, now)


SURGE = Surge(requests_per_s=5, served_per_replica_per_s=2, replicas=2, surge_seconds=600, start_seconds=200)


def test_the_excess_waits_until_the_new_replica_is_there() -> None:
    assert longest_queue(SURGE, 1) == pytest.approx(200)  # (5 − 4) · 200; then six a second are served
    assert longest_queue(SURGE, 0) == pytest.approx(600)


def test_a_replica_that_comes_after_the_surge_comes_too_late() -> None:
    short = SURGE.model_copy(update={"surge_seconds": 150.0})
    assert longest_queue(short, 1) == longest_queue(short, 0) == pytest.approx(150)


def test_too_few_new_replicas_slow_the_queue_and_do_not_end_it() -> None:
    heavy = SURGE.model_copy(update={"requests_per_s": 9.0})
    assert longest_queue(heavy, 1) == pytest.approx(5 * 200 + 3 * 400)


def test_who_serves_all_has_no_queue() -> None:
    assert longest_queue(SURGE.model_copy(update={"requests_per_s": 4.0}), 0) == 0
    assert longest_queue(SURGE.model_copy(update={"requests_per_s": 1.0}), 0) == 0


@pytest.mark.parametrize(
    ("name", "fine", "wrong"),
    [
        ("requests_per_s", (1e6,), (0, 1e6 + 1)),
        ("served_per_replica_per_s", (1e6,), (0, 1e6 + 1)),
        ("replicas", (1, 1000), (0, 1001)),
        ("surge_seconds", (1e6,), (0, 1e6 + 1)),
        ("start_seconds", (0, 1e5), (-1, 1e5 + 1)),
    ],
)
def test_bounds_of_a_surge(name: str, fine: tuple[float, ...], wrong: tuple[float, ...]) -> None:
    for value in fine:
        Surge(**{**SURGE.model_dump(), name: value})
    for value in wrong:
        with pytest.raises(ValidationError, match=name):
            Surge(**{**SURGE.model_dump(), name: value})
