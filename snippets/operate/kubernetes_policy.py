"""Which Kubernetes manifest do we let pass?"""

# --8<-- [start:imports]
from collections.abc import (
    Iterator,
    Mapping,
    Sequence,
)
from typing import Any

from snippets.operate import policy

Json = Mapping[str, Any]
# --8<-- [end:imports]


# --8<-- [start:pods]
def pods(document: Json) -> Iterator[Json]:
    """Find the pod templates in a manifest.

    Whatever has a spec with containers is one: in a
    Deployment, a CronJob, and in a RayService,
    which has several.
    """
    spec = document.get("spec")
    if isinstance(spec, Mapping) and isinstance(
        spec.get("containers"), Sequence
    ):
        yield document
    for key, value in document.items():
        within = (
            value
            if isinstance(value, list)
            else [value]
        )
        for each in within:
            if isinstance(
                each, Mapping
            ) and key not in {
                "status",
                "metadata",
            }:
                yield from pods(each)


# --8<-- [end:pods]

# --8<-- [start:policy]
HOST = ("hostNetwork", "hostPID", "hostIPC")
STAYS = {"Deployment", "StatefulSet", "DaemonSet"}


def complaints(document: Json) -> list[str]:
    """List what a manifest may not do."""
    kind = str(document.get("kind"))
    found = [*_around(kind, document)]
    for pod in pods(document):
        spec = pod["spec"]
        found += _pod(spec)
        shared = spec.get("securityContext") or {}
        for container in spec["containers"]:
            found += _named(container, shared)
            if (
                kind in STAYS
                and "readinessProbe"
                not in container
            ):
                found.append(
                    f"{container.get('name')}: "
                    "readinessProbe is missing"
                )
        for container in (
            spec.get("initContainers") or []
        ):
            found += _named(container, shared)
    return found


def _pod(spec: Json) -> Iterator[str]:
    for key in HOST:
        if spec.get(key):
            yield f"{key}: the node is not isolated"
    if (
        spec.get("automountServiceAccountToken")
        is not False
    ):
        yield (
            "automountServiceAccountToken: false "
            "is missing; the pod would hold a key "
            "of the cluster"
        )
    for volume in spec.get("volumes") or []:
        if "hostPath" in volume:
            yield (
                f"volumes: {volume.get('name')} is "
                "a folder of the node"
            )


# --8<-- [end:policy]


# --8<-- [start:container]
NEEDED = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
}
PROFILES = {"RuntimeDefault", "Localhost"}


def _named(
    container: Json, shared: Json
) -> list[str]:
    name = container.get("name")
    return [
        f"{name}: {said}"
        for said in (
            *policy.image(container.get("image")),
            *_context(container, shared),
            *_resources(container),
            *_secrets(container),
        )
    ]


def _context(
    container: Json, shared: Json
) -> Iterator[str]:
    own = container.get("securityContext") or {}
    both = {**shared, **own}
    for key, value in NEEDED.items():
        of = both if key == "runAsNonRoot" else own
        if of.get(key) is not value:
            needed = str(value).lower()
            yield f"{key}: {needed} is missing"
    if both.get("runAsUser") == 0:
        yield "runAsUser: 0 is root"
    if own.get("privileged"):
        yield "privileged: a container that is none"
    rights = own.get("capabilities") or {}
    if "ALL" not in (rights.get("drop") or []):
        yield "capabilities: drop ALL is missing"
    for name in rights.get("add") or []:
        if name != "NET_BIND_SERVICE":
            yield f"capabilities: {name} is added"
    profile = both.get("seccompProfile") or {}
    if profile.get("type") not in PROFILES:
        yield "seccompProfile: none, or no filter"


def _resources(container: Json) -> Iterator[str]:
    resources = container.get("resources") or {}
    if "memory" not in (
        resources.get("limits") or {}
    ):
        yield "resources.limits: memory is missing"
    if "cpu" not in (
        resources.get("requests") or {}
    ):
        yield "resources.requests: cpu is missing"
    for port in container.get("ports") or []:
        if "hostPort" in port:
            yield f"hostPort: {port['hostPort']}"


def _secrets(container: Json) -> Iterator[str]:
    for variable in container.get("env") or []:
        name = str(variable.get("name"))
        yield from policy.in_environment(name)
    for source in container.get("envFrom") or []:
        if "secretRef" in source:
            yield (
                "envFrom: a Secret in the "
                "environment; mount it as files"
            )
    for key in ("command", "args"):
        yield from policy.on_command_line(
            container.get(key) or []
        )


# --8<-- [end:container]


# --8<-- [start:around]
def _around(
    kind: str, document: Json
) -> Iterator[str]:
    spec = document.get("spec") or {}
    if kind == "Secret" and (
        document.get("data")
        or document.get("stringData")
    ):
        yield "Secret: its value stands in a file"
    if kind == "Service":
        if spec.get("type", "ClusterIP") not in {
            "ClusterIP",
            "ExternalName",
        }:
            yield f"Service: {spec['type']} is open"
        if spec.get("externalIPs"):
            yield "Service: externalIPs are open"
    if kind == "Ingress" and not spec.get("tls"):
        yield "Ingress: tls is missing"
    if kind == "NetworkPolicy":
        yield from _anyone(spec)


def _anyone(spec: Json) -> Iterator[str]:
    for way, side in (
        ("ingress", "from"),
        ("egress", "to"),
    ):
        for rule in spec.get(way) or []:
            peers = rule.get(side) or []
            if not peers:
                yield (
                    f"NetworkPolicy: {way} without "
                    f"`{side}` is open to anyone"
                )
            for peer in peers:
                block = peer.get("ipBlock") or {}
                if str(block.get("cidr")).endswith(
                    "/0"
                ):
                    yield (
                        f"NetworkPolicy: {way} of "
                        f"{block['cidr']} is anyone"
                    )


# --8<-- [end:around]


# --8<-- [start:unguarded]
def unguarded(
    documents: Sequence[Json],
) -> list[str]:
    """Name workloads that no NetworkPolicy holds.

    One has to select their pods, by `matchLabels`,
    and to name both directions.
    """
    found = []
    for document in documents:
        for pod in pods(document):
            labels = (
                pod.get("metadata") or {}
            ).get("labels") or {}
            if not any(
                _holds(other, labels)
                for other in documents
            ):
                kind = document["kind"]
                name = document["metadata"]["name"]
                found.append(
                    f"{kind} {name}: its pods are "
                    "held by no NetworkPolicy"
                )
    return found


def _holds(document: Json, labels: Json) -> bool:
    if document.get("kind") != "NetworkPolicy":
        return False
    spec = document["spec"]
    selector = spec.get("podSelector") or {}
    wanted = selector.get("matchLabels") or {}
    ways = set(spec.get("policyTypes") or [])
    return (
        wanted.items() <= labels.items()
        and not selector.get("matchExpressions")
        and {"Ingress", "Egress"} <= ways
    )


# --8<-- [end:unguarded]
