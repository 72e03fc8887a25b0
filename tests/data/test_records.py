"""Records: what a data file may say, and what it is told when it says something else."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from snippets.data.records import (
    DataError,
    Entry,
    Record,
    Source,
    UnknownNameError,
    find,
    read_entries,
)


class Rate(Record):
    usd_per_kwh: float = Field(gt=0, le=2)


GOOD = """
[here]
usd_per_kwh = 0.3
sources = ["list"]
as_of = 2026-06-30
"""


def written(folder: Path, text: str, name: str = "rates.toml") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_table_becomes_a_record_with_its_name_as_id(tmp_path: Path) -> None:
    record = read_entries(written(tmp_path, GOOD), Rate)["here"]
    assert record == Rate(id="here", usd_per_kwh=0.3, sources=("list",), as_of=date(2026, 6, 30))
    assert record.expires is None


def test_every_file_of_the_folder_is_read_in_order(tmp_path: Path) -> None:
    written(tmp_path, GOOD.replace("here", "there"), "b.toml")
    written(tmp_path, GOOD, "a.toml")
    written(tmp_path, "not toml at all", "notes.txt")
    assert [*read_entries(tmp_path, Rate)] == ["here", "there"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("0.3", "-0.3", r"rates\.toml, record here, field usd_per_kwh: .*greater than 0, not -0\.3"),
        ("0.3", "inf", "field usd_per_kwh: .*finite number, not inf"),
        ("0.3", "nan", "field usd_per_kwh: .*finite number, not nan"),
        ("usd_per_kwh", "usd", "field usd_per_kwh: Field required"),
        ("usd_per_kwh", "eur = 1\nusd_per_kwh", "field eur: Extra inputs are not permitted, not 1"),
        ('["list"]', "[]", "field sources: .*at least 1 item"),
        ('["list"]', '["A list"]', r"field sources\.0: .*match pattern"),
        ("2026-06-30", '"soon"', "field as_of: .*date"),
        ("2026-06-30", "2026-06-30\nexpires = 2026-06-30", "expires 2026-06-30, which is not after as_of"),
        ("[here]", "[Here]", "record Here, field id: .*match pattern"),
        ("[here]", "here = 1\n[there]", "here is no table"),
        ("[here]", "[here", r"rates\.toml: "),
    ],
)
def test_what_is_wrong_is_named_by_file_record_and_field(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        read_entries(written(tmp_path, GOOD.replace(old, new)), Rate)


def test_a_record_may_hold_until_the_day_after(tmp_path: Path) -> None:
    text = GOOD + "expires = 2026-07-01\n"
    assert read_entries(written(tmp_path, text), Rate)["here"].expires == date(2026, 7, 1)


def test_every_error_of_a_record_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(DataError) as failure:
        read_entries(written(tmp_path, GOOD.replace("0.3", "3").replace("as_of", "on")), Rate)
    assert [line.split("field ")[1].split(":")[0] for line in str(failure.value).splitlines()] == [
        "as_of",
        "usd_per_kwh",
        "on",
    ]


def test_an_id_stands_once_in_all_files(tmp_path: Path) -> None:
    written(tmp_path, GOOD, "a.toml")
    with pytest.raises(DataError, match=r"b\.toml: here stands twice"):
        read_entries(written(tmp_path, GOOD, "b.toml"), Rate)


def test_a_source_has_an_address_that_can_be_opened() -> None:
    fields = {"id": "list", "title": "T", "publisher": "P", "read": date(2026, 6, 30)}
    assert Source.model_validate(fields | {"url": "https://example.org/a"}).url == "https://example.org/a"
    for url in ("example.org", "ftp://example.org", "https://", "https://a b"):
        with pytest.raises(ValidationError, match="url"):
            Source.model_validate(fields | {"url": url})


def test_text_is_stripped_and_never_empty() -> None:
    fields = {"id": "list", "publisher": "P", "url": "https://example.org", "read": date(2026, 6, 30)}
    assert Source.model_validate(fields | {"title": "  T "}).title == "T"
    with pytest.raises(ValidationError, match="title"):
        Source.model_validate(fields | {"title": "  "})


NAMES = {name: Entry(id=name) for name in ("rtx-4090", "rtx-4080", "h100-sxm")}


def test_an_exact_name_is_found() -> None:
    assert find(NAMES, "rtx-4090", "machine").id == "rtx-4090"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rtx-4091", r"unknown machine 'rtx-4091'; nearest: rtx-4090, rtx-4080$"),
        ("RTX-4090", r"unknown machine 'RTX-4090'; nearest: rtx-4090"),
        ("abacus", r"unknown machine 'abacus'$"),
    ],
)
def test_a_name_that_no_record_has_is_refused_with_the_nearest(name: str, said: str) -> None:
    with pytest.raises(UnknownNameError, match=said):
        find(NAMES, name, "machine")


def test_at_most_three_names_are_near() -> None:
    many = {name: Entry(id=name) for name in ("a-1", "a-2", "a-3", "a-4")}
    with pytest.raises(UnknownNameError, match=r"nearest: a-\d, a-\d, a-\d$"):
        find(many, "a-5", "x")
