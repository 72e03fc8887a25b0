"""Which share of its peak does a family reach?"""

# --8<-- [start:imports]
from collections.abc import (
    Callable,
    Iterable,
    Mapping,
)
from math import exp, log

import numpy as np
from pydantic import Field

from snippets.data.machines import Machine
from snippets.data.models import Model
from snippets.data.speeds import Run, Shape, Speed
from snippets.hardware.roofline import (
    Cache,
    Frozen,
    Prompt,
    Roof,
    Step,
    Weights,
    decode_seconds,
    memory_seconds,
    prefill_seconds,
    touched_bytes,
)
from snippets.hardware.speed import (
    Rates,
    Spread,
    family,
    machine_roof,
    model_weights,
)

# --8<-- [end:imports]


# --8<-- [start:cases]
class Case(Frozen):
    """One measured speed, and what it was of."""

    group: str
    machine: str
    family: str
    experts: bool
    weights: Weights
    roof: Roof = Field(description="at its peak")
    ask: Step | Prompt
    tokens_per_s: float = Field(gt=0, le=1e7)
    weight_bytes: float = Field(gt=0, le=1e15)
    share: float = Field(
        gt=0,
        le=1,
        description="a file on a machine counts 1",
    )

    def seconds(self, roof: Roof) -> float:
        """Predict the step, or the prompt."""
        if isinstance(self.ask, Step):
            return decode_seconds(
                self.weights, roof, self.ask
            )
        return prefill_seconds(
            self.weights, roof, self.ask
        )

    @property
    def measured_s(self) -> float:
        """Seconds of the step, or the prompt."""
        tokens = (
            1
            if isinstance(self.ask, Step)
            else self.ask.tokens
        )
        return tokens / self.tokens_per_s


def shape_weights(
    shape: Shape, weight_bytes: float
) -> Weights:
    """The same for a model of equal layers."""
    table = shape.embedding_parameters
    return Weights(
        shared_bytes=weight_bytes
        * (1 - table / shape.parameters),
        active_parameters=shape.parameters - table,
        output_parameters=table,
        layers=shape.layers,
        hidden_size=shape.hidden_size,
        caches=(
            Cache(
                bytes_per_token=4
                * shape.layers
                * shape.key_size,
                flop_per_pair=4
                * shape.layers
                * shape.query_size,
            ),
        ),
    )


PEAK = Rates(
    memory_efficiency=1,
    compute_efficiency=1,
    layer_overhead_s=0,
)


def run_cases(
    one: Speed,
    run: Run,
    models: Mapping[str, Model],
    machine: Machine,
) -> list[Case]:
    """Take a run apart; prefill where it counts."""
    size = run.weight_gib * 2**30
    built = models[run.model] if run.model else None
    if run.shape:
        weights = shape_weights(run.shape, size)
    if built:
        weights = model_weights(
            built, size, run.expert_bits_per_weight
        )
    roof = machine_roof(
        machine, PEAK, one.devices, "layer"
    )
    asks: list[tuple[Step | Prompt, float]] = [
        (
            Step(context_tokens=row.context_tokens),
            row.tokens_per_s,
        )
        for row in run.decode
    ]
    if roof.dense_tflops and one.devices == 1:
        asks += [
            (
                Prompt(
                    tokens=row.prompt_tokens,
                    cached_tokens=row.cached_tokens,
                    chunk_tokens=run.chunk_tokens,
                ),
                row.tokens_per_s,
            )
            for row in run.prefill
        ]
    kinds = [type(ask) for ask, _ in asks]
    return [
        Case(
            group=one.group,
            machine=one.machine,
            family=family(machine),
            experts=bool(built and built.experts),
            weights=weights,
            roof=roof,
            ask=ask,
            tokens_per_s=speed,
            weight_bytes=size,
            share=1 / kinds.count(type(ask)),
        )
        for ask, speed in asks
    ]


def all_cases(
    speeds: Iterable[Speed],
    models: Mapping[str, Model],
    machines: Mapping[str, Machine],
) -> list[Case]:
    """Every row of every record."""
    return [
        case
        for one in speeds
        for run in one.runs
        for case in run_cases(
            one, run, models, machines[one.machine]
        )
    ]


# --8<-- [end:cases]


# --8<-- [start:fit]
def solve(
    rows: list[tuple[float, ...]],
    shares: list[float],
    prior: tuple[float, ...] | None = None,
    prior_runs: float = 2,
) -> tuple[float, ...]:
    """Least squares of predicted over measured − 1.

    rows: terms over measured seconds
    prior: factors that count as so many runs
    """
    weight = np.sqrt(np.array(shares))
    terms = np.array(rows) * weight[:, None]
    goal = weight
    if prior is not None:
        pull = np.sqrt(prior_runs)
        terms = np.vstack(
            [terms, np.diag(pull / np.array(prior))]
        )
        goal = np.append(
            goal, np.full(len(prior), pull)
        )
    found = np.linalg.lstsq(
        terms, goal, rcond=None
    )[0]
    return tuple(float(one) for one in found)


