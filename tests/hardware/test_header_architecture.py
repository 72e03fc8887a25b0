"""A GGUF header gives back the architecture of which it was written, for every family of the data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from snippets.data.models import Architecture, model
from snippets.data.parameters import parameters
from snippets.hardware.header import Header, Stored, read_header
from snippets.hardware.header_architecture import architecture_from_header
from snippets.hardware.tensors import gguf_tensors
from tests.hardware import sparse
from tests.hardware.test_config import comparable
from tests.hardware.test_header import KNOWN

# The file pads the table to the vocabulary, so how many rows it had is not in it.
PADDED = {"gemma-3n-e4b", "gemma-3n-e2b"}


@cache
def header(name: str) -> Header:
    """The header of a model's file."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        sparse.write(model(name), path, "Q4_K_M")
        with path.open("rb") as opened:
            return read_header(opened)


@pytest.mark.parametrize("name", KNOWN)
def test_a_header_gives_back_the_architecture_field_for_field(name: str) -> None:
    found = comparable(architecture_from_header(header(name)))
    expected = comparable(model(name))
    if name in PADDED:
        part = model(name).per_layer
        assert part
        expected["per_layer"] = part.model_copy(update={"vocabulary": model(name).vocabulary})
    assert found == expected


@pytest.mark.parametrize("name", sorted(set(KNOWN) - PADDED))
def test_the_family_of_a_header_has_the_same_tensors_and_parameters(name: str) -> None:
    found = architecture_from_header(header(name))
    assert gguf_tensors(found) == gguf_tensors(model(name))
    assert parameters(found) == parameters(model(name))


def test_nearly_every_model_of_the_data_is_written_and_read() -> None:
    assert len(KNOWN) >= 58


@dataclass(frozen=True)
class Case:
    """A header to change."""

    header: Header

    def read(self, **entries: Any) -> Architecture:
        """The architecture with entries of the metadata changed; None takes one out."""
        name = self.header.entries["general.architecture"]
        changed = dict(self.header.entries)
        for key, value in entries.items():
            full = f"{name}.{key.replace('__', '.')}"
            changed.pop(full, None)
            if value is not None:
                changed[full] = value
        return architecture_from_header(self.header._replace(entries=changed))


@pytest.fixture
def gemma2() -> Case:
    return Case(header("gemma-2-9b"))


@pytest.fixture
def llama() -> Case:
    return Case(header("llama-3.2-1b"))


def test_an_unknown_architecture_is_refused_by_name(llama: Case) -> None:
    entries = llama.header.entries | {"general.architecture": "rwkv7"}
    with pytest.raises(ValueError, match="architecture 'rwkv7' is not of llama, llama4, "):
        architecture_from_header(llama.header._replace(entries=entries))


@pytest.mark.parametrize(
    "key", ["block_count", "attention__head_count", "context_length", "embedding_length"]
)
def test_what_is_missing_is_said_by_its_key(llama: Case, key: str) -> None:
    with pytest.raises(ValueError, match=f"llama.{key.replace('__', '.')} is None, not a whole number"):
        llama.read(**{key: None})


@pytest.mark.parametrize("value", ["16", 16.0, True])
def test_what_is_no_number_is_refused(llama: Case, value: object) -> None:
    with pytest.raises(ValueError, match=r"llama.block_count is .*, not a whole number"):
        llama.read(block_count=value)


@pytest.mark.parametrize("value", [0, 1000])
def test_no_layers_and_too_many_are_refused(llama: Case, value: int) -> None:
    with pytest.raises(ValueError, match=f"llama.block_count is {value}, not 1 to 999"):
        llama.read(block_count=value)


def test_a_file_without_an_embedding_is_refused(llama: Case) -> None:
    rest = tuple(one for one in llama.header.tensors if one.name != "token_embd.weight")
    with pytest.raises(ValueError, match=r"token_embd\.weight is missing"):
        architecture_from_header(llama.header._replace(tensors=rest))


@pytest.mark.parametrize("name", ["blk.weight", "blk.x.weight"])
def test_a_layer_without_a_number_is_refused(llama: Case, name: str) -> None:
    more = (*llama.header.tensors, Stored(name, (1,), "F32", 0))
    with pytest.raises(ValueError, match=name):
        architecture_from_header(llama.header._replace(tensors=more))


def test_heads_without_a_length_share_the_width(llama: Case) -> None:
    built = llama.read(attention__key_length=None, attention__value_length=None)
    assert built.attention
    assert (built.attention.key_head_dim, built.attention.value_head_dim) == (64, 64)


