"""Which records are there, from what source?"""

# --8<-- [start:all]
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import snippets.data
from snippets.data.electricity import (
    read_electricity,
)
from snippets.data.engines import read_engines
from snippets.data.facts import read_facts
from snippets.data.file_sizes import (
    read_file_sizes,
)
from snippets.data.flags import read_commands
from snippets.data.llamacpp_loads import (
    read_llamacpp_loads,
)
from snippets.data.machines import read_machines
from snippets.data.models import read_models
from snippets.data.prices import (
    read_purchases,
    read_rentals,
)
from snippets.data.providers import read_hosted
from snippets.data.quality import read_quality
from snippets.data.records import (
    DataError,
    Record,
    Source,
    find,
    read_entries,
)
from snippets.data.serving import read_serving
from snippets.data.speeds import read_speeds
from snippets.data.vllm_loads import (
    read_vllm_loads,
)


@cache
def read_sources() -> dict[str, Source]:
    """Every source of data/sources, by id."""
    # A block of a page has no __file__.
    data = Path(*snippets.data.__path__)
    return read_entries(data / "sources", Source)


@cache
def read_catalog() -> dict[
    str, Mapping[str, Record]
]:
    """Every record, by kind and id.

    Raises DataError where two kinds share an id, a
    source is not there, or nothing names a source.
    """
    catalog: dict[str, Mapping[str, Record]] = {
        "machines": read_machines(),
        "models": read_models(),
        "hosted": read_hosted(),
        "rentals": read_rentals(),
        "purchases": read_purchases(),
        "electricity": read_electricity(),
        "serving": read_serving(),
        "llamacpp_loads": read_llamacpp_loads(),
        "speeds": read_speeds(),
        "vllm_loads": read_vllm_loads(),
        "file_sizes": read_file_sizes(),
        "quality": read_quality(),
        "engines": read_engines(),
        "flags": read_commands(),
        "facts": read_facts(),
    }
    check(catalog, read_sources())
    return catalog


def check(
    catalog: Mapping[str, Mapping[str, Record]],
    sources: Mapping[str, Source],
) -> None:
    """Require unique ids, and sources both ways."""
    kinds: dict[str, str] = {}
    named = set()
    for kind, records in catalog.items():
        for key, record in records.items():
            if key in kinds:
                raise DataError(
                    f"{key} is in {kinds[key]} "
                    f"and in {kind}"
                )
            kinds[key] = kind
            for name in record.sources:
                try:
                    find(sources, name, "source")
                except ValueError as error:
                    raise DataError(
                        f"{kind}, {key}: {error}"
                    ) from None
            named |= {*record.sources}
    idle = sorted(sources.keys() - named)
    if idle:
        raise DataError(
            f"no record names {', '.join(idle)}"
        )


# --8<-- [end:all]
