"""How is a claim about daily use computed?"""

# --8<-- [start:imports]
from snippets.data.records import find
from snippets.why_self_host.checks_cost import (
    DAY_S,
    served,
    staff_usd,
)
from snippets.why_self_host.claims import (
    Case,
    Outcome,
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

# --8<-- [end:imports]


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
