"""nginx.conf and Caddyfile: the tools parse them, the servers load them, and our policies read them.

A configuration names files that are the reader's: keys, certificates, logs. Here they stand in an empty
folder, and what would listen on a port listens on a socket in it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import trustme

from snippets.operate import caddy_policy, proxy_policy
from tests.pages.tools import need, tool

# What crossplane's tables do not have yet, and blocks whose rows are data.
NEWER = {"ssl_reject_handshake"}
ROWS = {"map", "geo", "split_clients", "types", "charset_map"}
LISTEN = re.compile(r"\blisten\s+([^\s;]+)")
LOG = re.compile(r"(?<!\S)/var/log/\S+?(?=[\s;])")
NAMED = re.compile(r"(?:^|[\s{;])(?:include|import|ssl_certificate|ssl_certificate_key|tls)\s+([^;\n{]+)")


def check_nginx(source: str, _title: str) -> list[str]:
    """An nginx.conf parses strictly, is loaded by nginx where there is one, and keeps to our policy."""
    whole = (
        source if re.search(r"^\s*(http|events)\b", source, re.M) else f"events {{}} http {{\n{source}\n}}"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "nginx.conf"
        file.write_text(whole + "\n", encoding="utf-8")
        tree, errors = parse(file)
        found = errors or loads(folder, whole)
    return found or [f"nginx policy: {said}" for said in proxy_policy.complaints(tree)]


def parse(file: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """What crossplane reads, and what is wrong with it."""
    crossplane: Any = import_module("crossplane")
    tree = crossplane.parse(str(file), single=True)["config"][0]["parsed"]
    strict = crossplane.parse(str(file), single=True, strict=True)
    data = {one["line"] for block in within(tree, ROWS) for one in block}
    errors = [
        f"nginx: {error['error'].replace(f' in {file}', ', line ')}"
        for error in strict["errors"]
        if not (error["line"] in data and "unknown directive" in error["error"])
        and not any(f'unknown directive "{name}"' in error["error"] for name in NEWER)
    ]
    return tree, errors


def within(tree: Sequence[dict[str, Any]], names: set[str]) -> Iterator[list[dict[str, Any]]]:
    for one in tree:
        if one["directive"] in names:
            yield one["block"]
        yield from within(one.get("block", ()), names)


def loads(folder: Path, source: str) -> list[str]:
    """What `nginx -t` says, with all files and sockets in a folder of its own."""
    if os.environ.get("REQUIRE_TOOLS") != "1" and not shutil.which("nginx", path="/usr/sbin:/sbin:/usr/bin"):
        return []
    sockets = {port: f"listen unix:{folder}/{number}" for number, port in enumerate(LISTEN.findall(source))}
    text = LISTEN.sub(lambda match: sockets[match[1]], source)
    text = LOG.sub(f"{folder}/log", text)
    text = re.sub(r"^\s*user\s[^;]*;", "", text, flags=re.M)
    stand_ins(folder, source)
    file = folder / "nginx.conf"
    file.write_text(text + "\n", encoding="utf-8")
    command = [need("nginx"), "-t", "-q", "-e", "stderr", "-p", name(folder), "-c", name(file)]
    done = subprocess.run(
        [*command, "-g", f"pid {folder}/pid;"], capture_output=True, text=True, check=False, timeout=20
    )
    return [f"nginx: {done.stderr.strip().replace(name(folder), '')}"] if done.returncode else []


def name(path: Path) -> str:
    return str(path)


def stand_ins(folder: Path, source: str) -> None:
    """Empty files for those that a configuration includes, a pair of a certificate and its key."""
    for words in NAMED.findall(source):
        for word in words.split():
            if word.startswith("/") or ".." in word or "." not in word:
                continue
            file = folder / word
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(
                certificate()[word.endswith(".key")] if re.search(r"\.(pem|key)$", word) else b""
            )


@cache
def certificate() -> tuple[bytes, bytes]:
    issued = trustme.CA().issue_cert("llm.example")
    return issued.cert_chain_pems[0].bytes(), issued.private_key_pem.bytes()


def check_caddyfile(source: str, _title: str) -> list[str]:
    """A Caddyfile is loaded by Caddy, is formatted as Caddy does, and keeps to our policy."""
    with tempfile.TemporaryDirectory() as folder:
        stand_ins(Path(folder), source)
        file = Path(folder) / "Caddyfile"
        file.write_text(LOG.sub(f"{folder}/log", source + "\n"), encoding="utf-8")
        adapted = caddy("adapt", folder)
        if adapted.returncode:
            return [f"Caddy: {adapted.stderr.strip().replace(folder, '')}"]
        loaded = caddy("validate", folder)
        if loaded.returncode:
            return [f"Caddy: {loaded.stderr.strip().splitlines()[-1].replace(folder, '')}"]
    said = caddy_policy.complaints(json.loads(adapted.stdout))
    return [f"Caddy policy: {one}" for one in said]


def caddy(verb: str, folder: str) -> subprocess.CompletedProcess[str]:
    home = {"HOME": folder, "XDG_DATA_HOME": folder, "XDG_CONFIG_HOME": folder}
    return subprocess.run(
        [tool("caddy"), verb, "--config", "Caddyfile"],
        cwd=folder,
        env=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
