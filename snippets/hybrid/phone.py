"""Which telephone numbers are in a text?"""

# --8<-- [start:imports]
import re

import phonenumbers

# --8<-- [end:imports]

# --8<-- [start:forms]
BETWEEN = "[ ./()-]{0,3}"
ABROAD = re.compile(
    f"[+] ?(?:[0-9]{BETWEEN}){{6,14}}[0-9]"
)
AMERICA = re.compile(
    "(?<![0-9])(?<![0-9][-.])(?:(?:001|1)[ .-]?)?"
    "(?:[(][2-9][0-9]{2}[)][ -]?"
    "|[2-9][0-9]{2}[ ./-])"
    "[0-9]{3}[ .-][0-9]{4}(?![0-9])(?![-.][0-9])"
)
TRUNK = re.compile(
    "(?<![0-9])(?<![0-9][-.])(?!0[0-9]{2}-[0-9]{2}-)"
    "[(]?0[0-9]{1,4}[)]?"
    "(?:[ ./-]{1,2}[0-9]{2,8}){1,4}"
    "(?![0-9])(?![-.][0-9])"
)
NAMED = re.compile(
    "(?i:phone|tel|call|mobile|cell|fax|whatsapp"
    "|hotline|contact)[^0-9]{0,30}?"
    f"([(+]?(?:[0-9]{BETWEEN}){{6,14}}[0-9])(?![0-9])"
)
DATE = re.compile(
    "(?:19|20)[0-9]{2}[-./][0-9]{1,2}[-./]"
    "|[0-9]{1,2}[-./][0-9]{1,2}[-./](?:19|20)[0-9]{2}"
)
MOST_PARSED = 100
REGIONS = (
    "GB",
    "DE",
    "FR",
    "IT",
    "NL",
    "CH",
    "SE",
    "AU",
)
# --8<-- [end:forms]


# --8<-- [start:phones]
def phones(text: str) -> int:
    """Count telephone numbers in folded text.

    With a plus sign; as America writes them; with a
    leading 0, valid in one of REGIONS; or any seven
    to fifteen digits that a word names.
    After MOST_PARSED that look like one, any is:
    to parse takes time, and a list of them is too
    much to send.
    Source: ITU-T E.164, by phonenumbers.
    """
    found = {
        m.start() + length
        for number, m in enumerate(
            ABROAD.finditer(text)
        )
        if (
            length := abroad_length(
                m.group(), number
            )
        )
    }
    found |= {
        m.end() for m in AMERICA.finditer(text)
    }
    found |= {
        m.end()
        for number, m in enumerate(
            TRUNK.finditer(text)
        )
        if not DATE.match(m.group())
        and (
            number >= MOST_PARSED
            or is_national(m.group())
        )
    }
    found |= {
        m.end(1)
        for m in NAMED.finditer(text)
        if not DATE.match(m.group(1))
    }
    return len(found)


def abroad_length(text: str, before: int) -> int:
    """Give the length of the number, 0 for none.

    before: how many were looked at already

    Digits behind it may look like more of it, so
    each group is left off in turn.
    """
    if before >= MOST_PARSED:
        return len(text)
    while text.strip("+"):
        try:
            number = phonenumbers.parse(text, None)
        except phonenumbers.NumberParseException:
            return 0
        if phonenumbers.is_possible_number(number):
            return len(text)
        text = text.rstrip("0123456789")
        text = text.rstrip(" ./()-")
    return 0


def is_national(text: str) -> bool:
    """Tell whether one of REGIONS has it."""
    if not 9 <= sum(map(str.isdigit, text)) <= 12:
        return False
    for region in REGIONS:
        try:
            number = phonenumbers.parse(
                text, region
            )
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number(number):
            return True
    return False


# --8<-- [end:phones]
