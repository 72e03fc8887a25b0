# ruff: noqa: E501, S104 - tables of examples; an address that nobody binds to

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.hybrid.contact import emails, ips
from tests.hybrid import planted

AROUND = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Z")), max_size=40)


@pytest.mark.parametrize(
    "address",
    [
        "a@b.de", "first.last+tag@sub.example.co.uk", "o'neil@example.com", '"a b"@example.org', "x_y%z@a-b.example",
        "user@xn--bcher-kva.example", "a@example.xn--p1ai", "a@bücher.example", "用户@例子.广告", "A@B.MUSEUM",
        "a@" + "b" * 63 + ".com", "a@" + "b." * 8 + "com", "a@1.example", "a@b." + "c" * 24, "a@b.xn--" + "c" * 59,
    ],
)  # fmt: skip
def test_an_address_with_a_domain_is_found(address: str) -> None:
    for text in (
        address,
        f"<{address}>",
        f"mailto:{address}?subject=x",
        f"({address}).",
        f"{address}, {address}",
    ):
        assert emails(text) == text.count("@")


@pytest.mark.parametrize(
    "text",
    [
        "@user", "a @b.com", "a@b", "a@b.c", "a@b.1", "a@b.c2", "a@.com", "a@-b.com", "a@b-.com", "@app.route('/')",
        "q@k.transpose(0)", "q@k.items[0]", "a@b..com", "a@" + "b" * 64 + ".com", "a@b." + "c" * 25, "10.0.0.1",
        "a@" + "b." * 9 + "com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_not(text: str) -> None:
    assert emails(text) == 0


def test_a_product_in_code_can_look_like_an_address() -> None:
    assert emails("a@b.shape") == 1  # said on the page


@given(st.randoms(use_true_random=False), AROUND, AROUND)
def test_a_planted_address_is_found(chance: Random, before: str, after: str) -> None:
    assert emails(f"{before} {planted.email(chance)} {after}") >= 1


@given(st.ip_addresses(), AROUND, AROUND)
def test_a_planted_ip_address_is_found(address: IPv4Address | IPv6Address, before: str, after: str) -> None:
    counted = not (address.is_loopback or address.is_unspecified)
    if counted and any(c.isdigit() for c in str(address)):
        assert ips(f"{before}, {address}, {after}") >= 1
    assert ips(f"[{address}]") == (counted and any(c.isdigit() for c in str(address)))


@pytest.mark.parametrize(
    "text",
    [
        "10.1.2.3", "10.1.2.3:8080", "10.1.2.3/24", "http://10.1.2.3/x", "at 255.255.255.254.", "fe80::1", "[2a00::7]:80",
        "2001:db8:85a3:0000:0000:8a2e:370:7334", "::ffff:10.1.2.3", "FE80::A1", "host 1.2.3.4", "lov 1.2.3.4.",
    ],
)  # fmt: skip
def test_an_ip_address_is_found(text: str) -> None:
    assert ips(text.replace("lov ", "love ")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "0.0.0.0", "::1", "::", "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "v1.2.3.4", "version 1.2.3.4",
        "Version: 1.2.3.4", "release 1.2.3.4", "rev.1.2.3.4", "ver=1.2.3.4", "12:30:45", "00:1a:2b:3c:4d:5e", "ad::be",
        "a::b", "std::add", "1.2.3.4a", "a1.2.3.4", "1:2", "1:2:3:4:5:6:7:8:9", "version = 1.2.3.4", "3:4:5:6:7:8:9:", "1.22.333.4444",
    ],
)  # fmt: skip
def test_what_is_nobodys_address_is_not(text: str) -> None:
    assert ips(text) == 0


def test_a_version_is_told_by_the_word_right_before_it() -> None:
    assert ips("version    1.2.3.4") == 1
    assert ips("release: = 1.2.3.4") == 1
    assert ips("release:= 1.2.3.4") == 0
    assert ips("version : 2; 1.2.3.4") == 1


def test_an_address_of_version_6_is_as_long_as_one_can_be() -> None:
    longest = "1111:2222:3333:4444:5555:6666:123.123.123.123"
    assert len(longest) == 45
    assert ips(longest) == 1
    assert ips("1::") == 1
