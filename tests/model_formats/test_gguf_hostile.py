"""Files that lie: each is refused at its byte, and wherever llama.cpp refuses, so does this guide."""

from __future__ import annotations

import io
import tracemalloc
from pathlib import Path
from struct import pack

import pytest

from snippets.model_formats.cursor import FormatError
from snippets.model_formats.gguf_file import read_gguf
from snippets.model_formats.gguf_tensors import TYPES, stored_bytes
from tests.model_formats.gguf_corpus import BEGIN, END, LIES, PAGE, Lie, ask, rows
from tests.model_formats.gguf_readers import missing, verdicts

engine = pytest.mark.skipif(missing() is not None, reason=f"{missing()}")
FIXED = 131_072


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.name)
def test_a_lie_is_refused_at_its_byte_in_twice_the_header(lie: Lie) -> None:
    file = io.BytesIO(lie.data)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError) as caught:
            read_gguf(file)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert caught.value.offset == lie.offset, caught.value
    assert peak < 2 * len(lie.data) + FIXED


def test_each_lie_has_a_name_of_its_own() -> None:
    assert len({lie.name for lie in LIES}) == len({lie.data for lie in LIES}) == len(LIES)


@engine
@pytest.mark.timeout(600)
def test_three_readers_do_with_them_what_the_page_says(tmp_path: Path) -> None:
    found = ask(tmp_path)
    page = PAGE.read_text(encoding="utf-8")
    table = page.partition(BEGIN)[2].partition(END)[0].strip().splitlines()
    assert table == rows(found), "python -m tests.model_formats.gguf_corpus writes it"
    wrapped = [lie.name for lie in LIES].index("offset 2^64-4096")
    assert [said[wrapped] for said in found.values()] == ["refuses", "refuses", "reads"]


def honest(code: int, name: str) -> bytes:
    """A file of one tensor of a type."""
    rows_ = next(n for n in range(1, 1_025) if fits(name, n))
    size = stored_bytes(name, (rows_,))
    header = b"GGUF" + pack("<IQQ", 3, 1, 0) + pack("<Q1sIQIQ", 1, b"a", 1, rows_, code, 0)
    return header + bytes(-len(header) % 32 + size + -size % 32)


def fits(name: str, row: int) -> bool:
    try:
        return bool(stored_bytes(name, (row,)))
    except ValueError:
        return False


@engine
def test_no_type_is_read_here_that_llama_cpp_refuses(tmp_path: Path) -> None:
    paths = []
    for code, name in TYPES.items():
        paths.append(tmp_path / f"{code}.gguf")
        paths[-1].write_bytes(honest(code, name))
        with paths[-1].open("rb") as file:
            assert read_gguf(file).tensors[0].kind == name
    assert set(verdicts("llama.cpp, data", paths)) == {"reads"}
