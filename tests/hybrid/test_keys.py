# ruff: noqa: E501 - tables of examples
from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.hybrid.keys import FORMS, keys
from tests.hybrid import planted

AROUND = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Z")), max_size=40)


def found(text: str) -> dict[str, int]:
    return {category: count for category, count in keys(text).items() if count}


def test_every_category_has_a_generator_that_does_not_know_its_pattern() -> None:
    assert FORMS.keys() == planted.KEYS.keys()


@pytest.mark.parametrize("category", FORMS)
@given(st.randoms(use_true_random=False), AROUND, AROUND)
def test_a_planted_key_is_found(category: str, chance: Random, before: str, after: str) -> None:
    key = planted.KEYS[category](chance)
    assert category in found(f"{before} {key} {after}")


# The form and, behind the bar, what is one character too many to leave off.
SHORTEST = [
    ("aws_key", "AKIA" + "Q2" * 8), ("aws_key", "ASIA" + "Z7" * 8), *(("aws_key", f"A{p}" + "B3" * 8) for p in ("ROA", "IDA", "GPA", "IPA", "NPA", "NVA")),
    ("aws_key", "aws_secret_access_key = " + "aB3/" * 10), ("aws_key", "AWS key: " + "zZ9+" * 10),
    *(("github_token", f"gh{k}_" + "a0Z9zA" * 6) for k in "pousr"), ("github_token", "github_pat_" + "aZ0_9zA_aB" * 4),
    ("gitlab_token", "glpat-" + "aZ0_-9zAaB" * 2), ("openai_key", "sk-" + "aZ0_-9zAaB" * 2), ("anthropic_key", "sk-ant-" + "aZ0_-9zAaB" * 2),
    *(("slack_token", f"xox{k}-" + "0a-Z9zAaB0") for k in "abeoprs"), *(("slack_token", f"xapp-{k}-" + "0A-z9aZ0bC") for k in "0129"),
    ("slack_token", "hooks.slack.com/services/" + "T0/aZ_9z/B" * 2), ("slack_token", "hooks.slack.com/workflows/" + "T0/aZ_9z/B" * 2),
    *(("stripe_key", f"{k}_" + "aZ09zA0b" * 2) for k in ("sk_live", "rk_live", "sk_test", "rk_test")), ("stripe_key", "whsec_" + "aZ09zA0b" * 3),
    ("google_key", "AIza" + "aZ0-9z_" * 5), ("google_key", "GOCSPX-" + "aZ0-9z_A0b" * 2), ("google_key", "ya29." + "aZ0-9z_A0b" * 2),
    ("hugging_face_token", "hf_" + "aZzAbB" * 5), ("npm_token", "npm_" + "a0Z9zA" * 6), ("pypi_token", "pypi-AgE" + "aZ0_-9zAaB" * 4),
    ("sendgrid_key", "SG." + "aZ0-9z_A0bC" * 2 + "." + "aZ0-9z_A0b" * 4 + "aZ0"), ("jwt", "aZ0-9z_A.eyJaZ0-9z_A"),
    ("password", 'password = "abcdefg7'), ("password", "token:1bcdefgh"), ("password", "API-KEY   =   'a2345678"), ("password", "api_key:abcdefg0"),
    ("password", "passwd:a9345678"), ("password", "pwd=a2345678"), ("password", '"secret": "a2345678'), ("password", "APIKEY=Z1345678"),
]  # fmt: skip


@pytest.mark.parametrize(("category", "text"), SHORTEST)
def test_a_form_is_as_long_as_its_shortest_and_no_longer(category: str, text: str) -> None:
    assert found(f" {text} ") == {category: 1}
    assert category not in found(f" {text[:-1]} ")


def test_a_key_of_fixed_length_ends_where_it_has_to() -> None:
    assert found("AKIA" + "Q" * 17) == {}
    assert found("AKIA" + "Q" * 15 + "1") == found("AKIA" + "Q" * 15 + "8") == {}
    assert found("aws secret " + "a" * 41) == {}


def test_an_aws_secret_stands_near_its_name() -> None:
    secret = "aB3/" * 10
    near = f"aws{'.' * 20}secret{'.' * 20}{secret}"
    assert found(near) == {"aws_key": 1}
    assert (
        found(f"aws{'.' * 21}secret{'.' * 20}{secret}")
        == found(f"aws{'.' * 20}secret{'.' * 21}{secret}")
        == {}
    )


@pytest.mark.parametrize(
    "kind", ["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "PGP ", "SSH2 ENCRYPTED "]
)
def test_the_head_of_a_private_key_is_enough_and_a_public_one_is_none(kind: str) -> None:
    assert found(f"-----BEGIN {kind}PRIVATE KEY-----") == {"private_key": 1}
    assert found(f"-----BEGIN {kind}PUBLIC KEY-----") == {}


def test_a_head_has_at_most_thirty_characters_of_kind() -> None:
    assert found(f"-----BEGIN {'A9 ' * 10}PRIVATE KEY") == {"private_key": 1}
    assert found(f"-----BEGIN {'A9 ' * 10}0PRIVATE KEY") == {}


@pytest.mark.parametrize(
    ("user", "password", "there"), [(64, 64, 1), (1, 1, 1), (65, 1, 0), (1, 65, 0), (0, 1, 0), (1, 0, 0)]
)
def test_a_password_in_an_address_is_found(user: int, password: int, there: int) -> None:
    assert found(f"redis://{'u' * user}:{'p' * password}@db:6379").get("password", 0) == there


@pytest.mark.parametrize(
    "text",
    [
        "password: required", "token = None", "api_key: str", "secret: 12345678", "password: abcdefgh", "password:    a2345678",
        "password    :a2345678", "the password is a2345678", "sk-...", "AKIA...", "sk-learn-pipeline", "npm_config_registry", "sk_live_",
        "https://example.com:8080/a@b", "eyJhbGciOi.notapayload", "x.eyJabcdefgh", "hf_hub", "xapp-a-0123456789", "pwd = " + "a" * 41 + "1",
        "pwd = " + "1" * 41 + "a",
    ],
)  # fmt: skip
def test_what_has_no_key_in_it_is_not_counted(text: str) -> None:
    assert found(text) == {}


def test_a_password_has_a_letter_and_a_digit_early() -> None:
    assert found("pwd = " + "a" * 40 + "1") == found("pwd = " + "1" * 40 + "a") == {"password": 1}


def test_two_keys_are_two() -> None:
    assert found(f"ghp_{'a' * 36} ghp_{'b' * 36}") == {"github_token": 2}


def test_no_form_can_go_back_far() -> None:
    # Unbounded repeats are what makes a pattern slow on text made for it.
    for forms in FORMS.values():
        for form in forms:
            assert not any(
                repeat in form.replace("[^\\s", "") for repeat in ("]*", "]+", ")*", ")+", ".*", ".+", ",}")
            ), form
