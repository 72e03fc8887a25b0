"""What is in the small model of the guide?"""

# --8<-- [start:config]
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import (
    BaseModel,
    ConfigDict,
    PositiveFloat,
    PositiveInt,
)

import snippets.data

Floats = NDArray[np.float32]


class LlamaConfig(BaseModel):
    """What config.json says of a Llama's shapes."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        allow_inf_nan=False,
    )

    vocab_size: PositiveInt
    hidden_size: PositiveInt
    intermediate_size: PositiveInt
    num_hidden_layers: PositiveInt
    num_attention_heads: PositiveInt
    num_key_value_heads: PositiveInt
    head_dim: PositiveInt
    max_position_embeddings: PositiveInt
    rms_norm_eps: PositiveFloat
    rope_theta: PositiveFloat
    bos_token_id: int
    eos_token_id: int


class SmallModel(NamedTuple):
    """The shapes, and the weights by name."""

    config: LlamaConfig
    weights: Mapping[str, Floats]


# --8<-- [end:config]


# --8<-- [start:read]
def small_model_file(name: str) -> Path:
    """Find one of the model's files."""
    data = Path(*snippets.data.__path__)
    return data / "small_model" / name


def read_text(name: str) -> str:
    """Read held_back.txt or calibration.txt."""
    path = small_model_file(name)
    return path.read_text(encoding="utf-8")


def widen(bits: bytes) -> Floats:
    """Make float32 of BF16: its upper two bytes."""
    upper = np.frombuffer(bits, "<u2")
    wide = upper.astype(np.uint32) << 16
    return wide.view(np.float32)


@cache
def read_small_model() -> SmallModel:
    """Read shapes and weights, as float32."""
    config = LlamaConfig.model_validate_json(
        read_text("config.json")
    )
    data = small_model_file(
        "model.safetensors"
    ).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__")
    weights = {}
    for name, entry in header.items():
        first, last = entry["data_offsets"]
        bits = data[start + first : start + last]
        weights[name] = widen(bits).reshape(
            entry["shape"]
        )
    return SmallModel(config, weights)


# --8<-- [end:read]
