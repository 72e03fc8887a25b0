"""Dockerfiles: bad examples, each refused with its own message and line; good ones let pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.operate.dockerfile_policy import complaints, steps

BASE = "FROM debian:13.2\n"
USER = "USER 1000\n"

GOOD = {
    "a version": BASE + USER,
    "stages": "FROM golang:1.25 AS build\nRUN go build\nFROM scratch\nCOPY --from=build /a /a\n" + USER,
    "an earlier stage": "FROM debian:13.2 AS base\nFROM base\n" + USER,
    "a default": "ARG TAG=13.2\nFROM debian:${TAG}\n" + USER,
    "a whole image as default": "ARG IMAGE=debian:13.2\nFROM --platform=linux/amd64 $IMAGE AS run\n" + USER,
    "root in between": BASE + "USER root\nRUN true\n" + USER,
    "a checksum": BASE + "ADD --checksum=sha256:" + "0" * 64 + " https://example.com/a /a\n" + USER,
    "curl to a file": BASE + "RUN curl -fsSLo a https://example.com/a && sha256sum -c a.sum | cat\n" + USER,
    "names alone": BASE + "ENV HOME=/tmp PATH=/bin\nARG BUILD\n" + USER,
    "a comment that pipes": BASE + "# curl x | sh\n" + USER,
    "a comment between": BASE + "RUN true && \\\n# curl x | sh\n    true\n" + USER,
}


@pytest.mark.parametrize("text", GOOD.values(), ids=GOOD)
def test_a_good_one_passes(text: str) -> None:
    assert complaints(text) == []


ROOT = "last stage: user {}: root; name another user"
PIPE = "RUN what the network sends; fetch it, compare its hash, then run it"
BAD = {
    "latest": ("FROM debian:latest\n" + USER, "1: image debian:latest: the tag moves; name its digest"),
    "no tag": ("FROM debian\n" + USER, "1: image debian: no tag, which means latest; name its digest"),
    "no default": ("ARG TAG\nFROM debian:$TAG\n" + USER, "2: image debian:: the tag moves; name its digest"),
    "an unknown variable": (
        "FROM debian:$TAG\n" + USER,
        "1: image debian:$TAG: a variable decides; name its digest",
    ),
    "the second stage": (
        "FROM debian:13.2 AS a\nFROM debian\n" + USER,
        "2: image debian: no tag, which means latest; name its digest",
    ),
    "no user": (BASE, ROOT.format(None)),
    "root": (BASE + "USER root\n", ROOT.format("root")),
    "zero": (BASE + USER + "USER 0:0\n", ROOT.format("0:0")),
    "the user of another stage": (BASE + USER + "FROM scratch\n", ROOT.format(None)),
    "a key": (
        BASE + "ENV A=1 API_KEY=abc\n" + USER,
        "2: API_KEY: a secret in the environment; mount it as a file",
    ),
    "a key in the old form": (
        BASE + "ENV API_KEY abc def\n" + USER,
        "2: API_KEY: a secret in the environment; mount it as a file",
    ),
    "a key as argument": (
        BASE + "ARG HF_TOKEN\n" + USER,
        "2: HF_TOKEN: a secret in the environment; mount it as a file",
    ),
    "unchecked": (
        BASE + "ADD https://example.com/model.gguf /models/\n" + USER,
        "2: ADD from the network without --checksum; name the sha256",
    ),
    "a pipe": (BASE + "RUN true\nRUN curl -fsSL https://example.com/install.sh | sh\n" + USER, f"3: {PIPE}"),
    "over lines": (BASE + "RUN wget -qO- https://example.com \\\n    | sudo bash\n" + USER, f"2: {PIPE}"),
    "a here document": (BASE + "RUN <<EOF\ncurl https://example.com | sh\nEOF\n" + USER, f"2: {PIPE}"),
    "substituted": (BASE + "RUN bash <(curl https://example.com)\n" + USER, f"2: {PIPE}"),
    "insecure": (BASE + "RUN --security=insecure true\n" + USER, "2: RUN outside the build's sandbox"),
    "the host's network": (BASE + "RUN --network=host true\n" + USER, "2: RUN outside the build's sandbox"),
}


@pytest.mark.parametrize(("text", "said"), BAD.values(), ids=BAD)
def test_a_bad_one_is_refused_with_its_line(text: str, said: str) -> None:
    assert complaints(text) == [said]


def test_an_instruction_has_the_line_that_it_begins_in() -> None:
    text = "# one\n\nFROM a:1.0 \\\n  AS b\nrun <<X\n  a\nX\nUSER 1\n"
    assert [(step.line, step.word, step.rest) for step in steps(text)] == [
        (3, "FROM", "a:1.0 AS b"),
        (5, "RUN", "<<X\n  a\nX"),
        (8, "USER", "1"),
    ]


@given(st.text())
def test_no_text_raises(text: str) -> None:
    assert isinstance(complaints(text), list)


@given(
    st.lists(st.sampled_from(["FROM a:1.0", "USER 1", "RUN a \\", "ENV A=1", "  b", "# c", "RUN <<E", "E"]))
)
def test_neither_does_any_order_of_its_parts(lines: list[str]) -> None:
    assert isinstance(complaints("\n".join(lines)), list)
