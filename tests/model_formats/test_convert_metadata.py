"""Metadata have the keys, types and values that llama.cpp reads, and give the shapes back."""

import io

import gguf
import numpy as np
import pytest

from snippets.data.small_model import read_small_model
from snippets.data.small_tokenizer import Tokenizer, read_tokenizer
from snippets.model_formats.convert import read_stored, to_gguf
from snippets.model_formats.convert_metadata import gguf_metadata, read_config, scores, token_type
from snippets.model_formats.gguf_values import F32, U32, U64, Array, Value
from snippets.model_formats.gguf_writer import write_gguf

CONFIG, WEIGHTS = read_small_model()
TOKENIZER = read_tokenizer()
METADATA = gguf_metadata(CONFIG, TOKENIZER, "small")


def theirs() -> dict[str, tuple[str, object]]:
    """The same, said by the gguf library's own writer: type and value of each key."""
    writer = gguf.GGUFWriter(None, "llama")
    writer.add_name("small")
    writer.add_context_length(CONFIG.max_position_embeddings)
    writer.add_embedding_length(CONFIG.hidden_size)
    writer.add_block_count(CONFIG.num_hidden_layers)
    writer.add_feed_forward_length(CONFIG.intermediate_size)
    writer.add_head_count(CONFIG.num_attention_heads)
    writer.add_head_count_kv(CONFIG.num_key_value_heads)
    writer.add_key_length(CONFIG.head_dim)
    writer.add_value_length(CONFIG.head_dim)
    writer.add_rope_dimension_count(CONFIG.head_dim)
    writer.add_vocab_size(CONFIG.vocab_size)
    writer.add_layer_norm_rms_eps(CONFIG.rms_norm_eps)
    writer.add_rope_freq_base(CONFIG.rope_theta)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(list(TOKENIZER.pieces))
    writer.add_token_scores(scores(TOKENIZER))
    kinds = {"<unk>": gguf.TokenType.UNKNOWN, "<s>": gguf.TokenType.CONTROL, "</s>": gguf.TokenType.CONTROL}
    of_byte = {f"<0x{byte:02X}>": gguf.TokenType.BYTE for byte in range(256)}
    writer.add_token_types([(kinds | of_byte).get(one, gguf.TokenType.NORMAL) for one in TOKENIZER.pieces])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(True)
    names = {"STRING": "str", "UINT32": "U32", "INT32": "I32", "FLOAT32": "F32", "BOOL": "bool"}
    found: dict[str, tuple[str, object]] = {}
    for key, value in writer.kv_data[0].items():
        listed = isinstance(value.value, list)
        one = gguf.GGUFValueType.get_type(value.value[0]) if listed else value.type
        found[key] = (names[one.name], tuple(value.value) if listed else value.value)
    return found


def test_keys_types_and_values_are_those_of_the_gguf_librarys_writer() -> None:
    found = {
        key: (one.kind.__name__, one.values) if isinstance(one, Array) else (type(one).__name__, one)
        for key, one in METADATA.items()
    }
    expected = theirs()
    assert found.pop("llama.attention.layer_norm_rms_epsilon") == ("F32", float(np.float32(1e-5)))
    assert expected.pop("llama.attention.layer_norm_rms_epsilon") == ("F32", 1e-5)
    assert found == expected


def test_shapes_come_back_out_of_a_file() -> None:
    file = io.BytesIO()
    write_gguf(file, METADATA, to_gguf(CONFIG, WEIGHTS, tied=True))
    metadata, _ = read_stored(file)
    assert read_config(metadata) == CONFIG


def test_each_field_comes_back_from_a_key_of_its_own() -> None:
    changed = CONFIG.model_copy(
        update={
            "vocab_size": 2_048,
            "hidden_size": 3,
            "intermediate_size": 5,
            "num_hidden_layers": 7,
            "num_attention_heads": 11,
            "num_key_value_heads": 13,
            "head_dim": 17,
            "max_position_embeddings": 19,
            "rms_norm_eps": 0.25,
            "rope_theta": 500_000.0,
            "bos_token_id": 23,
            "eos_token_id": 29,
        }
    )
    assert read_config(gguf_metadata(changed, TOKENIZER, "other")) == changed


def test_the_earliest_merge_scores_highest_and_every_merge_below_zero() -> None:
    found = scores(TOKENIZER)
    ranked = sorted(TOKENIZER.ranks, key=TOKENIZER.ranks.__getitem__)
    merged = [found[TOKENIZER.numbers[first + second]] for first, second in ranked]
    assert merged == [-1.0 - rank for rank in range(len(ranked))]
    assert len(ranked) + found.count(0) == len(TOKENIZER.pieces)
    # All are whole numbers, and float32 has them all.
    assert np.array(found, np.float32).tolist() == found


def test_two_merges_to_one_piece_are_refused() -> None:
    pieces = ("a", "b", "ab", "aba", "ba")
    numbers = {piece: number for number, piece in enumerate(pieces)}
    ranks = {("a", "b"): 0, ("b", "a"): 1, ("ab", "a"): 2, ("a", "ba"): 3}
    with pytest.raises(ValueError, match="two merges make 'aba'"):
        scores(Tokenizer(pieces, numbers, ranks))


@pytest.mark.parametrize(
    ("piece", "kind"),
    [
        ("<unk>", gguf.TokenType.UNKNOWN),
        ("<s>", gguf.TokenType.CONTROL),
        ("</s>", gguf.TokenType.CONTROL),
        ("<0x0A>", gguf.TokenType.BYTE),
        ("<0x0A>b", gguf.TokenType.NORMAL),
        ("▁the", gguf.TokenType.NORMAL),
    ],
)
def test_pieces_are_of_the_kinds_of_the_format(piece: str, kind: gguf.TokenType) -> None:
    assert token_type(piece) == kind


def test_another_vocabulary_than_config_says_is_refused() -> None:
    other = CONFIG.model_copy(update={"vocab_size": 2_047})
    with pytest.raises(ValueError, match="2048 pieces, and vocab_size is 2047"):
        gguf_metadata(other, TOKENIZER, "small")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"general.architecture": "qwen2"}, "architecture is .*qwen2.*, not llama"),
        ({"llama.attention.value_length": U32(32)}, "value_length is 32, and head_dim 64"),
        ({"llama.block_count": U32(0)}, "num_hidden_layers"),
        ({"llama.block_count": U64(4)}, "block_count is 4, no U32"),
        ({"llama.rope.freq_base": U32(1)}, "freq_base is 1, no F32"),
        ({"llama.rope.freq_base": Array(F32, (1.0,))}, "freq_base is Array.*, no F32"),
    ],
)
def test_what_contradicts_is_refused_by_its_key(change: dict[str, Value], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_config(METADATA | change)


@pytest.mark.parametrize("key", [key for key in METADATA if key.startswith("llama.")])
def test_a_key_that_is_missing_is_named(key: str) -> None:
    less = {name: value for name, value in METADATA.items() if name != key}
    with pytest.raises(ValueError, match=f"{key} is missing"):
        read_config(less)
