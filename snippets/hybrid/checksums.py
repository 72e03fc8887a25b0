"""Which numbers in a text pass their own check?"""

# --8<-- [start:imports]
import re
from collections.abc import Iterator

from stdnum import iban, luhn
from stdnum.us import itin

# --8<-- [end:imports]

# --8<-- [start:card]
CARD = re.compile(
    "4[0-9]{12}|3[0689][0-9]{12}|3[47][0-9]{13}"
    "|(?:2131|1800)[0-9]{11}|[2-6][0-9]{15}"
    "|[3-6][0-9]{16,18}|(?:5[0678]|6[0-9])[0-9]{10,13}"
)
DIGITS = re.compile("(?<![A-Za-z])[0-9]+")
# Sizes of groups, 9 for more: how cards are printed
# or spelled, and how that begins.
WHOLE = re.compile("9|4444[1-3]?|46[45]|1+|2+1?")
BEGUN = re.compile("4{1,4}|46?|1+|2+")
BETWEEN = re.compile("[-./_ \t\r\n]{1,3}")


def is_card(digits: str) -> bool:
    """Tell a payment card by prefix and Luhn.

    One in ten numbers of that prefix and length
    passes by chance. Source: ISO/IEC 7812.
    """
    return bool(
        CARD.fullmatch(digits)
    ) and luhn.is_valid(digits)


def cards(text: str) -> int:
    """Count payment cards in folded text.

    In one piece, in groups as printed on a card, or
    digit by digit. From each group no more than 19
    are looked at: time is linear.
    """
    at = [m.span() for m in DIGITS.finditer(text)]
    count = first = 0
    while first < len(at):
        behind = _card_end(text, at, first)
        count += bool(behind)
        first = behind or first + 1
    return count


def _card_end(
    text: str, at: list[tuple[int, int]], first: int
) -> int:
    """Find the group behind a card, or 0."""
    digits, sizes = "", ""
    for i in range(first, min(first + 19, len(at))):
        start, end = at[i]
        before = at[i - 1][1]
        if end - start > 19 or (
            digits
            and not BETWEEN.fullmatch(
                text, before, start
            )
        ):
            return 0
        digits += text[start:end]
        sizes += str(min(end - start, 9))
        if WHOLE.fullmatch(sizes) and is_card(
            digits
        ):
            return i + 1
        if not BEGUN.fullmatch(sizes):
            return 0
    return 0


# --8<-- [end:card]

# --8<-- [start:iban]
IBAN = re.compile(
    "(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}"
    "(?:[- ]?[0-9A-Za-z]){11,30}"
)
WORD = re.compile("[0-9A-Za-z]+")


def ibans(text: str) -> int:
    """Count IBANs: country, length and mod 97.

    What follows one may look like more of it, so
    each end of a group is tried.
    Source: ISO 13616, by python-stdnum.
    """
    count = 0
    for found in IBAN.finditer(text):
        count += any(
            iban.is_valid(part)
            for part in beginnings(found.group())
        )
    return count


def beginnings(text: str) -> Iterator[str]:
    """Yield what ends with a group."""
    for word in WORD.finditer(text):
        yield text[: word.end()]


# --8<-- [end:iban]

# --8<-- [start:ssn]
SSN = re.compile(
    "(?<![0-9A-Za-z])(?<![0-9][-./_])"
    "([0-9]{3})[-./_ ]([0-9]{2})[-./_ ]([0-9]{4})"
    "(?![0-9A-Za-z])(?![-./_][0-9])"
)
NAMED = re.compile(
    "(?i:ssn|itin|social.?security|tax.?id)"
    "[^0-9]{0,40}"
    "([0-9]{3})[-./_ ]{0,3}([0-9]{2})"
    "[-./_ ]{0,3}([0-9]{4})(?![0-9])"
)


def is_ssn(
    area: str, group: str, serial: str
) -> bool:
    """Tell an SSN or ITIN by the parts never given.

    There is no check digit. Numbers that were
    printed in advertisements count too.
    Source: SSA, randomization; IRS, by
    python-stdnum.
    """
    return (
        area not in {"000", "666"}
        and group != "00"
        and serial != "0000"
        and (
            area < "900"
            or itin.is_valid(area + group + serial)
        )
    )


def ssns(text: str) -> int:
    """Count SSNs: 3-2-4, or nine digits named."""
    return len(
        {
            found.start(1)
            for pattern in (SSN, NAMED)
            for found in pattern.finditer(text)
            if is_ssn(*found.groups())
        }
    )


# --8<-- [end:ssn]
