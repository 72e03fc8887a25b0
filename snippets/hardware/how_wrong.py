"""How far is each estimate from what was seen?"""

# --8<-- [start:imports]
from collections.abc import Iterable
from itertools import product
from math import log
from statistics import mean, median
from typing import NamedTuple

from snippets.data.file_sizes import File
from snippets.data.llamacpp_loads import (
    LlamacppLoad,
)
from snippets.data.machines import Machine
from snippets.data.models import Architecture, Model
from snippets.data.serving import Requests, Serving
from snippets.data.vllm_loads import VllmLoad
from snippets.hardware.concurrency import (
    capacity_per_s,
)
from snippets.hardware.kv_cache import (
    Context,
    kv_cache_bytes,
)
from snippets.hardware.replica import (
    Format,
    Load,
    Replica,
    Setup,
    build_replica,
)
from snippets.hardware.speed import Rates
from snippets.hardware.vllm import Start
from snippets.hardware.weights import weights

# --8<-- [end:imports]


# --8<-- [start:summary]
class Errors(NamedTuple):
    """Predicted over measured, less 1; a summary.

    signed, size: medians, with sign and without
    mean_size: the mean, without
    worst: the largest, with its sign
    """

    cases: int
    signed: float
    size: float
    mean_size: float
    worst: float


def summary(errors: Iterable[float]) -> Errors:
    """Sum errors up.

    Raises ValueError for none.
    """
    known = list(errors)
    if not known:
        raise ValueError("no errors to sum up")
    return Errors(
        len(known),
        median(known),
        median(abs(one) for one in known),
        mean(abs(one) for one in known),
        max(known, key=abs),
    )


STATES = {"linear", "delta", "mamba", "conv"}
WINDOWS = {"sliding", "chunked"}


def layout(built: Architecture) -> str:
    """Say what a model's layers are like.

    The first that it has: a state, a latent,
    blocks or windows; else full attention.
    """
    kinds = {*built.layer_mixers}
    if kinds & STATES or "parallel" in kinds:
        return "hybrid"
    if "latent" in kinds:
        return "latent"
    if kinds & WINDOWS:
        return "windows"
    return "blocks" if "sparse" in kinds else "full"


# --8<-- [end:summary]


# --8<-- [start:llamacpp]
def file_error(built: Model, file: File) -> float:
    """Error of a file's size.

    Where a source does not say if there was an
    importance matrix, the nearer of the two. By
    bits per weight where it has them: they have
    more digits.
    """
    size = (file.size_gib or 0) * 2**30
    size += (file.size_gb or 0) * 1e9
    found = []
    for imatrix in (False, True):
        ours = weights(
            built, file.file_type, imatrix
        )
        found.append(
            ours.bits_per_weight
            / file.bits_per_weight
            if file.bits_per_weight
            else ours.bytes / size
        )
    return min((one - 1 for one in found), key=abs)


def cache_error(
    built: Model, seen: LlamacppLoad
) -> float:
    """Error of keys and values in a log.

    For a latent, values are of the keys' type.
    """
    latent = seen.latent_dim or not seen.value_type
    asked = Context.model_validate(
        {
            "context_tokens": seen.context_tokens,
            "batch_tokens": seen.batch_tokens
            or 2_048,
            "ubatch_tokens": seen.ubatch_tokens
            or 512,
            "key_type": seen.key_type,
            "value_type": seen.key_type
            if latent
            else seen.value_type,
        }
    )
    said = seen.key_mib + seen.value_mib
    ours = kv_cache_bytes(built, asked) / 2**20
    # Logs have two digits after the point.
    if abs(ours - said) < 0.01:
        return 0
    return ours / said - 1


# --8<-- [end:llamacpp]


# --8<-- [start:vllm]
def started(
    seen: VllmLoad, visible_gib: float
) -> Start:
    """Give the settings of a published start.

    visible_gib: of a GPU, where it is not said
    What it does not say is as in vLLM 0.19.
    """
    step = seen.batched_tokens or 8_192
    return Start(
        context_tokens=seen.context_tokens or 8_192,
        tensor_parallel=seen.gpus,
        kv_cache=seen.kv_cache,
        batched_tokens=step,
        sequences=min(
            seen.sequences or 1_024, step
        ),
        weights=seen.weights or "bf16",
        visible_memory_gib=(
            seen.visible_memory_gib or visible_gib
        ),
        gpu_memory_utilization=(
            seen.gpu_memory_utilization or 0.9
        ),
        graphs="outside",
    )


# --8<-- [end:vllm]