def test_heads_without_a_number_of_keys_have_their_own(llama: Case) -> None:
    tensors = tuple(
        one._replace(shape=(2048, 2048)) if ".attn_k." in one.name or ".attn_v." in one.name else one
        for one in llama.header.tensors
    )
    built = Case(llama.header._replace(tensors=tensors)).read(attention__head_count_kv=None)
    assert built.attention
    assert built.attention.kv_heads == 32


def test_a_llama_without_factors_of_rotation_is_another_family(llama: Case) -> None:
    rest = tuple(one for one in llama.header.tensors if one.name != "rope_freqs.weight")
    assert architecture_from_header(llama.header._replace(tensors=rest)).family == "Mistral"


def test_layers_that_predict_further_tokens_are_left_out(llama: Case) -> None:
    assert llama.read(nextn_predict_layers=1).layers == 15


@pytest.mark.parametrize(
    "name", ["gemma-2-9b", "gemma-3-4b", "gemma-3n-e4b", "gpt-oss-20b", "llama-4-scout", "command-a-03-2025"]
)
def test_the_engine_knows_which_layers_slide_where_the_file_does_not_say(name: str) -> None:
    built = Case(header(name)).read(attention__sliding_window_pattern=None)
    assert built.layer_mixers == model(name).layer_mixers


def test_a_pattern_may_be_a_number(gemma2: Case) -> None:
    built = gemma2.read(attention__sliding_window_pattern=3)
    assert built.layer_mixers == ("sliding", "sliding", "full") * 14


@pytest.mark.parametrize(("name", "window"), [("gemma-2-9b", 4096), ("llama-4-scout", 8192)])
def test_the_engine_knows_the_window_where_the_file_does_not_say(name: str, window: int) -> None:
    assert Case(header(name)).read(attention__sliding_window=None).window_tokens == window


def test_a_window_of_zero_is_none() -> None:
    built = Case(header("gemma-3-4b")).read(attention__sliding_window=0)
    assert set(built.layer_mixers) == {"full"}
    assert built.window_tokens is None


def test_the_engine_lets_llama_and_phi_look_back_all_the_way(llama: Case) -> None:
    assert set(llama.read(attention__sliding_window=4096).layer_mixers) == {"full"}
    assert set(Case(header("phi-4")).read(attention__sliding_window=2047).layer_mixers) == {"full"}


def test_gate_and_up_of_experts_may_be_one_tensor() -> None:
    whole = header("gemma-4-26b-a4b")
    tensors = []
    for one in whole.tensors:
        if one.name.endswith("ffn_gate_exps.weight"):
            row, size, count = one.shape
            name = one.name.replace("gate", "gate_up")
            tensors.append(one._replace(name=name, shape=(row, 2 * size, count)))
        elif not one.name.endswith("ffn_up_exps.weight"):
            tensors.append(one)
    joined = architecture_from_header(whole._replace(tensors=tuple(tensors)))
    assert joined.experts == model("gemma-4-26b-a4b").experts


@pytest.mark.parametrize(
    "key", ["attention__head_count_kv", "attention__key_length", "attention__head_count"]
)
def test_metadata_that_disagree_with_tensors_are_refused(llama: Case, key: str) -> None:
    with pytest.raises(
        ValueError, match=r"attn_[qkv]\.weight is \(2048, \d+\), and by the metadata \(2048, \d+\)"
    ):
        llama.read(**{key: 4})


def test_a_width_that_disagrees_with_tensors_is_refused(llama: Case) -> None:
    with pytest.raises(
        ValueError, match=r"attn_q\.weight is \(2048, 2048\), and by the metadata \(4096, 2048\)"
    ):
        llama.read(embedding_length=4096)


@pytest.mark.parametrize("count", [None, 0])
def test_a_shared_expert_that_is_not_counted_is_one(count: int | None) -> None:
    built = Case(header("qwen3-next-80b-a3b")).read(expert_shared_count=count)
    assert built.experts == model("qwen3-next-80b-a3b").experts


def test_streams_that_are_not_counted_are_none() -> None:
    built = Case(header("gemma-4-e4b")).read(altup__num_inputs=None)
    assert built.per_layer == model("gemma-4-e4b").per_layer


def test_queries_without_a_rank_are_not_compressed() -> None:
    built = Case(header("deepseek-v2-lite")).read(attention__q_lora_rank=None)
    assert built.latent
    assert built.latent.query_rank == 0


def test_layers_that_share_no_keys_need_not_say_so(llama: Case) -> None:
    assert llama.read(attention__shared_kv_layers=None).kv_shared_layers == 0
