"""Texts with one value in them, made by chance from a seed, and texts that look as if they had one.

Nothing here knows how the detector works: check digits come from python-stdnum, formats from those who issue
the numbers or write them. All values are made up; keys have the form of a real one and open nothing.
"""

# ruff: noqa: E501, S311 - tables of one line each; chance that is no secret

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable, Mapping
from ipaddress import IPv6Address
from random import Random
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits, hexdigits
from typing import NamedTuple

import phonenumbers
from stdnum import iban, luhn


class Planted(NamedTuple):
    """A text, and the value that was put into it; "" for a text that only looks like one."""

    kind: str
    text: str
    value: str


Make = Callable[[Random], str]
ALNUM = ascii_letters + digits


def some(chance: Random, alphabet: str, length: int) -> str:
    return "".join(chance.choices(alphabet, k=length))


def grouped(number: str, sizes: tuple[int, ...], by: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return by.join(parts)


def ssn(chance: Random) -> str:
    area = chance.choice([n for n in range(1, 900) if n != 666])
    number = f"{area:03}{chance.randint(1, 99):02}{chance.randint(1, 9999):04}"
    return grouped(number, (3, 2, 4), chance.choice(["-", "-", "-", " ", "."]))


CARDS = (
    ("4", 16),
    ("51", 16),
    ("55", 16),
    ("2221", 16),
    ("34", 15),
    ("37", 15),
    ("6011", 16),
    ("36", 14),
    ("3528", 16),
    ("62", 16),
)


def card(chance: Random) -> str:
    prefix, length = chance.choice(CARDS)
    number = prefix + some(chance, digits, length - len(prefix) - 1)
    number += luhn.calc_check_digit(number)
    sizes = {16: (4, 4, 4, 4), 15: (4, 6, 5), 14: (4, 6, 4)}[length]
    return chance.choice([number, grouped(number, sizes, " "), grouped(number, sizes, "-")])


IBANS: Mapping[str, Make] = {
    "DE": lambda c: some(c, digits, 18),
    "GB": lambda c: some(c, ascii_uppercase, 4) + some(c, digits, 14),
    "NL": lambda c: some(c, ascii_uppercase, 4) + some(c, digits, 10),
    "AT": lambda c: some(c, digits, 16),
    "CH": lambda c: some(c, digits, 17),
    "IE": lambda c: some(c, ascii_uppercase, 4) + some(c, digits, 14),
    "SE": lambda c: some(c, digits, 20),
    "MT": lambda c: some(c, ascii_uppercase, 4) + some(c, digits, 5) + some(c, ALNUM.upper(), 18),
}


def account(chance: Random) -> str:
    country = chance.choice(sorted(IBANS))
    bban = IBANS[country](chance)
    number = f"{country}{iban.calc_check_digits(f'{country}00{bban}')}{bban}"
    spaced = " ".join(number[at : at + 4] for at in range(0, len(number), 4))
    return chance.choice([number, spaced, number.lower(), spaced.replace(" ", "-")])


REGIONS = (
    "US",
    "US",
    "CA",
    "GB",
    "DE",
    "FR",
    "IT",
    "ES",
    "IN",
    "BR",
    "JP",
    "AU",
    "NL",
    "CH",
    "SE",
    "PL",
    "MX",
    "DK",
)
FORMATS = (
    phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    phonenumbers.PhoneNumberFormat.E164,
    phonenumbers.PhoneNumberFormat.NATIONAL,
    phonenumbers.PhoneNumberFormat.NATIONAL,
)


def phone(chance: Random) -> str:
    region = chance.choice(REGIONS)
    example = phonenumbers.example_number(region)
    assert example is not None
    national = phonenumbers.national_significant_number(example)
    for _ in range(99):
        keep = chance.randint(2, 4)
        changed = national[:keep] + some(chance, digits, len(national) - keep)
        number = phonenumbers.parse(f"+{example.country_code}{changed}")
        if phonenumbers.is_valid_number(number):
            return phonenumbers.format_number(number, chance.choice(FORMATS))
    return phonenumbers.format_number(example, chance.choice(FORMATS))


def email(chance: Random) -> str:
    name = chance.choice(FIRST).lower()
    last = chance.choice(LAST).lower()
    local = chance.choice(
        [name, f"{name}.{last}", f"{name[0]}{last}{chance.randint(1, 99)}", f"{name}+news", f"{last}_{name}"]
    )
    host = chance.choice(["example", "mail.example", "x-press", "kunden.example", "a1"])
    return f"{local}@{host}.{chance.choice(['com', 'org', 'de', 'co.uk', 'io', 'museum'])}"


def ip(chance: Random) -> str:
    if chance.random() < 0.3:
        address = IPv6Address((0x2A << 120) + chance.getrandbits(112))
        return chance.choice([str(address), address.exploded, str(address).upper()])
    return ".".join([str(chance.randint(11, 126)), *(str(chance.randint(0, 255)) for _ in range(3))])


def jwt(chance: Random) -> str:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'sub': some(chance, digits, 10)})}.{some(chance, ALNUM + '-_', 43)}"


