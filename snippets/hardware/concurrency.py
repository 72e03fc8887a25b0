"""How many people does a replica hold?"""

# --8<-- [start:imports]
from math import exp
from typing import NamedTuple

from snippets.hardware.replica import Load, Replica

# --8<-- [end:imports]


# --8<-- [start:batch]
def written_tokens(load: Load) -> float:
    """What a sequence has written, at any moment.

    output · (1 + variation²) / 2: half, and more if
    lengths vary, for the long ones are there longer
    """
    spread = 1 + load.output_variation**2
    return load.output_tokens * spread / 2


def feasible_batch(
    replica: Replica, load: Load
) -> float:
    """How many sequences can write at a time.

    The least of max_sequences,
    kv_tokens / (input + written), and
    max_batched_tokens / (1 + input / output),
    with written as in `written_tokens`, and twice
    that if the whole output is reserved
    Raises ValueError where not even one fits.
    """
    whole = load.input_tokens + load.output_tokens
    if whole > replica.kv_tokens:
        raise ValueError(
            f"a request of {whole:,.0f} tokens; "
            f"memory holds {replica.kv_tokens:,}"
        )
    held = load.input_tokens
    held += written_tokens(load) * (
        1 + replica.reserves_output
    )
    return min(
        replica.max_sequences,
        replica.kv_tokens / held,
        replica.max_batched_tokens
        * load.output_tokens
        / whole,
    )


class Pace(NamedTuple):
    """How a replica steps with a batch.

    token_s: between two tokens of one, the mean
    write_s, read_s: a step without, with prompts
    read_share: of steps that read
    chunks: steps that read one prompt
    queue_s: a prompt waits for others, the mean
    """

    token_s: float
    write_s: float
    read_s: float
    read_share: float
    chunks: float
    queue_s: float


def pace(
    replica: Replica, load: Load, batch: float
) -> Pace:
    """Steps of a batch that stays as it is.

    For each token written input / output are read:
    read = batch · input / output tokens a step, in
    chunks of at least a prompt, if there is room.
    batch: sequences that write; a mean, so any > 0
    """
    step = replica.step
    context = load.input_tokens
    context += written_tokens(load)
    write_s = step.tokens_s(batch) + (
        batch * context * step.context_token_s
    )
    read = (
        batch * load.input_tokens
    ) / load.output_tokens
    room = replica.max_batched_tokens - batch
    pair_s = load.input_tokens / 2 * step.pair_s

    def more_s(tokens: float) -> float:
        """What reading adds to a step."""
        return (
            step.tokens_s(batch + tokens)
            - step.tokens_s(batch)
            + tokens * pair_s
        )

    chunk = min(max(load.input_tokens, read), room)
    share = read / chunk
    busy = min(read / room, 0.999)
    full_s = write_s + more_s(room)
    one_s = full_s * load.input_tokens / room
    return Pace(
        token_s=write_s + share * more_s(chunk),
        write_s=write_s,
        read_s=write_s + more_s(chunk),
        read_share=share,
        chunks=max(load.input_tokens / chunk, 1),
        queue_s=one_s * busy / (2 * (1 - busy)),
    )


def capacity_per_s(
    replica: Replica, load: Load
) -> float:
    """Requests a second at the feasible batch.

    batch / (output · seconds a token)
    """
    batch = feasible_batch(replica, load)
    token_s = pace(replica, load, batch).token_s
    return batch / (load.output_tokens * token_s)


# --8<-- [end:batch]


# --8<-- [start:steady]
class Steady(NamedTuple):
    """A replica under a load that it can carry."""

    sequences: float
    utilization_ratio: float
    time_to_first_token_s: float
    time_per_token_s: float
    wait_probability: float
    output_tokens_per_s: float


def erlang_c(slots: int, used: float) -> float:
    """Who finds all slots taken (Erlang C).

    slots: that serve; used: share of them, below 1
    Source: Erlang, 1917.
    """
    load, lost = slots * used, 1.0
    for slot in range(1, slots + 1):
        lost = load * lost / (slot + load * lost)
    return lost / (1 - used * (1 - lost))


def steady(replica: Replica, load: Load) -> Steady:
    """Find the batch that a load settles at.

    Little's law, batch = requests/s · output ·
    seconds a token, where these seconds depend on
    the batch; found by bisection.
    The first token waits for a slot (Erlang C,
    times (1 + variation²) / 2), for the step under
    way, for other prompts, and for its own.
    Raises ValueError for more than can be served.
    """
    rate = load.requests_per_s
    most = capacity_per_s(replica, load)
    if rate >= most:
        raise ValueError(
            f"{rate:g} requests a second; "
            f"this replica serves {most:.3g}"
        )
    highest = feasible_batch(replica, load)
    low, high = 0.0, highest
    for _ in range(50):
        batch = (low + high) / 2
        token_s = pace(replica, load, batch).token_s
        if (
            batch
            < rate * load.output_tokens * token_s
        ):
            low = batch
        else:
            high = batch
    at = pace(replica, load, high)
    slots = max(int(highest), 1)
    used = rate / most
    wait = erlang_c(slots, used)
    spread = (1 + load.output_variation**2) / 2
    under_way = (
        at.read_share * at.read_s**2
        + (1 - at.read_share) * at.write_s**2
    ) / (2 * at.token_s)
    return Steady(
        sequences=high,
        utilization_ratio=used,
        time_to_first_token_s=(
            spread * wait / (most - rate)
            + (1 - exp(-high)) * under_way
            + at.queue_s
            + at.chunks * at.read_s
        ),
        time_per_token_s=at.token_s,
        wait_probability=wait,
        output_tokens_per_s=(
            rate * load.output_tokens
        ),
    )


# --8<-- [end:steady]
