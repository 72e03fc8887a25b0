"""A wrong record: every kind of record is changed, by one digit, and the data stay readable TOML."""

from __future__ import annotations

from tests.pages.citations import library_of
from tests.pages.collect import ROOT
from tests.pages.mutate_records import mutate_records, record_mutants


def test_every_record_with_a_number_is_changed_by_one_digit() -> None:
    mutants = [*record_mutants(seed=0)]
    for mutant in mutants:
        assert (ROOT / mutant.path).read_text(encoding="utf-8").split("\n")[mutant.line - 1] == mutant.before
        pairs = zip(mutant.before, mutant.after, strict=True)
        assert sum(old != new for old, new in pairs) == 1
    library = library_of("docs")
    changed = {mutant.record for mutant in mutants}
    assert changed <= library.records.keys()
    assert {kind for kind, records in library.kinds.items() if changed & records.keys()} == {*library.kinds}


def test_a_sample_of_changed_records_is_noticed() -> None:
    count, unnoticed = mutate_records(limit=1, seed=0)
    assert (count, unnoticed) == (1, [])