def private_key(chance: Random) -> str:
    kind = chance.choice(["", "RSA ", "EC ", "OPENSSH ", "ENCRYPTED "])
    body = base64.b64encode(chance.randbytes(96)).decode()
    return f"-----BEGIN {kind}PRIVATE KEY-----\n{body[:64]}\n{body[64:]}\n-----END {kind}PRIVATE KEY-----"


# The form of each was read in its maker's documentation or in a scanner's source.
KEYS: Mapping[str, Make] = {
    "aws_key": lambda c: c.choice(["AKIA", "ASIA"]) + some(c, ascii_uppercase + "234567", 16),
    "github_token": lambda c: c.choice(
        [
            f"gh{c.choice('pousr')}_{some(c, ALNUM, 36)}",
            f"github_pat_{some(c, ALNUM, 22)}_{some(c, ALNUM, 59)}",
        ]
    ),
    "gitlab_token": lambda c: "glpat-" + some(c, ALNUM + "-_", 20),
    "openai_key": lambda c: c.choice(
        [
            f"sk-{some(c, ALNUM, 20)}T3BlbkFJ{some(c, ALNUM, 20)}",
            f"sk-proj-{some(c, ALNUM + '-_', 74)}T3BlbkFJ{some(c, ALNUM + '-_', 74)}",
        ]
    ),
    "anthropic_key": lambda c: f"sk-ant-api03-{some(c, ALNUM + '-_', 93)}AA",
    "slack_token": lambda c: c.choice(
        [
            f"xoxb-{some(c, digits, 12)}-{some(c, digits, 12)}-{some(c, ALNUM, 24)}",
            f"https://hooks.slack.com/services/T{some(c, ascii_uppercase + digits, 8)}/B{some(c, ascii_uppercase + digits, 8)}/{some(c, ALNUM, 24)}",
        ]
    ),
    "stripe_key": lambda c: f"{c.choice(['sk', 'rk'])}_live_{some(c, ALNUM, 24)}",
    "google_key": lambda c: "AIza" + some(c, ALNUM + "-_", 35),
    "hugging_face_token": lambda c: "hf_" + some(c, ascii_letters, 34),
    "npm_token": lambda c: "npm_" + some(c, ALNUM, 36),
    "pypi_token": lambda c: "pypi-AgEIcHlwaS5vcmc" + some(c, ALNUM + "-_", 150),
    "sendgrid_key": lambda c: f"SG.{some(c, ALNUM, 22)}.{some(c, ALNUM, 43)}",
    "private_key": private_key,
    "jwt": jwt,
    "password": lambda c: c.choice(
        [
            f"postgres://app:{some(c, ALNUM, 12)}@db.example/app",
            f'password = "{some(c, ascii_letters, 8)}{some(c, digits, 2)}"',
            f"API_KEY={some(c, hexdigits.lower(), 32)}7a",
        ]
    ),
}

FIRST = ("Anna", "Björn", "Carla", "Dmitri", "Esther", "Fatima", "George", "Hiroko", "Ivan", "Joanna", "Karim", "Lucy",
         "Marek", "Nadia", "Oscar", "Priya", "Quentin", "Rosa", "Samuel", "Tariq", "Uma", "Viktor", "Wendy", "Ximena")  # fmt: skip
LAST = ("Abbott", "Bakker", "Castillo", "Dvorak", "Eriksen", "Fischer", "Garcia", "Hoffmann", "Ito", "Jensen", "Kowalski",
        "Lopez", "Moreau", "Nakamura", "Okafor", "Petrov", "Quinn", "Rossi", "Schmidt", "Tanaka", "Usman", "Vasquez")  # fmt: skip
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def birth_date(chance: Random) -> str:
    year, month, day = chance.randint(1930, 2015), chance.randint(1, 12), chance.randint(1, 28)
    return chance.choice([f"{year}-{month:02}-{day:02}", f"{month}/{day}/{year}", f"{day}.{month}.{year}"])


