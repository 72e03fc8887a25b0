"""A checkpoint in shards is read where index and shards say the same, and refused where they do not."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats import safetensors_shards as ours
from snippets.model_formats.cursor import FormatError
from snippets.model_formats.safetensors_file import Part, write_safetensors
from snippets.model_formats.safetensors_shards import read_checkpoint, read_index

ONE, TWO = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"
MAP = {"a": ONE, "b": ONE, "c": TWO}


def shard(*names: str) -> io.BytesIO:
    """A shard with these tensors, of four bytes each."""
    file = io.BytesIO()
    write_safetensors(file, {name: Part("F32", (1,), name.encode() * 4) for name in names})
    return file


def index(entries: Any = MAP, total: Any = 12) -> io.BytesIO:
    """An index of these tensors."""
    return io.BytesIO(json.dumps({"metadata": {"total_size": total}, "weight_map": entries}).encode())


def refused(file: io.BytesIO, shards: dict[str, io.BytesIO] | None = None, at: str = "") -> str:
    """Why it is refused; the byte is that at which a text of the index stands."""
    with pytest.raises(FormatError) as caught:
        read_checkpoint(file, shards or {ONE: shard("a", "b"), TWO: shard("c")})
    if at:
        assert file.getvalue()[caught.value.offset :].startswith(at.encode())
    return caught.value.reason


def test_a_tensor_is_read_from_its_shard() -> None:
    for total in (12, None):
        file = index() if total else io.BytesIO(json.dumps({"weight_map": MAP}).encode())
        found = read_checkpoint(file, {ONE: shard("a", "b"), TWO: shard("c")})
        assert [found.read(name) for name in "abc"] == [b"aaaa", b"bbbb", b"cccc"]
        with pytest.raises(KeyError):
            found.read("d")


def test_a_missing_shard_is_missed() -> None:
    assert refused(index(), {ONE: shard("a", "b")}, '"c"') == f"{TWO} is missing"


def test_a_tensor_that_its_shard_lacks_is_missed() -> None:
    assert refused(index(), {ONE: shard("a"), TWO: shard("c")}, '"b"') == f"'b' is not in {ONE}"


def test_a_tensor_that_the_index_lacks_is_found() -> None:
    said = refused(index(), {ONE: shard("a", "b"), TWO: shard("c", "d")}, '"c"')
    assert said == f"'d' is in {TWO}, which the index denies"


def test_a_tensor_in_another_shard_is_found() -> None:
    said = refused(index(), {ONE: shard("a"), TWO: shard("b", "c")}, '"b"')
    assert said == f"'b' is in {TWO}, which the index denies"


def test_a_tensor_in_two_shards_is_found() -> None:
    said = refused(index(), {ONE: shard("a", "b"), TWO: shard("a", "c")}, '"a"')
    assert said == f"'a' is in {TWO}, which the index denies"


def test_a_shard_that_the_index_lacks_is_found() -> None:
    shards = {ONE: shard("a", "b"), TWO: shard("c"), "x.safetensors": shard()}
    assert refused(index(), shards) == "x.safetensors is not in the index"


def test_a_wrong_sum_is_found() -> None:
    assert refused(index(total=13), at='"total_size"') == "total_size is 13: the tensors have 12 bytes"


def test_a_broken_shard_is_named_with_its_own_byte() -> None:
    with pytest.raises(FormatError, match=rf"byte 0: {ONE}: 9 bytes of header"):
        read_checkpoint(index(), {ONE: io.BytesIO(b"\x09" + bytes(7)), TWO: shard("c")})


@pytest.mark.parametrize(
    "name",
    [
        *(
            "../model.safetensors",
            "/etc/model.safetensors",
            "a/b.safetensors",
            "a\\b.safetensors",
            ".safetensors",
        ),
        *(
            "C:model.safetensors",
            ".hidden.safetensors",
            "model.bin",
            "model.safetensors\n",
            "model.safetensors/",
            "",
        ),
        *(
            "model\0.safetensors",
            "módel.safetensors",
            "-model.safetensors",
            "m" * 202 + ".safetensors",
            "a b.safetensors",
        ),
    ],
)
def test_the_name_of_a_shard_is_no_path(name: str) -> None:
    entries = {"a": name}
    with pytest.raises(FormatError, match="is not the name of a safetensors file"):
        read_checkpoint(index(entries), {name: shard("a")})


@pytest.mark.parametrize(
    "name", ["m.safetensors", "m" * 201 + ".safetensors", "a..b-1_2.safetensors", "0.safetensors"]
)
def test_the_name_of_a_shard_may_be_any_files(name: str) -> None:
    assert read_checkpoint(index({"a": name}, 4), {name: shard("a")}).read("a") == b"aaaa"


@pytest.mark.parametrize(
    ("text", "offset", "said"),
    [
        ("", 0, "{ is expected"),
        ("[]", 0, "{ is expected"),
        ("{}", 2, "an object with a weight_map is all"),
        ('{"weight_map":{}}x', 17, "an object with a weight_map is all"),
        ('{"weight_map":{},"weight_map":{}}', 17, "'weight_map' is no part of an index or is there twice"),
        ('{"metadata":{},"metadata":{}}', 15, "'metadata' is no part of an index or is there twice"),
        ('{"code":{}}', 1, "'code' is no part of an index or is there twice"),
        ('{"weight_map":{"a":"b.safetensors","a":"b.safetensors"}}', 35, "'a' is there twice"),
        ('{"weight_map":{"a":1}}', 19, "a shard's name is expected, as a text"),
        ('{"weight_map":[]}', 14, "{ is expected"),
        ('{"metadata":{"total_size":1,"total_size":1}}', 28, "total_size is there twice"),
        ('{"metadata":{"total_size":1.5}}', 26, "total_size is expected, as a whole number"),
        ('{"metadata":{"total_size":"1"}}', 26, "total_size is expected, as a whole number"),
        ('{"metadata":{"total_size":18446744073709551616}}', 26, "total_size is expected, as a whole number"),
        ('{"metadata":{"a":' + "[" * 100_000, 17, "a value is expected"),
        ('{"metadata":{"a":NaN}}', 17, "a value is expected"),
    ],
)
def test_an_index_that_lies_is_refused_where_it_does(text: str, offset: int, said: str) -> None:
    with pytest.raises(FormatError) as caught:
        read_index(io.BytesIO(text.encode()))
    assert caught.value.offset == offset
    assert caught.value.reason.startswith(said)


def test_an_index_that_is_no_text_is_refused() -> None:
    with pytest.raises(FormatError, match="byte 2: not UTF-8"):
        read_index(io.BytesIO(b'{"\xff":1}'))


def test_other_metadata_are_passed() -> None:
    text = '{"metadata":{"format":"pt","total_size":4,"parameters":1},"weight_map":{"a":"m.safetensors"}}\n'
    found = read_index(io.BytesIO(text.encode()))
    assert found.total_bytes == 4
    assert found.entries["a"] == ours.Entry("m.safetensors", text.index('"a"'))


def test_an_index_is_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (ours.LARGEST_INDEX, ours.MOST_NAMES) == (100_000_000, 1_000_000)
    text = json.dumps({"weight_map": MAP}).encode()
    monkeypatch.setattr(ours, "LARGEST_INDEX", len(text))
    monkeypatch.setattr(ours, "MOST_NAMES", 3)
    assert len(read_index(io.BytesIO(text)).entries) == 3
    with pytest.raises(FormatError, match=f"byte 0: longer than {len(text)} bytes"):
        read_index(io.BytesIO(text + b" "))
    monkeypatch.setattr(ours, "MOST_NAMES", 2)
    with pytest.raises(FormatError, match="'c' is there twice, or more than 2 are"):
        read_index(io.BytesIO(text))


WHOLE = index().getvalue()


@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=3), st.integers(0, 9))
def test_a_broken_index_is_read_or_refused_and_nothing_else(at: int, other: bytes, gone: int) -> None:
    data = WHOLE[:at] + other + WHOLE[at + gone :]
    try:
        read_checkpoint(io.BytesIO(data), {ONE: shard("a", "b"), TWO: shard("c")})
    except FormatError as error:
        assert error.reason  # noqa: PT017 - either is right
