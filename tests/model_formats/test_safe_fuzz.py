"""Nothing that Python would look up for a pickle is missed, however broken it is.

FUZZ_EXAMPLES says how many; `make audit` takes more, and others on every run.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import pickletools
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snippets.model_formats.safe import strangers
from tests.model_formats.test_safe import FUNCTIONS, PROTOCOLS, Looks, Runs, archive, scan, state_dict

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10000"))
SAME = "FUZZ_EXAMPLES" not in os.environ  # files on every run
LIMIT_S = 120 + EXAMPLES // 50  # beyond, something hangs
SEEDS = [
    pickle.dumps([Runs(function, "x", {"a": (1, 2.5)})], protocol)
    for function in FUNCTIONS
    for protocol in PROTOCOLS
]
OPCODES = st.sampled_from([bytes([ord(one.code)]) for one in pickletools.opcodes])
PIECES = st.sampled_from(
    [
        b"\x8c\x02os",
        b"\x8c\x06system",
        b"\x93",
        b"cos\nsystem\n",
        b"\x94",
        b"h\x00",
        b"h\x01",
        b"q\x01",
        b"(",
        b"0",
        b"1",
        b"2",
    ]
)


@st.composite
def mutants(draw: st.DrawFn) -> bytes:
    """A pickle, broken a few times."""
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(OPCODES | PIECES | st.binary(max_size=2))
    return bytes(data)


def check(data: bytes) -> None:
    """Nothing that Python looks up is missed, and nothing but findings comes out."""
    found = scan(data)
    told = {one.what for one in found if one.kind == "imports"}
    if "what only running it would tell" in told:
        return
    looks = Looks(data)
    with contextlib.suppress(Exception):  # what it did before counts
        looks.load()
    if set(looks.found) - told:
        assert [one for one in found if one.kind == "cannot be told"], data


@given(mutants())
@pytest.mark.timeout(LIMIT_S)
@settings(
    max_examples=EXAMPLES * 15 // 100,
    derandomize=SAME,
    suppress_health_check=[HealthCheck.too_slow],
    deadline=2000,
)
def test_a_broken_pickle_looks_nothing_up_that_is_not_told(data: bytes) -> None:
    check(data)


@given(st.lists(PIECES | OPCODES, max_size=12).map(b"".join))
@pytest.mark.timeout(LIMIT_S)
@settings(max_examples=EXAMPLES * 10 // 100, derandomize=SAME, deadline=2000)
def test_opcodes_in_any_order_look_nothing_up_that_is_not_told(data: bytes) -> None:
    check(b"\x80\x04" + data + b".")


ARCHIVE = archive(("m/data.pkl", state_dict()), ("m/data/0", bytes(16)), compression=zipfile.ZIP_DEFLATED)


@given(st.integers(0, len(ARCHIVE) - 1), st.binary(max_size=3), st.integers(0, 3))
@pytest.mark.timeout(LIMIT_S)
@settings(max_examples=EXAMPLES * 5 // 100, derandomize=SAME, deadline=2000)
def test_a_broken_archive_is_scanned_or_said_to_be_broken(at: int, other: bytes, gone: int) -> None:
    assert isinstance(strangers(scan(ARCHIVE[:at] + other + ARCHIVE[at + gone :])), list)