# What no pattern and no check digit tells.
UNTOLD: Mapping[str, Make] = {
    "name": lambda c: f"{c.choice(FIRST)} {c.choice(LAST)}",
    "street_address": lambda c: (
        f"{c.randint(1, 999)} {c.choice(LAST)} {c.choice(['Street', 'Road', 'Avenue'])}, Springfield"
    ),
    "birth_date": birth_date,
    "medical_record": lambda c: f"MRN {some(c, digits, c.randint(6, 8))}",
    "diagnosis": lambda c: (
        f"{c.choice(FIRST)} was told on Monday that the {c.choice(['tumor', 'infection'])} is back"
    ),
    "ssn_in_words": lambda c: " ".join(WORDS[int(d)] for d in ssn(c) if d.isdigit()),
    "email_in_words": lambda c: email(c).replace("@", " at ").replace(".", " dot "),
}
FOUND: Mapping[str, Make] = {
    "ssn": ssn, "card": card, "iban": account, "phone": phone, "email": email, "ip": ip, **KEYS,
}  # fmt: skip
NAMES = {
    "ssn": "SSN", "card": "card number", "iban": "IBAN", "phone": "phone number", "email": "email address", "ip": "IP address",
}  # fmt: skip
AROUND = (
    "{}",
    "My {what} is {}",
    "Please update my {what}: {}. Thanks!",
    "He gave me {} and left.",
    "Is ({}) correct?",
    '{{"role": "user", "content": "{}"}}',
    "INFO user=17 value={} ok",
    "| 17 | open | {} | 3 |",
    "Translate to German: »I sent it to {}, and 2 others did too.«",
    "a,b,{},17",
)


def plant(kind: str, chance: Random, make: Make | None = None) -> Planted:
    """Put one value of a kind into one of the texts."""
    value = (make or {**FOUND, **UNTOLD}[kind])(chance)
    around = chance.choice(AROUND)
    return Planted(kind, around.format(value, what=NAMES.get(kind, "data")), value)


def wrong_luhn(chance: Random) -> str:
    number = card(chance)
    last = (int(number[-1]) + chance.randint(1, 9)) % 10
    return number[:-1] + str(last)


def wrong_iban(chance: Random) -> str:
    number = account(chance)
    last = number[-1]
    if last.isdigit():
        return number[:-1] + str((int(last) + chance.randint(1, 9)) % 10)
    return number[:-1] + chance.choice(
        [x for x in (ascii_uppercase if last.isupper() else ascii_lowercase) if x != last]
    )


def imei(chance: Random) -> str:
    number = "35" + some(chance, digits, 12)
    return number + luhn.calc_check_digit(number)


