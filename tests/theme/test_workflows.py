"""The workflows keep to their schema, hold no secrets, and run only what a commit hash names."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from theme.build import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_they_keep_to_the_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*command, *WORKFLOWS], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_rights_are_few(path: Path) -> None:
    text = path.read_text("utf-8")
    for action in re.findall(r"uses: (.*)", text):
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action
    assert "secrets" not in text
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    rights = {right for job in workflow["jobs"].values() for right in job.get("permissions", {})}
    assert rights <= {"pages", "id-token"}
    assert "pull_request_target" not in text


def test_the_check_runs_on_pull_requests_and_publishing_only_on_main() -> None:
    triggers = {path.name: yaml.safe_load(path.read_text("utf-8"))[True] for path in WORKFLOWS}
    assert set(triggers["check.yml"]) == {"pull_request"}
    assert triggers["publish.yml"] == {"push": {"branches": ["main"]}}
    assert "schedule" in triggers["audit.yml"]


def test_the_runner_passes_shellcheck() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("shellcheck"), ROOT / ".ci" / "run"], capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout.decode()
