"""A secret is seen wherever in a request it stands, and what nobody knows counts as found."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snippets.hybrid import detect
from snippets.hybrid.errors import HybridError, Kind
from snippets.hybrid.surface import BODY, KEY, MESSAGE, borders, decoded, inspect, known, leaves, seal, texts
from tests.hybrid.fakes import ask

SECRET = "SECRET-7f3a"  # noqa: S105 (what the scan of these tests looks for)


def scan(text: str) -> Mapping[str, int]:
    count = text.count(SECRET)
    return {"secret": count} if count else {}


def found(body: Any) -> dict[str, int]:
    return inspect(seal(body), scan)


def chat(**message: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hello", **message}]}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def plant(value: Any, secret: Any, draw: st.DrawFn) -> Any:
    """Put a secret at a place of a JSON value, as a leaf or as a key."""
    if isinstance(value, dict) and value:
        name = draw(st.sampled_from(sorted(value)))
        if draw(st.booleans()):
            return {**value, name: plant(value[name], secret, draw)}
        return {**value, f"{name}{secret}": 1}
    if isinstance(value, list) and value:
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], plant(value[at], secret, draw), *value[at + 1 :]]
    before, after = draw(st.text(max_size=5)), draw(st.text(max_size=5))
    return f"{before}{secret}{after}"


@st.composite
def planted(draw: st.DrawFn) -> dict[str, Any]:
    """A request with a secret in one of the places where any JSON may stand."""
    field = draw(st.sampled_from(["tools", "metadata", "response_format", "tool_choice", "stop", "user"]))
    return {**chat(), field: plant(draw(JSON), SECRET, draw)}


@given(planted())
def test_a_secret_in_any_json_is_found(body: dict[str, Any]) -> None:
    assert found(body)["secret"] >= 1


@pytest.mark.parametrize(
    "body",
    [
        chat(content=SECRET),
        chat(role="system", content=f"You know {SECRET}."),
        chat(role="assistant", content=SECRET),
        chat(role="tool", tool_call_id="1", content=SECRET),
        chat(name=SECRET),
        chat(tool_call_id=SECRET),
        chat(content=[{"type": "text", "text": SECRET}]),
        chat(content=[{"type": "text", "text": SECRET[:6]}, {"type": "text", "text": SECRET[6:]}]),
        chat(
            content=None,
            tool_calls=[
                {"type": "function", "function": {"name": "f", "arguments": json.dumps({"a": SECRET})}}
            ],
        ),
        {**chat(), "tools": [{"type": "function", "function": {"name": "f", "description": SECRET}}]},
        {**chat(), "tools": [{"type": "function", "function": {"parameters": {"properties": {SECRET: {}}}}}]},
        {**chat(), "response_format": {"type": "json_schema", "json_schema": {"schema": {"const": SECRET}}}},
        {**chat(), "metadata": {"a": SECRET[:5], "b": SECRET[5:]}},
        {**chat(), "metadata": {SECRET: ""}},
        {**chat(), "user": SECRET},
        {**chat(), "stop": [SECRET]},
        {"messages": [{"role": "user", "content": SECRET[:4]}, {"role": "user", "content": SECRET[4:]}]},
        {
            "messages": [
                {"role": "user", "name": "bob", "content": SECRET[:4]},
                {"role": "user", "name": "bob", "content": [{"type": "text", "text": SECRET[4:]}]},
            ]
        },
        chat(content=base64.b64encode(f"see {SECRET}".encode()).decode()),
        chat(content="data:text/plain;base64," + base64.b64encode(f"{SECRET} is it".encode()).decode()),
        chat(content=base64.urlsafe_b64encode(f"~~~???{SECRET}".encode()).decode().rstrip("=")),
        chat(content="".join(f"%{byte:02x}" for byte in SECRET.encode())),
        chat(content="".join(f"&#{ord(sign)};" for sign in SECRET)),
        chat(content="".join(f"\\u{ord(sign):04X}" for sign in SECRET)),
        chat(content='{"a": "' + "".join(f"\\u{ord(sign):04x}" for sign in SECRET) + '", "a": 1}'),
        chat(content=' ["' + "".join(f"\\u{ord(sign):04x}" for sign in SECRET) + '"]'),
        chat(content='"' + "".join(f"\\u{ord(sign):04x}" for sign in SECRET) + '"'),
    ],
    ids=str,
)
def test_each_surface_is_looked_at(body: dict[str, Any]) -> None:
    assert found(body) == {"secret": found(body)["secret"]}


def test_a_number_is_a_text_too() -> None:
    body = {**chat(), "tools": [{"const": 123456789}], "temperature": 0.25}
    seen = set(texts(body))
    assert {"123456789", "0.25"} <= seen


def test_a_number_that_is_split_is_found() -> None:
    """Each part is JSON by itself; taken for JSON and written twice, the parts would not meet."""
    body = {**chat(), "metadata": {"a": "123", "b": "456", "c": "789"}}
    assert any("123456789" in text for text in texts(body))


def test_a_public_request_is_clean() -> None:
    assert found({"messages": ask(), "max_tokens": 5, "temperature": 0.5, "seed": 1}) == {}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"messages": "hello"},
        {"messages": [["role", "user"]]},
        {"messages": ask(), "prompt": [1, 2, 3]},
        {"messages": ask(), "logit_bias": {"50256": 1}},
        {"messages": ask(), "Messages": []},
        chat(content=[1, 2, 3]),
        chat(content=12),
        chat(content={"type": "text", "text": "hello"}),
        chat(content=[{"type": "image_url", "image_url": {"url": "data:image/png;base64,aaaa"}}]),
        chat(content=[{"type": "file", "file": {"file_data": "aaaa"}}]),
        chat(content=[{"type": "input_audio", "text": "hello"}]),
        chat(content=[{"type": "text", "text": "hello", "image": "x"}]),
        chat(content=[{"type": "text", "text": 1}]),
        chat(content=["hello"]),
        chat(audio={"id": "1"}),
        chat(function_call={}),
    ],
    ids=str,
)
def test_what_is_not_known_counts_as_found(body: Any) -> None:
    assert not known(body)
    assert found(body)["unknown part"] == 1


def test_what_an_ordinary_client_sends_is_known() -> None:
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
    body = {
        "model": "large",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "name": "bob", "content": "How is it in Bonn?"},
            {"role": "assistant", "content": None, "refusal": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "1", "content": "mild"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 5,
        "max_completion_tokens": 5,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 1,
        "stop": ["\n"],
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "tools": [{"type": "function", "function": {"name": "weather"}}],
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "response_format": {"type": "text"},
        "reasoning_effort": "low",
        "metadata": {"from": "test"},
        "user": "42",
    }
    assert known(body)
    assert found(body) == {}


@pytest.mark.parametrize("field", sorted(BODY - {"messages"}))
def test_each_known_field_is_allowed(field: str) -> None:
    value = {"tools": [], "model": "x", "user": "x"}.get(field, 1)
    assert known({**chat(), field: value})
    assert not known({**chat(), f"{field}_": value})


@pytest.mark.parametrize("field", sorted(MESSAGE - {"content"}))
def test_each_known_field_of_a_message_is_allowed(field: str) -> None:
    value: Any = [] if field == "tool_calls" else "x"
    assert known(chat(**{field: value}))
    assert not known(chat(**{f"{field}_": value}))


def test_text_may_be_absent_whole_or_in_parts() -> None:
    for content in (None, "", "hello", [], [{"type": "text", "text": "hello"}]):
        assert known(chat(content=content))
    assert known({"messages": []})


@pytest.mark.parametrize(
    "body",
    [{"a": float("nan")}, {"a": float("inf")}, {"a": b"x"}, {"a": {1, 2}}, {"a": "\ud800"}, {"\udfff": 1}],
    ids=str,
)
def test_what_is_not_json_is_not_sent(body: dict[str, Any]) -> None:
    with pytest.raises(HybridError) as caught:
        seal(body)
    assert caught.value.kind is Kind.BAD_REQUEST
    assert caught.value.__context__ is None


def test_what_contains_itself_is_not_sent() -> None:
    body: dict[str, Any] = {}
    body["a"] = body
    with pytest.raises(HybridError):
        seal(body)


def test_what_is_nested_without_end_is_not_sent() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(HybridError) as caught:
        seal({"a": deep})
    assert caught.value.kind is Kind.BAD_REQUEST


@given(JSON)
def test_sealed_bytes_are_the_request(value: Any) -> None:
    assert json.loads(seal({"a": value})) == {"a": value}


def test_a_key_that_stands_twice_is_an_error() -> None:
    """A server may read the first where we would look at the last."""
    twice = seal({1: SECRET, "1": "x"})  # type: ignore[dict-item]
    with pytest.raises(HybridError):
        inspect(twice, scan)


def test_depth_is_bounded() -> None:
    deep: Any = "x"
    for _ in range(31):
        deep = [deep]
    assert list(leaves({"a": deep})) == [(KEY, "a"), ("a", "x")]
    with pytest.raises(HybridError):
        list(leaves({"a": [deep]}))


@pytest.mark.parametrize(
    "text", ['{"x": "a\\/b"}', '["a\\/b"]', '"a\\/b"', ' \n["a\\/b"]', '{"x": "a\\/b", "x": "c"}']
)
def test_json_in_a_text_is_read_however_it_begins(text: str) -> None:
    """A value that stands under a key of which there is a second one, too."""
    assert "a/b" in {found for _, found in leaves(text)}


def test_json_in_json_is_bounded_too() -> None:
    text = "x"
    for _ in range(5):
        text = json.dumps([text])
    assert ("", "x") in list(leaves(text))
    with pytest.raises((HybridError, RecursionError)):
        list(leaves("[" * 100_000 + "]" * 100_000))


@pytest.mark.parametrize(
    "junk", [None, 1, "x", [("a", 1)], {"a": None}, {"a": 1.5}, {"a": True}, {"a": "1"}, {"a": 0.0}]
)
def test_a_scanner_that_answers_junk_is_an_error(junk: Any) -> None:
    with pytest.raises((AttributeError, TypeError)):
        inspect(seal(chat()), lambda _: junk)


def test_any_count_but_zero_is_found() -> None:
    assert inspect(seal(chat()), lambda _: {"a": 0}) == {}
    assert inspect(seal(chat()), lambda _: {"a": -1})
    assert inspect(seal(chat()), lambda text: {"a": len(text)}) == {"a": len(seal(chat()))}


def test_a_scanner_that_fails_on_one_of_many_texts_is_an_error() -> None:
    def once(text: str) -> Mapping[str, int]:
        if text == "hello":
            raise RuntimeError
        return {}

    with pytest.raises(RuntimeError):
        inspect(seal(chat(name="x")), once)


def test_the_scanner_sees_each_text_once() -> None:
    seen: list[str] = []

    def see(text: str) -> Mapping[str, int]:
        seen.append(text)
        return {}

    inspect(seal(chat(name="hello", role="hello")), see)
    assert "hello" in seen
    assert len(seen) == len(set(seen))


def message(content: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


SPLIT = [{"type": "text", "text": "078-05-"}, {"type": "text", "text": "1120"}]
SSN = b"My SSN is 078-05-1120."


@pytest.mark.parametrize(
    ("body", "category"),
    [
        ({"messages": [message("hi")], "metadata": {"ssn": "078051120"}}, "ssn"),
        ({"messages": [message("hi")], "metadata": {"ssn": 123456789}}, "ssn"),
        ({"messages": [message("hi")], "metadata": {"password": "hunter2hunter2"}}, "password"),
        ({"messages": [message("You are helpful", "system"), message(SPLIT)]}, "ssn"),
        ({"messages": [message(SPLIT), message("thanks")]}, "ssn"),
        ({"messages": [message("room 5", "system"), message(SPLIT), message("7 is")]}, "ssn"),
        (
            {"messages": [message("room 5"), message("078-"), message("05-"), message("1120"), message("7")]},
            "ssn",
        ),
        ({"messages": [message("so"), *[message(one) for one in "078-05-1120"], message("yes")]}, "ssn"),
        ({"messages": [message(base64.encodebytes(b"x" * 52 + SSN).decode())]}, "ssn"),
        ({"messages": [message(base64.b64encode("Müller: 078-05-1120".encode("latin-1")).decode())]}, "ssn"),
        ({"messages": [message(base64.b64encode("SSN 078-05-1120".encode("utf-16")).decode())]}, "ssn"),
        ({"messages": [message("id-" + base64.b64encode(SSN).decode())]}, "ssn"),
        ({"messages": [message("https://x.io/u/" + base64.urlsafe_b64encode(SSN).decode())]}, "ssn"),
        ({"messages": [message(base64.b64encode(b"a@b.io").decode())]}, "email"),
        ({"messages": [message("\\ud835\\udfce78-05-1120")]}, "ssn"),
    ],
)
def test_the_scan_of_this_guide_finds_it_wherever_it_stands(body: dict[str, Any], category: str) -> None:
    assert inspect(seal(body), detect.scan).get(category)


NAMED = st.sampled_from(["ssn", "password", "phone", "note", "api_key"])
VALUES = st.sampled_from(["078051120", "hunter2hunter2", "2125550147", "c0ffee1234567890c0ffee", "hello", 7])


@given(st.dictionaries(NAMED, VALUES), st.dictionaries(NAMED, VALUES))
def test_what_is_found_in_the_bytes_is_found(metadata: dict[str, Any], arguments: dict[str, Any]) -> None:
    body = {"messages": [message("hi", "tool", tool_call_id=json.dumps(arguments))], "metadata": metadata}
    sealed = seal(body)
    found = inspect(sealed, detect.scan)
    assert all(found.get(name, 0) >= count for name, count in detect.scan(sealed.decode()).items())


@pytest.mark.parametrize(
    "odd",
    [
        {"messages": [{"role": {"image_url": {"url": "data:"}}, "content": "x"}]},
        {"messages": [message("x", name=[15339, 1917, 11])]},
        {"messages": [message("x", tool_call_id=["a"])]},
        {"messages": [message("x")], "user": {"type": "file"}},
        {"messages": [message("x")], "model": {"type": "file"}},
        {"messages": [message("x")], "tools": [{"type": "mcp", "server_url": "https://x.example"}]},
        {"messages": [message("x")], "tools": [{"type": "function", "function": {}, "server_url": "x"}]},
        {"messages": [message("x")], "tools": [{"type": "function", "function": "x"}]},
        {"messages": [message("x")], "tools": ["function"]},
        {"messages": [message("x")], "tools": {"type": "function"}},
        {"messages": [message("x", tool_calls=[{"type": "custom", "function": {}}])]},
        {"messages": [message("x", tool_calls=[{"id": 5, "type": "function", "function": {}}])]},
    ],
)
def test_what_nobody_has_thought_about_is_an_unknown_part(odd: dict[str, Any]) -> None:
    assert inspect(seal(odd), scan) == {"unknown part": 1}


def test_the_whole_is_scanned_first_so_that_a_limit_is_met_at_once() -> None:
    seen: list[int] = []

    def limited(text: str) -> Mapping[str, int]:
        seen.append(len(text))
        raise RuntimeError("over the limit")

    with pytest.raises(RuntimeError, match="over the limit"):
        inspect(seal(chat(content="x" * 100_000)), limited)
    assert len(seen) == 1
    assert seen[0] > 100_000


def test_no_more_than_half_a_million_characters_are_scanned() -> None:
    text = "x"
    for _ in range(9):
        text = json.dumps([text, "y" * 10_000])
    seen: list[int] = []

    def see(one: str) -> Mapping[str, int]:
        seen.append(len(one))
        return {}

    with pytest.raises(HybridError, match="too long"):
        inspect(seal(chat(content=text)), see)
    assert 2**18 < sum(seen) <= 2**19


def test_ordinary_words_are_not_taken_for_base64() -> None:
    assert set(decoded("an ordinary sentence with longer words")) == {
        "an ordinary sentence with longer words"
    }


def test_a_text_is_looked_at_as_it_is_written_too() -> None:
    text = "100%25 &amp; \\u0041"
    assert text in set(decoded(text))


@given(st.text(min_size=9, max_size=40))
def test_base64_of_any_text_is_read(text: str) -> None:
    run = base64.b64encode(text.encode()).decode().rstrip("=")
    assert text in set(decoded(f"<{run}>"))


@pytest.mark.parametrize("category", ["123-45-6789", "A secret", "", "a" * 33, "a1", "naïve"])
def test_a_category_that_could_be_content_is_not_kept(category: str) -> None:
    assert inspect(seal(chat()), lambda _: {category: 2}) == {"other": 2}


@pytest.mark.parametrize("category", ["ssn", "api key", "card_number", "a" * 32])
def test_a_category_is_a_word_or_some(category: str) -> None:
    assert inspect(seal(chat()), lambda _: {category: 2}) == {category: 2}


def test_no_text_is_looked_at_in_more_than_linear_time() -> None:
    for text in ("A" * 200_000, "%41" * 60_000, "&#65;" * 40_000, "\\u0041" * 30_000, "[" * 200_000):
        assert sum(len(one) for one in decoded(text)) <= 5 * len(text)


def test_base64_that_a_letter_follows_is_read() -> None:
    run = base64.b64encode(b"it is her").decode()
    assert len(run) == 12
    assert "it is her" in set(decoded(run + "A"))
    assert "it is here" in set(decoded(base64.b64encode(b"it is here").decode()))


def test_all_that_is_known_may_come_together() -> None:
    some: dict[str, Any] = {"messages": [], "tools": [], "user": "x", "model": "x"}
    assert known({**dict.fromkeys(BODY, 1), **some})
    assert known(chat(**{**dict.fromkeys(MESSAGE, "x"), "tool_calls": []}))


def test_nothing_is_no_text() -> None:
    assert list(leaves(None)) == []
    assert list(leaves([None, 0, False])) == [("", "0"), ("", "False")]


def test_json_in_a_text_counts_for_the_depth() -> None:
    value: Any = '["x"]'
    for _ in range(30):
        value = [value]
    assert ("", "x") in list(leaves(value))
    with pytest.raises(HybridError):
        list(leaves([value]))


def test_a_count_below_zero_is_found_as_none_of_it() -> None:
    assert inspect(seal(chat()), lambda _: {"a": -1}) == {"a": 0}


def test_where_parts_meet_their_ends_are_joined() -> None:
    assert list(borders(["a", "b", "c"])) == ["ab", "abc", "bc", "bc"]
    assert list(borders(["a" * 100, "b" * 100])) == ["a" * 64 + "b" * 64]
    assert list(borders(["a", "b" * 64, "c" * 65])) == [
        "a" + "b" * 64,
        "a" + "b" * 64 + "c" * 64,
        "b" * 64 + "c" * 64,
    ]
    assert list(borders(["a"])) == []


def test_base64_behind_eight_names_is_read_and_no_further() -> None:
    run = base64.b64encode(SSN).decode()
    assert SSN.decode() in set(decoded("a-b/c_d-e-f-g-h-" + run))
    assert SSN.decode() not in set(decoded("a-b/c_d-e-f-g-h-ij-" + run))


def test_a_long_run_is_read_from_its_beginning_only() -> None:
    run = base64.b64encode(SSN).decode().rstrip("=")
    for filled, read in ((4_096, True), (4_097, False)):
        text = "a/" + "b" * (filled - len(run) - 3) + "/" + run
        assert (SSN.decode() in set(decoded(text))) == read


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"~" * 8 + b"\xff" * 2, True),
        (b" " * 8 + b"\xff" * 2, True),
        (b"\x7f" * 8 + b"\xff" * 2, False),
        (b"\x1f" * 8 + b"\xff" * 2, False),
        (b"a" * 7 + b"\xff" * 3, False),
    ],
)
def test_latin_text_is_nearly_all_ascii(data: bytes, text: bool) -> None:
    assert (data.decode("latin-1") in set(decoded(base64.b64encode(data).decode()))) == text
