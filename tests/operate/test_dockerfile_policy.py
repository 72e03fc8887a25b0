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
    "a hash from here": BASE
    + "RUN curl -fsSLo a https://example.com/a && \\\n"
    + "  echo 'abc  a' | sha256sum --check && sh a\n"
    + USER,
    "two files, one check": BASE
    + "RUN curl -o a https://a.example; wget https://b.example && sha512sum -c sums; sh a\n"
    + USER,
    "curl as a package": BASE + "RUN apt-get install -y curl wget && rm -rf /var/lib/apt/lists\n" + USER,
    "curl as a word": BASE + "RUN echo curl\n" + USER,
    "a stage by its number": BASE + "FROM scratch\nCOPY --from=0 /a /a\n" + USER,
    "a stage in capitals": "FROM debian:13.2 AS Build\nFROM scratch\nCOPY --from=build /a /a\n" + USER,
    "an image to copy from": BASE + "COPY --from=ghcr.io/astral-sh/uv:0.9.1 /uv /bin/\n" + USER,
    "a mount of a stage": "FROM debian:13.2 AS a\nFROM debian:13.2\n"
    "RUN --mount=from=a,target=/a --mount=type=secret,id=token true\n" + USER,
    "a syntax with a version": "# syntax=docker/dockerfile:1.19\n" + BASE + USER,
    "a comment that is none": BASE + "# syntax=evil:latest\n" + USER,
    "no keys": BASE + "COPY --chown=1 tokenizer.json added_tokens.json key.py cert.pem /models/\n" + USER,
    "a file with the key": BASE + USER + 'CMD ["serve", "--api-key-file", "/run/secrets/key"]\n',
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
    **{
        f"run, {name}": (BASE + f"RUN {command}\n" + USER, f"2: {PIPE}")
        for name, command in {
            "with an option": "curl https://example.com | sudo -E bash",
            "by another": "curl https://example.com | python3",
            "over another": "curl https://example.com | tee x | sh",
            "unpacked": "curl https://example.com/a.tgz | tar xz",
            "in two steps": "curl -o x https://example.com && sh x",
            "in two steps, checked late": "curl -o x https://example.com && sh x && sha256sum -c sums",
            "and only kept": "cd /opt && curl -O https://example.com/a",
            "as a list": '["sh", "-c", "curl https://example.com | sh"]',
            "as a list of words": '["curl", "-O", "https://example.com"]',
            "within": 'bash -c "$(curl https://example.com)"',
            "as another user": "sudo -u nobody wget https://example.com",
            "by its path": "/usr/bin/wget https://example.com/a",
            "with a hash that is not compared": "curl -o x https://example.com && sha256sum x",
            "with settings": "A=b curl https://example.com",
            "with a mount": "--mount=type=cache,target=/c curl https://example.com",
            "if": "if true; then curl https://example.com/a -o a; fi",
        }.items()
    },
    "later": (BASE + "ONBUILD RUN curl https://example.com | sh\n" + USER, f"2: {PIPE}"),
    "copied from": (
        BASE + "COPY --from=evil:latest /a /a\n" + USER,
        "2: image evil:latest: the tag moves; name its digest",
    ),
    "mounted from": (
        BASE + "RUN --mount=type=bind,from=evil:latest,target=/a /a\n" + USER,
        "2: image evil:latest: the tag moves; name its digest",
    ),
    "read by": (
        "# syntax=evil:latest\n" + BASE + USER,
        "1: image evil:latest: the tag moves; name its digest",
    ),
    "read by, later": (
        "# escape=`\n#SYNTAX = evil\n" + BASE + USER,
        "2: image evil: no tag, which means latest; name its digest",
    ),
    **{
        f"unchecked {source}": (
            BASE + f"ADD {source} /a\n" + USER,
            "2: ADD from the network without --checksum; name the sha256",
        )
        for source in (
            "git@example.com:a/b.git",
            "git://example.com/a",
            "ssh://git@example.com/a",
            "FTP://a/b",
        )
    },
    **{
        f"{word} {name}": (
            BASE + f"{word} --chmod=0400 {name} /run/\n" + USER,
            f"2: {word} of {name}: a key in a layer",
        )
        for word in ("COPY", "ADD")
        for name in (
            "api.key",
            "./keys/hf-token",
            "key.pem",
            "id_ed25519",
            ".env",
            "x/.netrc",
            "tls.p12",
            "a.pfx",
        )
    },
    "a key among others": (
        BASE + 'COPY ["a b", "tls.key", "/"]\n' + USER,
        "2: COPY of tls.key: a key in a layer",
    ),
    **{
        f"a key for {word}": (
            BASE + f"{word} {rest}\n" + USER,
            "2: --api-key: a secret on the command line; name a file",
        )
        for word, rest in {
            "CMD": '["serve", "--api-key", "abc"]',
            "ENTRYPOINT": "serve --api-key=abc",
        }.items()
    },
    "zeros": (BASE + "USER 00\n", ROOT.format("00")),
    "zeros and a group": (BASE + "USER 000:1000\n", ROOT.format("000:1000")),
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
