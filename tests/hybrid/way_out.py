"""Which files of the package could reach the network, were they written otherwise? By what they import.

A module that is not listed here is refused, so that a new one is looked at by whoever adds it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

# They compute, or keep; none of them opens a connection or starts anything.
HARMLESS = {
    *(
        "base64",
        "binascii",
        "collections",
        "collections.abc",
        "contextlib",
        "dataclasses",
        "enum",
        "functools",
        "itertools",
    ),
    *("hashlib", "html", "ipaddress", "json", "math", "numpy", "numpy.typing", "phonenumbers", "pydantic"),
    *("random", "re", "secrets", "stdnum", "stdnum.us", "threading", "time", "types", "typing"),
    *("unicodedata", "urllib.parse"),
}
# What reaches further, and where alone it may stand.
REACHING = {
    "certifi": {"transport"},
    "httpcore": {"transport"},
    "httpx": {"client", "endpoint", "gate", "prove", "router", "transport"},
    "importlib": {"embedded", "fence"},
    "logging": {"transport"},
    "snippets.hybrid.transport": {"router"},
    "socket": {"transport"},
    "ssl": {"transport"},
    "sys": {"fence"},
}
# Of httpx only what describes a request or an answer; a connection is opened by httpcore, in the transport.
OF_HTTPX = {"BaseTransport", "ConnectError", "InvalidURL", "Request", "Response", "SyncByteStream"}
OF_HTTPX |= {"TimeoutException", "URL"}
IMPORTED_BY_NAME = {"embedded": ["xllamacpp"], "fence": ["_posixsubprocess"]}
HIDDEN = {"__import__", "compile", "eval", "exec", "globals", "vars", "__builtins__"}


def ways_out(folder: Path) -> list[str]:
    """What no file of the package may do but those that are listed above, one line each."""
    return [
        f"{path.stem}: {said}"
        for path in sorted(folder.glob("*.py"))
        for said in _of(path.stem, ast.parse(path.read_text(encoding="utf-8")))
    ]


def _of(stem: str, tree: ast.Module) -> Iterator[str]:
    by_name = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                yield from _module(stem, one.name)
                if one.asname and one.name != "numpy":
                    yield f"imports {one.name} under another name"
        elif isinstance(node, ast.ImportFrom):
            yield from _module(stem, f"{'.' * node.level}{node.module or ''}")
            if node.module in {"httpx", "snippets", "snippets.hybrid"}:
                yield f"imports from {node.module}"
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "httpx" and node.attr not in OF_HTTPX:
                yield f"uses httpx.{node.attr}"
        elif isinstance(node, ast.Name) and node.id in HIDDEN:
            yield f"uses {node.id}"
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "import_module":
            by_name.append(ast.literal_eval(node.args[0]) if _is_text(node.args) else "?")
    if by_name != IMPORTED_BY_NAME.get(stem, []):
        yield f"imports by name: {by_name}"


def _is_text(arguments: list[ast.expr]) -> bool:
    return len(arguments) == 1 and isinstance(arguments[0], ast.Constant)


def _module(stem: str, name: str) -> Iterator[str]:
    ours = name.startswith("snippets.") and name not in REACHING
    if name not in HARMLESS and not ours and stem not in REACHING.get(name, set()):
        yield f"imports {name}"
