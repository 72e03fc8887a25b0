"""Files broken at random, where their numbers stand: read or refused, nothing else, and as llama.cpp does.

FUZZ_EXAMPLES says how many; `make audit` takes more, and others on every run.
"""

from __future__ import annotations

import hashlib
import io
import os
import tracemalloc
from pathlib import Path
from struct import pack

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from snippets.model_formats.cursor import FormatError
from snippets.model_formats.gguf_file import read_gguf
from snippets.model_formats.gguf_values import F32, I64, U8, U32, Array, Value
from snippets.model_formats.gguf_writer import GgufTensor, write_gguf
from tests.model_formats.gguf_corpus import LIES, Lie
from tests.model_formats.gguf_readers import missing, verdicts

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "10000"))
SAME = "FUZZ_EXAMPLES" not in os.environ  # files on every run
LIMIT_S = 120 + EXAMPLES // 50  # beyond, something hangs
FIXED = 131_072
METADATA: dict[str, Value] = {
    "general.architecture": "llama",
    "general.alignment": U32(32),
    "a.flag": True,
    "a.scale": F32(0.5),
    "a.far": I64(-1),
    "a.texts": Array(str, ("a", "ß", "", "🙂")),
    "a.flags": Array(bool, (True, False, True)),
    "a.numbers": Array(U8, (1, 2, 3)),
}
TENSORS = [
    GgufTensor("a", (8, 2), "F32", bytes(64)),
    GgufTensor("b", (32,), "Q8_0", bytes(34)),
    GgufTensor("c", (3, 1, 2), "F16", bytes(12)),
]


class Watched(io.BytesIO):
    """Notes which bytes are read together."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.fields: set[tuple[int, int]] = set()

    def read(self, size: int | None = -1, /) -> bytes:
        at = self.tell()
        data = super().read(size)
        self.fields.add((at, len(data)))
        return data


def built(metadata: dict[str, Value], tensors: list[GgufTensor]) -> tuple[bytes, list[tuple[int, int]]]:
    """A file, and where its fields are."""
    file = Watched(b"")
    write_gguf(file, metadata, tensors)
    read_gguf(file)
    return file.getvalue(), sorted(field for field in file.fields if field[1] <= 64)


FILES = [built(METADATA, TENSORS), built(METADATA, []), built({}, TENSORS), built({"a": U32(1)}, TENSORS[:1])]
# Numbers at which something wraps, is signed, or is a power of two and one off.
EDGES = sorted(
    {(sign * 2**bits + off) % 2**64 for sign in (1, -1) for bits in range(65) for off in (-1, 0, 1)}
)


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    """A good file with up to four things changed."""
    data, fields = draw(st.sampled_from(FILES))
    changed = bytearray(data)
    for _ in range(draw(st.sampled_from((1, 1, 1, 2, 3)))):
        at, size = draw(st.sampled_from(fields))
        how = draw(
            st.sampled_from(("edge", "edge", "edge", "small", "byte", "cut", "twice", "gone", "noise"))
        )
        if how == "edge":
            new = pack("<Q", draw(st.sampled_from(EDGES)))[:size]
        elif how == "small":
            new = pack("<Q", draw(st.integers(0, 64)))[:size]
        elif how == "byte":
            at = draw(st.integers(0, max(0, len(changed) - 1)))
            new, size = draw(st.binary(min_size=1, max_size=1)), 1
        elif how == "cut":
            del changed[draw(st.integers(0, len(changed))) :]
            continue
        elif how == "twice":
            new = bytes(changed[at : at + size]) * 2
        elif how == "gone":
            new = b""
        else:
            new = draw(st.binary(max_size=16))
        changed[at : at + size] = new
    return bytes(changed)


def outcome(data: bytes) -> str:
    """Read all that can be asked for; whatever is raised besides a FormatError ends the test."""
    file = io.BytesIO(data)
    wrong: FormatError | None = None
    tracemalloc.start()
    try:
        found = read_gguf(file)
    except FormatError as error:
        wrong = error
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2 * len(data) + FIXED
    if wrong is not None:
        assert 0 <= wrong.offset <= len(data)
        assert wrong.reason
        return "refuses"
    assert len(dict(found.metadata)) == len(found.metadata)
    for tensor in found.tensors:
        assert len(found.read(file, tensor)) == tensor.size_bytes
    return "reads"


@pytest.mark.timeout(LIMIT_S)
def test_broken_files_are_read_or_refused_and_llama_cpp_reads_what_is_read(tmp_path: Path) -> None:
    counts = {"reads": 0, "refuses": 0}
    accepted: dict[str, Path] = {}

    @settings(
        max_examples=EXAMPLES,
        derandomize=SAME,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(broken())
    def each(data: bytes) -> None:
        said = outcome(data)
        counts[said] += 1
        name = hashlib.sha256(data).hexdigest()
        if said == "reads" and name not in accepted:
            accepted[name] = tmp_path / name
            accepted[name].write_bytes(data)

    each()
    assert sum(counts.values()) >= EXAMPLES
    assert min(counts.values()) > EXAMPLES / 100, counts
    if missing() is None:
        said = verdicts("llama.cpp, data", accepted.values())
        assert set(said) == {"reads"}, [
            p for p, s in zip(accepted.values(), said, strict=True) if s != "reads"
        ]
    print(f"{sum(counts.values())} files: {counts['refuses']} refused, {len(accepted)} unlike ones read")


@settings(max_examples=max(1, EXAMPLES // 20), derandomize=SAME, deadline=None, database=None)
@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    assert outcome(noise) == "refuses"


@settings(max_examples=max(1, EXAMPLES // 20), derandomize=SAME, deadline=None, database=None)
@given(st.sampled_from(LIES), st.binary(max_size=300))
def test_noise_behind_a_lie_is_read_or_refused(lie: Lie, noise: bytes) -> None:
    for start in (lie.data, lie.data[: lie.offset], lie.data[:24]):
        assert outcome(start + noise) in {"reads", "refuses"}


@pytest.mark.parametrize("number", range(len(FILES)))
def test_a_file_cut_anywhere_is_refused(number: int) -> None:
    data, _ = FILES[number]
    whole = [n for n in range(len(data)) if _reads(data[:n])]
    # A file without tensors may end where its entries do, or anywhere in the padding.
    assert all(set(data[n:]) == {0} for n in whole)
    assert not whole or number == 1


def _reads(data: bytes) -> bool:
    try:
        read_gguf(io.BytesIO(data))
    except FormatError:
        return False
    return True
