"""Is the new model no worse, and who finds out?"""

# --8<-- [start:imports]
from math import ceil, comb, log
from statistics import NormalDist

from pydantic import BaseModel, ConfigDict, Field

# --8<-- [end:imports]


# --8<-- [start:pairs]
class Pairs(BaseModel):
    """How two versions did on the same prompts.

    only_old: right with the old version alone
    only_new: right with the new version alone
    same: right with both, or with neither
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid"
    )

    only_old: int = Field(ge=0, le=10**6)
    only_new: int = Field(ge=0, le=10**6)
    same: int = Field(ge=0, le=10**6)

    @property
    def prompts(self) -> int:
        """How many there are."""
        return (
            self.only_old
            + self.only_new
            + self.same
        )


def sign_test(pairs: Pairs) -> float:
    """How often chance alone is so one-sided.

    Exact, two-sided: 2 Σ C(n, k) / 2^n for k up to
    the smaller count, n = only_old + only_new; at
    most 1
    Source: McNemar 1947, doi 10.1007/BF02295996
    """
    count = pairs.only_old + pairs.only_new
    least = min(pairs.only_old, pairs.only_new)
    ways = sum(
        comb(count, k) for k in range(least + 1)
    )
    return min(1.0, 2 * ways / (1 << count))


def worst_loss(
    pairs: Pairs, confidence: float = 0.95
) -> float:
    """How much worse the new version may be.

    d + z √((b + c) / n - d²) / √n, as a share, with
    b, c = only_old, only_new and d = (b - c) / n;
    one-sided, by the normal approximation. It needs
    some prompts on which the versions differ.
    Raises ValueError without any, or for a
    confidence outside 0.5 to 1.
    """
    z = _z(confidence)
    n = pairs.prompts
    apart = pairs.only_old + pairs.only_new
    if not apart:
        raise ValueError(
            "only_old + only_new is 0; without a "
            "difference there is nothing to judge"
        )
    loss = (pairs.only_old - pairs.only_new) / n
    spread = apart / n - loss**2
    return float(loss + z * (spread / n) ** 0.5)


def _z(confidence: float) -> float:
    if not 0.5 < confidence < 1:
        raise ValueError(
            f"confidence is {confidence:g}; it has "
            "to be above 0.5 and below 1"
        )
    return NormalDist().inv_cdf(confidence)


# --8<-- [end:pairs]


# --8<-- [start:size]
def prompts_needed(
    margin: float,
    differing_ratio: float,
    confidence: float = 0.95,
    power: float = 0.8,
) -> int:
    """How many prompts show that it is no worse.

    (z_confidence + z_power)² · differing / margin²
    margin: the largest loss that you accept
    differing_ratio: right with one version only
    For versions that are equally good in truth.
    Raises ValueError for shares outside 0 to 1, and
    a margin above what differs.
    """
    if not 0 < margin <= differing_ratio <= 1:
        raise ValueError(
            f"margin {margin:g}, differing_ratio "
            f"{differing_ratio:g}: 0 < margin <= "
            "differing_ratio <= 1 is needed"
        )
    z = _z(confidence) + _z(power)
    return ceil(z**2 * differing_ratio / margin**2)


# --8<-- [end:size]


# --8<-- [start:canary]
def requests_to_see(
    bad_ratio: float, confidence: float = 0.95
) -> int:
    """How many requests show at least one fault.

    ln(1 - confidence) / ln(1 - bad), rounded up
    Raises ValueError for shares outside 0 to 1.
    """
    for name, value in (
        ("bad_ratio", bad_ratio),
        ("confidence", confidence),
    ):
        if not 0 < value < 1:
            raise ValueError(
                f"{name} is {value:g}; it has to "
                "be above 0 and below 1"
            )
    return ceil(
        log(1 - confidence) / log(1 - bad_ratio)
    )


def canary_h(
    requests: int,
    requests_per_h: float,
    canary_ratio: float,
) -> float:
    """How long a canary takes to get its requests.

    requests / (all a hour · its share), in hours
    Raises ValueError for 0, or a share above 1.
    """
    if not (
        requests > 0
        and requests_per_h > 0
        and 0 < canary_ratio <= 1
    ):
        raise ValueError(
            f"requests {requests}, requests_per_h "
            f"{requests_per_h:g}, canary_ratio "
            f"{canary_ratio:g}: above 0 each, and "
            "the last at most 1"
        )
    return requests / (
        requests_per_h * canary_ratio
    )


# --8<-- [end:canary]
