"""Whatever a safetensors file claims: a FormatError or what the library reads, in twice the header's memory.

FUZZ_EXAMPLES says how many; `make audit` takes more, and others on every run.
"""

from __future__ import annotations

import io
import json
import os
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from snippets.model_formats.cursor import FormatError
from snippets.model_formats.safetensors_file import DTYPE_BITS, read_safetensors
from tests.model_formats import safetensors_corpus as corpus

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10000"))
SAME = "FUZZ_EXAMPLES" not in os.environ  # files on every run
LIMIT_S = 120 + EXAMPLES // 50  # beyond, something hangs


def verdict(data: bytes) -> Any:
    """What our reader makes of a file: its tensors, or where it lies. Nothing else may come of it."""
    try:
        found = read_safetensors(io.BytesIO(data))
    except FormatError as error:
        if not 0 <= error.offset <= len(data) or not error.reason:
            raise AssertionError(repr(error)) from error
        return None
    return {one.name: (one.dtype, one.shape, found.read(io.BytesIO(data), one)) for one in found.tensors}


def check_against_library(data: bytes) -> None:
    """What we read the library reads, and the same; what it refuses we refuse."""
    found = verdict(data)
    theirs = corpus.library_reads(data)
    if found is not None or theirs is None:
        assert found == theirs, data


# True files, of which the fuzzer makes others.
ODD = (
    '{"a":{"data_offsets":[0,0],"shape":[0],"dtype":"U8"},'
    '"b":{"dtype":"F16","shape":[1,2],"data_offsets":[0,4]}}',
    '{ "a" : { "dtype" : "U8" , "shape" : [ ] , "data_offsets" : [ 3 , 4 ] },'
    '\n"b":{"dtype":"U8","shape":[3],"data_offsets":[0,3]}}   ',
    '{"\\u0061":{"dtype":"F6_E2M3","shape":[4,1],"data_offsets":[0,3]},'
    '"":{"dtype":"BOOL","shape":[1],"data_offsets":[3,4]}}',
)
TOKENS = [
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"a"',
        b'"b"',
        b'"dtype"',
        b'"shape"',
        b'"data_offsets"',
        b'"__metadata__"',
    ),
    *(
        b'"U8"',
        b'"F4"',
        b'"BF16"',
        b"0",
        b"1",
        b"4",
        b"-1",
        b"1.0",
        b"1e9",
        b"18446744073709551615",
        b"null",
        b"true",
    ),
    *(
        b"NaN",
        b'"\\ud800"',
        b'"\\u0061"',
        b"\xff",
        b"\0",
        b" ",
        b"\n",
        b"9" * 400,
        b"[" * 300,
        b'{"a":' * 300,
    ),
]
SEEDS = [
    corpus.file(header.encode(), bytes(4))
    for header in (*ODD, "{" + corpus.GOOD + "}", '{"__metadata__":{"a":"b"},' + corpus.GOOD + "}")
]


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A true file, broken a few times; its length is often put right."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        end = at + draw(st.integers(0, 6))
        data[at:end] = draw(st.sampled_from(TOKENS) | st.binary(max_size=3) | st.just(bytes(data[: at // 2])))
    if draw(st.booleans()) and len(data) > 12:
        data[:8] = (len(data) - 8 - draw(st.sampled_from([4, 0, 4]))).to_bytes(8, "little")
    return bytes(data)


SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@given(mutants())
@example(SEEDS[0])
@pytest.mark.timeout(LIMIT_S)
@settings(max_examples=EXAMPLES * 15 // 100, derandomize=SAME, suppress_health_check=SLOW, deadline=2000)
def test_a_broken_file_is_read_as_the_library_reads_it_or_refused(data: bytes) -> None:
    check_against_library(data)


@given(st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join))
@pytest.mark.timeout(LIMIT_S)
@settings(max_examples=EXAMPLES * 10 // 100, derandomize=SAME, deadline=2000)
def test_tokens_in_any_order_are_read_or_refused(header: bytes) -> None:
    check_against_library(corpus.file(b"{" + header, bytes(4)))


@given(st.binary(max_size=200))
@pytest.mark.timeout(LIMIT_S)
@settings(max_examples=EXAMPLES * 10 // 100, derandomize=SAME, deadline=2000)
def test_noise_is_refused(noise: bytes) -> None:
    check_against_library(noise)


NUMBERS = st.integers(0, 9) | st.sampled_from([2**31, 2**32, 2**61, 2**63, 2**64 - 1, 2**64])


@given(
    st.lists(
        st.tuples(
            st.sampled_from("aabc"),
            st.sampled_from([*DTYPE_BITS, "U7"]),
            st.lists(NUMBERS, max_size=3),
            NUMBERS,
            NUMBERS,
        ),
        max_size=3,
    ),
    st.binary(max_size=9),
)
@pytest.mark.timeout(LIMIT_S)
@settings(max_examples=EXAMPLES * 10 // 100, derandomize=SAME, deadline=2000)
def test_numbers_of_any_size_are_read_or_refused(
    made: list[tuple[str, str, list[int], int, int]], data: bytes
) -> None:
    header = ",".join(
        corpus.whole(name, json.dumps(shape), begin, end, dtype) for name, dtype, shape, begin, end in made
    )
    check_against_library(corpus.file("{" + header + "}", data))