def quantile(
    values: list[float],
    shares: list[float],
    level: float,
) -> float:
    """The value that this part does not exceed."""
    order = np.argsort(values)
    sums = np.cumsum(np.array(shares)[order])
    goal = level * sums[-1]
    # Between two values, where they part exactly.
    parts = np.isclose(sums, goal)
    first = int(np.argmax(parts | (sums > goal)))
    second = first + bool(parts[first])
    second = min(second, len(values) - 1)
    ends = [
        values[order[first]],
        values[order[second]],
    ]
    return float(np.mean(ends))


def decode_terms(case: Case) -> tuple[float, ...]:
    """Seconds at full bandwidth, and layers."""
    seconds = case.seconds(case.roof)
    return (
        seconds / case.measured_s,
        case.weights.layers / case.measured_s,
    )


def prefill_efficiency(
    case: Case, overhead_s: float
) -> float:
    """Seconds at full compute, over the rest."""
    at_peak = case.seconds(case.roof)
    slowed = case.roof.model_copy(
        update={"layer_overhead_s": overhead_s}
    )
    rest = case.seconds(slowed) - at_peak
    return at_peak / (case.measured_s - rest)


def fit(cases: Iterable[Case]) -> dict[str, Rates]:
    """Rates of each family, and of "all".

    Decode: 1 / efficiency and overhead a layer. A
    family starts from all together, which counts
    as two runs. Prefill: the median efficiency,
    or that of all. Layers split over devices are
    left out.
    """
    known = [
        one
        for one in cases
        if one.roof.devices == 1
    ]
    found: dict[str, Rates] = {}
    start: tuple[float, ...] | None = None
    families = sorted({one.family for one in known})
    for name in ("all", *families):
        mine = [
            one
            for one in known
            if name in {"all", one.family}
        ]
        steps = [
            one
            for one in mine
            if isinstance(one.ask, Step)
        ]
        read, overhead = solve(
            [decode_terms(one) for one in steps],
            [one.share for one in steps],
            start,
        )
        prompts = [
            one
            for one in mine
            if isinstance(one.ask, Prompt)
        ]
        worked = [
            prefill_efficiency(one, overhead)
            for one in prompts
        ]
        busy = (
            quantile(
                worked,
                [one.share for one in prompts],
                0.5,
            )
            if prompts
            else found["all"].compute_efficiency
        )
        found[name] = Rates(
            memory_efficiency=min(1, 1 / read),
            layer_overhead_s=max(0, overhead),
            compute_efficiency=min(1, busy),
        )
        start = start or (read, overhead)
    return found


# --8<-- [end:fit]


# --8<-- [start:judge]
class Judged(Frozen):
    """A case, and what others' data say of it."""

    case: Case
    predicted_tokens_per_s: float

    @property
    def error(self) -> float:
        """Predicted over measured, less 1."""
        return (
            self.predicted_tokens_per_s
            / self.case.tokens_per_s
            - 1
        )


def under(case: Case, rates: Rates) -> float:
    """Tokens a second of a case, under rates."""
    roof = case.roof.model_copy(
        update=rates.model_dump()
    )
    tokens = case.measured_s * case.tokens_per_s
    return tokens / case.seconds(roof)


def held_out(
    cases: Iterable[Case],
    by: Callable[[Case], str],
) -> list[Judged]:
    """Predict each part from all other parts.

    by: names a case's part, say its group
    """
    known = list(cases)
    judged: list[Judged] = []
    for part in sorted({by(one) for one in known}):
        rates = fit(
            one for one in known if by(one) != part
        )
        judged += [
            Judged(
                case=one,
                predicted_tokens_per_s=under(
                    one,
                    rates.get(
                        one.family, rates["all"]
                    ),
                ),
            )
            for one in known
            if by(one) == part
        ]
    return judged


def by_rule(
    cases: Iterable[Case], share: float
) -> list[Judged]:
    """Bandwidth over bytes of a file, scaled.

    Of experts, those that a token touches.
    """
    return [
        Judged(
            case=one,
            predicted_tokens_per_s=share
            / memory_seconds(
                one.roof,
                touched_bytes(one.weights, 1)
                if one.experts
                else one.weight_bytes,
            ),
        )
        for one in cases
    ]


def middle(
    judged: list[Judged],
    of: Callable[[float], float] = abs,
) -> float:
    """Median; each file on a machine counts 1."""
    return quantile(
        [of(one.error) for one in judged],
        [one.case.share for one in judged],
        0.5,
    )


def spread(
    judged: list[Judged], coverage: float
) -> Spread:
    """The range that holds so many of the cases."""
    ratios = [-log(1 + one.error) for one in judged]
    shares = [one.case.share for one in judged]
    tail = (1 - coverage) / 2
    return Spread(
        low=exp(quantile(ratios, shares, tail)),
        high=exp(
            quantile(ratios, shares, 1 - tail)
        ),
    )


def within(
    judged: list[Judged], coverage: float
) -> list[Judged]:
    """Those that lie in the range of others."""
    inside: list[Judged] = []
    for group in sorted(
        {one.case.group for one in judged}
    ):
        mine, others = (
            [
                one
                for one in judged
                if (one.case.group == group) == own
            ]
            for own in (True, False)
        )
        wide = spread(others, coverage)
        inside += [
            one
            for one in mine
            if wide.low
            <= 1 / (1 + one.error)
            <= wide.high
        ]
    return inside


def files(judged: list[Judged]) -> float:
    """How many files on machines these are."""
    return sum(one.case.share for one in judged)


# --8<-- [end:judge]
