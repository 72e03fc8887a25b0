"""What did vLLM say of its memory at the start?"""

# --8<-- [start:imports]
from functools import cache
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    model_validator,
)

import snippets.data
from snippets.data.records import (
    Id,
    Record,
    Text,
    find,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Gib = Annotated[float, Field(gt=0, le=1_000)]
Tokens = Annotated[int, Field(ge=1, le=10**8)]
Times = Annotated[float, Field(gt=0, le=1e6)]


class Prediction(BaseModel):
    """What llm-d-planner expected of the run."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    weights_gib: Gib
    kv_cache_gib: Gib
    concurrency: Times


class VllmLoad(Record):
    """One start of vLLM; memory is of each GPU."""

    model: Id | None = Field(
        default=None,
        description="None: no record of it here",
    )
    checkpoint: Text
    machine: Id | None = None
    gpus: int = Field(
        ge=1,
        le=1_000,
        description="tensor parallel",
    )
    weights: Text | None = Field(
        default=None,
        description="a format of checkpoint.py",
    )
    kv_cache: Literal["16-bit", "fp8"] = "16-bit"
    sees: bool = Field(
        default=False,
        description="a vision tower is loaded too",
    )
    engine_version: Text | None = None
    gpu_memory_utilization: float | None = Field(
        default=None, gt=0, le=1
    )
    context_tokens: Tokens | None = None
    batched_tokens: Tokens | None = None
    sequences: Tokens | None = None
    starts: bool = Field(
        default=True,
        description="False: vLLM refused",
    )
    visible_memory_gib: Gib | None = None
    weights_gib: Gib | None = None
    activation_gib: Gib | None = None
    non_torch_gib: Gib | None = None
    graphs_gib: Gib | None = None
    kv_cache_gib: Gib | None = None
    blocks: Tokens | None = None
    tokens: Tokens | None = None
    concurrency: Times | None = None
    planner: Prediction | None = None
    note: str = ""

    @property
    def name(self) -> str:
        """What a footnote calls it."""
        version = self.engine_version or ""
        engine = f"vLLM {version}".strip()
        return (
            f"{self.checkpoint} on {self.gpus} "
            f"{self.machine or 'GPUs'}, {engine}"
        )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        said = (
            self.weights_gib,
            self.kv_cache_gib,
            self.tokens,
        )
        if self.starts and not any(said):
            raise ValueError("nothing is measured")
        return self


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_vllm_loads() -> dict[str, VllmLoad]:
    """Every record of data/vllm_loads, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(
        data / "vllm_loads", VllmLoad
    )


def vllm_load(name: str) -> VllmLoad:
    """Look a start up by its id.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_vllm_loads(), name, "load")


# --8<-- [end:read]
