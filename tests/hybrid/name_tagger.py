# ruff: noqa: E501 - tables of one line each; chance that is no secret
"""A tagger of names, as small as one can be: an averaged perceptron over words, their shapes and neighbors.

It is here to show one thing: what a model that learns from templates says about templates, and what it says
about texts that somebody else wrote. Nobody should use it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from random import Random
from typing import NamedTuple

from tests.hybrid.planted import FIRST, LAST

TOKEN = re.compile(r"\w+|[^\w\s]")
TEMPLATES = (
    "My name is {}.", "Please call {} tomorrow.", "Dear {}, thank you for your letter.", "{} signed the contract.",
    "I talked to {} about the bill.", "Hello, this is {} speaking.", "The account belongs to {}.",
    "{} and {} live here.", "Could you tell {} that I was here?", "Contact: {}", "The patient, {}, was told.",
    "We sent it to {} on Monday.",
)  # fmt: skip
WITHOUT = (
    "The weather is fine today.", "Please send the bill to the office.", "Monday is a holiday in Springfield.",
    "We build software for banks.", "The contract ends in May.", "Thank you for your letter.",
)  # fmt: skip


class Named(NamedTuple):
    """A text and where its names are."""

    text: str
    spans: tuple[tuple[int, int], ...]


class Judged(NamedTuple):
    """What came of asking about texts whose names are known."""

    names: int
    found: int
    wrong_words: int


def made(chance: Random, count: int) -> list[Named]:
    texts = []
    for _ in range(count):
        parts = chance.choice((*TEMPLATES, *WITHOUT)).split("{}")
        text, spans = parts[0], []
        for part in parts[1:]:
            first, last = chance.choice(FIRST), chance.choice(LAST)
            name = chance.choice([f"{first} {last}", first, f"{first[0]}. {last}"])
            spans.append((len(text), len(text) + len(name)))
            text += name + part
        texts.append(Named(text, tuple(spans)))
    return texts


def shape(word: str) -> str:
    return re.sub(
        r"(.)\1+",
        r"\1",
        "".join("A" if c.isupper() else "a" if c.islower() else "9" if c.isdigit() else c for c in word),
    )


def features(words: list[str], at: int) -> Iterator[str]:
    for offset in (-2, -1, 0, 1, 2):
        word = words[at + offset] if 0 <= at + offset < len(words) else "^"
        yield f"{offset} {word.lower()}"
        yield f"{offset} shape {shape(word)}"
    yield f"end {words[at][-3:].lower()}"


class Tagger:
    """Weights of features, averaged over training."""

    def __init__(self) -> None:
        self.weights: dict[str, float] = defaultdict(float)

    def train(self, texts: list[Named], chance: Random, rounds: int = 5) -> None:
        total: dict[str, float] = defaultdict(float)
        step = 0
        for _ in range(rounds):
            chance.shuffle(texts)
            for one in texts:
                tokens = list(TOKEN.finditer(one.text))
                words = [t.group() for t in tokens]
                for at, token in enumerate(tokens):
                    step += 1
                    truth = 1 if any(a <= token.start() < b for a, b in one.spans) else -1
                    seen = list(features(words, at))
                    if truth * sum(self.weights[f] for f in seen) <= 0:
                        for f in seen:
                            self.weights[f] += truth
                            total[f] += step * truth
        for f in list(self.weights):
            self.weights[f] -= total[f] / step

    def names(self, text: str) -> set[int]:
        """Give the places where a word of a name begins."""
        tokens = list(TOKEN.finditer(text))
        words = [t.group() for t in tokens]
        return {
            token.start() for at, token in enumerate(tokens)
            if sum(self.weights.get(f, 0) for f in features(words, at)) > 0
        }  # fmt: skip

    def judge(self, texts: Iterable[Named]) -> Judged:
        """Count names of which each word is found, all names, and words that are in none."""
        names = found = wrong = 0
        for one in texts:
            told = self.names(one.text)
            for start, end in one.spans:
                words = {start + m.start() for m in re.finditer(r"\w+", one.text[start:end])}
                names += 1
                found += words <= told
            wrong += sum(1 for at in told if not any(a <= at < b for a, b in one.spans))
        return Judged(names, found, wrong)
