import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.data.small_model import read_text
from snippets.data.small_tokenizer import read_tokenizer

# What Hugging Face's tokenizers, version 0.23.3, makes of the same tokenizer.json, without special tokens.
TOKENIZERS = [
    ("In the beginning", [1128, 325, 1936, 1524]),
    (
        "héllo  wörld 👋\nnew line",
        [
            329,
            198,
            172,
            342,
            310,
            322,
            331,
            198,
            185,
            313,
            390,
            322,
            243,
            162,
            148,
            142,
            13,
            923,
            318,
            369,
            515,
        ],
    ),
    (" lead", [322, 369, 999]),
    ("", []),
    ("a ", [326, 322]),
    ("  ", [322, 322, 322]),
    (
        "Nebuchadnezzar, king; of Babylon:",
        [1834, 316, 1949, 299, 923, 321, 1442, 263, 479, 267, 335, 1803, 266],
    ),
    ("x=1+2", [322, 319, 64, 52, 46, 53]),
    ("\t", [322, 12]),
    ("JERUSALEM", [420, 273, 286, 289, 287, 269, 280, 273, 281]),
]


@pytest.mark.parametrize(("text", "tokens"), TOKENIZERS)
def test_tokens_are_those_of_the_tokenizers_library(text: str, tokens: list[int]) -> None:
    assert read_tokenizer().encode(text) == tokens


def test_there_are_three_special_tokens_a_token_for_each_byte_and_learned_pieces() -> None:
    tokenizer = read_tokenizer()
    assert tokenizer.pieces[:3] == ("<unk>", "<s>", "</s>")
    assert tokenizer.pieces[3:259] == tuple(f"<0x{byte:02X}>" for byte in range(256))
    assert len(tokenizer.pieces) == 2_048
    assert all("▁" not in piece[1:] for piece in tokenizer.pieces)


def test_held_back_text_comes_back() -> None:
    tokenizer = read_tokenizer()
    for chapter in read_text("held_back.txt").splitlines():
        assert tokenizer.decode(tokenizer.encode(chapter)) == chapter


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="▁")))
def test_any_text_comes_back(text: str) -> None:
    tokenizer = read_tokenizer()
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_special_tokens_have_no_text_and_broken_utf8_is_replaced() -> None:
    tokenizer = read_tokenizer()
    tokens = [1, *tokenizer.encode("and"), 0, 2, tokenizer.numbers["<0xF0>"]]
    assert tokenizer.decode(tokens) == "and\N{REPLACEMENT CHARACTER}"
