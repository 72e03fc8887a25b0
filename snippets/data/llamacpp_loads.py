"""What did others see llama.cpp allocate?"""

# --8<-- [start:imports]
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
)

import snippets.data
from snippets.data.layers import Count, Size
from snippets.data.records import (
    Id,
    Record,
    Text,
    find,
    read_entries,
)

# --8<-- [end:imports]

# --8<-- [start:models]
Mib = Annotated[float, Field(ge=0, le=1e7)]


class Buffer(BaseModel):
    """One buffer of a log, by where it lies."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
    )

    place: Text
    mib: Mib


class LlamacppLoad(Record):
    """A log of llama.cpp, or of a fork, loading.

    The shape is of the layers that keep keys.
    """

    named: Text = Field(
        description="as the log names the model"
    )
    model: Id | None = Field(
        default=None,
        description="of the data, if layers agree",
    )
    engine: Literal["llama.cpp", "ik_llama.cpp"]
    engine_version: Text | None = None
    file_type: Text
    file_gib: float = Field(gt=0, le=1e5)
    bits_per_weight: float = Field(gt=0, le=64)
    layers: Size
    kv_heads: Size
    key_head_dim: Size
    value_head_dim: Size
    latent_dim: Count = Field(
        default=0,
        description=(
            "rank and rotated part; 0: none"
        ),
    )
    latent_cached: bool = Field(
        default=False,
        description="the latent, not its heads",
    )
    context_tokens: int = Field(ge=1, le=10**8)
    batch_tokens: int | None = Field(
        default=None, ge=1, le=10**6
    )
    ubatch_tokens: int | None = Field(
        default=None, ge=1, le=10**6
    )
    flash_attention: bool | None = Field(
        default=None,
        description="None: the log does not say",
    )
    key_type: Text
    value_type: Text | None = Field(
        default=None,
        description="None: no values were kept",
    )
    devices: tuple[Text, ...] = ()
    key_mib: Mib
    value_mib: Mib
    model_buffers: tuple[Buffer, ...] = ()
    compute_buffers: tuple[Buffer, ...] = ()
    note: str = ""

    @property
    def name(self) -> str:
        """What a footnote calls it."""
        version = self.engine_version or ""
        engine = f"{self.engine} {version}".strip()
        tokens = f"{self.context_tokens} tokens"
        return (
            f"{self.named}, {self.file_type}, "
            f"{tokens}, {engine}"
        )


# --8<-- [end:models]


# --8<-- [start:read]
@cache
def read_llamacpp_loads() -> dict[
    str, LlamacppLoad
]:
    """Every log of data/llamacpp_loads, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(
        data / "llamacpp_loads", LlamacppLoad
    )


def llamacpp_load(name: str) -> LlamacppLoad:
    """Look a log up by its id.

    Raises UnknownNameError with the nearest ids.
    """
    return find(read_llamacpp_loads(), name, "log")


# --8<-- [end:read]
