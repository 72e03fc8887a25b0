"""Which Kubernetes manifest do we let pass?"""

# --8<-- [start:imports]
import re
from collections.abc import (
    Iterator,
    Mapping,
    Sequence,
)
from ipaddress import (
    IPv4Network,
    IPv6Network,
    collapse_addresses,
    ip_network,
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
    if _is_list(document):
        return [
            said
            for each in document["items"]
            for said in complaints(each)
        ]
    found = [*_around(kind, document)]
    for pod in pods(document):
        spec = pod["spec"]
        found += _pod(spec)
        shared = spec.get("securityContext") or {}
        for container in spec["containers"]:
            found += _named(container, shared)
            if kind in STAYS:
                found += _probes(container)
        for container in (
            spec.get("initContainers") or []
        ):
            found += _named(container, shared)
    return found


def _is_list(document: Json) -> bool:
    return str(document.get("kind")).endswith(
        "List"
    ) and isinstance(document.get("items"), list)


def _probes(container: Json) -> Iterator[str]:
    name = container.get("name")
    if "readinessProbe" not in container:
        yield f"{name}: readinessProbe is missing"
    if (
        "livenessProbe" in container
        and "startupProbe" not in container
    ):
        yield (
            f"{name}: startupProbe is missing; "
            "liveness ends it while it reads its "
            "weights"
        )


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
        shown = volume.get("projected") or {}
        if any(
            "serviceAccountToken" in source
            for source in shown.get("sources") or []
        ):
            yield (
                f"volumes: {volume.get('name')} "
                "holds a key of the cluster"
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
    armor = both.get("appArmorProfile") or {}
    if armor.get("type") == "Unconfined":
        yield (
            "appArmorProfile: Unconfined is "
            "no filter"
        )
    if own.get("procMount", "Default") != "Default":
        yield (
            f"procMount: {own['procMount']} shows "
            "the kernel's files"
        )


NOTHING = re.compile(r"0*\.?0*[A-Za-z]*")


def _resources(container: Json) -> Iterator[str]:
    resources = container.get("resources") or {}
    for side, name, why in (
        ("limits", "memory", "is no limit"),
        ("requests", "cpu", "is none"),
    ):
        given = resources.get(side) or {}
        value = str(given.get(name))
        if name not in given:
            yield (
                f"resources.{side}: {name} "
                "is missing"
            )
        elif NOTHING.fullmatch(value):
            yield (
                f"resources.{side}: {name} of "
                f"{value} {why}"
            )
    for port in container.get("ports") or []:
        if "hostPort" in port:
            yield f"hostPort: {port['hostPort']}"


def _secrets(container: Json) -> Iterator[str]:
    for variable in container.get("env") or []:
        name = str(variable.get("name"))
        of = variable.get("valueFrom") or {}
        if "secretKeyRef" in of:
            # By whatever name.
            yield (
                f"{name}: a secret in the "
                "environment; mount it as a file"
            )
            continue
        yield from policy.in_environment(name)
    for source in container.get("envFrom") or []:
        if "secretRef" in source:
            yield (
                "envFrom: a Secret in the "
                "environment; mount it as files"
            )
    for key in ("command", "args"):
        # A shell has its words in one.
        yield from policy.on_command_line(
            part
            for word in container.get(key) or []
            for part in str(word).split()
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
    if kind == "ConfigMap":
        yield from _settings(document)
    if kind.endswith("RoleBinding"):
        role = document.get("roleRef") or {}
        if role.get("name") == "cluster-admin":
            yield (
                f"{kind}: cluster-admin may do all"
            )
    if kind in {"Role", "ClusterRole"} and any(
        "*" in (rule.get("verbs") or [])
        for rule in document.get("rules") or []
    ):
        yield f"{kind}: a rule of all verbs"
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


NAMED = re.compile(
    r"""(?m)(?:^|[{,])\s*["']?([\w-]+)["']?\s*[:=]"""
)


def _settings(document: Json) -> Iterator[str]:
    for key, text in (
        document.get("data") or {}
    ).items():
        for name in (
            key,
            *NAMED.findall(str(text)),
        ):
            # max_tokens is a number of them.
            counts = name.lower().endswith("tokens")
            if not counts and policy.in_environment(
                name.replace("-", "_")
            ):
                yield (
                    f"ConfigMap: {name}: a secret "
                    "stands in a file"
                )


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
                if (
                    peer.get("namespaceSelector")
                    == {}
                ):
                    yield (
                        f"NetworkPolicy: {way} of "
                        "all namespaces is anyone"
                    )
            yield from (
                f"NetworkPolicy: {way} of {said}"
                for said in _wide(peers)
            )


def _wide(peers: Sequence[Json]) -> Iterator[str]:
    """Put blocks together: two halves are a whole.

    10.0.0.0/8 and fc00::/7 are private, and pass.
    """
    old: list[IPv4Network] = []
    new: list[IPv6Network] = []
    for peer in peers:
        block = peer.get("ipBlock") or {}
        if "cidr" not in block:
            continue
        try:
            network = ip_network(
                str(block["cidr"]), strict=False
            )
        except ValueError:
            yield f"{block['cidr']} is no network"
            continue
        if isinstance(network, IPv4Network):
            old.append(network)
        else:
            new.append(network)
    for whole in collapse_addresses(old):
        if whole.prefixlen < 8:
            yield f"{whole} is anyone"
    for other in collapse_addresses(new):
        if other.prefixlen < 7:
            yield f"{other} is anyone"


# --8<-- [end:around]


# --8<-- [start:unguarded]
def unguarded(
    documents: Sequence[Json],
) -> list[str]:
    """Name workloads that no NetworkPolicy holds.

    One of their namespace has to select their pods,
    by `matchLabels`, and to name both directions.
    """
    found = []
    flat = [*_flat(documents)]
    for document in flat:
        for pod in pods(document):
            labels = (
                pod.get("metadata") or {}
            ).get("labels") or {}
            if not any(
                _holds(other, labels)
                and _namespace(other)
                == _namespace(document)
                for other in flat
            ):
                kind = document["kind"]
                name = document["metadata"]["name"]
                found.append(
                    f"{kind} {name}: its pods are "
                    "held by no NetworkPolicy"
                )
    return found


def _flat(
    documents: Sequence[Json],
) -> Iterator[Json]:
    for document in documents:
        if _is_list(document):
            yield from _flat(document["items"])
        else:
            yield document


def _namespace(document: Json) -> Any:
    return (document.get("metadata") or {}).get(
        "namespace"
    )


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
