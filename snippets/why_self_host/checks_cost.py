"""How is a claim about one price computed?"""

# --8<-- [start:imports]
from collections.abc import Callable, Mapping
from datetime import date

from snippets.data.facts import Fact
from snippets.data.hosted import (
    HostedPrice,
    hosted_price,
)
from snippets.data.offers import blended
from snippets.why_self_host.claims import (
    Case,
    Claim,
    Outcome,
    read_claims,
    read_documents,
)
from snippets.why_self_host.crossover import (
    SOURCE,
    MonthlyCost,
    Scenario,
    calculate_monthly_cost,
)
from snippets.why_self_host.when_not_to import (
    StaffTime,
    staff_usd_per_month,
)

# --8<-- [end:imports]

# --8<-- [start:shared]
HOURS_PER_MONTH = 365 * 24 / 12
DAY_S = 24 * 60 * 60
Check = Callable[[Case], Outcome]


def mini(day: date) -> HostedPrice:
    """Price GPT-4o mini, the model they name."""
    return hosted_price(
        "openai", "gpt-4o-mini", day
    )


def month(
    load: float, price: float = 10, **changes: float
) -> MonthlyCost:
    """A month with the guide's inputs.

    load: tokens a day
    price: of the API, USD per million tokens
    """
    fields = {
        "tokens_per_day": load,
        "cloud_usd_per_million_tokens": price,
    }
    return calculate_monthly_cost(
        Scenario.model_validate(
            SOURCE.model_dump() | fields | changes
        )
    )


def api_usd(
    case: Case, load: float, share: float = 0.75
) -> float:
    """A month of GPT-4o mini at its list price.

    share: of the tokens that are input
    """
    price = blended(mini(case.day), share)
    return load * 30 / 1e6 * price


def rent_usd(
    case: Case, key: str, name: str = ""
) -> float:
    """A month of what rents by the hour."""
    return HOURS_PER_MONTH * case.fact(
        key, f"{name}usd_per_hour"
    )


def served(case: Case, size: str) -> float:
    """Tokens a day of one A100 at full load."""
    key = "claim-throughput"
    rate = case.fact(key, f"{size}_tokens_per_s")
    return rate * DAY_S / case.fact(key, "gpus")


def staff_usd(
    case: Case, weekly: float, setup: float = 0
) -> float:
    """A month of hours at the wage.

    weekly, setup: hours; a year shares the setup
    """
    return staff_usd_per_month(
        StaffTime(
            setup_hours=setup,
            maintenance_hours_per_week=weekly,
            usd_per_hour=case.fact(
                "claim-wage", "usd_per_hour"
            ),
            months_in_service=12,
        )
    )


# --8<-- [end:shared]


# --8<-- [start:table]
def number(value: float) -> str:
    """Write a number with two decimals at most."""
    text = f"{value:,.2f}"
    return text.rstrip("0").rstrip(".")


def words(holds: bool | None) -> str:
    """Write whether a claim came out."""
    if holds is None:
        return "–"
    return "yes" if holds else "no"


def row_of(
    claim: Claim, then: Outcome, now: Outcome
) -> str:
    """Write what was computed for a claim."""
    said = ", ".join(
        f"{name} {number(value)}"
        for name, value in now.numbers.items()
    )
    came = words(then.holds)
    if now.holds != then.holds:
        came += f", today {words(now.holds)}"
    given = words(then.given)
    if claim.only_if is None:
        given = ""
    return (
        f"| {claim.id} | {said or '–'} "
        f"| {came} | {given} |"
    )


def computed(
    today: date,
    facts: Mapping[str, Fact],
    *checks: Check,
) -> str:
    """Make a table of the claims of some checks.

    Numbers are those of today; whether a claim came
    out is asked for its day, then for today.
    """
    named = {one.__name__: one for one in checks}
    lines = [
        "| Claim | Numbers | Came out | If |",
        "|---|---|---|---|",
    ]
    for claim in read_claims().values():
        if claim.check not in named:
            continue
        text = read_documents()[claim.document]
        then, now = (
            named[claim.check](
                Case(
                    claim=claim,
                    day=day,
                    today=today,
                    facts={**facts},
                )
            )
            for day in (text.dated, today)
        )
        lines.append(row_of(claim, then, now))
    return "\n".join(lines)


# --8<-- [end:table]


# --8<-- [start:prices]
def price(case: Case) -> Outcome:
    """Is the price between input and output?"""
    listed = mini(case.day)
    said = case.said("usd_per_million_tokens")
    low = listed.input_usd_per_million_tokens
    high = listed.output_usd_per_million_tokens
    return Outcome(
        numbers={
            "low": low,
            "high": high,
            "least": said / high,
            "most": said / low,
        },
        holds=low <= said <= high,
    )


def rent(case: Case) -> Outcome:
    """Does any list reach the rent?"""
    low, high = (
        rent_usd(case, "claim-a100-rent", end)
        for end in ("low_", "high_")
    )
    return Outcome(
        numbers={"low": low, "high": high},
        holds=low
        <= case.said("usd_per_month")
        <= high,
    )


def capacity(case: Case) -> Outcome:
    """What does one A100 serve when full?"""
    said = case.said("tokens_per_day")
    small = served(case, "small_7b")
    large = served(case, "large_72b")
    return Outcome(
        numbers={
            "small": small / 1e6,
            "large": large / 1e6,
        },
        holds=large >= said,
        given=small >= said,
    )


# --8<-- [end:prices]


# --8<-- [start:crossover]
def row(case: Case) -> Outcome:
    """Who is cheaper at a load, at list price?

    Given its own inputs the claim holds if the same
    side wins and the bills it states come out.
    """
    load = case.said("tokens_per_day")
    wins = case.said("own_wins") == 1
    stated = case.claim.values
    own = month(load)
    listed = month(load, blended(mini(case.day)))
    bills = {
        "api_usd": round(own.cloud_usd),
        "own_usd": round(own.self_hosted_usd),
    }
    return Outcome(
        numbers={
            "api": listed.cloud_usd,
            "own": listed.self_hosted_usd,
            "needed": own.self_hosted_usd
            / (load * 30 / 1e6),
        },
        holds=(listed.savings_usd > 0) == wins,
        given=(own.savings_usd > 0) == wins
        and all(
            stated.get(name, usd) == usd
            for name, usd in bills.items()
        ),
    )


def break_even(case: Case) -> Outcome:
    """Where do the bills meet, if they do?"""
    said = case.said("tokens_per_day")
    usd = blended(mini(case.day))
    full = SOURCE.capacity_tokens_per_gpu_day
    rent = SOURCE.gpu_usd_per_month
    listed, own = (
        month(said, at).break_even_tokens_per_day
        for at in (usd, 10)
    )
    return Outcome(
        numbers={
            "formula": rent / 30 / usd,
            "floor": rent / 30 / full * 1e6,
        },
        holds=listed is not None
        and round(listed) == said,
        given=own is not None
        and round(own) == said,
    )


def plus_one(case: Case) -> Outcome:
    """How many GPUs at a multiple of capacity?"""
    gpus = month(case.said("tokens_per_day")).gpus
    return Outcome(
        numbers={"gpus": gpus},
        holds=gpus == case.said("gpus"),
    )


# --8<-- [end:crossover]
