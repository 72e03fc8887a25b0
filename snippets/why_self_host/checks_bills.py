"""How is a claim about a whole bill computed?"""

# --8<-- [start:imports]
from snippets.data.hosted import hosted_price
from snippets.data.offers import blended, offers
from snippets.why_self_host.checks_cost import (
    HOURS_PER_MONTH,
    api_usd,
    mini,
    month,
    rent_usd,
    served,
    staff_usd,
)
from snippets.why_self_host.claims import (
    Case,
    Outcome,
)
from snippets.why_self_host.crossover import SOURCE

# --8<-- [end:imports]


# --8<-- [start:bills]
def linear(case: Case) -> Outcome:
    """Does each token of a prompt cost the same?"""
    usual = mini(case.day)
    full = usual.input_usd_per_million_tokens
    read = usual.cache_read_usd_per_million_tokens
    cached = 1 if read is None else read / full
    limit = case.said("prompt_tokens")
    short, long = (
        hosted_price(
            "openai",
            "gpt-5.6-sol",
            case.today,
            input_tokens=int(tokens),
        ).input_usd_per_million_tokens
        for tokens in (
            limit,
            case.said("long_prompt_tokens"),
        )
    )
    return Outcome(
        numbers={
            "cached": 100 * cached,
            "times": long / short,
            "limit": limit,
        },
        holds=cached == 1 and not usual.tiered,
        given=not usual.tiered,
    )


def fixed(case: Case) -> Outcome:
    """Does the own bill stay where it is?"""
    full = case.said("tokens_per_day")
    hours = case.said("hours")
    one, two, rush = (
        cost.self_hosted_usd
        for cost in (
            month(full),
            month(2 * full),
            month(full, busy_hours_per_day=hours),
        )
    )
    return Outcome(
        numbers={
            "one": one,
            "two": two,
            "rush": rush,
        },
        holds=one == two == rush,
        given=one == SOURCE.gpu_usd_per_month,
    )


def scale(case: Case) -> Outcome:
    """Is a full GPU cheaper than two APIs?"""
    load = served(case, "small_7b")
    rent = rent_usd(
        case, "claim-a100-rent", "high_"
    )
    api = api_usd(case, load)
    # Most hosts' prices have no day but today's.
    host = offers("llama-3.1-8b", case.today)[0]
    same = load * 30 / 1e6 * blended(host)
    return Outcome(
        numbers={
            "load": load / 1e6,
            "rent": rent,
            "api": api,
            "same": same,
        },
        holds=rent < min(api, same),
        given=rent < api,
    )


def running(case: Case) -> Outcome:
    """From which bill on are the hours paid?

    It names no volume, so it holds as it stands
    only if the hours cost nothing.
    """
    usd = staff_usd(
        case, case.said("hours_per_week")
    )
    load = case.said("tokens_per_day")
    meet = usd / api_usd(case, 1)
    return Outcome(
        numbers={"usd": usd, "meet": meet / 1e6},
        holds=usd == 0,
        given=api_usd(case, load) > usd,
    )


def swing(case: Case) -> Outcome:
    """What does a doubled load do to the bills?"""
    load = case.said("tokens_per_day")
    once, twice = month(load), month(2 * load)
    before = once.self_hosted_usd
    after = twice.self_hosted_usd
    return Outcome(
        numbers={
            "api": twice.cloud_usd / once.cloud_usd,
            "own": after / before,
        },
        holds=after == before,
        given=before == SOURCE.gpu_usd_per_month,
    )


def all_sizes(case: Case) -> Outcome:
    """What does a small company pay?"""
    load = case.said("tokens_per_day")
    usd = blended(mini(case.day))
    cost = month(load, usd)
    spare = month(load, usd, gpu_usd_per_month=0)
    return Outcome(
        numbers={
            "api": cost.cloud_usd,
            "own": cost.self_hosted_usd,
        },
        holds=cost.savings_usd > 0,
        given=spare.savings_usd > 0,
    )


# --8<-- [end:bills]


# --8<-- [start:summaries]
def own_2023(case: Case) -> Outcome:
    """Which machines cost that much, then, now?"""
    usd = rent_usd(case, "claim-p4d")
    gpus = 2 * case.fact("claim-p4d", "gpus")
    dear = gpus * rent_usd(
        case, "claim-a100-rent", "high_"
    )
    low = case.said("low_usd_per_month")
    high = case.said("high_usd_per_month")
    bill = dear if case.day == case.today else usd
    return Outcome(
        numbers={
            "one": usd,
            "two": 2 * usd,
            "dear": dear,
        },
        holds=low <= bill <= high,
        given=low <= 2 * usd <= high,
    )


