"""Is the Python that a page shows in good style? Ruff reads a page as a notebook with one namespace."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable
from typing import Any

from tests.pages.collect import ROOT, Block
from tests.pages.tools import tool

LINT = ["E", "W", "F", "I", "B", "UP", "SIM", "PIE", "C4", "RET", "N"]
LINT_IGNORED = [
    "B018",
    "E402",
]  # a last expression shows its value; imports stand where they are needed


def _notebook(cells: Iterable[Block]) -> str:
    return json.dumps(
        {
            "cells": [
                {
                    "cell_type": "code",
                    "metadata": {},
                    "outputs": [],
                    "execution_count": None,
                    "source": cell.code.strip("\n"),
                }
                for cell in cells
            ],
            "metadata": {"language_info": {"name": "python"}},
            "nbformat": 4,
            "nbformat_minor": 4,
        }
    )


def _ruff(arguments: list[str], cells: list[Block]) -> str:
    command = [
        tool("ruff"),
        *arguments,
        "--config",
        str(ROOT / "snippets" / "ruff.toml"),
        "--stdin-filename",
        "page.ipynb",
        "-",
    ]
    done = subprocess.run(
        command, input=_notebook(cells), capture_output=True, text=True, check=False, cwd=ROOT
    )
    if done.returncode > 1:
        raise RuntimeError(f"ruff: {done.stderr}")
    return done.stdout


def complaints(cells: list[Block]) -> list[dict[str, Any]]:
    arguments = [
        "check",
        "--quiet",
        "--output-format=json",
        f"--select={','.join(LINT)}",
        f"--ignore={','.join(LINT_IGNORED)}",
    ]
    found: list[dict[str, Any]] = json.loads(_ruff(arguments, cells))
    return [one for one in found if one["code"] != "invalid-syntax"]


def formatted(cells: list[Block]) -> list[str]:
    out = _ruff(["format", "--quiet"], cells)
    if not out:
        return [cell.code.strip("\n") for cell in cells]
    return ["".join(cell["source"]).strip("\n") for cell in json.loads(out)["cells"]]
