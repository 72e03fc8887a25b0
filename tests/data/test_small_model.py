import json

import numpy as np
import pytest
from pydantic import ValidationError

from snippets.data.small_model import LlamaConfig, read_small_model, read_text, small_model_file, widen

SHAPES = {
    "vocab_size": 2_048,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
}


def test_the_shapes_are_those_of_the_card() -> None:
    config = read_small_model().config.model_dump()
    assert {name: config[name] for name in SHAPES} == SHAPES
    assert json.loads(read_text("training.json"))["parameters"] == 2_885_888


def test_every_weight_is_there_once_and_finite() -> None:
    model = read_small_model()
    assert len(model.weights) == 2 + 9 * model.config.num_hidden_layers
    assert sum(weight.size for weight in model.weights.values()) == 2_885_888
    for name, weight in model.weights.items():
        assert weight.dtype == np.float32
        assert np.isfinite(weight).all(), name
    assert model.weights["model.layers.3.mlp.down_proj.weight"].shape == (256, 512)
    assert model.weights["model.layers.0.self_attn.k_proj.weight"].shape == (128, 256)


def test_weights_are_bf16_made_wide() -> None:
    for weight in read_small_model().weights.values():
        assert not (weight.view(np.uint32) & 0xFFFF).any()


def test_bf16_is_the_upper_half_of_float32() -> None:
    assert widen(bytes([0x80, 0x3F, 0x00, 0xC0, 0x01, 0x00])).tolist() == [1.0, -2.0, 2.0**-133]


def test_model_and_tokenizer_together_stay_below_6_mb() -> None:
    files = ("model.safetensors", "tokenizer.json", "config.json")
    assert sum(small_model_file(name).stat().st_size for name in files) < 6_000_000


def test_no_chapter_is_in_both_splits() -> None:
    held_back = read_text("held_back.txt").splitlines()
    calibration = read_text("calibration.txt").splitlines()
    assert (len(held_back), len(calibration)) == (59, 40)
    assert not set(held_back) & set(calibration)


@pytest.mark.parametrize("field", [*SHAPES, "rms_norm_eps", "rope_theta"])
def test_a_shape_of_nothing_is_refused(field: str) -> None:
    config = json.loads(read_text("config.json")) | {field: 0}
    with pytest.raises(ValidationError, match=field):
        LlamaConfig.model_validate(config)


def test_a_file_that_the_model_does_not_have_is_not_found() -> None:
    with pytest.raises(FileNotFoundError, match=r"pytorch_model\.bin"):
        read_text("pytorch_model.bin")