# What looks like one, and is none.
ALIKE: Mapping[str, Make] = {
    "card, wrong check digit": wrong_luhn,
    "IBAN, wrong check digits": wrong_iban,
    "SSN never given": lambda c: c.choice(
        [
            f"000-{c.randint(10, 99)}-{c.randint(1000, 9999)}",
            f"666-12-{c.randint(1000, 9999)}",
            f"{c.randint(100, 665)}-00-1234",
            f"{c.randint(100, 665)}-12-0000",
        ]
    ),
    "order number": lambda c: f"order {some(c, digits, 10)}",
    "order number of 16 digits": lambda c: f"order {c.randint(1, 9)}{some(c, digits, 15)}",
    "UUID": lambda c: str(uuid.UUID(int=c.getrandbits(128), version=4)),
    "SHA-256": lambda c: c.randbytes(32).hex(),
    "commit": lambda c: f"commit {c.randbytes(20).hex()}",
    "base64": lambda c: base64.b64encode(c.randbytes(48)).decode(),
    "version": lambda c: f"version {c.randint(0, 9)}.{c.randint(0, 20)}.{c.randint(0, 20)}.{c.randint(0, 9)}",
    "loopback": lambda c: f"http://127.0.0.1:{c.randint(1024, 65535)}/v1",
    "MAC address": lambda c: ":".join(f"{c.randint(0, 255):02x}" for _ in range(6)),
    "time stamp": lambda c: (
        f"20{c.randint(10, 29)}-{c.randint(1, 12):02}-{c.randint(1, 28):02}T{c.randint(0, 23):02}:{c.randint(0, 59):02}:07Z"
    ),
    "milliseconds": lambda c: f"ts={c.randint(1_500_000_000_000, 1_800_000_000_000)}",
    "ISBN": lambda c: (
        f"ISBN 978-{c.randint(0, 9)}-{some(c, digits, 3)}-{some(c, digits, 5)}-{c.randint(0, 9)}"
    ),
    "money": lambda c: (
        f"${c.randint(1, 999)},{c.randint(100, 999)},{c.randint(100, 999)}.{c.randint(10, 99)}"
    ),
    "row of numbers": lambda c: " ".join(str(c.randint(0, 9999)) for _ in range(12)),
    "coordinates": lambda c: f"{c.uniform(-90, 90):.6f}, {c.uniform(-180, 180):.6f}",
    "part number": lambda c: f"part {some(c, ascii_uppercase, 2)}-{some(c, digits, 4)}-{some(c, digits, 3)}",
    "decorator": lambda c: f"@app.route('/{c.choice(FIRST)}')\ndef {c.choice(FIRST).lower()}(): ...",
    "product of matrices": lambda c: f"y{c.randint(1, 9)} = query@key.transpose(-2, -1)",
    "attribute of a product": lambda c: f"n{c.randint(1, 9)} = (a@b.shape)[{c.randint(0, 3)}]",
    "handle": lambda c: f"thanks @{c.choice(LAST).lower()} and @{c.choice(FIRST).lower()}!",
    "placeholder": lambda c: c.choice(
        ["password: required", "api_key: str", "token = None", "sk-...", "AKIA..."]
    ),
    "name with a prefix": lambda c: (
        f"sk-learn-{c.choice(['pipeline', 'base'])} and npm_config_{c.choice(['cache', 'registry'])}"
    ),
    "IMEI": imei,
    "parcel": lambda c: f"1Z{some(c, ascii_uppercase + digits, 16)}",
    "namespace": lambda c: f"std::{c.choice(['vector', 'add'])}::begin and abc::def {c.randint(0, 9)}",
    "score": lambda c: (
        f"won {c.randint(0, 9)}-{c.randint(0, 9)}, {c.randint(0, 120)}-{c.randint(0, 120)} on points"
    ),
}


def zero_width(value: str, chance: Random) -> str:
    return chance.choice("\u200b\u200d\u2060\ufeff\u00ad").join(value)


def full_width(value: str, _chance: Random) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else "\u3000" if c == " " else c for c in value)


def other_digits(value: str, chance: Random) -> str:
    zero = ord(chance.choice("٠०０𝟎𝟘߀"))
    return "".join(chr(zero + int(c)) if c in digits else c for c in value)


def other_dashes(value: str, chance: Random) -> str:
    return value.replace("-", chance.choice("‐‑‒–—−﹣－")).replace(
        " ", chance.choice("\u00a0\u2007\u202f\u3000")
    )


def right_to_left(value: str, chance: Random) -> str:
    at = chance.randint(1, len(value) - 1)
    return f"\u202a{value[:at]}\u200e{value[at:]}\u202c"


DISGUISES: Mapping[str, Callable[[str, Random], str]] = {
    "zero width": zero_width, "full width": full_width, "other digits": other_digits,
    "other dashes and spaces": other_dashes, "direction marks": right_to_left,
}  # fmt: skip


def generate(seed: int = 6, each: int = 100) -> dict[str, list[Planted]]:
    """Make the sets that detectors are measured on: plain, disguised, and only looking alike."""
    chance = Random(seed)
    plain = [plant(kind, chance) for kind in (*FOUND, *UNTOLD) for _ in range(each)]
    disguised = []
    for name, disguise in DISGUISES.items():
        for one in (p for p in plain if p.kind in NAMES):
            value = disguise(one.value, chance)
            if value != one.value:
                disguised.append(Planted(name, one.text.replace(one.value, value), value))
    alike = [
        Planted(kind, chance.choice(AROUND).format(make(chance), what="id"), "")
        for kind, make in ALIKE.items()
        for _ in range(each)
    ]
    return {"plain": plain, "disguised": disguised, "alike": alike}
