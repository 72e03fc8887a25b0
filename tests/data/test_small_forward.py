import json

import numpy as np
import pytest

from snippets.data.small_forward import (
    Cache,
    Pass,
    attend,
    forward,
    generate,
    losses,
    nats_per_token,
    norm,
    rotate,
    softmax,
)
from snippets.data.small_model import read_small_model, read_text
from snippets.data.small_tokenizer import read_tokenizer

CONTEXT = 256


def windows(count: int) -> list[list[int]]:
    """The held-back text as training saw it: one stream, <s> before each chapter, one token shared."""
    tokenizer = read_tokenizer()
    stream: list[int] = []
    for chapter in read_text("held_back.txt").splitlines():
        stream += [1, *tokenizer.encode(chapter)]
        if len(stream) > count * CONTEXT:
            break
    return [stream[i * CONTEXT : (i + 1) * CONTEXT + 1] for i in range(count)]


def test_losses_are_those_that_the_training_program_measured() -> None:
    expected = json.loads(read_text("training.json"))["held_back_window_nats"]
    model = read_small_model()
    found = [nats_per_token(model, window) for window in windows(len(expected))]
    assert found == pytest.approx(expected, abs=2e-5)


def test_later_tokens_do_not_change_earlier_logits() -> None:
    model = read_small_model()
    tokens = windows(1)[0][:24]
    changed = [*tokens[:16], *reversed(tokens[16:])]
    assert np.allclose(forward(model, tokens)[:16], forward(model, changed)[:16], atol=1e-4)


def test_reading_in_parts_gives_what_reading_at_once_gives() -> None:
    model = read_small_model()
    tokens = windows(1)[0][:24]
    reading = Pass(model)
    parts = [reading.read(tokens[:10]), reading.read(tokens[10:11]), reading.read(tokens[11:])]
    assert np.allclose(np.concatenate(parts), forward(model, tokens), atol=1e-4)
    assert reading.place == 24


def test_generating_takes_the_likeliest_token_each_time() -> None:
    model = read_small_model()
    tokens = windows(1)[0][:8]
    found = generate(model, tokens, 3)
    for _ in range(3):
        best = int(forward(model, tokens)[-1].argmax())
        assert found.pop(0) == best
        tokens = [*tokens, best]
    assert generate(model, tokens, 0) == []


def test_inputs_are_what_each_matrix_multiplies() -> None:
    model = read_small_model()
    inputs: dict[str, np.ndarray] = {}
    logits = forward(model, windows(1)[0][:5], inputs)
    matrices = {name for name, weight in model.weights.items() if weight.ndim == 2}
    assert set(inputs) == matrices
    for name in matrices:
        assert inputs[name].shape == (5, model.weights[name].shape[1])
    table = model.weights["model.embed_tokens.weight"]
    assert np.array_equal(inputs["model.embed_tokens.weight"] @ table.T, logits)


def test_a_norm_leaves_a_root_mean_square_of_one() -> None:
    x = np.array([[3.0, 4.0], [0.0, 0.0]], np.float32)
    out = norm(x, np.ones(2, np.float32), 1e-5)
    assert np.sqrt((out[0] ** 2).mean()) == pytest.approx(1, abs=1e-5)
    assert out[1].tolist() == [0, 0]


def test_a_softmax_sums_to_one_and_survives_large_scores() -> None:
    assert softmax(np.array([[1e30, 1e30, 0.0]], np.float32)).tolist() == [[0.5, 0.5, 0.0]]


def test_a_rotation_turns_each_pair_by_place_times_its_rate() -> None:
    x = np.array([[[1.0, 1.0, 0.0, 0.0]] * 3], np.float32)
    out = rotate(x, 5, 10_000.0)[0, 2]
    angles = 7 * np.array([1.0, 0.01])
    assert out == pytest.approx(np.concatenate([np.cos(angles), np.sin(angles)]), abs=1e-6)


def test_attention_shares_a_head_of_keys_and_looks_back_only() -> None:
    rng = np.random.default_rng(0)
    q, k, v = (rng.standard_normal(shape).astype(np.float32) for shape in ((4, 3, 8), (2, 5, 8), (2, 5, 8)))
    out = attend(q, Cache(k, v), 2).reshape(3, 4, 8)
    for token in range(3):
        for head in range(4):
            seen = 2 + token + 1
            scores = np.array([q[head, token] @ k[head // 2, at] for at in range(seen)]) / np.sqrt(8)
            weights = np.exp(scores) / np.exp(scores).sum()
            assert out[token, head] == pytest.approx(weights @ v[head // 2, :seen], abs=1e-5)


def test_a_loss_is_minus_the_log_of_the_probability() -> None:
    logits = np.log(np.array([[0.25, 0.75], [0.5, 0.5]], np.float32))
    assert losses(logits, [0, 1]) == pytest.approx([-np.log(0.75)])


def test_a_token_outside_the_vocabulary_is_refused() -> None:
    with pytest.raises(ValueError, match="token 2048: allowed are 0 to 2047"):
        forward(read_small_model(), [1, 2_048])
    with pytest.raises(ValueError, match="token -1"):
        forward(read_small_model(), [-1])
