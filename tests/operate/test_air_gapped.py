"""What arrives is what was listed, and nothing else; where loopback is all there is, the engine answers."""

from __future__ import annotations

import fnmatch
import hashlib
import io
import os
import pickle
import re
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.operate.air_gapped import (
    Found,
    complaints,
    digest,
    look,
    manifest,
    read_manifest,
    wrong_name,
)
from tests.operate.exposure import small_model
from tests.pages.collect import ROOT

FILES = ROOT / "snippets" / "operate" / "air_gapped"
HEADER = b"{}      "
CONTENT = {
    "config.json": b"{}",
    "LICENSE": b"text",
    "model.safetensors": struct.pack("<Q", len(HEADER)) + HEADER,
    "onnx-free/part-1.gguf": b"GGUF" + bytes(2_000_000),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small model's folder, in another order than its names have."""
    made = tmp_path / "model"
    for path in sorted(CONTENT, reverse=True):
        (made / path).parent.mkdir(parents=True, exist_ok=True)
        (made / path).write_bytes(CONTENT[path])
    return made


# --- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["a.gguf", "A/b-1/model_2.SAFETENSORS", "README.md", "LICENSE", "a+b.txt", "7"]
)
def test_a_plain_relative_path_is_right(path: str) -> None:
    assert wrong_name(path) == ""


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd.txt",
        "../a.txt",
        "a/../b.txt",
        "a/./b.txt",
        "a//b.txt",
        "a/",
        ".env",
        "a/.ssh/key.txt",
        "C:a.txt",
        "a\\b.txt",
        "a b.txt",
        "a\nb.txt",
        "a\x00.txt",
        "ä.txt",
        "a.txt.",
        "-rf.txt",
        "a\u202etxt.txt",
    ],
)
def test_a_path_that_could_lead_elsewhere_is_wrong(path: str) -> None:
    assert wrong_name(path) == "is no plain relative path"


@pytest.mark.parametrize(
    "path", ["a.bin", "a.pkl", "a.PT", "a.pth", "a.ckpt", "a.py", "x/a.sh", "a.zip", "a.gguf.exe", "a.keras"]
)
def test_a_kind_that_weights_do_not_need_is_wrong(path: str) -> None:
    assert wrong_name(path) == f"is of a kind not needed: .{path.rpartition('.')[2].lower()}"


@given(st.text(max_size=12))
def test_whatever_is_right_stays_below_its_folder(path: str) -> None:
    if not wrong_name(path):
        base = Path("/srv/models")
        assert Path(os.path.normpath(base / path)).is_relative_to(base)
        assert Path(os.path.normpath(base / path)) == base / path
        assert path.isascii()


# --- hashes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 19])
def test_a_hash_is_that_of_hashlib_in_one_go(size: int) -> None:
    data = b"GGUF"[:size] + bytes(max(0, size - 4))
    assert digest(io.BytesIO(data)) == hashlib.sha256(data).hexdigest()


