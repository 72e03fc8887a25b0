"""Train the small model that the guide takes apart, in some 20 minutes on 2 cores.

Needs what `tests/data/train.lock` names, in an environment of its own:

    python -m venv /tmp/train && /tmp/train/bin/pip install --require-hashes -r tests/data/train.lock
    /tmp/train/bin/python -m tests.data.train snippets/data/small_model

It writes the model (BF16), config.json, tokenizer.json, the two texts, and training.json.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from safetensors.flax import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

VOCABULARY = 2_048
CONTEXT = 256
BATCH = 32
STEPS = 600
SEED = 0
HELD_BACK = 20  # every twentieth chapter
CALIBRATION = 40  # chapters of the training split, spread over it
SPECIAL = ["<unk>", "<s>", "</s>"]
CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": VOCABULARY,
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "hidden_act": "silu",
    "max_position_embeddings": 512,
    "rms_norm_eps": 1e-5,
    "rope_theta": 10000.0,
    "tie_word_embeddings": True,
    "attention_bias": False,
    "mlp_bias": False,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "torch_dtype": "bfloat16",
}
Weights = dict[str, jax.Array]


def chapters() -> list[str]:
    """Every chapter of the King James Version, its verses joined into one paragraph."""
    lines = (files("bible") / "data/kjv.jsonl").read_text(encoding="utf-8").splitlines()
    verses = [json.loads(line) for line in lines if line.strip()]
    grouped = groupby(verses, key=lambda verse: (verse["book"], verse["chapter"]))
    return [" ".join(verse["text"].strip() for verse in group) for _, group in grouped]


def train_tokenizer(texts: list[str]) -> Tokenizer:
    """Byte-pair encoding with a byte for what it has not seen, as Llama 2 has it."""
    trained = Tokenizer(models.BPE(unk_token=SPECIAL[0], byte_fallback=True, fuse_unk=True))
    trained.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    bytes_ = [f"<0x{value:02X}>" for value in range(256)]
    learned = VOCABULARY - len(SPECIAL) - len(bytes_)
    trainer = trainers.BpeTrainer(vocab_size=learned, special_tokens=[], show_progress=False)
    trained.train_from_iterator(texts, trainer)
    model = json.loads(trained.to_str())["model"]
    pieces = sorted(model["vocab"], key=model["vocab"].__getitem__)
    vocab = {piece: i for i, piece in enumerate([*SPECIAL, *bytes_, *pieces])}
    merges = [tuple(merge) for merge in model["merges"]]
    tokenizer = Tokenizer(
        models.BPE(vocab=vocab, merges=merges, unk_token=SPECIAL[0], byte_fallback=True, fuse_unk=True)
    )
    # Written as for Llama 2: spaces become marks before the merges, and no word is cut out first.
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [
            decoders.Replace("▁", " "),
            decoders.ByteFallback(),
            decoders.Fuse(),
            decoders.Strip(" ", 1, 0),
        ]
    )
    tokenizer.add_special_tokens(SPECIAL)
    return tokenizer


def initial(key: jax.Array) -> Weights:
    """Small random matrices (out, in), norms of one."""
    hidden, wide = CONFIG["hidden_size"], CONFIG["intermediate_size"]
    heads, pairs = CONFIG["num_attention_heads"], CONFIG["num_key_value_heads"]
    head = CONFIG["head_dim"]
    shapes = {"model.embed_tokens.weight": (VOCABULARY, hidden), "model.norm.weight": (hidden,)}
    for i in range(CONFIG["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        shapes |= {
            layer + "input_layernorm.weight": (hidden,),
            layer + "self_attn.q_proj.weight": (heads * head, hidden),
            layer + "self_attn.k_proj.weight": (pairs * head, hidden),
            layer + "self_attn.v_proj.weight": (pairs * head, hidden),
            layer + "self_attn.o_proj.weight": (hidden, heads * head),
            layer + "post_attention_layernorm.weight": (hidden,),
            layer + "mlp.gate_proj.weight": (wide, hidden),
            layer + "mlp.up_proj.weight": (wide, hidden),
            layer + "mlp.down_proj.weight": (hidden, wide),
        }
    keys = jax.random.split(key, len(shapes))
    return {
        name: jnp.ones(shape) if len(shape) == 1 else 0.04 * jax.random.normal(one, shape)
        for (name, shape), one in zip(shapes.items(), keys, strict=True)
    }


def norm(x: jax.Array, weight: jax.Array) -> jax.Array:
    """Root-mean-square norm."""
    return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + CONFIG["rms_norm_eps"]) * weight


def rotate(x: jax.Array) -> jax.Array:
    """Rotary positions, halves paired as in Hugging Face's Llama. x: batch, heads, tokens, head."""
    half = x.shape[-1] // 2
    angle = jnp.arange(x.shape[-2])[:, None] * CONFIG["rope_theta"] ** (-jnp.arange(half) / half)
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    first, second = x[..., :half], x[..., half:]
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], -1)


