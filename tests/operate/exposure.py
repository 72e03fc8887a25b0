"""What does llama.cpp's own server answer, route by route, with a key set and without?

`python -m tests.operate.exposure` asks it again and rewrites the data file that the page shows.
"""

from __future__ import annotations

import csv
import http.client
import io
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from snippets.data.small_model import read_small_model
from snippets.data.small_tokenizer import read_tokenizer
from snippets.model_formats.convert import build
from snippets.model_formats.gguf_writer import write_gguf
from tests.pages.collect import ROOT

RECORDED = ROOT / "snippets" / "data" / "exposure" / "llamacpp.csv"
KEY = "0123456789abcdef0123456789abcdef"
CHAT = '{"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}'
TEXT = '{"prompt": "Hi", "max_tokens": 1}'
ASKED = [
    ("GET", "/", ""),
    ("GET", "/health", ""),
    ("GET", "/v1/health", ""),
    ("GET", "/v1/models", ""),
    ("GET", "/models", ""),
    ("GET", "/props", ""),
    ("POST", "/props", "{}"),
    ("GET", "/slots", ""),
    ("POST", "/slots/0?action=erase", "{}"),
    ("GET", "/metrics", ""),
    ("GET", "/lora-adapters", ""),
    ("POST", "/lora-adapters", "[]"),
    ("POST", "/tokenize", '{"content": "Hi"}'),
    ("POST", "/detokenize", '{"tokens": [300]}'),
    ("POST", "/apply-template", CHAT),
    ("POST", "/completion", '{"prompt": "Hi", "n_predict": 1}'),
    ("POST", "/completions", TEXT),
    ("POST", "/v1/completions", TEXT),
    ("POST", "/chat/completions", CHAT),
    ("POST", "/v1/chat/completions", CHAT),
    ("POST", "/v1/responses", '{"input": "Hi", "max_output_tokens": 1}'),
    ("POST", "/v1/messages", CHAT),
    ("POST", "/v1/messages/count_tokens", CHAT),
    ("POST", "/infill", '{"input_prefix": "a", "input_suffix": "b"}'),
    ("POST", "/embeddings", '{"input": "Hi"}'),
    ("POST", "/v1/embeddings", '{"input": "Hi"}'),
    ("POST", "/rerank", '{"query": "a", "documents": ["b"]}'),
    ("POST", "/v1/rerank", '{"query": "a", "documents": ["b"]}'),
    ("POST", "/v1/audio/transcriptions", "{}"),
    ("POST", "/embedding", '{"content": "Hi"}'),
    ("POST", "/v1/reranking", '{"query": "a", "documents": ["b"]}'),
    ("POST", "/v1/chat/completions/input_tokens", CHAT),
    ("POST", "/v1/responses/input_tokens", '{"input": "Hi"}'),
    ("POST", "/v1/chat/completions/control", "{}"),
    ("POST", "/v1/systemone", "{}"),
    ("GET", "/v1/stream", ""),
    ("POST", "/v1/streams/lookup", "{}"),
    ("GET", "/tools", ""),
    ("GET", "/cors-proxy", ""),
    ("GET", "/no-such-route", ""),
]


def server(model: Path, key: str = "", **asked: Any) -> Any:
    """llama.cpp's server at a free port of loopback, with metrics, else as it starts by default."""
    library: Any = import_module("xllamacpp")
    params = library.CommonParams()
    params.model.path = str(model)
    params.n_ctx = 128
    params.cpuparams.n_threads = 1
    params.verbosity = 0
    params.warmup = False
    params.port = 0
    params.endpoint_metrics = True
    params.api_keys = [key] if key else []
    for name, value in asked.items():
        setattr(params, name, value)
    return library.Server(params)


def ask(
    running: Any, method: str, path: str, body: str = "", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of one answer."""
    host, _, port = str(running.listening_address).removeprefix("http://").partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=30)
    sent = {"Accept-Encoding": "gzip", "Content-Type": "application/json", **(headers or {})}
    connection.request(method, path, body or None, sent)
    answer = connection.getresponse()
    found = (answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    connection.close()
    return found


def small_model(folder: Path) -> Path:
    """The guide's small model as a GGUF file."""
    path = folder / "small.gguf"
    with path.open("wb") as file:
        write_gguf(file, *build(read_small_model(), read_tokenizer(), "small"))
    return path


def measure(model: Path) -> str:
    """The table as CSV: no key set; then, with one set, no key given, a wrong one, the right one."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["method", "path", "no_key_set", "key_missing", "key_wrong", "key_given"])
    plain, guarded = server(model), server(model, KEY)
    for method, path, body in ASKED:
        bearers: list[dict[str, str]] = [{}, {"Authorization": f"Bearer {KEY[:-1]}0"}]
        bearers.append({"Authorization": f"Bearer {KEY}"})
        found = [ask(plain, method, path, body)[0]]
        found += [ask(guarded, method, path, body, sent)[0] for sent in bearers]
        table.writerow([method, path, *found])
    return text.getvalue()


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        RECORDED.write_text(measure(small_model(Path(folder))), encoding="utf-8")
