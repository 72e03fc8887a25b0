"""A snippet for the corpus."""


# --8<-- [start:double]
def double(number: int) -> int:
    """Twice a number."""
    return number * 2


# --8<-- [end:double]
