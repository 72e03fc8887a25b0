"""Files that lie cost little memory, and the page says what both readers make of them."""

from __future__ import annotations

import contextlib
import io
import tracemalloc

import pytest

from snippets.model_formats.cursor import FormatError
from snippets.model_formats.safetensors_file import read_safetensors
from tests.model_formats import safetensors_corpus as corpus


def test_the_page_has_what_both_readers_say() -> None:
    assert corpus.table() in corpus.PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "header",
    [
        ("{" + ",".join(corpus.whole(str(index), "[0]", 0, 0) for index in range(1500)) + "}").encode(),
        b'{"__metadata__":{"a":"' + rb"\n" * 200_000 + b'"}}',
        b'{"__metadata__":{"a":"' + b"x" * 400_000 + "😀".encode() + b'"}}',
        b'{"a":' + b"[" * 400_000,
        b'{"a":{"dtype":"U8","shape":[' + b"0," * 200_000 + b'0],"data_offsets":[0,0]}}',
        b'{"' + b"a" * 400_000 + b'":1}',
        b'{"__metadata__":{' + b",".join(b'"%d":""' % index for index in range(40_000)) + b"}}",
    ],
    ids=["tensors", "escapes", "one wide character", "depth", "dimensions", "name", "metadata"],
)
def test_memory_is_at_most_twice_the_header(header: bytes) -> None:
    file = io.BytesIO(corpus.file(header))
    tracemalloc.start()
    try:
        with contextlib.suppress(FormatError):
            read_safetensors(file)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak <= 2 * len(header) + 200_000
