"""What does a Llama compute for the next token?"""

# --8<-- [start:parts]
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from snippets.data.small_model import (
    Floats,
    SmallModel,
)

Inputs = dict[str, Floats]


def norm(
    x: Floats, weight: Floats, eps: float
) -> Floats:
    """Divide each row by its root mean square."""
    square: Floats = np.mean(
        x * x, axis=-1, keepdims=True
    )
    scale = np.sqrt(square + np.float32(eps))
    scaled: Floats = x / scale * weight
    return scaled


def softmax(x: Floats) -> Floats:
    """Make rows of scores rows that sum to 1."""
    grown: Floats = np.exp(
        x - x.max(axis=-1, keepdims=True)
    )
    total: Floats = grown.sum(
        axis=-1, keepdims=True
    )
    shares: Floats = grown / total
    return shares


def rotate(
    x: Floats, first: int, theta: float
) -> Floats:
    """Turn pairs by an angle that grows with place.

    x: (heads, tokens, head); value i and the one
    head/2 later turn by place / theta**(2 i / head)
    first: the place of the first token
    Source: RoFormer, arXiv 2104.09864
    """
    half = x.shape[-1] // 2
    places = first + np.arange(x.shape[-2])
    turns = theta ** -(np.arange(half) / half)
    angles = np.outer(places, turns)
    cos = np.cos(angles).astype(np.float32)
    sin = np.sin(angles).astype(np.float32)
    left, right = x[..., :half], x[..., half:]
    return np.concatenate(
        [
            left * cos - right * sin,
            right * cos + left * sin,
        ],
        axis=-1,
    )


# --8<-- [end:parts]


# --8<-- [start:layer]
class Cache(NamedTuple):
    """Keys, values: (heads, tokens, head)."""

    keys: Floats
    values: Floats


def heads(x: Floats, count: int) -> Floats:
    """Make (tokens, all) (heads, tokens, head)."""
    rows = x.reshape(len(x), count, -1)
    return rows.transpose(1, 0, 2)


def attend(
    q: Floats, cache: Cache, first: int
) -> Floats:
    """Mix values by how well their keys match.

    softmax(q kᵀ / √head) v over what came before.
    Each head of keys serves several of queries.
    """
    shared = len(q) // len(cache.keys)
    keys = np.repeat(cache.keys, shared, axis=0)
    values = np.repeat(cache.values, shared, axis=0)
    scores = q @ keys.transpose(0, 2, 1)
    scores /= np.float32(q.shape[-1] ** 0.5)
    asked = first + np.arange(q.shape[1])
    later = (
        np.arange(keys.shape[1]) > asked[:, None]
    )
    scores[:, later] = -np.inf
    mixed = softmax(scores) @ values
    rows = mixed.transpose(1, 0, 2)
    return rows.reshape(q.shape[1], -1)


# --8<-- [end:layer]


# --8<-- [start:forward]
class Pass:
    """One reading of a text, token after token.

    inputs: filled, where given, with what each
    matrix multiplied, (tokens, in), by its name
    """

    def __init__(
        self,
        model: SmallModel,
        inputs: Inputs | None = None,
    ) -> None:
        self.model = model
        self.inputs = inputs
        self.caches: list[Cache] = []
        self.place = 0

    def times(self, x: Floats, name: str) -> Floats:
        """Multiply by a matrix: x Wᵀ."""
        if self.inputs is not None:
            self.inputs[name] = x
        out: Floats = x @ self.model.weights[name].T
        return out

    def remember(
        self, i: int, k: Floats, v: Floats
    ) -> Cache:
        """Add keys and values to what was read."""
        if i == len(self.caches):
            self.caches.append(Cache(k, v))
        else:
            old = self.caches[i]
            self.caches[i] = Cache(
                np.concatenate([old.keys, k], 1),
                np.concatenate([old.values, v], 1),
            )
        return self.caches[i]

    def layer(self, i: int, x: Floats) -> Floats:
        """Attention, then the feed-forward part."""
        config = self.model.config
        weights = self.model.weights
        layer = f"model.layers.{i}."
        attn = layer + "self_attn."
        y = norm(
            x,
            weights[
                layer + "input_layernorm.weight"
            ],
            config.rms_norm_eps,
        )
        q, k, v = (
            heads(
                self.times(
                    y, f"{attn}{p}_proj.weight"
                ),
                count,
            )
            for p, count in (
                ("q", config.num_attention_heads),
                ("k", config.num_key_value_heads),
                ("v", config.num_key_value_heads),
            )
        )
        theta = config.rope_theta
        q = rotate(q, self.place, theta)
        k = rotate(k, self.place, theta)
        cache = self.remember(i, k, v)
        mixed = attend(q, cache, self.place)
        x = x + self.times(
            mixed, attn + "o_proj.weight"
        )
        after = "post_attention_layernorm.weight"
        y = norm(
            x,
            weights[layer + after],
            config.rms_norm_eps,
        )
        mlp = layer + "mlp."
        gate = self.times(
            y, mlp + "gate_proj.weight"
        )
        up = self.times(y, mlp + "up_proj.weight")
        wide = gate / (1 + np.exp(-gate)) * up
        return x + self.times(
            wide, mlp + "down_proj.weight"
        )

    def read(self, tokens: Sequence[int]) -> Floats:
        """Read more tokens: logits (tokens, vocab).

        Raises ValueError for a token that is not in
        the vocabulary.
        """
        config = self.model.config
        most = config.vocab_size
        for token in tokens:
            if not 0 <= token < most:
                raise ValueError(
                    f"token {token}: allowed are "
                    f"0 to {most - 1}"
                )
        table = "model.embed_tokens.weight"
        x = self.model.weights[table][list(tokens)]
        for i in range(config.num_hidden_layers):
            x = self.layer(i, x)
        self.place += len(tokens)
        last = self.model.weights[
            "model.norm.weight"
        ]
        x = norm(x, last, config.rms_norm_eps)
        return self.times(x, table)


def forward(
    model: SmallModel,
    tokens: Sequence[int],
    inputs: Inputs | None = None,
) -> Floats:
    """Logits of next tokens: (tokens, vocab)."""
    return Pass(model, inputs).read(tokens)


# --8<-- [end:forward]


# --8<-- [start:use]
def generate(
    model: SmallModel,
    tokens: Sequence[int],
    count: int,
) -> list[int]:
    """Continue with the likeliest token."""
    reading = Pass(model)
    logits = reading.read(tokens)
    found: list[int] = []
    while len(found) < count:
        found.append(int(logits[-1].argmax()))
        if len(found) < count:
            logits = reading.read(found[-1:])
    return found


def losses(
    logits: Floats, tokens: Sequence[int]
) -> NDArray[np.float64]:
    """-ln p of each token from the second on.

    logits: (tokens, vocab) of those tokens
    """
    before = logits[:-1].astype(np.float64)
    top = before.max(axis=1)
    rest = np.exp(before - top[:, None]).sum(axis=1)
    asked = before[
        np.arange(len(tokens) - 1), list(tokens[1:])
    ]
    return np.asarray(top + np.log(rest) - asked)


def nats_per_token(
    model: SmallModel, tokens: Sequence[int]
) -> float:
    """Mean loss; the perplexity is e to that."""
    logits = forward(model, tokens)
    return float(losses(logits, tokens).mean())


# --8<-- [end:use]
