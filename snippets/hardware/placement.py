"""Which device holds what?"""

# --8<-- [start:imports]
from itertools import accumulate
from typing import NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

from snippets.data.machines import Machine
from snippets.data.models import Architecture
from snippets.hardware.kv_cache import (
    Context,
    kv_cache,
)
from snippets.hardware.state import state
from snippets.hardware.weights import Weights

# --8<-- [end:imports]

# --8<-- [start:devices]
GIB = 2**30
RUNTIME_GIB = 0.55  # the most that was published


class Device(BaseModel):
    """Memory that one GPU, or chip, can use."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    name: str = Field(min_length=1)
    visible_gib: float = Field(gt=0, le=20_000)
    runtime_gib: float = Field(
        default=RUNTIME_GIB,
        ge=0,
        le=10,
        description="what its driver takes",
    )
    unified: bool = Field(
        default=False,
        description="the processor's memory, too",
    )

    @property
    def visible_bytes(self) -> int:
        """What is visible, in bytes."""
        return round(self.visible_gib * GIB)

    @property
    def runtime_bytes(self) -> int:
        """What the driver takes, in bytes."""
        return round(self.runtime_gib * GIB)


def device(
    machine: Machine,
    labeled_gb: float | None = None,
) -> Device:
    """Take a machine's memory, as software sees it.

    labeled_gb: the size sold; the largest if None
    Where nobody has read what is visible, the
    label counts as GB of 10^9 bytes, which is less
    than any reading of a card so far.
    Raises ValueError for a size that is not sold,
    and for a processor, whose memory is yours.
    """
    sold = machine.memory_gb
    if not sold:
        raise ValueError(
            f"{machine.name} has no memory of its "
            "own; make a Device"
        )
    size = (
        sold[-1]
        if labeled_gb is None
        else labeled_gb
    )
    if size not in sold:
        raise ValueError(
            f"labeled_gb is {size:g}; "
            f"{machine.name} is sold with {sold}"
        )
    visible = size * 1e9 / GIB
    if machine.visible_memory_gib:
        at = sold.index(size)
        visible = machine.visible_memory_gib[at]
    own = machine.kind in {"unified", "embedded"}
    return Device(
        name=machine.name,
        visible_gib=visible,
        runtime_gib=0 if own else RUNTIME_GIB,
        unified=own,
    )


# --8<-- [end:devices]


# --8<-- [start:offload]
class Offload(BaseModel):
    """What stays with the processor.

    Raises ValueError for unequal shares that are
    all nothing.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    gpu_layers: int | None = Field(
        default=None,
        ge=0,
        le=1_000,
        description="-ngl: the last; None: all",
    )
    cpu_expert_layers: int = Field(
        default=0,
        ge=0,
        le=1_000,
        description="-ncmoe: of the first layers",
    )
    shares: tuple[float, ...] = Field(
        default=(),
        description="-ts; empty: by visible size",
    )

    @model_validator(mode="after")
    def _shares_something(self) -> Self:
        if any(share < 0 for share in self.shares):
            raise ValueError("a share is below 0")
        if self.shares and not any(self.shares):
            raise ValueError("all shares are 0")
        return self


HOST = -1


def device_of_layer(
    built: Architecture,
    devices: tuple[Device, ...],
    offload: Offload,
) -> list[int]:
    """Give each layer its device, and the output.

    Layers are dealt in order, each device's part
    by its memory or share; the output matrix counts
    as one more layer. -1 is the processor.
    Source: llama.cpp, src/llama-model.cpp,
    load_tensors, commit 0c1e57098bba.
    """
    units = built.layers + 1
    on_gpu = units
    if offload.gpu_layers is not None:
        on_gpu = min(offload.gpu_layers, units)
    if not devices:
        on_gpu = 0
    shares = offload.shares or tuple(
        each.visible_gib for each in devices
    )
    if len(shares) != len(devices):
        raise ValueError(
            f"{len(shares)} shares for "
            f"{len(devices)} devices"
        )
    ends = [
        end / sum(shares)
        for end in accumulate(shares)
    ]
    first = units - on_gpu
    found = [HOST] * first
    for unit in range(on_gpu):
        part = unit / on_gpu
        found.append(
            next(
                at
                for at, end in enumerate(ends)
                if part < end
            )
        )
    return found


# --8<-- [end:offload]


# --8<-- [start:parts]
class Part(NamedTuple):
    """What a device holds of a model, in bytes."""

    weights: int = 0
    kv_cache: int = 0
    state: int = 0

    @property
    def bytes(self) -> int:
        """All of it."""
        return sum(self)


def place(
    built: Architecture,
    file: Weights,
    context: Context,
    devices: tuple[Device, ...] = (),
    offload: Offload | None = None,
) -> dict[int, Part]:
    """Say what each holds; -1: the processor.

    The input embedding stays with the processor; a
    tied one is copied to where the output is,
    unless memory is unified. A layer's cache and
    state are where it is, its experts where you
    leave them.
    """
    offload = offload or Offload()
    homes = device_of_layer(built, devices, offload)
    found = {
        at: [0, 0, 0]
        for at in (HOST, *range(len(devices)))
    }
    for part, size in file.by_part.items():
        index, group = part
        # What is in no layer is with the output.
        home = homes[index]
        kept = index < offload.cpu_expert_layers
        if group == "experts" and kept:
            home = HOST
        if group in {"embedding", "layer table"}:
            copied = (
                built.tied_embeddings
                and group == "embedding"
                and home != HOST
                and not devices[home].unified
            )
            found[home][0] += size * copied
            home = HOST
        found[home][0] += size
    for cached in kv_cache(built, context):
        found[homes[cached.layer]][1] += (
            cached.bytes
        )
    for held in state(built):
        size = held.bytes * context.sequences
        found[homes[held.layer]][2] += size
    return {
        at: Part(*sizes)
        for at, sizes in found.items()
    }


# --8<-- [end:parts]
