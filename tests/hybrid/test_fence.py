"""Inside the fence, only what is allowed is connected; tried in processes of their own, as it is for good."""

from __future__ import annotations

import subprocess
import sys
from ipaddress import ip_network
from multiprocessing import get_all_start_methods
from pathlib import Path

import pytest

from snippets.hybrid.endpoint import LOOPBACK
from snippets.hybrid.fence import passes
from tests.hybrid.fakes import reply, server

ROOT = Path(__file__).resolve().parents[2]
FENCED = (
    "from snippets.hybrid.fence import fence, FenceError\nfrom snippets.hybrid.endpoint import LOOPBACK\n"
)


def run(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", FENCED + code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return (done.stdout + done.stderr.strip().rpartition("\n")[2]).strip()


def test_loopback_is_reached_and_nothing_else() -> None:
    with server(reply(b"{}")) as (port, _):
        said = run(f"""
import socket, shutil, subprocess, os, pty, urllib.request
fence(LOOPBACK)
print(urllib.request.urlopen("http://127.0.0.1:{port}/").status)
for address in (("192.0.2.1", 80), ("::ffff:192.0.2.1", 80)):
    kind = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    for how in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        one = socket.socket(kind, how)
        send, send_message = lambda to: one.sendto(b"x", to), lambda to: one.sendmsg([b"x"], [], 0, to)
        for call in (one.connect, one.connect_ex, send, send_message):
            try:
                call(address)
                print("left")
            except FenceError:
                print("held", end=" ")
true = shutil.which("true"), ["true"]
for start in (
    lambda: subprocess.run(["true"]),
    lambda: os.system("true"),
    lambda: os.posix_spawn(*true, {{}}),
    lambda: os.spawnv(os.P_WAIT, *true),
    lambda: pty.spawn(["true"]),
    lambda: os.execv(*true),
    os.fork,
    os.forkpty,
):
    try:
        start()
        print("started")
    except FenceError:
        print("held", end=" ")
""")
    assert said == "200\n" + " ".join(["held"] * 24)


STARTED = """
import multiprocessing
from multiprocessing import get_context

def started():
    print("started")

if __name__ == "__main__":
    {fence}
    for method in multiprocessing.get_all_start_methods():
        try:
            child = get_context(method).Process(target=started)
            child.start()
            child.join()
        except FenceError:
            print("held", method)
"""
INTERPRETER = """
import sys
name = "_interpreters" if sys.version_info >= (3, 13) else "_xxsubinterpreters"
interpreters = __import__(name)
{fence}
try:
    interpreters.create()
    print("started")
except Exception:  # FenceError, or what the interpreter makes of it
    print("held")
"""


def run_file(code: str, tmp_path: Path) -> str:
    """As `run`, from a file: multiprocessing imports the main one again."""
    file = tmp_path / "main.py"
    file.write_text(f"import sys\nsys.path.insert(0, {str(ROOT)!r})\n{FENCED}{code}", encoding="utf-8")
    done = subprocess.run([sys.executable, file], capture_output=True, text=True, check=False, timeout=60)
    return done.stdout.strip()


def test_no_process_and_no_interpreter_is_started(tmp_path: Path) -> None:
    methods = get_all_start_methods()
    held = run_file(STARTED.format(fence="fence(LOOPBACK)"), tmp_path)
    assert held.splitlines() == [f"held {method}" for method in methods]
    free = run_file(STARTED.format(fence=""), tmp_path)
    assert free.splitlines() == ["started"] * len(methods)
    assert run_file(INTERPRETER.format(fence="fence(LOOPBACK)"), tmp_path) == "held"
    assert run_file(INTERPRETER.format(fence=""), tmp_path) == "started"


def test_without_a_fence_the_same_tries_are_made() -> None:
    said = run("""
import socket
one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
one.connect(("192.0.2.1", 80))
print("tried")
""")
    assert "FenceError" not in said


def test_an_httpx_client_is_held_too_and_the_error_says_nothing() -> None:
    said = run("""
import httpx
fence(LOOPBACK)
try:
    httpx.post("http://192.0.2.1/canary", content=b"canary", trust_env=False)
except FenceError as error:
    print(repr(error))
""")
    assert said == "FenceError()"


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        (("127.0.0.1", 80), True),
        (("::1", 80, 0, 0), True),
        (("192.0.2.1", 80), False),
        (("localhost", 80), False),
        (("", 80), False),
        ((), False),
        (5, False),
        ("/run/some.sock", True),
        (b"\0abstract", True),
        (None, True),
    ],
)
def test_addresses(address: object, inside: bool) -> None:
    assert passes(address, LOOPBACK) == inside


def test_a_network_of_ones_own() -> None:
    assert passes(("10.1.2.3", 443), (ip_network("10.1.0.0/16"),))
    assert not passes(("127.0.0.1", 443), (ip_network("10.1.0.0/16"),))
