"""What would another detector say of the text?"""

# --8<-- [start:imports]
from collections import Counter
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
)
from typing import Protocol

from snippets.hybrid.fold import fold

# --8<-- [end:imports]

# --8<-- [start:models]
Scanner = Callable[[str], Mapping[str, int]]
SAME = {
    "US_SSN": "ssn",
    "US_ITIN": "ssn",
    "CREDIT_CARD": "card",
    "IBAN_CODE": "iban",
    "PHONE_NUMBER": "phone",
    "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip",
}


class Result(Protocol):
    """What Presidio says of one place."""

    @property
    def entity_type(self) -> str:
        """What it takes it for."""

    @property
    def score(self) -> float:
        """How sure it is, 0 to 1."""


class Analyzer(Protocol):
    """Presidio's AnalyzerEngine, or one like it."""

    def analyze(
        self, text: str, language: str
    ) -> Iterable[Result]:
        """List what was found."""


# --8<-- [end:models]


# --8<-- [start:both]
def with_second_opinion(
    scan: Scanner,
    analyzer: Analyzer,
    least_score: float = 0.4,
    language: str = "en",
) -> Scanner:
    """Make a scanner of two: what either finds.

    The analyzer reads the text as it is and folded.
    The larger count of a category is kept. Whatever
    either raises comes out: an error is no "nothing
    found". least_score: from 0 to 1.
    """
    if not 0 <= least_score <= 1:
        raise ValueError(
            f"least_score: {least_score}; allowed: "
            "0 to 1"
        )

    def both(text: str) -> dict[str, int]:
        found = Counter(scan(text))
        for view in {text, fold(text)}:
            found |= Counter(
                SAME.get(
                    result.entity_type,
                    result.entity_type.lower(),
                )
                for result in analyzer.analyze(
                    text=view, language=language
                )
                if result.score >= least_score
            )
        return dict(found)

    return both


# --8<-- [end:both]
