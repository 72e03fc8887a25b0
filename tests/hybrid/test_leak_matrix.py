"""The fast part of the leak matrix: what is on the page is what these clients do, here and now.

The rest, with clients that take minutes: `python -m tests.hybrid.leaks --check`, which `make audit` runs.
"""

from __future__ import annotations

import base64
import gzip
import json
from urllib.parse import quote

import pytest

from snippets.data.leaks import read_leaks
from tests.hybrid.leaks.__main__ import leak_of
from tests.hybrid.leaks.clients import BY_NAME, CLIENTS, Client
from tests.hybrid.leaks.matrix import FAULTS, NotMeasuredError, measure
from tests.hybrid.leaks.surfaces import SURFACES, Mark, body, full_width, holds, views

FAST = ("none", "redirect", "HTTP_PROXY", "ALL_PROXY", "local is cloud", "hosted model", "misspelled")
MARK = Mark.of(3, 4, 5)


@pytest.mark.parametrize("client", [one for one in CLIENTS if one.quick], ids=lambda one: one.name)
def test_a_client_does_what_the_page_says(client: Client) -> None:
    faults = FAST if client.package else FAULTS
    found = [leak_of(row) for row in measure(client, CLIENTS.index(client), faults=faults)]
    said = [row for row in read_leaks().rows if row.client == client.name and row.fault in faults]
    assert found == said


def test_a_client_that_sends_nothing_is_not_measured_and_never_clean() -> None:
    def refuse(_: object) -> object:
        raise AssertionError

    silent = Client("silent", "", refuse, "")  # type: ignore[arg-type]
    with pytest.raises(NotMeasuredError, match="silent"):
        measure(silent, 90, faults=("none",))


@pytest.mark.parametrize("surface", SURFACES)
def test_a_secret_on_any_surface_is_found_in_the_bytes_of_its_request_and_no_other(surface: str) -> None:
    sent = json.dumps(body(surface, MARK)).encode()
    assert holds(views(sent), MARK)
    assert not holds(views(sent), Mark.of(3, 4, 6))
    assert not holds(views(sent), Mark.of(3, 5, 5))
    assert not holds(views(sent), Mark.of(4, 4, 5))


@pytest.mark.parametrize(
    "written",
    [
        json.dumps({"x": MARK.number}).encode(),
        json.dumps({"x": full_width(MARK.number)}, ensure_ascii=True).encode(),
        json.dumps({"x": json.dumps({"y": "\u200b".join(MARK.number)})}).encode(),
        base64.b64encode(MARK.text.encode()),
        base64.urlsafe_b64encode(MARK.text.encode()).rstrip(b"="),
        gzip.compress(MARK.text.encode()),
        quote(MARK.text).encode(),
        MARK.text.encode("utf-16-le"),
        f"GET /?q={MARK.word} HTTP/1.1\r\n".encode(),
        f"X-Header: {MARK.number.replace('-', '')}".encode(),
    ],
)
def test_a_secret_is_found_in_whatever_form_it_left(written: bytes) -> None:
    assert holds(views(written), MARK)


def test_marks_of_the_whole_matrix_are_different() -> None:
    marks = [
        Mark.of(client, fault, surface)
        for client in range(len(CLIENTS))
        for fault in range(len(FAULTS))
        for surface in range(len(SURFACES))
    ]
    assert len({mark.number for mark in marks}) == len({mark.word for mark in marks}) == len(marks)


def test_every_client_that_the_page_shows_can_be_attacked() -> None:
    assert [one.client for one in read_leaks().matrix.clients] == [*BY_NAME]
