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
    "a key of the cluster by another way": (
        lambda spec: spec["volumes"].append(
            {"name": "key", "projected": {"sources": [{"serviceAccountToken": {"path": "a"}}]}}
        ),
        "volumes: key holds a key of the cluster",
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
    "a key under another name": (
        lambda c: c["env"].append({"name": "A", "valueFrom": {"secretKeyRef": KEY}}),
        "A: a secret in the environment; mount it as a file",
    ),
    "a key in a shell's words": (
        lambda c: c.update(command=["sh", "-c", "exec vllm serve /models --api-key abc"]),
        "--api-key: a secret on the command line; name a file",
    ),
    "the kernel's files": (context(procMount="Unmasked"), "procMount: Unmasked shows the kernel's files"),
    "no AppArmor": (
        context(appArmorProfile={"type": "Unconfined"}),
        "appArmorProfile: Unconfined is no filter",
    ),
    "memory without end": (
        lambda c: c["resources"]["limits"].update(memory="0"),
        "resources.limits: memory of 0 is no limit",
    ),
    "memory without end, with a unit": (
        lambda c: c["resources"]["limits"].update(memory="0.0Gi"),
        "resources.limits: memory of 0.0Gi is no limit",
    ),
    "no CPU at all": (
        lambda c: c["resources"]["requests"].update(cpu=0),
        "resources.requests: cpu of 0 is none",
    ),
    "killed while it reads": (
        lambda c: c.update(livenessProbe={"httpGet": {"port": 8000}}),
        "startupProbe is missing; liveness ends it while it reads its weights",
    ),
    "unready": (lambda c: c.pop("readinessProbe"), "readinessProbe is missing"),
}


@pytest.mark.parametrize(("change", "said"), IN_CONTAINER.values(), ids=IN_CONTAINER)
def test_a_bad_container_is_refused(change: Callable[[Json], object], said: str) -> None:
    assert changed(lambda _, container: change(container)) == [f"vllm: {said}"]


def test_more_than_nothing_is_a_limit_and_liveness_after_startup_is_fine() -> None:
    def change(_: Json, container: Json) -> None:
        container["resources"] = {"limits": {"memory": "0.5Gi"}, "requests": {"cpu": "100m"}}
        container |= {"startupProbe": {}, "livenessProbe": {}}
        container["securityContext"] |= {
            "procMount": "Default",
            "appArmorProfile": {"type": "RuntimeDefault"},
        }
        container["env"].append({"name": "IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}})

    assert changed(change) == []


def test_a_pod_without_apparmor_says_so_for_its_containers() -> None:
    unconfined = {"appArmorProfile": {"type": "Unconfined"}}
    assert changed(lambda spec, _: spec["securityContext"].update(unconfined)) == [
        "vllm: appArmorProfile: Unconfined is no filter"
    ]


def test_a_list_hides_nothing() -> None:
    balancer = {"kind": "Service", "spec": {"type": "LoadBalancer"}}
    for kind in ("List", "ServiceList"):
        within = {"kind": kind, "items": [balancer, {"kind": "List", "items": [GOOD, SECRET]}]}
        assert complaints(within) == [
            "Service: LoadBalancer is open",
            "Secret: its value stands in a file",
        ]
        assert unguarded([within]) == ["Deployment llm: its pods are held by no NetworkPolicy"]
        assert unguarded([within, {"kind": "List", "items": [policy()]}]) == []


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


SECRET: Json = {"kind": "Secret", "stringData": {"a": "b"}}


def blocks(*cidrs: str) -> Json:
    return policy(egress=[{"to": [{"ipBlock": {"cidr": cidr}} for cidr in cidrs]}])


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
    "to the world in halves": (
        blocks("0.0.0.0/1", "128.0.0.0/1"),
        "NetworkPolicy: egress of 0.0.0.0/0 is anyone",
    ),
    "to the world in small pieces": (
        blocks(*(f"{first}.0.0.0/8" for first in range(256))),
        "NetworkPolicy: egress of 0.0.0.0/0 is anyone",
    ),
    "to too much of it": (blocks("10.0.0.0/7"), "NetworkPolicy: egress of 10.0.0.0/7 is anyone"),
    "to too much of the other": (blocks("fc00::/6"), "NetworkPolicy: egress of fc00::/6 is anyone"),
    "to what is no address": (blocks("ten/8"), "NetworkPolicy: egress of ten/8 is no network"),
    "to all namespaces": (
        policy(egress=[{"to": [{"namespaceSelector": {}}]}]),
        "NetworkPolicy: egress of all namespaces is anyone",
    ),
    "from a label in all namespaces": (
        policy(ingress=[{"from": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"a": "b"}}}]}]),
        "NetworkPolicy: ingress of all namespaces is anyone",
    ),
    "a key among the settings": (
        {"kind": "ConfigMap", "data": {"api-key": "abc"}},
        "ConfigMap: api-key: a secret stands in a file",
    ),
    "a key in a file among the settings": (
        {"kind": "ConfigMap", "data": {"config.yaml": "port: 8000\napi-key: abc\n"}},
        "ConfigMap: api-key: a secret stands in a file",
    ),
    "a key in JSON among the settings": (
        {"kind": "ConfigMap", "data": {"a.json": '{"hf_token": "abc"}'}},
        "ConfigMap: hf_token: a secret stands in a file",
    ),
    "all rights": (
        {"kind": "ClusterRoleBinding", "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}},
        "ClusterRoleBinding: cluster-admin may do all",
    ),
    "all rights in a namespace": (
        {"kind": "RoleBinding", "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}},
        "RoleBinding: cluster-admin may do all",
    ),
    "all rights by a rule": (
        {"kind": "ClusterRole", "rules": [{"verbs": ["get"]}, {"verbs": ["*"]}]},
        "ClusterRole: a rule of all verbs",
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
        blocks("10.0.0.0/8", "fc00::/7", "192.168.0.1/16"),
        {"kind": "ConfigMap", "data": {"config.yaml": "api-key-file: /run/key\nmax-tokens: 5\n"}},
        {"kind": "ConfigMap"},
        {"kind": "RoleBinding", "roleRef": {"name": "view"}},
        {"kind": "Role", "rules": [{"verbs": ["get"]}]},
        policy(egress=[{"to": [{"namespaceSelector": {"matchLabels": {"a": "b"}}}]}]),
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


@pytest.mark.parametrize(
    ("of_the_pods", "of_the_policy", "held"),
    [
        (None, None, True),
        ("llm", "llm", True),
        ("llm", "other", False),
        ("llm", None, False),
        (None, "other", False),
    ],
)
def test_a_policy_holds_the_pods_of_its_own_namespace(
    of_the_pods: str | None, of_the_policy: str | None, held: bool
) -> None:
    there, holding = deepcopy(GOOD), policy()
    for document, namespace in ((there, of_the_pods), (holding, of_the_policy)):
        if namespace:
            document["metadata"]["namespace"] = namespace
    assert (unguarded([there, holding]) == []) is held