class Counted(io.BytesIO):
    """A file that remembers how much it was asked for at once."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.asked: set[int | None] = set()

    def read(self, size: int | None = -1, /) -> bytes:
        self.asked.add(size)
        return super().read(size)


def test_a_large_file_is_read_in_pieces_of_a_mebibyte() -> None:
    file = Counted(bytes(3 << 20))
    digest(file)
    assert file.asked == {1_048_576}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_is_refused_whatever_its_name(protocol: int, folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps({"layer": [1.0]}, protocol))
    with pytest.raises(ValueError, match=r"^'model\.safetensors' begins as a pickle or a ZIP$"):
        manifest(look(folder))


def test_a_zip_file_is_refused_whatever_its_name(folder: Path) -> None:
    with zipfile.ZipFile(folder / "config.json", "w") as archive:
        archive.writestr("model/data.pkl", pickle.dumps(1))
    with pytest.raises(ValueError, match=r"^'config\.json' begins as a pickle or a ZIP$"):
        manifest(look(folder))


@given(st.integers(0, 2**32 - 1))
def test_no_header_of_safetensors_is_taken_for_a_pickle(length: int) -> None:
    digest(io.BytesIO(struct.pack("<Q", length) + b'{"'))


@pytest.mark.parametrize("low", [0x0280, 0x0380, 0x0480, 0x0580, 0x010280, 0x7F010580])
def test_nor_one_whose_length_begins_as_a_pickle_does(low: int) -> None:
    digest(io.BytesIO(struct.pack("<Q", low) + b'{"'))
    with pytest.raises(ValueError, match="pickle"):
        digest(io.BytesIO(struct.pack("<Q", low) + b"."))


# --- a folder ---------------------------------------------------------------------------------


def test_a_folder_is_listed_in_order_with_what_is_no_file(folder: Path) -> None:
    (folder / "b").symlink_to("config.json")
    (folder / "c").symlink_to("/etc", target_is_directory=True)
    os.mkfifo(folder / "d")
    found = {one.path: one.file for one in look(folder)}
    assert list(found) == sorted(found)
    assert {path for path, file in found.items() if file is None} == {"b", "c", "d"}
    assert {path for path, file in found.items() if file} == set(CONTENT)


def test_a_manifest_is_what_sha256sum_writes_and_checks(folder: Path) -> None:
    text = manifest(look(folder))
    done = subprocess.run(
        ["sha256sum", "--check", "--strict"],
        input=text,
        cwd=folder,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == len(CONTENT)
    assert read_manifest(text) == {path: hashlib.sha256(data).hexdigest() for path, data in CONTENT.items()}
    assert complaints(read_manifest(text), look(folder)) == []


def test_links_and_strange_names_are_not_mirrored(folder: Path) -> None:
    (folder / "a.txt").symlink_to("config.json")
    with pytest.raises(ValueError, match=r"^'a\.txt' is no plain file$"):
        manifest(look(folder))
    with pytest.raises(ValueError, match=r"^'\.\./x\.txt' is no plain relative path$"):
        manifest([Found("../x.txt", folder / "config.json")])
    with pytest.raises(ValueError, match="double"):
        manifest([Found(name, folder / "config.json") for name in ("a.txt", "A.TXT")])
    with pytest.raises(ValueError, match="empty"):
        manifest([])


# --- reading a manifest -----------------------------------------------------------------------

HASH = "0" * 64


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty, or cut off at the end"),
        ("\n", "line 1 is wrong"),
        (f"{HASH}  a.txt", "empty, or cut off at the end"),
        (f"{HASH}  a.txt\n{HASH}  b.tx", "empty, or cut off at the end"),
        (f"{HASH}  a.txt\n{HASH}  ../b.txt\n", "line 2 is wrong"),
        (f"{HASH}  a.txt\n{HASH}  a.txt\n", "line 2 is double"),
        (f"{HASH}  a.txt\n{HASH}  A.txt\n", "line 2 is double"),
        (f"{HASH} *a.txt\n", "line 1 is wrong"),
        (f"{HASH}  a.txt\r\n", "line 1 is wrong"),
        (f"{'0' * 63}  a.txt\n", "line 1 is wrong"),
        (f"{'0' * 65}  a.txt\n", "line 1 is wrong"),
        (f"{'A' * 64}  a.txt\n", "line 1 is wrong"),
        (f"{HASH}  a.pkl\n", "line 1 is wrong"),
        (f"{HASH}  a.txt\u2028{HASH}  b.txt\n", "line 1 is wrong"),
    ],
)
def test_a_manifest_that_is_not_as_written_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=f"^{said}$"):
        read_manifest(text)


# --- verifying --------------------------------------------------------------------------------


def test_what_is_extra_missing_changed_or_no_file_is_named(folder: Path) -> None:
    listed = read_manifest(manifest(look(folder)))
    (folder / "extra.json").write_bytes(b"{}")
    (folder / "LICENSE").unlink()
    (folder / "config.json").write_bytes(b"[]")
    moved = folder / "model.safetensors"
    moved.rename(folder.parent / "elsewhere")
    moved.symlink_to(folder.parent / "elsewhere")  # the right bytes, behind a link
    assert complaints(listed, look(folder)) == [
        "'config.json' is changed",
        "'extra.json' is not listed",
        "'model.safetensors' is no plain file",
        "'LICENSE' is missing",
    ]


def test_a_file_that_became_a_pickle_is_named_and_the_rest_is_checked(folder: Path) -> None:
    listed = read_manifest(manifest(look(folder)))
    (folder / "config.json").write_bytes(pickle.dumps(1))
    (folder / "LICENSE").write_bytes(b"other")
    assert complaints(listed, look(folder)) == [
        "'LICENSE' is changed",
        "'config.json' begins as a pickle or a ZIP",
    ]


@given(st.sampled_from(sorted(CONTENT)), st.integers(0, 7), st.data())
def test_one_bit_is_noticed(path: str, bit: int, data: st.DataObject) -> None:
    original = CONTENT[path]
    at = data.draw(st.integers(0, len(original) - 1))
    changed = bytearray(original)
    changed[at] ^= 1 << bit
    assert digest(io.BytesIO(bytes(changed))) != digest(io.BytesIO(original))


# --- a signature ------------------------------------------------------------------------------


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="no ssh-keygen on PATH")
def test_a_signature_as_on_the_page_holds_for_the_manifest_and_for_no_other(tmp_path: Path) -> None:
    key, listed = tmp_path / "mirror", tmp_path / "MANIFEST"
    listed.write_text(f"{HASH}  a.txt\n")
    run = ["ssh-keygen", "-q"]
    subprocess.run([*run, "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    subprocess.run(
        [*run, "-Y", "sign", "-f", str(key), "-n", "model-manifest", str(listed)],
        check=True,
        capture_output=True,
    )
    signers = tmp_path / "allowed_signers"
    signers.write_text(f"mirror@example.org {key.with_suffix('.pub').read_text()}")
    verify = [*run, "-Y", "verify", "-f", str(signers), "-I", "mirror@example.org"]
    verify += ["-n", "model-manifest", "-s", f"{listed}.sig"]
    for text, status in ((f"{HASH}  a.txt\n", 0), (f"{HASH}  b.txt\n", 255)):
        done = subprocess.run(verify, input=text, text=True, capture_output=True, check=False)
        assert done.returncode == status, done.stderr


# --- the guide as a bundle --------------------------------------------------------------------


def bundle(site: Path, archive: Path) -> bytes:
    """Run the script of the page, and read the archive."""
    subprocess.run(["bash", str(FILES / "bundle.sh"), str(site), str(archive)], check=True)
    return archive.read_bytes()


def test_a_bundle_holds_the_site_and_proves_it_and_is_the_same_twice(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for path in ("index.html", "a page/index.html", "assets/x.css"):
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(path)
    first = bundle(site, tmp_path / "guide.tar.gz")
    os.utime(site / "index.html", (1, 1))
    (site / "index.html").chmod(0o600)
    assert bundle(site, tmp_path / "guide.tar.gz") == first
    check = ["sha256sum", "--check", "--strict", "--quiet"]
    subprocess.run([*check, "guide.tar.gz.sha256"], cwd=tmp_path, check=True)
    with tarfile.open(tmp_path / "guide.tar.gz") as opened:
        opened.extractall(tmp_path / "there", filter="data")
    subprocess.run([*check, str(tmp_path / "guide.tar.gz.manifest")], cwd=tmp_path / "there", check=True)
    (tmp_path / "there" / "assets" / "x.css").write_text("changed")
    done = subprocess.run(
        [*check, str(tmp_path / "guide.tar.gz.manifest")],
        cwd=tmp_path / "there",
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "./assets/x.css: FAILED" in done.stdout


# --- no way out -------------------------------------------------------------------------------

CONNECT = """
import socket, sys
host, port = sys.argv[1], int(sys.argv[2])
try:
    socket.create_connection((host, port), timeout=2).close()
    print("connected")
