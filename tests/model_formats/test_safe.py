"""A pickle is read without running it: what it would import is what Python would look up."""

from __future__ import annotations

import collections
import io
import os
import pickle
import pickletools
import struct
import subprocess
import warnings
import zipfile
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.model_formats import safe
from snippets.model_formats.safe import NEEDED, Finding, scan_file, strangers

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


class Runs:
    """Pickled, it calls a function; nobody here unpickles it."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.reduced = function, arguments

    def __reduce__(self) -> Any:
        return self.reduced


class Stand(dict[Any, Any]):
    """Stands for whatever a pickle looks up, and does nothing when it is called."""

    def __call__(self, *_: Any, **__: Any) -> Stand:
        return self

    def __hash__(self) -> int:  # type: ignore[override]
        return 0

    def __setstate__(self, _: Any) -> None:
        """Take it."""

    def append(self, _: Any) -> None:
        """Take it."""

    def extend(self, _: Any) -> None:
        """Take it."""

    def add(self, _: Any) -> None:
        """Take it."""


class Looks(pickle._Unpickler):
    """Python's own unpickler, which notes what it looks up instead of doing so."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data))
        self.found: list[str] = []

    def find_class(self, module: str, name: str) -> Any:
        self.found.append(f"{module} {name}")
        return Stand()

    def persistent_load(self, _: Any) -> Any:
        return Stand()


def scan(data: bytes) -> list[Finding]:
    """What is found in these bytes."""
    return scan_file(io.BytesIO(data))


def imports(data: bytes) -> list[str]:
    """What is imported by these bytes, without those inside others."""
    return [one.what for one in scan(data) if one.kind == "imports" and not one.member]


