"""What comes out when a claim is computed?"""

# --8<-- [start:imports]
import re
from collections.abc import Callable, Mapping
from datetime import date
from itertools import pairwise

from snippets.data.facts import Fact
from snippets.data.hosted import (
    HostedPrice,
    hosted_price,
)
from snippets.data.offers import blended, offers
from snippets.data.providers import read_hosted
from snippets.data.records import (
    UnknownNameError,
    find,
)
from snippets.why_self_host.claims import (
    Case,
    Claim,
    Finding,
    Outcome,
    conclude,
    read_documents,
)
from snippets.why_self_host.crossover import (
    SOURCE,
    MonthlyCost,
    Scenario,
    calculate_monthly_cost,
)
from snippets.why_self_host.independence import (
    Availability,
    Machine,
    Queue,
    all_of,
    any_of,
)
from snippets.why_self_host.latency import (
    CLOUD_API,
    LOCAL_CPU,
    LOCAL_GPU,
    Deployment,
    Request,
    estimate_response_time,
)
from snippets.why_self_host.when_not_to import (
    Quantized,
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


# --8<-- [start:work]
def unknown(_: Case) -> Outcome:
    """Say that there is nothing to compute from."""
    return Outcome(holds=None)


def hours(case: Case) -> Outcome:
    """Price the hours; nothing says they are so."""
    low, high = (
        staff_usd(
            case,
            case.said(f"{end}_hours_per_week"),
            case.said(f"setup_{end}_hours"),
        )
        for end in ("low", "high")
    )
    return Outcome(
        numbers={"low": low, "high": high},
        holds=None,
    )


def no_maintenance(case: Case) -> Outcome:
    """Do models on the API end?"""
    before = case.fact(
        "claim-sunset-2023", "notice_days"
    )
    key = "claim-sunset-2026"
    after = case.fact(key, "notice_days")
    models = case.fact(key, "models")
    return Outcome(
        numbers={
            "before": before,
            "after": after,
            "models": models,
        },
        holds=before == after == models == 0,
    )


# --8<-- [end:work]


# --8<-- [start:latency]
def within(case: Case) -> Outcome:
    """Is the sum among what was measured?"""
    (key,) = case.claim.facts
    values = find(case.facts, key, "fact").values
    low, high = (
        value
        for end in ("low", "high")
        for name, value in values.items()
        if name.startswith(end)
    )
    said = sum(case.claim.values.values())
    return Outcome(
        numbers={
            "low": low,
            "high": high,
            "said": said,
        },
        holds=low <= said <= high,
    )


def gpu_rate(case: Case) -> Outcome:
    """Does a large model reach the rate?"""
    small, large = (
        case.fact(
            "claim-decode", f"{size}_tokens_per_s"
        )
        for size in ("small_8b", "large_70b")
    )
    said = case.said("tokens_per_s")
    return Outcome(
        numbers={"small": small, "large": large},
        holds=large >= said,
        given=small >= said,
    )


def prompt(case: Case) -> Outcome:
    """How long may the prompt be?"""
    (key,) = case.claim.facts
    speed = case.fact(key, "prompt_tokens_per_s")
    said = case.said("first_token_ms")
    tokens = case.said("prompt_tokens")
    most = speed * said // 1000
    return Outcome(
        numbers={
            "ms": 1000 * tokens / speed,
            "tokens": tokens,
            "most": most,
        },
        holds=1000 * tokens / speed <= said,
        given=bool(most),
    )


def answer_s(at: Deployment, case: Case) -> float:
    """Seconds until an answer is complete."""
    tokens = int(case.said("answer_tokens"))
    request = Request(output_tokens=tokens)
    response = estimate_response_time(at, request)
    return response.total_ms / 1000


def no_network(case: Case) -> Outcome:
    """What is left for a user far away?"""
    trip = case.said("network_ms")
    far = LOCAL_GPU.model_copy(
        update={"network_ms": trip}
    )
    whole = 1000 * answer_s(CLOUD_API, case)
    here = answer_s(LOCAL_GPU, case)
    return Outcome(
        numbers={
            "share": 100 * trip / whole,
            "trip": trip,
        },
        holds=answer_s(far, case) == here,
        given=here < answer_s(far, case),
    )


def faster(case: Case) -> Outcome:
    """Who is done first, on three machines?"""
    speed = case.fact(
        "claim-decode", "large_70b_tokens_per_s"
    )
    large = LOCAL_GPU.model_copy(
        update={"output_tokens_per_s": speed}
    )
    api, gpu, big, cpu = (
        answer_s(at, case)
        for at in (
            CLOUD_API,
            LOCAL_GPU,
            large,
            LOCAL_CPU,
        )
    )
    return Outcome(
        numbers={
            "api": api,
            "gpu": gpu,
            "big": big,
            "cpu": cpu,
        },
        holds=max(gpu, big, cpu) < api,
        given=gpu < api,
    )


# --8<-- [end:latency]


# --8<-- [start:independence]
def limits(case: Case) -> Outcome:
    """Whose limit is the lower one?"""
    minutes = DAY_S / 60
    api = case.fact(
        "claim-rate-limit", "tokens_per_min"
    )
    own = case.said("tokens_per_day") / minutes
    waits = [
        Queue(
            backlog_tokens=int(
                case.said("burst_tokens")
            ),
            tokens_per_minute=rate,
        ).minutes_to_drain
        for rate in (api, own)
    ]
    return Outcome(
        numbers={
            "api": api,
            "own": own,
            "soon": waits[0],
            "late": waits[1],
        },
        holds=own > api,
        given=served(case, "small_7b") / minutes
        > api,
    )


def down(days: float, hours: float) -> Availability:
    """One machine, by its stops and repairs."""
    machine = Machine(
        hours_between_failures=24 * days,
        hours_to_repair=hours,
    )
    return Availability(
        percent=machine.availability_percent
    )


def outages(case: Case) -> Outcome:
    """How long is each down in a month?"""
    days = case.said("days")
    promise = Availability(
        percent=case.fact("claim-sla", "percent")
    )
    box = down(days, case.said("repair_hours"))
    repair = 24 * days * (100 / promise.percent - 1)
    quick_hours = case.said("quick_hours")
    api, own, pair, quick = (
        one.downtime_minutes_per_month
        for one in (
            promise,
            box,
            any_of(box, promise),
            down(days, quick_hours),
        )
    )
    alone = case.said("machines") == 1
    return Outcome(
        numbers={
            "api": api,
            "own": own,
            "pair": pair,
            "repair": repair,
        },
        holds=own < api
        if alone
        else pair < min(api, own),
        given=quick < api,
    )


def offline(case: Case) -> Outcome:
    """What answers when the network is gone?"""
    network = Availability(
        percent=case.said("network_percent")
    )
    promise = Availability(
        percent=case.fact("claim-sla", "percent")
    )
    api = all_of(network, promise).percent
    own = down(90, 24).percent
    return Outcome(
        numbers={"api": api, "own": own},
        holds=api == 0 < own,
    )


# --8<-- [end:independence]


# --8<-- [start:privacy]
def leaks(case: Case) -> Outcome:
    """Does an engine send anything by default?"""
    sends, stops = (
        sum(case.fact(key, name) for key in keys)
        for keys in [case.claim.facts]
        for name in ("by_default", "switch")
    )
    engines = len(case.claim.facts)
    return Outcome(
        numbers={
            "sends": sends,
            "engines": engines,
        },
        holds=sends == 0,
        given=stops == engines,
    )


def flag(case: Case) -> Outcome:
    """Does a fact say what the claim needs?

    The claim states the value that it needs, 1 for
    yes. What its day knew of the fact is not asked:
    a fact read later seldom says since when.
    """
    (key,) = case.claim.facts
    needed = case.said("needs")
    values = find(case.facts, key, "fact").values
    found = {
        value == needed for value in values.values()
    }
    return Outcome(
        numbers={"count": len(values)},
        holds=found == {True},
        given=case.claim.only_if is not None
        and found == {False},
    )


PII = (
    r"\b\d{3}-\d{2}-\d{4}\b",
    r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+"
    r"\.[A-Z|a-z]{2,}\b",
)
SAMPLES = {
    "SSN": "My number is 123-45-6789.",
    "email": "Write to jane.roe@example.org.",
    "name": "The patient is Jane Roe.",
    "phone": "Call me on +1 415 555 2671.",
    "IBAN": "Pay to DE89 3704 0044 0532 0130 00.",
    "card": "Charge 4111 1111 1111 1111.",
    "address": "She lives at 12 Elm Street.",
    "SSN without dashes": "My number is 123456789.",
}


def has_pii(text: str) -> bool:
    """The guide's check, with its two patterns."""
    return any(re.search(one, text) for one in PII)


def pii(_: Case) -> Outcome:
    """How many samples would go to the cloud?"""
    missed = [
        text
        for text in SAMPLES.values()
        if not has_pii(text)
    ]
    return Outcome(
        numbers={
            "missed": len(missed),
            "samples": len(SAMPLES),
        },
        holds=not missed,
    )


# --8<-- [end:privacy]


# --8<-- [start:models]
def rivals(case: Case) -> Outcome:
    """Is it level, and the best open one known?"""
    key = "claim-llama-3.1-scores"
    llama = case.fact(key, "llama_mmlu_percent")
    closed = case.fact(key, "gpt_4o_mmlu_percent")
    pro = case.fact(key, "llama_mmlu_pro_percent")
    later = "claim-qwen3.5-scores"
    newer = case.fact(later, "mmlu_pro_percent")
    known = case.facts[later].as_of <= case.day
    near = case.said("near_percent")
    return Outcome(
        numbers={
            "llama": llama,
            "closed": closed,
            "pro": pro,
            "newer": newer,
        },
        holds=closed - llama <= near
        and not (known and newer - pro > near),
    )


def openai_ahead(case: Case) -> Outcome:
    """Are open weights behind on the day?"""
    gap = "claim-open-gap"
    months = case.fact(gap, "months")
    behind = case.fact(
        "claim-llama-2-gap", "behind"
    )
    known = case.facts[gap].as_of <= case.day
    return Outcome(
        numbers={"months": months},
        holds=months > 0 if known else behind == 1,
    )


def cloud_only(case: Case) -> Outcome:
    """Do open weights have what it lists?"""
    closed = case.fact(
        "claim-context-closed", "tokens"
    )
    key = "claim-context-open"
    tokens = case.fact(key, "tokens")
    has = case.fact(key, "images") == 1
    return Outcome(
        numbers={
            "tokens": tokens / 1e6,
            "closed": closed,
        },
        holds=not has and tokens < closed,
        given=has and tokens >= closed,
    )


def before_apis(case: Case) -> Outcome:
    """How soon does an API have open weights?"""
    days = case.fact("claim-day-one", "days")
    hosts = [
        len(record.offers)
        for record in read_hosted().values()
        if record.weights
    ]
    return Outcome(
        numbers={
            "days": days,
            "models": len(hosts),
            "hosts": min(hosts),
        },
        holds=days > 0,
        given=bool(min(hosts)),
    )


def releases(case: Case) -> dict[str, list[Fact]]:
    """Releases that a claim names, by family."""
    families: dict[str, list[Fact]] = {}
    for key in case.claim.facts:
        _, family, _ = key.removeprefix(
            "claim-"
        ).split("-")
        release = find(case.facts, key, "release")
        families.setdefault(family, []).append(
            release
        )
    return families


def gaps_months(family: list[Fact]) -> list[float]:
    """Months from each release to the next."""
    return [
        (after.as_of - before.as_of).days
        * 12
        / 365.25
        for before, after in pairwise(family)
    ]


def cadence(case: Case) -> Outcome:
    """What is the mean time between releases?"""
    gaps = [
        gap
        for family in releases(case).values()
        for gap in gaps_months(family)
    ]
    mean = sum(gaps) / len(gaps)
    return Outcome(
        numbers={
            "mean": mean,
            "low": min(gaps),
            "high": max(gaps),
        },
        holds=case.said("low_months")
        <= mean
        <= case.said("high_months"),
    )


def efficiency(case: Case) -> Outcome:
    """Is there more work for each watt?"""
    key = "claim-efficiency"
    old, new = (
        case.fact(key, f"{gpu}_tflops")
        / case.fact(key, f"{gpu}_w")
        for gpu in ("a100", "h100")
    )
    return Outcome(
        numbers={"times": new / old},
        holds=new > old,
    )


def attention(case: Case) -> Outcome:
    """Is the cache of a token smaller?"""
    heads = case.fact("claim-heads", "heads")
    kept = case.fact("claim-heads", "kv_heads")
    return Outcome(
        numbers={"times": heads / kept},
        holds=heads > kept,
    )


def degrades(case: Case) -> Outcome:
    """How much does perplexity rise?"""
    key = "claim-perplexity"
    rises = {
        name: Quantized(
            reference_perplexity=case.fact(
                key, "f16"
            ),
            quantized_perplexity=case.fact(
                key, name
            ),
        ).increase_percent
        for name in ("q4_k_m", "q2_k")
    }
    return Outcome(
        numbers=rises, holds=max(rises.values()) > 0
    )


# --8<-- [end:models]


# --8<-- [start:judge]
CHECKS: dict[str, Check] = {
    check.__name__: check
    for check in (
        price,
        rent,
        capacity,
        row,
        break_even,
        plus_one,
        linear,
        fixed,
        scale,
        running,
        swing,
        all_sizes,
        own_2023,
        api_2023,
        small_base,
        api_2250,
        four_cards,
        engineering,
        order_50m,
        spend_500k,
        utilization,
        unknown,
        hours,
        no_maintenance,
        within,
        gpu_rate,
        prompt,
        no_network,
        faster,
        limits,
        outages,
        offline,
        leaks,
        flag,
        pii,
        rivals,
        openai_ahead,
        cloud_only,
        before_apis,
        cadence,
        efficiency,
        attention,
        degrades,
    )
}


def judge(
    claim: Claim,
    facts: Mapping[str, Fact],
    today: date,
) -> Finding:
    """Compute a claim on its day and today.

    Raises UnknownNameError where its text, its
    check or a fact is not known.
    """
    text = find(
        read_documents(), claim.document, "text"
    )
    if claim.check not in CHECKS:
        raise UnknownNameError(
            f"{claim.id}: no check {claim.check!r}"
        )
    then, now = (
        CHECKS[claim.check](
            Case(
                claim=claim,
                day=day,
                today=today,
                facts={**facts},
            )
        )
        for day in (text.dated, today)
    )
    return conclude(claim, then, now)


# --8<-- [end:judge]
