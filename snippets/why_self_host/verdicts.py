"""What comes out when a claim is computed?"""

# --8<-- [start:imports]
from collections.abc import Mapping
from datetime import date

from snippets.data.facts import Fact
from snippets.data.records import (
    UnknownNameError,
    find,
)
from snippets.why_self_host.checks_bills import (
    all_sizes,
    api_2023,
    api_2250,
    engineering,
    fixed,
    four_cards,
    linear,
    order_50m,
    own_2023,
    running,
    scale,
    small_base,
    spend_500k,
    swing,
    utilization,
)
from snippets.why_self_host.checks_cost import (
    Check,
    break_even,
    capacity,
    plus_one,
    price,
    rent,
    row,
)
from snippets.why_self_host.checks_trust import (
    attention,
    before_apis,
    cadence,
    cloud_only,
    degrades,
    efficiency,
    flag,
    leaks,
    openai_ahead,
    pii,
    rivals,
)
from snippets.why_self_host.checks_use import (
    faster,
    gpu_rate,
    hours,
    limits,
    no_maintenance,
    no_network,
    offline,
    outages,
    prompt,
    unknown,
    within,
)
from snippets.why_self_host.claims import (
    Case,
    Claim,
    Finding,
    conclude,
    read_documents,
)

# --8<-- [end:imports]

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
