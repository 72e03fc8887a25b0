"""Write down an engine's options from its own parser, as `snippets/data/flags` keeps them.

    python -m tests.operate.record_flags llama-server LLAMA.CPP_SOURCE LLAMA.CPP_BUILD
    python -m tests.operate.record_flags vllm             (where vLLM can be imported)
    python -m tests.operate.record_flags mlx SERVER.PY
    python -m tests.operate.record_flags ray COMMAND      (where Ray can be imported)
    python -m tests.operate.record_flags ollama COMMAND CMD.GO CONFIG.GO

The table goes to standard output. Of llama.cpp a program of few lines is compiled that asks its parser; the
parsers of vLLM and Ray are built and asked; MLX's and Ollama's are read as source, for want of a machine.
LM Studio's program is closed: its tables are typed from its documentation.
"""

from __future__ import annotations

import argparse
import ast
import csv
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

FIELDS = ("spellings", "values", "choices", "status", "environment")
ASK_LLAMA_CPP = r"""
#include "arg.h"
#include "common.h"
#include <nlohmann/json.hpp>
#include <cstdio>
int main() {
    common_params params;
    auto parsed = common_params_parser_init(params, LLAMA_EXAMPLE_SERVER);
    auto all = nlohmann::json::array();
    for (auto & one : parsed.options) {
        nlohmann::json row;
        row["flags"] = nlohmann::json::array();
        for (auto name : one.args) row["flags"].push_back(name);
        for (auto name : one.args_neg) row["flags"].push_back(name);
        row["values"] = one.handler_str_str ? 2 : one.handler_string || one.handler_int ? 1 : 0;
        row["hint"] = one.value_hint ? one.value_hint : "";
        row["environment"] = one.env ? one.env : "";
        row["help"] = one.help;
        all.push_back(row);
    }
    std::puts(all.dump().c_str());
}
"""


class Row(NamedTuple):
    """A line of the table."""

    flags: str
    values: str
    choices: str = ""
    status: str = ""
    environment: str = ""


def llama_server(source: Path, build: Path) -> Iterator[Row]:
    """Compile a question to llama.cpp's parser against a build of its libraries, and ask it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "ask.cpp").write_text(ASK_LLAMA_CPP)
        places = ("common", "include", "ggml/include", "vendor")
        libraries = ("llama-common", "llama", "ggml", "ggml-base")
        subprocess.run(
            ["g++", "-std=c++17", str(folder / "ask.cpp"), "-o", str(folder / "ask")]
            + [f"-I{source / place}" for place in places]
            + [f"-L{build / 'bin'}", f"-Wl,-rpath,{build / 'bin'}"]
            + [f"-l{library}" for library in libraries],
            check=True,
        )
        said = subprocess.run([str(folder / "ask")], check=True, capture_output=True, text=True).stdout
    for one in json.loads(said):
        yield Row(
            " ".join(one["flags"]),
            str(one["values"]),
            " ".join(_listed(one["hint"], one["help"])),
            _status(one["help"]),
            one["environment"],
        )


def _listed(hint: str, said: str) -> list[str]:
    """The choices that a hint or a help text enumerates; [] where it does not."""
    enumerated = ".." not in hint and re.fullmatch(r"[{\[<]([\w.-]+(?:[,|][\w.-]+)+)[}\]>]", hint)
    if enumerated:
        return re.split(r"[,|]", enumerated[1])
    if ".." in hint:
        return []
    allowed = re.search(r"allowed values: ([\w, .-]+?)\s*(?:\n|\(|$)", said)
    return [one for one in re.split(r",\s*", allowed[1]) if one] if allowed else []


def _status(said: str) -> str:
    if "argument has been removed" in said:
        return "removed"
    return "deprecated" if re.search(r"\((?i:deprecated)\)|\bis deprecated\b|^\W*deprecated", said) else ""


def vllm() -> Iterator[Row]:
    """Build the parser of `vllm serve`, and list the variables of vLLM."""
    platforms: Any = import_module("vllm.platforms")
    # A machine without a GPU: the options are the same, and the parser's defaults need a device.
    platforms._current_platform = import_module("vllm.platforms.cpu").CpuPlatform()
    sys.argv += ["--help"]
    parser = import_module("vllm.utils.argparse_utils").FlexibleArgumentParser(prog="vllm")
    import_module("vllm.entrypoints.cli.serve").ServeSubcommand().subparser_init(parser.add_subparsers())
    serve = next(iter(parser._subparsers._group_actions[0].choices.values()))
    messages = vars(import_module("vllm.engine.arg_utils")).items()
    said = " ".join(text for name, text in messages if name.endswith("_DEPRECATION_MESSAGE"))
    old = set(re.findall(r"(--[\w-]+)\)? is deprecated", said))
    for row in of_argparse(serve):
        yield row._replace(status="deprecated") if old & {*row.flags.split()} else row
    for name in import_module("vllm.envs").environment_variables:
        if name.startswith("VLLM_"):
            yield Row(name, "1", environment=name)


def of_argparse(parser: argparse.ArgumentParser) -> Iterator[Row]:
    """The options of any parser of argparse."""
    spellings: dict[argparse.Action, list[str]] = {}
    for spelling, action in parser._option_string_actions.items():
        spellings.setdefault(action, []).append(spelling)
    for one, flags in spellings.items():
        values = {None: "1", 0: "0", "?": "?", "+": "+", "*": "+"}[one.nargs]
        if values == "1" and callable(one.type):
            values = _takes(one.type)
        status = "deprecated" if getattr(one, "deprecated", False) else _status(one.help or "")
        choices = [str(choice) for choice in one.choices or () if choice is not None]
        yield Row(" ".join(flags), values, " ".join(choices), status)


def _takes(kind: Callable[[str], object]) -> str:
    """Whether a type reads JSON only, JSON or a text, or one text; by giving it some."""

    def read(text: str) -> object:
        try:
            return kind(text)
        except (argparse.ArgumentTypeError, ValueError, TypeError):
            return None

    plain = (str, bytes, list, tuple, set, int, float, type(None))
    if read('["a"]') != ["a"] and all(isinstance(read(one), plain) for one in ('{"a": 1}', "{}")):
        return "1"
    return "dict" if isinstance(read("a"), str) else "json"


def mlx(path: Path) -> Iterator[Row]:
    """Read the calls of add_argument in mlx_lm's server."""
    yield Row("-h --help", "0")
    for call in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(call, ast.Call) and getattr(call.func, "attr", "") == "add_argument"):
            continue
        given = {one.arg: one.value for one in call.keywords}
        flags = " ".join(ast.literal_eval(one) for one in call.args)
        action = ast.literal_eval(given["action"]) if "action" in given else "store"
        choices = ast.literal_eval(given["choices"]) if "choices" in given else ()
        kind = ast.unparse(given["type"]) if "type" in given else ""
        values = "0" if action.startswith("store_") else "json" if kind == "json.loads" else "1"
        yield Row(flags, values, " ".join(choices))


