"""How fast a text is scanned, next to the matcher of phonenumbers, which looks for those alone."""

from __future__ import annotations

from time import perf_counter

import phonenumbers

from snippets.hybrid.detect import scan
from tests.hybrid.planted import generate


def _ms_per_kb(find: object, texts: list[str]) -> float:
    assert callable(find)
    start = perf_counter()
    for text in texts:
        find(text)
    return 1000 * (perf_counter() - start) / (sum(len(text.encode()) for text in texts) / 1024)


def bench() -> str:
    """Scan the generated texts, and digits made to be slow."""
    texts = [one.text for planted in generate(each=20).values() for one in planted]
    digits = ["1 " * 16_384]
    said = []
    for name, sample in (("texts with and without values", texts), ("32 KB of digits", digits)):
        ours = _ms_per_kb(scan, sample)
        theirs = _ms_per_kb(lambda text: list(phonenumbers.PhoneNumberMatcher(text, "US")), sample)
        said.append(f"{name}: {ours:.2f} ms/KB for all kinds, phonenumbers {theirs:.2f} ms/KB for one")
    return "detection: " + "; ".join(said)


if __name__ == "__main__":
    print(bench())
