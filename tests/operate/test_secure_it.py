"""What answers without a key is what was recorded, route by route, by the server itself."""

from __future__ import annotations

import os
import re
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

import pytest
from pydantic import ValidationError

from snippets.operate.secure_it import (
    Answer,
    Guard,
    open_by_condition,
    open_without_key,
    read_answers,
    read_guards,
    served,
)
from tests.operate.exposure import ASKED, KEY, RECORDED, ask, measure, server, small_model
from tests.pages.collect import ROOT

engine = pytest.mark.skipif(
    "WITHOUT_ENGINE" in os.environ, reason="WITHOUT_ENGINE is set: mutants are judged by what is quick"
)
VLLM = (ROOT / "snippets" / "data" / "exposure" / "vllm.csv").read_text("utf-8")
ANSWERS = read_answers(RECORDED.read_text("utf-8").splitlines())


# --- llama.cpp, asked -------------------------------------------------------------------------


@engine
@pytest.mark.enable_socket
def test_llama_cpp_answers_as_recorded(tmp_path: Path) -> None:
    assert measure(small_model(tmp_path)) == RECORDED.read_text("utf-8"), "python -m tests.operate.exposure"


@engine
def test_every_route_that_the_library_names_below_v1_was_asked() -> None:
    folder = Path(str(import_module("xllamacpp").__file__)).parent
    (library,) = folder.glob("*.so")
    named = {m.decode() for m in re.findall(rb"(?<=\0)(/v1/[a-z_/]+)(?=\0)", library.read_bytes())}
    assert len(named) >= 15
    assert named <= {path for _, path, _ in ASKED}


@engine
@pytest.mark.enable_socket
def test_any_site_may_call_a_server_without_a_key_and_any_name_is_accepted(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    plain, guarded = server(model), server(model, KEY)
    site = {"Origin": "https://site.example"}
    status, headers, _ = ask(plain, "GET", "/v1/models", headers=site)
    assert (status, headers["access-control-allow-origin"]) == (200, "https://site.example")
    assert ask(guarded, "GET", "/v1/models", headers=site)[0] == 401
    assert ask(plain, "GET", "/props", headers={"Host": "rebound.example"})[0] == 200


@engine
@pytest.mark.enable_socket
def test_a_key_is_taken_from_two_headers_and_from_no_address(tmp_path: Path) -> None:
    guarded = server(small_model(tmp_path), KEY)
    assert ask(guarded, "GET", "/props", headers={"X-Api-Key": KEY})[0] == 200
    assert ask(guarded, "GET", f"/props?api_key={KEY}")[0] == 401
    for path in ("//props", "/health/../props", "/props/", "/%70rops", "/health/props"):
        assert ask(guarded, "GET", path)[0] == 401, path


@engine
@pytest.mark.enable_socket
def test_without_a_key_a_caller_reads_the_path_and_the_template(tmp_path: Path) -> None:
    model = small_model(tmp_path)
    said = ask(server(model), "GET", "/props")[2].decode()
    assert str(model) in said
    assert "chat_template" in said


@engine
def test_the_page_names_the_version_that_was_asked() -> None:
    page = (ROOT / "docs" / "operate" / "secure-it.md").read_text("utf-8")
    assert f"xllamacpp {version('xllamacpp')}," in page


# --- the tables -------------------------------------------------------------------------------


def test_with_a_key_only_health_and_the_page_itself_stay_open() -> None:
    assert open_without_key(ANSWERS) == ["GET /", "GET /health", "GET /v1/health"]


@pytest.mark.parametrize(("status", "is_served"), [(199, False), (200, True), (299, True), (300, False)])
def test_a_success_is_what_begins_with_two(status: int, is_served: bool) -> None:
    assert served(status) is is_served


@pytest.mark.parametrize(("missing", "wrong"), [(200, 401), (401, 200)])
def test_one_open_case_is_enough(missing: int, wrong: int) -> None:
    row = Answer(method="GET", path="/a", no_key_set=200, key_missing=missing, key_wrong=wrong, key_given=200)
    assert open_without_key([row]) == ["GET /a"]
    assert open_without_key([row.model_copy(update={"key_missing": 401, "key_wrong": 403})]) == []


HEADER = "method,path,no_key_set,key_missing,key_wrong,key_given"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("GET,health,200,401,401,200", "path"),
        ("get,/health,200,401,401,200", "method"),
        ("GET,/health,99,401,401,200", "no_key_set"),
        ("GET,/health,200,600,401,200", "key_missing"),
        ("GET,/health,200,401,99,200", "key_wrong"),
        ("GET,/health,600,401,401,200", "no_key_set"),
        ("GET,/health,200,401,600,200", "key_wrong"),
        ("GET,/health,200,401,401,600", "key_given"),
        ("GET,/health,200,401,401", "key_given"),
    ],
)
def test_a_row_that_does_not_fit_is_refused_with_its_field(row: str, field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        read_answers([HEADER, row])


@pytest.mark.parametrize("status", [100, 599])
def test_every_status_that_exists_fits(status: int) -> None:
    (row,) = read_answers([HEADER, f"GET,/a,{status},{status},{status},{status}"])
    assert row.key_given == status


def test_guards_are_counted_by_their_condition() -> None:
    rows = read_guards(VLLM.splitlines())
    assert {one.path for one in rows if one.guarded} == {
        one.path for one in rows if one.path.startswith(("/v1", "/v2", "/inference", "/cohere"))
    }
    counted = open_by_condition(rows)
    assert sum(counted.values()) == sum(line.endswith(",no") for line in VLLM.splitlines())
    assert open_by_condition([Guard(when="always", method="GET", path="/v1", guarded=True)]) == {}
    open_always = {one.path for one in rows if one.when == "always" and not one.guarded}
    assert {"/invocations", "/metrics", "/tokenize", "/version"} <= open_always
    assert not {"/pause", "/update_weights", "/collective_rpc"} & open_always


def test_a_guard_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValidationError, match="guarded"):
        read_guards(["when,method,path,guarded", "always,GET,/a,perhaps"])
    with pytest.raises(ValidationError, match="when"):
        read_guards(["when,method,path,guarded", ",GET,/a,no"])
    assert len(read_guards(["when,method,path,guarded", "x,GET,/a,no"])) == 1


# --- the page ---------------------------------------------------------------------------------

PAGE = (ROOT / "docs" / "operate" / "secure-it.md").read_text("utf-8")


def test_the_page_lists_the_paths_that_the_guides_proxy_passes() -> None:
    proxy = (ROOT / "snippets" / "operate" / "serve_a_team" / "nginx.conf").read_text("utf-8")
    passed = set(re.findall(r'"~\^(GET|POST) (/[a-z0-9/]+)\$"', proxy))
    block = PAGE[PAGE.index("allowed = {") : PAGE.index("routes = {")]
    assert set(re.findall(r'"(GET|POST) (/[a-z0-9/]+)"', block)) == passed
    assert len(passed) == 5


def test_what_the_page_says_of_tools_it_shows() -> None:
    (tools,) = (one for one in ANSWERS if one.path == "/tools")
    assert f"GET /tools, no key set: {tools.no_key_set}\n" in PAGE
    assert tools.no_key_set == 403


def test_an_answer_of_the_guide_to_owasps_tenth_stands_in_its_column() -> None:
    row = next(line for line in PAGE.splitlines() if line.startswith("| LLM10"))
    _, _, has, lacks, _ = row.split("|")
    assert "escape, validate, never run" in has
    assert "not covered" in lacks
