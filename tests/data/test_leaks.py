"""The leak matrix as data: every cell once, counts that can be, controls that prove that it was measured."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from snippets.data.leaks import Client, Leak, Matrix, read_leaks

LEAKS = read_leaks()
ROW: dict[str, Any] = {"client": "a", "fault": "b", "tried": 3, "leaked": 2, "surfaces": ("x", "y")}
CLIENT = {"client": "a", "package": "", "version": "", "about": "b"}
MATRIX = {"day": "2026-11-25", "python": "3.11.7", "clients": [CLIENT]}


def test_each_cell_stands_once_and_each_client_is_described() -> None:
    keys = [(row.client, row.fault) for row in LEAKS.rows]
    assert len(keys) == len(set(keys))
    assert {row.client for row in LEAKS.rows} == {one.client for one in LEAKS.matrix.clients}


def test_the_router_of_this_guide_leaks_nothing_and_its_public_control_arrives() -> None:
    ours = {row.fault: row for row in LEAKS.rows if row.client == "this guide's router"}
    assert ours.keys() == set(LEAKS.faults)
    assert ours["control"].leaked == ours["control"].tried == 1
    assert {fault: row.leaked for fault, row in ours.items() if row.leaked and fault != "control"} == {}
    assert all(row.tried == 13 for fault, row in ours.items() if fault != "control")


@pytest.mark.parametrize("client", [one.client for one in LEAKS.matrix.clients])
def test_no_client_leaks_where_nothing_is_wrong(client: str) -> None:
    row = LEAKS.row(client, "none")
    assert row is not None
    assert row.leaked == 0


def test_what_others_leak_is_as_it_was_found() -> None:
    """The findings that the page tells of."""
    for client, fault in [
        ("requests", "redirect"),
        ("openai", "redirect"),
        ("ollama", "HTTP_PROXY"),
        ("httpx", "ALL_PROXY"),
        ("openai", "misspelled"),
        ("litellm Router", "misspelled"),
        ("litellm Router, fallbacks", "500"),
        ("llm-localfirst", "redirect"),
        ("hybridinfer", "down"),
    ]:
        row = LEAKS.row(client, fault)
        assert row is not None
        assert row.leaked == row.tried, (client, fault)
    for fault in ("redirect", "HTTP_PROXY", "ALL_PROXY"):
        for client in ("httpx, closed", "openai, closed", "ollama, closed", "endorouter"):
            row = LEAKS.row(client, fault)
            assert row is not None
            assert row.leaked == 0, (client, fault)


def test_a_cell_that_does_not_apply_is_none_and_a_shown_one_has_both_numbers() -> None:
    assert LEAKS.row("requests", "scanner failure") is None
    assert Leak.model_validate(ROW).shown == "2 of 3"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"tried": 0}, "tried"),
        ({"leaked": -1}, "leaked"),
        ({"leaked": 4}, "4 leaked of 3 tried"),
        ({"surfaces": ("x",)}, "surfaces: 1 named"),
        ({"leaked": 3}, "surfaces: 2 named"),
        ({"leaked": 0}, "surfaces: 2 named"),
        ({"client": " "}, "client"),
        ({"other": 1}, "other"),
    ],
)
def test_what_cannot_be_is_refused(change: dict[str, Any], message: str) -> None:
    assert Leak.model_validate(ROW).leaked == 2
    with pytest.raises(ValidationError, match=message):
        Leak.model_validate(ROW | change)


def test_all_or_none_name_no_surfaces_and_bounds_are_met() -> None:
    for leaked in (0, 1):
        assert Leak.model_validate(ROW | {"tried": 1, "leaked": leaked, "surfaces": ()}).leaked == leaked


def test_a_matrix_has_clients_and_each_is_described() -> None:
    assert Matrix.model_validate(MATRIX).clients[0] == Client.model_validate(CLIENT)
    with pytest.raises(ValidationError, match="clients"):
        Matrix.model_validate(MATRIX | {"clients": []})
    with pytest.raises(ValidationError, match="about"):
        Client.model_validate(CLIENT | {"about": ""})