def archive(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    """A ZIP file, as PyTorch writes one."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as opened:
        for name, data in members:
            opened.writestr(name, data)
    return file.getvalue()


FUNCTIONS = (os.system, eval, print, subprocess.call, collections.OrderedDict, str.join, int.from_bytes)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("function", FUNCTIONS)
def test_what_would_be_imported_is_what_python_looks_up(function: Any, protocol: int) -> None:
    data = pickle.dumps([Runs(function, "x"), {"a": Runs(function, 1)}], protocol)
    looks = Looks(data)
    looks.load()
    assert looks.found
    assert set(imports(data)) == set(looks.found)
    assert {one.what for one in scan(data) if one.kind == "calls"} >= {"REDUCE"}


PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(max_size=3), inner, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=10,
)


@given(PLAIN, st.sampled_from(PROTOCOLS))
def test_plain_data_import_nothing_and_nothing_is_untold(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    looks = Looks(data)
    looks.load()
    assert sorted(set(imports(data))) == sorted(set(looks.found))
    assert not [one for one in scan(data) if one.kind == "cannot be told" and not one.member]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_offset_is_that_of_the_opcode(protocol: int) -> None:
    data = pickle.dumps([1, Runs(os.system, "true")], protocol)
    (found,) = [one for one in scan(data) if one.kind == "imports"]
    assert data[found.at : found.at + 1] in {b"c", b"\x93"}
    assert found.what == f"{os.system.__module__} system"


TORCH = (
    "collections OrderedDict",
    "torch._utils _rebuild_tensor_v2",
    "torch._utils _rebuild_parameter",
    "torch Size",
    *(
        f"torch {kind}Storage"
        for kind in [
            "BFloat16",
            "Bool",
            "Byte",
            "Char",
            "Double",
            "Float",
            "Half",
            "Int",
            "Long",
            "Short",
            "Untyped",
        ]
    ),
)


def state_dict(protocol: int = 2, more: bytes = b"") -> bytes:
    """A pickle that imports all that a state dict of PyTorch may, and refers to a storage outside."""
    names = b"".join(b"c" + name.replace(" ", "\n").encode() + b"\n0" for name in TORCH)
    return b"\x80" + bytes([protocol]) + names + more + b"X\x07\x00\x00\x00storageQ."


def test_a_state_dict_has_no_strangers() -> None:
    data = archive(("m/data.pkl", state_dict()), ("m/data/0", bytes(64)), ("m/version", b"3\n"))
    assert {one.what for one in scan(data) if one.kind == "imports"} == NEEDED == set(TORCH)
    assert [one.what for one in scan(data) if one.kind == "calls"] == ["BINPERSID"]
    assert strangers(scan(data)) == []


@pytest.mark.parametrize("name", ["torch.load", "torch FloatStorage2", "os system", "torch.hub load"])
def test_one_that_weights_do_not_need_is_a_stranger(name: str) -> None:
    module, _, attribute = name.partition(" ")
    more = b"c" + module.encode() + b"\n" + attribute.encode() + b"\n0"
    assert strangers(scan(archive(("m/data.pkl", state_dict(more=more))))) == [
        f"imports: {module} {attribute}"
    ]


@pytest.mark.parametrize(
    ("what", "data", "said"),
    [
        (
            "names out of the memo",
            b"\x80\x04\x8c\x06system\x94\x8c\x02os\x94\x30h\x01h\x00\x93.",
            "os system",
        ),
        (
            "names put far away",
            b"\x80\x04\x8c\x02osr\x00\x00\x01\x00\x8c\x06systemp9\n00j\x00\x00\x01\x00g9\n\x93.",
            "os system",
        ),
        ("a name twice", b"\x80\x04\x8c\x02os2\x93.", "os os"),
        ("names below a group", b"\x80\x04\x8c\x02os\x8c\x06system(K\x01K\x021\x93.", "os system"),
        ("names around what is dropped", b"\x80\x04\x8c\x02osK\x010\x8c\x06system\x93.", "os system"),
        ("names of old texts", b"S'os'\nS'system'\n\x93.", "os system"),
        ("names of texts with escapes", b"V\\u006fs\nVsyst\\u0065m\n\x93.", "os system"),
        ("names of binary texts", b"U\x02osT\x06\x00\x00\x00system\x93.", "os system"),
        ("an instance", b"(S'true'\nios\nsystem\n.", "os system"),
        ("an object", b"(cos\nsystem\nS'true'\no.", "os system"),
        ("an extension", b"\x80\x02\x82\x07.", "extension 7"),
        ("a wide extension", b"\x80\x02\x84\x07\x00\x00\x00.", "extension 7"),
        ("an extension of two bytes", b"\x80\x02\x83\x07\x00.", "extension 7"),
        (
            "a name that is computed",
            b"\x80\x04\x8c\x02osK\x01\x85R\x8c\x06system\x93.",
            "what only running it would tell",
        ),
        ("a name that the memo lacks", b"\x80\x04\x8c\x02osh\x07\x93.", "what only running it would tell"),
    ],
)
def test_a_trick_is_seen_through(what: str, data: bytes, said: str) -> None:
    assert what
    assert imports(data) == [said]
    assert f"imports: {said}" in strangers(scan(data))


def test_a_call_is_listed_however_it_is_made() -> None:
    for data, name in (
        (b"cos\nsystem\nS'true'\n\x85R.", "REDUCE"),
        (b"(S'true'\nios\nsystem\n.", "INST"),
        (b"(cos\nsystem\nS'true'\no.", "OBJ"),
        (b"\x80\x02cos\nsystem\nS'true'\n\x85\x81.", "NEWOBJ"),
        (b"\x80\x04cos\nsystem\nS'true'\n\x85}\x92.", "NEWOBJ_EX"),
        (b"cos\nsystem\n}b.", "BUILD"),
        (b"Ptrue\n.", "PERSID"),
        (b"S'true'\nQ.", "BINPERSID"),
    ):
        assert [one.what for one in scan(data) if one.kind == "calls"] == [name]


def test_what_stands_before_a_fault_is_listed_and_the_fault_too() -> None:
    data = pickle.dumps(Runs(os.system, "true"), 4)[:-1] + b"\xff" + b"rest"
    found = scan(data)
    assert f"{os.system.__module__} system" in [one.what for one in found]
    assert found[-1].kind == "cannot be told"
    assert "unknown" in strangers(found)[-1]


def test_a_strange_escape_is_no_end_of_the_scan() -> None:
    with pytest.warns(DeprecationWarning, match="invalid escape"):
        found = scan(b"S'\\q'\n0cos\nsystem\n.")
    assert strangers(found) == ["imports: os system"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "invalid escape" in strangers(scan(b"S'\\q'\n0cos\nsystem\n."))[0]


def test_pickles_one_behind_the_other_are_all_scanned() -> None:
    data = pickle.dumps(1) + pickle.dumps(2, 0) + pickle.dumps(Runs(eval, "1"), 2)
    assert imports(data) == ["__builtin__ eval"]
    (found,) = [one for one in scan(data) if one.kind == "imports"]
    assert data[found.at :].startswith(b"c__builtin__")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("inner", PROTOCOLS)
def test_a_pickle_in_a_pickle_is_scanned(protocol: int, inner: int) -> None:
    hidden = pickle.dumps(Runs(os.system, "true"), inner)
    data = pickle.dumps({"a": bytearray(hidden) if protocol == 5 else hidden}, protocol)
    found = [one for one in scan(data) if one.what == f"{os.system.__module__} system"]
    if protocol >= 3:
        assert found[0].member.startswith("inside byte ")
    assert found or protocol < 3  # those have a text, which the next test is about


def test_a_pickle_in_a_text_is_scanned() -> None:
    hidden = pickle.dumps(Runs(eval, "1"), 2).decode("latin-1")
    assert "imports: __builtin__ eval" in strangers(scan(pickle.dumps(hidden, 4)))


@pytest.mark.parametrize("text", ["0\x93", "(\x93", "system", "a\nb\nc", "{% if true %}\n{% endif %}\n"])
def test_a_text_that_is_no_pickle_is_not_taken_for_one(text: str) -> None:
    for data in (pickle.dumps(text), archive(("m/data/0", text.encode("latin-1")))):
        assert scan(data) == []


def test_a_pickle_is_looked_for_four_deep() -> None:
    data = pickle.dumps(Runs(os.system, "true"), 4)
    for depth in range(1, 6):
        data = pickle.dumps(data, 4)
        assert bool(strangers(scan(data))) == (depth <= 4)


def test_weights_are_not_taken_for_a_pickle() -> None:
    weights = struct.pack("<64f", *([0.25] * 64))
    data = archive(("m/data.pkl", state_dict()), ("m/data/0", weights), ("m/data/1", b"\x80\x02}."))
    assert strangers(scan(data)) == []


@pytest.mark.parametrize("name", ["m/data.pkl", "m/DATA.PKL", "m/config.p", "readme.txt", "m/data/0"])
@pytest.mark.parametrize(
    "compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_member_is_scanned_whatever_it_is_called(name: str, compression: int) -> None:
    data = archive((name, pickle.dumps(Runs(os.system, "true"), 2)), compression=compression)
    assert strangers(scan(data)) == [f"imports: {os.system.__module__} system"]
    assert scan(data)[0].member == name


def test_a_pickle_before_a_zip_file_is_scanned() -> None:
    data = pickle.dumps(Runs(os.system, "true"), 2) + archive(("m/data.pkl", state_dict()))
    assert f"imports: {os.system.__module__} system" in strangers(scan(data))
    assert "torch Size" in [one.what for one in scan(data)]


def test_a_member_that_cannot_be_read_does_not_hide_the_next() -> None:
    data = bytearray(archive(("a", b"broken"), ("b.pkl", pickle.dumps(Runs(os.system, "true"), 2))))
    data[data.index(b"broken")] ^= 1
    assert strangers(scan(bytes(data))) == [
        "cannot be told: Bad CRC-32 for file 'a'",
        f"imports: {os.system.__module__} system",
    ]
    assert scan(bytes(data))[0] == Finding("a", 0, "cannot be told", "Bad CRC-32 for file 'a'")
    flagged = bytearray(archive(("a", b"secret")))
    flagged[flagged.index(b"PK\x01\x02") + 8] |= 1
    assert "encrypted" in strangers(scan(bytes(flagged)))[0]


def test_another_archive_is_not_taken_for_safe() -> None:
    assert strangers(scan(b"7z\xbc\xaf\x27\x1c" + bytes(40)))
    assert strangers(scan(b"")) == ["cannot be told: pickle exhausted before seeing STOP"]


def test_what_is_longer_than_is_read_is_not_taken_for_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (safe.MOST_BYTES, safe.MOST_STEPS) == (67_108_864, 1_000_000)
    data = pickle.dumps([1, 2])
    monkeypatch.setattr(safe, "MOST_BYTES", len(data) + 1)
    assert strangers(scan(data)) == []
    monkeypatch.setattr(safe, "MOST_BYTES", len(data))
    assert strangers(scan(data)) == ["cannot be told: the rest is not read"]
    monkeypatch.undo()
    steps = len(list(pickletools.genops(data)))
    monkeypatch.setattr(safe, "MOST_STEPS", steps)
    assert strangers(scan(data)) == []
    monkeypatch.setattr(safe, "MOST_STEPS", steps - 1)
    assert strangers(scan(data)) == ["cannot be told: it is too long"]


PRINTS = b"\x80\x04\x8c\x08builtins\x8c\x05print\x93\x8c\x01x\x85R."


def test_an_import_by_too_few_texts_or_by_numbers_stops_a_pickle() -> None:
    for data in (b"\x80\x04\x8c\x02os\x93.", b"\x80\x04K\x01K\x02\x93."):
        assert imports(data) == []
        assert strangers(scan(data)) == ["cannot be told: an import by what is no text"]


def test_text_that_was_filled_with_nothing_is_still_text() -> None:
    data = b"\x80\x04\x8c\x08builtins(e\x8c\x05print(e\x93\x8c\x01x\x85R."
    assert imports(data) == ["builtins print"]
    assert strangers(scan(archive(("model/weights.bin", data)))) == ["imports: builtins print"]


def test_a_pickle_behind_more_steps_than_are_taken_is_not_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safe, "MOST_STEPS", 100)
    data = b"N0" * 51 + PRINTS
    assert strangers(scan(archive(("model/weights.bin", data)))) == ["cannot be told: it is too long"]


@pytest.mark.parametrize(("behind", "found"), [(PRINTS, ["cannot be told: the rest is not read"]), (b"", [])])
def test_a_pickle_behind_more_bytes_than_are_read_is_not_dropped(
    behind: bytes, found: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(safe, "MOST_BYTES", 100)
    long = b"B" + (120).to_bytes(4, "little") + bytes(120 if behind else 90)
    told = [one for one in strangers(scan(archive(("model/weights.bin", long + behind)))) if "rest" in one]
    assert told == found


def test_random_weights_are_seldom_taken_for_a_pickle() -> None:
    weights = np.random.default_rng(0).normal(0, 0.02, (3_000, 64)).astype(np.float16)
    members = [(f"model/data/{i}", row.tobytes()) for i, row in enumerate(weights)]
    assert strangers(scan(archive(*members))) == []


def test_an_array_of_objects_is_a_pickle_and_one_of_numbers_is_none() -> None:
    for kind, found in (
        (object, True),
        (np.float32, False),
        ([("a", "O"), ("b", "f4")], True),
        ("U3", False),
    ):
        file = io.BytesIO()
        np.save(file, np.zeros(3, kind), allow_pickle=True)
        said = strangers(scan(file.getvalue()))
        assert ("cannot be told: an array of objects" in said) == found
        assert strangers(scan(archive(("model/a.npy", file.getvalue())))) == said
    assert strangers(scan(b"\x93NUMPY\x01\x00\x02\x00xy" + PRINTS)) == [
        "cannot be told: an array of objects",
        "imports: builtins print",
    ]


def test_what_begins_as_a_zip_file_and_is_none_for_python_is_told() -> None:
    broken = archive(("m\n.", PRINTS))[:-10]
    assert "cannot be told: Python reads no ZIP here" in strangers(scan(broken))


def test_a_header_of_version_2_has_a_length_of_four_bytes() -> None:
    text = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    data = b"\x93NUMPY\x02\x00" + len(text).to_bytes(4, "little") + text + PRINTS
    found = scan(data)
    assert strangers(found) == ["cannot be told: an array of objects", "imports: builtins print"]
    assert (found[0].at, found[1].at) == (0, PRINTS.index(b"\x93"))
    numbers = text.replace(b"|O", b"<f4")
    data = b"\x93NUMPY\x02\x00" + len(numbers).to_bytes(4, "little") + numbers + PRINTS
    assert scan(data) == []


def test_whether_a_pickle_goes_on_is_told_by_its_last_finding() -> None:
    fault = "at position 0, opcode b'#' unknown"
    short = "expected 120 bytes in a bytes4, but only 95 remain"
    first, last = (Finding("", 0, "cannot be told", said) for said in (fault, short))
    assert safe.goes_on([first, last], 25)
    assert not safe.goes_on([first, last], 24)
    assert not safe.goes_on([last, first], 25)
    assert not safe.goes_on([], 25)