def query_tokens(case: Case) -> float:
    """How long is a query at the bill stated?"""
    key = "claim-gpt-3.5-turbo"
    name = "usd_per_million_tokens"
    usd = 0.75 * case.fact(key, f"input_{name}")
    usd += 0.25 * case.fact(key, f"output_{name}")
    queries = 30 * case.said("queries_per_day")
    return (
        case.said("usd_per_month")
        * 1e6
        / queries
        / usd
    )


def queries_usd(case: Case) -> float:
    """A month of them on GPT-4o mini, today."""
    price = blended(mini(case.today)) / 1e6
    queries = 30 * case.said("queries_per_day")
    return queries * query_tokens(case) * price


def api_2023(case: Case) -> Outcome:
    """Which length of a query makes the bill?"""
    tokens = query_tokens(case)
    return Outcome(
        numbers={
            "tokens": tokens,
            "usd": queries_usd(case),
        },
        holds=False,
        given=tokens < case.said("context_tokens"),
    )


def small_base(case: Case) -> Outcome:
    """Is the API cheaper, then and today?"""
    api = case.said("usd_per_month")
    own = case.said("own_usd_per_month")
    usd = queries_usd(case)
    gpu = rent_usd(case, "claim-a100-rent", "low_")
    queries = case.said("queries_per_day")
    now = case.day == case.today
    return Outcome(
        numbers={
            "usd": usd,
            "gpu": gpu,
            "meet": queries * own / api,
        },
        holds=usd < gpu if now else api < own,
    )


def api_2250(case: Case) -> Outcome:
    """Between which bills is any mix?"""
    load = case.said("tokens_per_day")
    low, high = (
        api_usd(case, load, share)
        for share in (1, 0)
    )
    said = case.said("usd_per_month")
    return Outcome(
        numbers={"low": low, "high": high},
        holds=low <= said <= high,
    )


def four_cards(case: Case) -> Outcome:
    """How is the bill split, and what is left?"""
    one = rent_usd(case, "claim-a6000-rent")
    usd = case.said("gpus") * one
    bill = case.said("usd_per_month")
    wage = case.fact("claim-wage", "usd_per_hour")
    hours = (bill - usd) / wage
    return Outcome(
        numbers={
            "usd": usd,
            "rest": bill - usd,
            "hours": hours,
        },
        holds=bill == usd,
        given=0 < hours < case.said("full_hours"),
    )


def engineering(case: Case) -> Outcome:
    """Are people the larger part of the bill?"""
    one = rent_usd(case, "claim-a6000-rent")
    usd = case.said("gpus") * one
    bill = case.said("usd_per_month")
    most = bill / 2 / case.said("gpus")
    return Outcome(
        numbers={
            "usd": usd,
            "share": 100 * (1 - usd / bill),
            "hourly": most / HOURS_PER_MONTH,
        },
        holds=usd < bill / 2,
        given=most < one,
    )


def order_50m(case: Case) -> Outcome:
    """Is the dearest API bill below the GPUs?"""
    one = rent_usd(case, "claim-a6000-rent")
    usd = case.said("gpus") * one
    load = case.said("tokens_per_day")
    api = api_usd(case, load, 0)
    return Outcome(
        numbers={"api": api, "usd": usd},
        holds=api < usd,
    )


def spend_500k(case: Case) -> Outcome:
    """What must a GPU serve at that spend?"""
    one = rent_usd(case, "claim-a6000-rent")
    api = case.said("usd_per_year") / 12
    load = api / api_usd(case, 1)
    per_gpu = case.said("tokens_per_day")
    per_gpu /= case.said("gpus")
    needed = one / api_usd(case, 1)
    return Outcome(
        numbers={
            "load": load / 1e6,
            "api": api,
            "own": load / per_gpu * one,
            "needed": needed / 1e6,
            "serves": per_gpu / 1e6,
        },
        holds=load / per_gpu * one < api,
        given=served(case, "small_7b") > needed,
    )


def utilization(case: Case) -> Outcome:
    """How full are four GPUs at its load?"""
    load = case.said("tokens_per_day")
    small, large = (
        100
        * load
        / case.said("gpus")
        / served(case, size)
        for size in ("small_7b", "large_72b")
    )
    return Outcome(
        numbers={"small": small, "large": large},
        holds=max(small, large)
        < case.said("low_percent"),
    )


# --8<-- [end:summaries]
