"""The manifest of the page: its kind, its pods and its policy; GPUs, nodes and stages have to agree."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
from ruamel.yaml import YAML

from snippets.operate.kubernetes_policy import pods, unguarded
from tests.pages.collect import ROOT
from tests.pages.language_manifests import check_kubernetes

FILE = ROOT / "snippets" / "operate" / "several_nodes" / "rayservice.yaml"
SERVICE, POLICY = YAML(typ="safe", pure=True).load_all(FILE.read_text(encoding="utf-8"))
CLUSTER = SERVICE["spec"]["rayClusterConfig"]
[APPLICATION] = YAML(typ="safe", pure=True).load(SERVICE["spec"]["serveConfigV2"])["applications"]
ENGINE: dict[str, Any] = APPLICATION["args"]["llm_configs"][0]["engine_kwargs"]


def test_both_pass_their_schemas_and_the_policy_and_no_pod_is_unguarded() -> None:
    assert check_kubernetes(SERVICE, "") == check_kubernetes(POLICY, "") == []
    assert len([*pods(SERVICE)]) == 2
    assert unguarded([SERVICE, POLICY]) == []
    assert len(unguarded([SERVICE])) == 2


def test_tensor_parallelism_is_a_node_and_pipeline_parallelism_the_nodes() -> None:
    [group] = CLUSTER["workerGroupSpecs"]
    [container] = group["template"]["spec"]["containers"]
    gpus = int(container["resources"]["limits"]["nvidia.com/gpu"])
    assert gpus == ENGINE["tensor_parallel_size"] == int(group["rayStartParams"]["num-gpus"])
    assert group["replicas"] == group["minReplicas"] == ENGINE["pipeline_parallel_size"]


def test_a_change_asks_for_no_second_cluster_of_as_many_gpus() -> None:
    assert SERVICE["spec"]["upgradeStrategy"] == {"type": "None"}


def test_the_token_is_on_and_ray_is_new_enough_and_the_one_in_the_image() -> None:
    assert CLUSTER["authOptions"]["mode"] == "token"
    assert tuple(map(int, CLUSTER["rayVersion"].split("."))) >= (2, 52, 0)
    images = {container["image"] for pod in pods(SERVICE) for container in pod["spec"]["containers"]}
    assert [image.split(":")[1].startswith(CLUSTER["rayVersion"]) for image in images] == [True]


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("authOptions", "mode"), "maybe", "RayService: spec.rayClusterConfig.authOptions.mode"),
        (("rayVersion",), 2.58, "RayService: spec.rayClusterConfig.rayVersion"),
        (("workerGroup",), [], "RayService: spec.rayClusterConfig: Additional properties"),
        (("workerGroupSpecs", 0, "template", "spec", "containerz"), [], "RayService: spec: Additional"),
        (
            ("headGroupSpec", "template", "spec", "containers", 0, "tty"),
            "x",
            "RayService: spec.containers.0.tty",
        ),
        (("headGroupSpec", "template", "spec", "hostPID"), True, "hostPID: the node is not isolated"),
    ],
)
def test_what_is_wrong_in_it_is_named(path: tuple[Any, ...], value: object, said: str) -> None:
    document = deepcopy(SERVICE)
    *way, last = path
    place = document["spec"]["rayClusterConfig"]
    for step in way:
        place = place[step]
    place[last] = value
    [complaint] = check_kubernetes(document, "")
    assert complaint.startswith(said)


def test_a_strategy_that_is_none_is_named() -> None:
    document = deepcopy(SERVICE)
    document["spec"]["upgradeStrategy"] = {"type": "Rolling"}
    [complaint] = check_kubernetes(document, "")
    assert complaint.startswith("RayService: spec.upgradeStrategy.type: 'Rolling'")


@pytest.mark.parametrize("text", ["applications: [", "a: 1", "applications: []"])
def test_what_ray_serve_is_told_is_read_too(text: str) -> None:
    document = deepcopy(SERVICE)
    document["spec"]["serveConfigV2"] = text
    [complaint] = check_kubernetes(document, "")
    assert complaint.startswith("RayService: spec.serveConfigV2")


def test_one_port_is_open_to_the_proxy() -> None:
    among, proxy, operator = POLICY["spec"]["ingress"]
    assert "ports" not in among
    assert [port["port"] for port in proxy["ports"]] == [8000]
    assert {port["port"] for port in operator["ports"]} == {8000, 8265}
    assert all(rule["to"] for rule in POLICY["spec"]["egress"])