except OSError as error:
    print(type(error).__name__, error.errno)
"""
ENGINE = """
import json, sys
from pathlib import Path
from tests.operate.exposure import ask, server
running = server(Path(sys.argv[1]))
body = '{"prompt": "Hi", "n_predict": 2}'
status, _, said = ask(running, "POST", "/completion", body)
print(status, json.loads(said)["tokens_predicted"])
"""


def inside(*command: str) -> str:
    """What a command prints where there is only loopback; skipped where there are no namespaces."""
    if not shutil.which("unshare") or not shutil.which("ip", path="/usr/sbin:/sbin:/usr/bin:/bin"):
        pytest.skip("no unshare or ip on this machine")
    script = str(FILES / "no_egress.sh")
    environment = os.environ | {
        "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin",
        "PYTHONPATH": str(ROOT),
    }
    able = subprocess.run([script, "true"], capture_output=True, text=True, check=False, env=environment)
    if able.returncode:
        pytest.skip(f"no user namespaces here: {able.stderr.strip()}")
    done = subprocess.run([script, *command], capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.enable_socket
def test_from_inside_neither_the_host_nor_the_world_is_reached_and_from_outside_the_host_is() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        outside = subprocess.run(
            [sys.executable, "-c", CONNECT, "127.0.0.1", port], capture_output=True, text=True, check=True
        )
        assert outside.stdout.strip() == "connected"  # the control: the same command, without the fence
        assert inside(sys.executable, "-c", CONNECT, "127.0.0.1", port).startswith("ConnectionRefusedError")
    assert (
        inside(sys.executable, "-c", CONNECT, "192.0.2.1", "443") == "OSError 101"
    )  # network is unreachable


@pytest.mark.skipif(
    "WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set: mutants are judged by what is quick"
)
def test_inside_llama_cpp_answers_all_the_same(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    assert inside(sys.executable, "-c", ENGINE, str(model)) == "200 2"


# --- a download -------------------------------------------------------------------------------


def test_what_the_pages_download_leaves_is_listed(folder: Path) -> None:
    """A repository has more than weights need: what the page excludes is not fetched, the rest is listed."""
    page = (ROOT / "docs" / "operate" / "air-gapped.md").read_text("utf-8")
    (block,) = re.findall(r"(?ms)^hf download .*?(?=```)", page)
    excluded = re.findall(r'"([^"]+)"', block.partition("--exclude")[2])
    for path in (".gitattributes", "logo.png", "modeling_x.py"):
        if not any(fnmatch.fnmatch(path, pattern) for pattern in excluded):
            (folder / path).write_bytes(b"x")
    assert not any(fnmatch.fnmatch(path, pattern) for path in CONTENT for pattern in excluded)
    cache = folder / ".cache" / "huggingface" / "download"
    cache.mkdir(parents=True)
    (cache / "config.json.metadata").write_text("x")
    with pytest.raises(ValueError, match="cache"):
        manifest(look(folder))
    (after,) = re.findall(r"(?m)^rm -r .*$", block)
    subprocess.run(["bash", "-c", after], cwd=folder.parent, check=True)
    assert set(read_manifest(manifest(look(folder)))) == set(CONTENT)
