"""Who hosts the same open weights, for how much?"""

# --8<-- [start:imports]
from datetime import date

from snippets.data.hosted import (
    HostedPrice,
    hosted_price,
)
from snippets.data.providers import read_hosted
from snippets.data.records import find

# --8<-- [end:imports]


# --8<-- [start:offers]
def offers(
    weights: str, on: date
) -> tuple[HostedPrice, ...]:
    """Who hosts these open weights, cheapest first.

    weights: id of a model, as in llama-3.3-70b
    on: the day of the prices

    Raises UnknownNameError with the nearest ids.
    """
    known = {
        record.weights: record
        for record in read_hosted().values()
        if record.weights
    }
    record = find(known, weights, "open weights")
    return tuple(
        sorted(
            (
                hosted_price(
                    offer.provider, offer.model, on
                )
                for offer in record.offers
            ),
            key=blended,
        )
    )


def blended(
    price: HostedPrice, input_share: float = 0.75
) -> float:
    """Average a price over tokens in and out.

    share × input + (1 - share) × output, in USD
    per million tokens. input_share: from 0 to 1.
    Raises ValueError for another share.
    """
    if not 0 <= input_share <= 1:
        raise ValueError(
            f"input_share is {input_share}; "
            "it has to be from 0 to 1"
        )
    tokens_in = price.input_usd_per_million_tokens
    tokens_out = price.output_usd_per_million_tokens
    return (
        input_share * tokens_in
        + (1 - input_share) * tokens_out
    )


# --8<-- [end:offers]