# --8<-- [start:serving]
FORMATS = {
    "fp16": Format(bits_per_weight=16),
    "unquantized": Format(bits_per_weight=16),
    "fp8": Format(
        bits_per_weight=8,
        cache_bits=8,
        data_type="fp8",
    ),
    "fp4": Format(
        bits_per_weight=4.5,
        cache_bits=8,
        data_type="fp4",
    ),
    "mxfp4": Format(bits_per_weight=16),
}
IDEAL = Rates(
    memory_efficiency=1,
    compute_efficiency=1,
    layer_overhead_s=0,
)
# What is tried on machines that are not judged.
TRIED = [
    Rates(
        memory_efficiency=memory,
        compute_efficiency=compute,
        layer_overhead_s=overhead,
    )
    for memory, compute, overhead in product(
        (0.4, 0.6, 0.8, 0.95),
        (0.2, 0.3, 0.4, 0.5, 0.6),
        (2e-5, 1e-4),
    )
]


class Row(NamedTuple):
    """A measured row, and its ideal replica."""

    machine: str
    vendor: bool
    experts: bool
    layers: int
    replica: Replica
    load: Load
    tokens_per_s: float


def served(
    one: Serving,
    row: Requests,
    built: Model,
    on: Machine,
) -> Row:
    """Build what a row was measured on.

    Cards without a link of 100 GB/s talk over the
    bus, at 25; gpt-oss keeps its experts' 4.25
    bits, whatever its record says.
    Raises ValueError for other weights, and where
    the model does not fit.
    """
    if one.weights not in FORMATS:
        raise ValueError(
            f"weights {one.weights!r} are not of "
            f"{', '.join(FORMATS)}"
        )
    form = FORMATS[one.weights]
    if built.family == "gpt-oss":
        form = form.model_copy(
            update={
                "bits_per_weight": 16,
                "expert_bits_per_weight": 4.25,
            }
        )
    link = on.interconnect_gb_per_s
    slow = link is None or link < 100
    ideal = build_replica(
        built,
        form,
        on,
        Setup(
            gpus=one.gpus,
            link_gb_per_s=25 if slow else None,
        ),
        IDEAL,
        row.input_tokens + row.output_tokens / 2,
    )
    reserves = one.engine == "TensorRT-LLM"
    return Row(
        machine=on.id,
        vendor=one.sources[0].startswith(
            "tensorrt"
        ),
        experts=built.experts is not None,
        layers=built.layers,
        replica=ideal.model_copy(
            update={
                "max_sequences": 1_024,
                "reserves_output": reserves,
            }
        ),
        load=Load(
            requests_per_s=1,
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            output_variation=0,
        ),
        tokens_per_s=row.output_tokens_per_s,
    )


def ratio(row: Row, rates: Rates) -> float:
    """Predicted over measured, at full load."""
    step = row.replica.step
    memory = rates.memory_efficiency
    compute = rates.compute_efficiency
    overhead = rates.layer_overhead_s * row.layers
    slowed = step.model_copy(
        update={
            "overhead_s": step.overhead_s
            + overhead,
            "weights_s": step.weights_s / memory,
            "experts_s": step.experts_s / memory,
            "context_token_s": step.context_token_s
            / memory,
            "token_s": step.token_s / compute,
            "pair_s": step.pair_s / compute,
        }
    )
    replica = row.replica.model_copy(
        update={"step": slowed}
    )
    most = capacity_per_s(replica, row.load)
    wrote = most * row.load.output_tokens
    return wrote / row.tokens_per_s


def held_out(
    rows: list[Row],
) -> list[tuple[Row, float]]:
    """Errors of all rows, a machine left out each.

    The rates with the least mean |log ratio| for
    the vendor's rows on other machines judge all
    rows of the one left out.
    Raises ValueError where none are left to fit.
    """
    tried = [
        [ratio(row, rates) for row in rows]
        for rates in TRIED
    ]
    found = []
    for name in sorted(
        {row.machine for row in rows}
    ):
        fitted = [
            at
            for at, row in enumerate(rows)
            if row.vendor and row.machine != name
        ]
        if not fitted:
            raise ValueError(
                f"no vendor's row but of {name}: "
                "none is left to fit"
            )
        sizes = [
            mean(
                abs(log(some[at])) for at in fitted
            )
            for some in tried
        ]
        best = tried[sizes.index(min(sizes))]
        found += [
            (row, best[at] - 1)
            for at, row in enumerate(rows)
            if row.machine == name
        ]
    return found


# --8<-- [end:serving]