def forward(weights: Weights, tokens: jax.Array) -> jax.Array:
    """Logits (batch, tokens, vocabulary)."""
    batch, length = tokens.shape
    heads, pairs = CONFIG["num_attention_heads"], CONFIG["num_key_value_heads"]
    head = CONFIG["head_dim"]
    mask = jnp.where(jnp.tril(jnp.ones((length, length), bool)), 0.0, -jnp.inf)
    x = weights["model.embed_tokens.weight"][tokens]

    def split(y: jax.Array, count: int) -> jax.Array:
        return y.reshape(batch, length, count, head).transpose(0, 2, 1, 3)

    for i in range(CONFIG["num_hidden_layers"]):
        w = {
            name.removeprefix(f"model.layers.{i}."): value
            for name, value in weights.items()
            if name.startswith(f"model.layers.{i}.")
        }
        y = norm(x, w["input_layernorm.weight"])
        q = rotate(split(y @ w["self_attn.q_proj.weight"].T, heads))
        k = rotate(split(y @ w["self_attn.k_proj.weight"].T, pairs))
        v = split(y @ w["self_attn.v_proj.weight"].T, pairs)
        k, v = (jnp.repeat(z, heads // pairs, axis=1) for z in (k, v))
        attention = jax.nn.softmax(q @ k.swapaxes(-1, -2) / head**0.5 + mask, -1)
        mixed = (attention @ v).transpose(0, 2, 1, 3).reshape(batch, length, heads * head)
        x = x + mixed @ w["self_attn.o_proj.weight"].T
        y = norm(x, w["post_attention_layernorm.weight"])
        gate = jax.nn.silu(y @ w["mlp.gate_proj.weight"].T)
        x = x + (gate * (y @ w["mlp.up_proj.weight"].T)) @ w["mlp.down_proj.weight"].T
    return norm(x, weights["model.norm.weight"]) @ weights["model.embed_tokens.weight"].T


def loss(weights: Weights, tokens: jax.Array) -> jax.Array:
    """Mean cross-entropy of each next token, in nats."""
    logits = forward(weights, tokens[:, :-1])
    return optax.softmax_cross_entropy_with_integer_labels(logits, tokens[:, 1:]).mean()


def windows(texts: list[str], tokenizer: Tokenizer) -> np.ndarray:
    """All chapters in one stream, each after a <s>, cut into windows that overlap by one token."""
    stream = [token for text in texts for token in (1, *tokenizer.encode(text, add_special_tokens=False).ids)]
    count = (len(stream) - 1) // CONTEXT
    return np.stack([stream[i * CONTEXT : (i + 1) * CONTEXT + 1] for i in range(count)]).astype(np.int32)


def train(tokens: np.ndarray, steps: int) -> Weights:
    """AdamW, warmed up and cooled down along a cosine."""
    rate = optax.warmup_cosine_decay_schedule(0.0, 4e-3, steps // 20, steps, 1e-4)

    def is_matrix(weights: Weights) -> dict[str, bool]:
        return {name: value.ndim == 2 for name, value in weights.items()}

    optimizer = optax.chain(
        optax.clip_by_global_norm(1.0),
        optax.adamw(rate, b2=0.95, weight_decay=0.1, mask=is_matrix),
    )
    weights = initial(jax.random.key(SEED))
    state = optimizer.init(weights)

    @partial(jax.jit, donate_argnums=(0, 1))
    def step(weights: Weights, state: Any, batch: jax.Array) -> tuple[Weights, Any, jax.Array]:
        value, gradient = jax.value_and_grad(loss)(weights, batch)
        updates, state = optimizer.update(gradient, state, weights)
        return optax.apply_updates(weights, updates), state, value

    order = np.random.default_rng(SEED)
    queue: list[int] = []
    began = time.monotonic()
    for i in range(steps):
        if len(queue) < BATCH:
            queue = [*queue, *order.permutation(len(tokens)).tolist()]
        batch, queue = tokens[queue[:BATCH]], queue[BATCH:]
        weights, state, value = step(weights, state, jnp.asarray(batch))
        if i % 20 == 0 or i == steps - 1:
            print(f"step {i}: loss {float(value):.3f}, {time.monotonic() - began:.0f} s", flush=True)
    return weights


def judge(rounded: Weights, held_back: list[str], tokenizer: Tokenizer) -> dict[str, Any]:
    """Losses of what was held back, in windows of the length it was trained on."""
    exact = {name: value.astype(jnp.float32) for name, value in rounded.items()}
    judged = windows(held_back, tokenizer)
    score = jax.jit(loss)
    losses = [float(score(exact, judged[i : i + 1])) for i in range(len(judged))]
    nats = float(np.mean(losses))
    tokens = sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in held_back)
    characters = sum(len(text) for text in held_back) / tokens
    return {
        "held_back_tokens": len(judged) * CONTEXT,
        "held_back_nats_per_token": round(nats, 4),
        "held_back_perplexity": round(float(np.exp(nats)), 3),
        "held_back_window_nats": [round(value, 5) for value in losses[:8]],
        "characters_per_token": round(characters, 3),
        "bits_per_character": round(nats / np.log(2) / characters, 4),
    }


def main(out: Path) -> None:
    """Train, round to BF16, measure, write."""
    began = time.monotonic()
    texts = chapters()
    held_back = texts[HELD_BACK // 2 :: HELD_BACK]
    training = [text for i, text in enumerate(texts) if i % HELD_BACK != HELD_BACK // 2]
    tokenizer = train_tokenizer(training)
    tokens = windows(training, tokenizer)
    weights = train(tokens, STEPS)
    rounded = {name: value.astype(jnp.bfloat16) for name, value in weights.items()}
    out.mkdir(parents=True, exist_ok=True)
    save_file(rounded, str(out / "model.safetensors"), metadata={"format": "pt"})
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    (out / "config.json").write_text(json.dumps(CONFIG, indent=2) + "\n", encoding="utf-8")
    (out / "held_back.txt").write_text("\n".join(held_back) + "\n", encoding="utf-8")
    calibration = training[:: len(training) // CALIBRATION][:CALIBRATION]
    (out / "calibration.txt").write_text("\n".join(calibration) + "\n", encoding="utf-8")
    report = {
        "parameters": sum(value.size for value in weights.values()),
        "training_chapters": len(training),
        "held_back_chapters": len(held_back),
        "training_tokens": int(tokens.shape[0] * CONTEXT),
        "tokens_seen": STEPS * BATCH * CONTEXT,
        "steps": STEPS,
        **judge(rounded, held_back, tokenizer),
        "seconds": round(time.monotonic() - began),
    }
    (out / "training.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
