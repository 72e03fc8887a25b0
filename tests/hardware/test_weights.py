import csv
from collections import Counter
from math import floor, prod
from pathlib import Path

import pytest

from snippets.data.models import model, read_models
from snippets.data.parameters import parameters
from snippets.hardware.architectures import gguf_architecture
from snippets.hardware.file_types import BASES
from snippets.hardware.mixer_tensors import Tensor
from snippets.hardware.weights import group_of, layer_of, query_groups, tensor_bytes, weights
from tests.hardware.engine import Load, load_all, missing
from tests.hardware.quantize_truth import TRUTH, count
from tests.hardware.sparse import write

MIB = 2**20
MODELS = sorted(read_models())
FILE_TYPES = ("F16", "Q8_0", "Q4_K_M", "Q2_K", "IQ4_XS")


@pytest.fixture(scope="module")
def truth() -> dict[tuple[str, str], tuple[str, str]]:
    with TRUTH.open() as file:
        return {
            (row["model"], row["file_type"]): (row["mib"], row["tensors"]) for row in csv.DictReader(file)
        }


def test_the_table_of_truth_is_complete(truth: dict[tuple[str, str], tuple[str, str]]) -> None:
    assert {*truth} == {(name, file_type) for name in MODELS for file_type in BASES}


@pytest.mark.parametrize("name", MODELS)
def test_every_file_type_has_the_bytes_and_the_tensors_that_llama_quantize_gives_it(
    name: str, truth: dict[tuple[str, str], tuple[str, str]]
) -> None:
    for file_type in BASES:
        found = weights(model(name), file_type)
        kinds = Counter(kind for _, kind in found.types)
        assert (f"{found.bytes / MIB:.2f}", count(kinds)) == truth[name, file_type], file_type


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf")


@pytest.mark.skipif(missing() is not None, reason=f"{missing()}")
def test_the_engine_loads_every_model_and_prints_the_bytes_of_its_weights(folder: Path) -> None:
    jobs, cases = [], []
    for number, name in enumerate(MODELS):
        file_type = FILE_TYPES[number % len(FILE_TYPES)]
        path = folder / f"{name}.gguf"
        write(model(name), path, file_type)
        jobs.append(Load(path=path, context_tokens=512))
        cases.append((name, file_type))
    for (name, file_type), loaded in zip(cases, load_all(jobs), strict=True):
        built = model(name)
        found = weights(built, file_type)
        expected = found.bytes
        if gguf_architecture(built) in {"gemma3n", "gemma4"}:
            # They make their output matrix first, and the embedding again, where nothing is allocated.
            expected += found.by_group()["embedding"]
        assert loaded.model_mib == {"Host": floor(expected / MIB)}, (name, file_type)
        assert f"{found.bytes / 2**30:.2f}" == f"{loaded.file_gib:.2f}", name
        assert f"{found.bits_per_weight:.2f}" == f"{loaded.bits_per_weight:.2f}", name


@pytest.mark.parametrize("name", MODELS)
def test_tensors_hold_the_parameters_and_what_a_file_adds(name: str) -> None:
    built = model(name)
    found = weights(built, "F16")
    added = sum(
        prod(tensor.shape)
        for tensor, _ in found.types
        if tensor.name == "rope_freqs.weight" or tensor.name.endswith("exp_probs_b.bias")
    )
    if built.per_layer:  # padded to the vocabulary; and keys and values of layers that share others
        part, attention = built.per_layer, built.attention
        assert attention
        added += (built.vocabulary - part.vocabulary) * part.size * built.layers
        if gguf_architecture(built) == "gemma3n":
            keys = attention.kv_heads * (attention.key_head_dim + attention.value_head_dim)
            added += built.kv_shared_layers * (keys * built.hidden_size + attention.key_head_dim)
    assert found.parameters == parameters(built).total + added


def test_q4_k_m_of_llama_3_1_8b_has_the_bytes_and_bits_that_llama_cpp_prints() -> None:
    found = weights(model("llama-3.1-8b"), "Q4_K_M")
    assert f"{found.bytes / MIB:.2f}" == "4685.30"
    assert f"{found.bits_per_weight:.4f}" == "4.8944"


def test_a_tied_model_has_no_output_matrix_and_one_of_its_own_has_it_in_q6_k() -> None:
    assert "output" not in weights(model("qwen3-0.6b"), "Q4_K_M").by_group()
    built = model("llama-3.1-8b")
    logits = 4096 * built.vocabulary // 256 * 210  # 256 weights of Q6_K are 210 bytes
    assert weights(built, "Q4_K_M").by_group()["output"] == logits


def test_groups_and_layers_are_a_partition() -> None:
    for name in ("llama-3.1-8b", "deepseek-v3", "nemotron-3-nano-30b-a3b", "gemma-3n-e4b"):
        found = weights(model(name), "Q4_K_M")
        assert sum(found.by_group().values()) == sum(found.by_layer().values()) == found.bytes
        assert {*found.by_layer()} == {-1, *range(model(name).layers)}
        assert found.by_group().get("other", 0) < 1_000  # factors of rotation


@pytest.mark.parametrize(
    ("tensor", "group"),
    [
        ("token_embd.weight", "embedding"),
        ("output.weight", "output"),
        ("output_norm.weight", "norms"),
        ("blk.3.attn_output.weight", "attention"),
        ("blk.3.ffn_up_exps.weight", "experts"),
        ("blk.3.ffn_up_shexp.weight", "feed-forward"),
        ("blk.3.ffn_norm.weight", "norms"),
        ("blk.3.attn_q.weight", "attention"),
        ("blk.3.indexer.attn_k.weight", "attention"),
        ("blk.3.ssm_norm.weight", "state"),
        ("blk.3.exp_probs_b.bias", "feed-forward"),
        ("blk.3.altup_router.weight", "layer input"),
        ("blk.3.inp_gate.weight", "layer input"),
        ("per_layer_token_embd.weight", "layer table"),
        ("rope_freqs.weight", "other"),
    ],
)
def test_each_tensor_belongs_to_a_part(tensor: str, group: str) -> None:
    assert group_of(Tensor(tensor, (8,))) == group


@pytest.mark.parametrize(
    ("name", "queries"),
    [
        ("llama-3.1-8b", 4),
        ("qwen3.6-27b", 6),
        ("deepseek-v3", 128),
        ("falcon-h1-7b", 6),
        ("nemotron-3-nano-30b-a3b", 0),
    ],
)
def test_queries_that_share_a_key_are_those_of_the_first_layer(name: str, queries: int) -> None:
    assert query_groups(model(name)) == queries


def test_a_layer_is_read_from_the_name() -> None:
    assert layer_of(Tensor("blk.12.attn_q.weight", (8, 8))) == 12
    assert layer_of(Tensor("output.weight", (8, 8))) == -1


def test_a_block_that_does_not_divide_the_row_is_refused() -> None:
    with pytest.raises(ValueError, match=r"blk.0.attn_q.weight: Q4_K has blocks of 256, and a row has 2880"):
        tensor_bytes(Tensor("blk.0.attn_q.weight", (2880, 4096)), "Q4_K")


def test_an_unknown_file_type_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"file type 'Q4_K_XL' is not of F32, BF16, F16"):
        weights(model("llama-3.1-8b"), "Q4_K_XL")
