"""How much does calibration save of a model?"""

# --8<-- [start:recipe]
import csv
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from snippets.data.small_forward import (
    Inputs,
    forward,
)
from snippets.data.small_model import SmallModel
from snippets.quantization.awq import (
    clip_search,
    folded,
    folds,
    mean_size,
    search_scales,
)
from snippets.quantization.gptq import (
    Floats,
    Rounding,
    gptq,
    hessian,
    round_to_nearest,
)

Windows = Sequence[Sequence[int]]


class Recipe(Rounding):
    """How the matrices of a model are rounded.

    act_order: GPTQ with the largest inputs first
    clip: a search for ranges, behind AWQ or alone
    sequential: a layer is calibrated behind layers
        that are rounded already
    """

    method: Literal["nearest", "gptq", "awq"]
    act_order: bool = False
    clip: bool = False
    sequential: bool = False


# --8<-- [end:recipe]


# --8<-- [start:observe]
class Seen(NamedTuple):
    """What a matrix was given in calibration.

    h: XᵀX, (columns, columns)
    size: mean |x| of its channels, (columns,)
    """

    h: Floats
    size: Floats


def matrices(layer: int) -> tuple[str, ...]:
    """Names of the seven matrices of a layer."""
    start = f"model.layers.{layer}."
    return (
        *(
            f"{start}self_attn.{part}_proj.weight"
            for part in "qkvo"
        ),
        *(
            f"{start}mlp.{part}_proj.weight"
            for part in ("gate", "up", "down")
        ),
    )


def observe(
    model: SmallModel, windows: Windows
) -> dict[str, Seen]:
    """Read windows, and keep what matrices got."""
    read: list[Inputs] = []
    for window in windows:
        read.append({})
        forward(model, window, read[-1])
    found = {}
    for layer in range(
        model.config.num_hidden_layers
    ):
        for name in matrices(layer):
            rows = [one[name] for one in read]
            found[name] = Seen(
                hessian(rows), mean_size(rows)
            )
    return found


# --8<-- [end:observe]


# --8<-- [start:calibrate]
def rounded(
    weight: NDArray[np.float32],
    h: Floats,
    recipe: Recipe,
) -> NDArray[np.float32]:
    """One matrix, as the recipe leaves it."""
    if recipe.method == "gptq":
        found = gptq(
            weight, h, recipe, recipe.act_order
        )
    elif recipe.clip:
        found = clip_search(weight, h, recipe)
    else:
        found = round_to_nearest(weight, recipe)
    return found.values.astype(np.float32)


def calibrated(
    model: SmallModel,
    windows: Windows,
    recipe: Recipe,
) -> SmallModel:
    """Round all matrices of all layers.

    windows: tokens to calibrate with
    The table of tokens and the norms stay as they
    are, as in files of GPTQ and AWQ.
    """
    weights = dict(model.weights)
    seen = observe(model, windows)
    for layer in range(
        model.config.num_hidden_layers
    ):
        if recipe.sequential and layer:
            now = SmallModel(model.config, weights)
            seen = observe(now, windows)
        h = {
            name: seen[name].h
            for name in matrices(layer)
        }
        if recipe.method == "awq":
            for fold in folds(layer):
                first = fold.after[0]
                s = search_scales(
                    [
                        weights[n]
                        for n in fold.after
                    ],
                    seen[first].size,
                    h[first],
                    recipe,
                ).scales
                weights = folded(weights, fold, s)
                for name in fold.after:
                    h[name] = h[name] / np.outer(
                        s, s
                    )
        for name in matrices(layer):
            weights[name] = rounded(
                weights[name], h[name], recipe
            )
    return SmallModel(model.config, weights)


# --8<-- [end:calibrate]


# --8<-- [start:outcome]
class Outcome(Recipe):
    """What a recipe did to the small model.

    text: that it was calibrated with
    tokens: of it
    nats: mean loss on the held-back text
    rise_nats: above the original's
    error_nats: standard error of that rise
    divergence_nats: mean KL divergence from the
        original's probabilities
    same_top_percent: likeliest token unchanged
    first_nats: mean loss on the first windows
    """

    text: Literal["same kind", "shuffled", "random"]
    tokens: int = Field(ge=1, le=10**6)
    nats: float = Field(gt=0, le=100)
    rise_nats: float = Field(ge=-100, le=100)
    error_nats: float = Field(ge=0, le=100)
    divergence_nats: float = Field(ge=0, le=100)
    same_top_percent: float = Field(ge=0, le=100)
    first_nats: float = Field(gt=0, le=100)


def read_outcomes(
    lines: Iterable[str],
) -> tuple[Outcome, ...]:
    """Read calibrated.csv of the small model."""
    return tuple(
        Outcome.model_validate(
            {**row, "bits": int(row["bits"])}
        )
        for row in csv.DictReader(lines)
    )


# --8<-- [end:outcome]
