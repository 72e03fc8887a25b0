"""Manifests: bad examples, each refused with its own message; what is known to be fine passes."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from snippets.operate.kubernetes_policy import complaints, pods, unguarded

Json = dict[str, Any]
GOOD: Json = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "llm"},
    "spec": {
        "selector": {"matchLabels": {"app": "llm"}},
        "template": {
            "metadata": {"labels": {"app": "llm", "tier": "engine"}},
            "spec": {
                "automountServiceAccountToken": False,
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "volumes": [{"name": "models", "persistentVolumeClaim": {"claimName": "models"}}],
                "initContainers": [],
                "containers": [
                    {
                        "name": "vllm",
                        "image": "vllm/vllm-openai:v0.29.0",
                        "args": ["/models/model"],
                        "env": [{"name": "HOME", "value": "/cache"}],
                        "envFrom": [{"configMapRef": {"name": "settings"}}],
                        "ports": [{"containerPort": 8000}],
                        "readinessProbe": {"httpGet": {"path": "/health", "port": 8000}},
                        "resources": {"requests": {"cpu": "4"}, "limits": {"memory": "32Gi"}},
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
            },
        },
    },
}


def changed(change: Callable[[Json, Json], object]) -> list[str]:
    """What is said of the good manifest after a change to its pod and its container."""
    document = deepcopy(GOOD)
    spec = document["spec"]["template"]["spec"]
    change(spec, spec["containers"][0])
    return complaints(document)


def test_a_good_one_passes() -> None:
    assert complaints(GOOD) == []


def shared(key: str) -> Callable[[Json], object]:
    return lambda spec: spec.update({key: True})


IN_POD: dict[str, tuple[Callable[[Json], object], str]] = {
    **{
        key: (shared(key), f"{key}: the node is not isolated")
        for key in ("hostNetwork", "hostPID", "hostIPC")
    },
    "a key of the cluster": (
        lambda spec: spec.pop("automountServiceAccountToken"),
        "automountServiceAccountToken: false is missing; the pod would hold a key of the cluster",
    ),
    "a folder of the node": (
        lambda spec: spec["volumes"].append({"name": "etc", "hostPath": {"path": "/etc"}}),
        "volumes: etc is a folder of the node",
    ),
}


@pytest.mark.parametrize(("change", "said"), IN_POD.values(), ids=IN_POD)
def test_a_bad_pod_is_refused(change: Callable[[Json], object], said: str) -> None:
    assert changed(lambda spec, _: change(spec)) == [said]


def context(**values: Any) -> Callable[[Json], object]:
    return lambda container: container["securityContext"].update(values)


KEY = {"name": "a", "key": "b"}
IN_CONTAINER: dict[str, tuple[Callable[[Json], object], str]] = {
    "latest": (
        lambda c: c.update(image="vllm/vllm-openai:latest"),
        "image vllm/vllm-openai:latest: the tag moves; name its digest",
    ),
    "root by name": (context(runAsNonRoot=False), "runAsNonRoot: true is missing"),
    "root by number": (context(runAsUser=0), "runAsUser: 0 is root"),
    "escalation": (context(allowPrivilegeEscalation=True), "allowPrivilegeEscalation: false is missing"),
    "escalation, unsaid": (
        lambda c: c["securityContext"].pop("allowPrivilegeEscalation"),
        "allowPrivilegeEscalation: false is missing",
    ),
    "writable": (context(readOnlyRootFilesystem=False), "readOnlyRootFilesystem: true is missing"),
    "privileged": (context(privileged=True), "privileged: a container that is none"),
    "capabilities": (context(capabilities={"drop": ["NET_RAW"]}), "capabilities: drop ALL is missing"),
    "one too many": (
        context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN", "NET_BIND_SERVICE"]}),
        "capabilities: SYS_ADMIN is added",
    ),
    "no filter": (context(seccompProfile={"type": "Unconfined"}), "seccompProfile: none, or no filter"),
    "no memory limit": (lambda c: c["resources"]["limits"].clear(), "resources.limits: memory is missing"),
    "no cpu request": (lambda c: c["resources"]["requests"].clear(), "resources.requests: cpu is missing"),
    "a port of the node": (lambda c: c["ports"][0].update(hostPort=80), "hostPort: 80"),
    "a key": (
        lambda c: c["env"].append(
            {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}
        ),
        "HF_TOKEN: a secret in the environment; mount it as a file",
    ),
    "a secret": (
        lambda c: c["envFrom"].append({"secretRef": {"name": "keys"}}),
        "envFrom: a Secret in the environment; mount it as files",
    ),
    "a key in the arguments": (
        lambda c: c["args"].extend(["--api-key", "abc"]),
        "--api-key: a secret on the command line; name a file",
    ),
    "a key in the command": (
        lambda c: c.update(command=["vllm", "--api-key=abc"]),
        "--api-key: a secret on the command line; name a file",
    ),
    "unready": (lambda c: c.pop("readinessProbe"), "readinessProbe is missing"),
}


@pytest.mark.parametrize(("change", "said"), IN_CONTAINER.values(), ids=IN_CONTAINER)
def test_a_bad_container_is_refused(change: Callable[[Json], object], said: str) -> None:
    assert changed(lambda _, container: change(container)) == [f"vllm: {said}"]


def test_a_container_that_starts_first_is_held_to_the_same_but_for_readiness() -> None:
    def add(spec: Json, container: Json) -> None:
        first = {**deepcopy(container), "name": "first", "image": "busybox"}
        del first["readinessProbe"]
        spec["initContainers"].append(first)

    assert changed(add) == ["first: image busybox: no tag, which means latest; name its digest"]


def test_what_the_pod_says_holds_for_its_containers_and_what_a_container_says_is_stronger() -> None:
    def move(spec: Json, container: Json) -> None:
        container["securityContext"] |= spec.pop("securityContext")

    assert changed(move) == []
    assert changed(lambda spec, _: spec.pop("securityContext")) == [
        "vllm: runAsNonRoot: true is missing",
        "vllm: seccompProfile: none, or no filter",
    ]
    assert changed(lambda spec, _: spec["securityContext"].update(runAsUser=0)) == [
        "vllm: runAsUser: 0 is root"
    ]
    local = context(seccompProfile={"type": "Localhost"})
    assert changed(lambda _, container: local(container)) == []


def test_pods_are_found_wherever_they_are() -> None:
    pod = GOOD["spec"]["template"]
    ray = {"rayClusterConfig": {"headGroupSpec": {"template": pod}, "workerGroupSpecs": [{"template": pod}]}}
    for kind, spec, count in (
        ("Pod", pod["spec"], 1),
        ("CronJob", {"jobTemplate": {"spec": {"template": pod}}}, 1),
        ("RayService", ray, 2),
        ("ConfigMap", {}, 0),
    ):
        document = {"kind": kind, "metadata": {"name": "a"}, "spec": spec}
        assert len([*pods(document)]) == count
        bad = deepcopy(document)
        for each in pods(bad):
            each["spec"]["hostPID"] = True
        assert complaints(bad).count("hostPID: the node is not isolated") == count


def test_a_job_needs_no_readiness() -> None:
    job: Json = {
        "kind": "Job",
        "metadata": {"name": "a"},
        "spec": {"template": deepcopy(GOOD["spec"]["template"])},
    }
    del job["spec"]["template"]["spec"]["containers"][0]["readinessProbe"]
    assert complaints(job) == []


def policy(**spec: Any) -> Json:
    both = {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    return {"kind": "NetworkPolicy", "metadata": {"name": "a"}, "spec": {**both, **spec}}


AROUND: dict[str, tuple[Json, str]] = {
    "a secret in the file": (
        {"kind": "Secret", "stringData": {"a": "b"}},
        "Secret: its value stands in a file",
    ),
    "a secret in base64": ({"kind": "Secret", "data": {"a": "Yg=="}}, "Secret: its value stands in a file"),
    "a port of each node": ({"kind": "Service", "spec": {"type": "NodePort"}}, "Service: NodePort is open"),
    "a balancer": ({"kind": "Service", "spec": {"type": "LoadBalancer"}}, "Service: LoadBalancer is open"),
    "an address": (
        {"kind": "Service", "spec": {"externalIPs": ["1.2.3.4"]}},
        "Service: externalIPs are open",
    ),
    "in the clear": ({"kind": "Ingress", "spec": {"rules": []}}, "Ingress: tls is missing"),
    "from anyone": (
        policy(ingress=[{"ports": [{"port": 8000}]}]),
        "NetworkPolicy: ingress without `from` is open to anyone",
    ),
    "to anyone": (
        policy(egress=[{"ports": [{"port": 53}]}]),
        "NetworkPolicy: egress without `to` is open to anyone",
    ),
    "to the world": (
        policy(egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}]),
        "NetworkPolicy: egress of 0.0.0.0/0 is anyone",
    ),
    "from the world": (
        policy(ingress=[{"from": [{"ipBlock": {"cidr": "::/0"}}]}]),
        "NetworkPolicy: ingress of ::/0 is anyone",
    ),
}


@pytest.mark.parametrize(("document", "said"), AROUND.values(), ids=AROUND)
def test_what_is_around_a_pod_is_refused_where_it_is_open(document: Json, said: str) -> None:
    assert complaints(document) == [said]


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "Service", "spec": {}},
        {"kind": "Service", "spec": {"type": "ExternalName"}},
        {"kind": "Secret"},
        {"kind": "Ingress", "spec": {"tls": [{"hosts": ["a"]}]}},
        policy(egress=[], ingress=[{"from": [{"podSelector": {}}]}]),
        policy(egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]),
    ],
)
def test_what_is_around_a_pod_passes_where_it_is_closed(document: Json) -> None:
    assert complaints(document) == []


HELD = {
    "all pods": ({}, True),
    "these": ({"podSelector": {"matchLabels": {"app": "llm"}}}, True),
    "others": ({"podSelector": {"matchLabels": {"app": "another"}}}, False),
    "by more than they have": ({"podSelector": {"matchLabels": {"app": "llm", "a": "b"}}}, False),
    "by an expression": (
        {"podSelector": {"matchExpressions": [{"key": "app", "operator": "Exists"}]}},
        False,
    ),
    "one way": ({"policyTypes": ["Ingress"]}, False),
    "no way": ({"policyTypes": None}, False),
}


@pytest.mark.parametrize(("spec", "held"), HELD.values(), ids=HELD)
def test_a_workload_needs_a_policy_that_selects_it_in_both_directions(spec: Json, held: bool) -> None:
    said = ["Deployment llm: its pods are held by no NetworkPolicy"]
    assert unguarded([GOOD, policy(**spec)]) == ([] if held else said)
    assert unguarded([GOOD]) == said
