"""What in a text must not leave?"""

# --8<-- [start:imports]
from snippets.hybrid.checksums import (
    cards,
    ibans,
    ssns,
)
from snippets.hybrid.contact import emails, ips
from snippets.hybrid.fold import fold
from snippets.hybrid.keys import keys
from snippets.hybrid.phone import phones

# --8<-- [end:imports]

# --8<-- [start:scan]
MOST_CHARACTERS = 65_536


class TooLongToScanError(ValueError):
    """Names the length and what is allowed."""


def scan(text: str) -> dict[str, int]:
    """Count what was found, by category.

    Never the content. {} says that nothing was
    found, not that there is nothing: names, street
    addresses and much more are in no category.

    Raises TooLongToScanError above MOST_CHARACTERS.
    """
    if len(text) > MOST_CHARACTERS:
        raise TooLongToScanError(
            f"text: {len(text):,} characters; at "
            f"most {MOST_CHARACTERS:,} are scanned"
        )
    # A zero width character can hide in a number,
    # and stand between a number and other digits.
    views = {fold(text), fold(text, unseen=" ")}
    found: dict[str, int] = {}
    for view in sorted(views):
        for category, count in _count(view).items():
            if count > found.get(category, 0):
                found[category] = count
    return found


def _count(folded: str) -> dict[str, int]:
    """Count by category, zeros included."""
    return {
        "ssn": ssns(folded),
        "card": cards(folded),
        "iban": ibans(folded),
        "phone": phones(folded),
        "email": emails(folded),
        "ip": ips(folded),
        **keys(folded),
    }


# --8<-- [end:scan]
