"""What goes to GGUF comes back bit for bit, and faults stop both ways."""

import io

import gguf
import numpy as np
import pytest

from snippets.data.small_model import Floats, read_small_model
from snippets.data.small_tokenizer import read_tokenizer
from snippets.model_formats.convert import build, from_gguf, read_stored, to_gguf
from snippets.model_formats.convert_metadata import gguf_metadata
from snippets.model_formats.convert_names import interleave
from snippets.model_formats.convert_types import Encode, Encoded, as_bf16, as_f16, as_f32, plain
from snippets.model_formats.gguf_writer import GgufTensor, write_gguf

CONFIG, WEIGHTS = read_small_model()


@pytest.mark.parametrize("encode", [as_f32, as_bf16])
def test_a_round_trip_keeps_every_bit(encode: Encode) -> None:
    back = from_gguf(CONFIG, to_gguf(CONFIG, WEIGHTS, encode, tied=True), tied=True)
    assert back.keys() == WEIGHTS.keys()
    for name, matrix in WEIGHTS.items():
        assert back[name].dtype == np.float32
        assert back[name].tobytes() == matrix.tobytes(), name


def test_a_file_gives_back_what_was_written() -> None:
    tensors = to_gguf(CONFIG, WEIGHTS, as_bf16, tied=True)
    file = io.BytesIO()
    write_gguf(file, {"general.architecture": "llama"}, tensors)
    metadata, found = read_stored(file)
    assert dict(metadata) == {"general.architecture": "llama"}
    assert found == tensors
    shapes = {one.name: one.shape for one in found}
    assert shapes["token_embd.weight"] == (256, 2_048)  # as GGUF has it: row length first


def test_all_of_a_file_is_built_at_once() -> None:
    metadata, tensors = build(read_small_model(), read_tokenizer(), "small", as_bf16)
    assert metadata == gguf_metadata(CONFIG, read_tokenizer(), "small")
    assert tensors == to_gguf(CONFIG, WEIGHTS, as_bf16, tied=True)
    assert build(read_small_model(), read_tokenizer(), "small")[1] == to_gguf(CONFIG, WEIGHTS, tied=True)
    with pytest.raises(ValueError, match=r"lm_head\.weight is missing"):
        build(read_small_model(), read_tokenizer(), "small", tied=False)


def test_the_order_of_tensors_in_a_file_does_not_matter() -> None:
    tensors = to_gguf(CONFIG, WEIGHTS, tied=True)[::-1]
    back = from_gguf(CONFIG, tensors, tied=True)
    assert all(np.array_equal(back[name], matrix) for name, matrix in WEIGHTS.items())


def test_an_output_matrix_of_its_own_makes_the_round_trip_too() -> None:
    head = WEIGHTS["model.embed_tokens.weight"][::-1]
    stored = to_gguf(CONFIG, {**WEIGHTS, "lm_head.weight": head}, tied=False)
    assert "output.weight" in {one.name for one in stored}
    assert np.array_equal(from_gguf(CONFIG, stored, tied=False)["lm_head.weight"], head)


def test_vectors_stay_in_f32_and_queries_and_keys_alone_are_reordered() -> None:
    stored = {one.name: one for one in to_gguf(CONFIG, WEIGHTS, as_f16, tied=True)}
    assert {one.kind for one in stored.values() if len(one.shape) == 1} == {"F32"}
    assert {one.kind for one in stored.values() if len(one.shape) == 2} == {"F16"}
    for part, heads in (("q", 4), ("k", 2), ("v", 0)):
        matrix = WEIGHTS[f"model.layers.3.self_attn.{part}_proj.weight"]
        expected = interleave(matrix, heads) if heads else matrix
        assert stored[f"blk.3.attn_{part}.weight"].data == expected.astype(np.float16).tobytes()


def test_a_quantizer_of_the_caller_gets_the_name_and_its_decoder_the_kind() -> None:
    asked = []

    def encode(name: str, matrix: Floats) -> Encoded:
        asked.append(name)
        kind = gguf.GGMLQuantizationType.Q8_0
        return Encoded("Q8_0", gguf.quants.quantize(matrix, kind).tobytes())

    def decode(kind: str, data: bytes, shape: tuple[int, ...]) -> Floats:
        if kind != "Q8_0":
            return plain(kind, data, shape)
        rows = np.frombuffer(data, np.uint8).reshape(shape[0], -1)
        found: Floats = gguf.quants.dequantize(rows, gguf.GGMLQuantizationType[kind])
        return found

    stored = to_gguf(CONFIG, WEIGHTS, encode, tied=True)
    assert asked == [one.name for one in stored if len(one.shape) == 2]
    back = from_gguf(CONFIG, stored, decode, tied=True)
    for name, matrix in WEIGHTS.items():
        # Eight bits: a step is 1/127 of the largest in a block.
        assert np.abs(back[name] - matrix).max() <= np.abs(matrix).max() / 127


def test_all_faults_stop_a_conversion_at_once() -> None:
    broken = {**WEIGHTS, "extra": WEIGHTS["model.norm.weight"]}
    broken["model.norm.weight"] = broken["model.norm.weight"][1:]
    with pytest.raises(
        ValueError, match=r"model\.norm\.weight is \(255,\), not \(256,\); extra is not known"
    ):
        to_gguf(CONFIG, broken, tied=True)


def test_faults_of_a_file_stop_the_way_back() -> None:
    tensors = to_gguf(CONFIG, WEIGHTS, tied=True)
    short = [one for one in tensors if one.name != "blk.2.attn_q.weight"]
    with pytest.raises(ValueError, match=r"model\.layers\.2\.self_attn\.q_proj\.weight is missing"):
        from_gguf(CONFIG, short, tied=True)
    more = GgufTensor("rope_freqs.weight", (32,), "F32", bytes(128))
    with pytest.raises(ValueError, match=r"rope_freqs\.weight is not known"):
        from_gguf(CONFIG, [*tensors, more], tied=True)
    named = GgufTensor(
        "model.norm.weight", *next(one for one in tensors if one.name == "output_norm.weight")[1:]
    )
    with pytest.raises(ValueError, match=r"^model\.norm\.weight is not known"):
        from_gguf(CONFIG, [*tensors, named], tied=True)
    turned = [
        one._replace(shape=(256, 128, 2)) if one.name == "blk.0.attn_q.weight" else one for one in tensors
    ]
    with pytest.raises(ValueError, match=r"q_proj\.weight is \(2, 128, 256\), not \(256, 256\)"):
        from_gguf(CONFIG, turned, tied=True)
    with pytest.raises(ValueError, match=r"blk\.0\.attn_norm\.weight stands twice"):
        from_gguf(CONFIG, [*tensors, tensors[2]], tied=True)