def ray(name: str) -> Iterator[Row]:
    """Ask Ray's command line, which is built with click."""
    for one in import_module("ray.scripts.scripts").cli.commands[name].params:
        if one.param_type_name != "option":
            continue
        values = "0" if one.is_flag or one.count else "1"
        choices = getattr(one.type, "choices", ())
        status = "deprecated" if _status(one.help or "") else ""
        yield Row(" ".join([*one.opts, *one.secondary_opts]), values, " ".join(map(str, choices)), status)
    yield Row("--help", "0")


GO_FLAG = re.compile(r'(\w+)Cmd\.Flags\(\)\.(\w+)\("([\w-]+)"(?:, "(\w)")?')
GO_VARIABLE = re.compile(r'"((?:OLLAMA|CUDA|HIP|ROCR|GGML|GPU|HSA)_\w+)":\s+\{')


def ollama(command: str, commands: Path, settings: Path) -> Iterator[Row]:
    """Read the flags of a command, and the server's variables, in Ollama's source."""
    text = commands.read_text()
    optional = re.findall(r'(\w+)Cmd\.Flags\(\)\.Lookup\("([\w-]+)"\)\.NoOptDefVal', text)
    yield Row("-h --help", "0")
    for owner, kind, name, short in GO_FLAG.findall(text):
        if owner == command and kind != "Lookup":
            values = "=" if kind.startswith("Bool") or (owner, name) in optional else "1"
            yield Row(" ".join(filter(None, [f"-{short}" * bool(short), f"--{name}"])), values)
    for name in dict.fromkeys(GO_VARIABLE.findall(settings.read_text()) if command == "serve" else []):
        yield Row(name, "1", environment=name)


def write(rows: Iterable[Row]) -> None:
    """Print the table, sorted."""
    out: Any = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(FIELDS)
    out.writerows(sorted(rows))


if __name__ == "__main__":
    what, *given = sys.argv[1:]
    if what == "llama-server":
        write(llama_server(Path(given[0]), Path(given[1])))
    elif what == "vllm":
        write(vllm())
    elif what == "mlx":
        write(mlx(Path(given[0])))
    elif what == "ray":
        write(ray(given[0]))
    else:
        write(ollama(given[0], Path(given[1]), Path(given[2])))
