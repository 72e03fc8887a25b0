"""The catalog: unique ids, sources both ways, every folder of records read."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from snippets.data.catalog import check, read_catalog, read_sources
from snippets.data.records import DataError, Record, Source

DAY = date(2026, 11, 24)
LIST = Source(id="list", title="T", publisher="P", url="https://example.org", read=DAY)


def record(name: str, *sources: str) -> dict[str, Record]:
    return {name: Record(id=name, sources=sources, as_of=DAY)}


def test_a_catalog_whose_records_and_sources_name_each_other_passes() -> None:
    check({"facts": record("a", "list"), "machines": record("b", "list")}, {"list": LIST})


def test_an_id_is_used_once_over_all_kinds() -> None:
    with pytest.raises(DataError, match="a is in facts and in machines"):
        check({"facts": record("a", "list"), "machines": record("a", "list")}, {"list": LIST})


def test_a_source_that_is_not_there_is_named_with_the_nearest() -> None:
    with pytest.raises(DataError, match="facts, a: unknown source 'lists'; nearest: list"):
        check({"facts": record("a", "list", "lists")}, {"list": LIST})


def test_a_source_that_no_record_names_is_refused() -> None:
    other = LIST.model_copy(update={"id": "other"})
    with pytest.raises(DataError, match="no record names other"):
        check({"facts": record("a", "list")}, {"list": LIST, "other": other})


def test_every_folder_of_the_data_is_in_the_catalog() -> None:
    folders = {path.parent.name for path in Path("snippets/data").glob("*/*.toml")}
    assert folders == {*read_catalog(), "sources"}
    assert all(read_catalog().values())
    assert read_sources()
