"""Which plain text does a disguised one show?"""

# --8<-- [start:imports]
import unicodedata
from functools import lru_cache

# --8<-- [end:imports]

# --8<-- [start:tables]
# What looks like Latin, and what it looks like.
LOOKS_LIKE = dict(
    zip(
        "АВЕКМНОРСТУХЅІЈаеорсухѕіјһԁԛԝӏ"
        "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧορν"
        "·•‧∙⋅。・۔−⁃⁄∕ー─➖˗\u2028\u2029",
        "ABEKMHOPCTYXSIJaeopcyxsijhdqwl"
        "ABEZHIKMNOPTYXopv"
        "........--//----  ",
        strict=True,
    )
)
# Marks on a letter, and frames around one.
MARKS = {"Mn", "Me"}
# Zero width, direction, tags; controls.
UNSEEN = {"Cf", "Cc", "Cs", "Cn"}
# Letters by name that show nothing.
FILLERS = "\u115f\u1160\u3164\uffa0"
KEPT = "\t\n\r"
# --8<-- [end:tables]


# --8<-- [start:fold]
def fold(text: str, unseen: str = "") -> str:
    """Write disguised characters as plain ones.

    Full width, styled and circled characters become
    what they stand for (the K of NFKC), digits of
    any script 0 to 9, dashes "-", spaces " ", and
    look-alikes Latin letters. Accents are dropped.
    What has no width becomes `unseen`.

    One character after the other, so that time is
    linear and folding twice changes nothing.
    Source: Unicode annexes 15 and 44.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        unseen if c is None else c
        for c in map(fold_one, text)
    )


@lru_cache(maxsize=65_536)
def fold_one(character: str) -> str | None:
    """Fold one; None is what has no width."""
    if character in KEPT:
        return character
    folded = [
        _plain(c)
        for c in unicodedata.normalize(
            "NFKD", character
        )
    ]
    if folded == [None]:
        return None
    return "".join(c for c in folded if c)


def _plain(character: str) -> str | None:
    """Fold one that is composed of no others."""
    if character in LOOKS_LIKE:
        return LOOKS_LIKE[character]
    kind = unicodedata.category(character)
    if kind in MARKS:
        return ""
    if kind in UNSEEN or character in FILLERS:
        return None
    if kind == "Pd":
        return "-"
    if kind == "Zs":
        return " "
    digit = unicodedata.digit(character, None)
    return (
        character if digit is None else str(digit)
    )


# --8<-- [end:fold]
