"""The one text of a document, and its SHA-256."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import bundled_form
from support.policies import TEXT, VERSION, edited, sharing_policy
from support.small_policies import policies

from rocketvpn_sdk.policy import Policy, bundled_policy, parse_policy
from rocketvpn_sdk.policy.canonical import LARGEST, canonical

POLICY = bundled_policy()

# ---------------------------------------------------------------- RFC 8785's own values


def test_the_members_are_sorted_as_the_rfc_sorts_its_example():
    """RFC 8785, section 3.2.3: the object there, and the order that it gives."""
    read = json.loads(
        r"""{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh", "1": "One",
             "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
             "\u00f6": "Latin Small Letter O With Diaeresis"}"""
    )
    assert [value for _, value in json.loads(canonical(read), object_pairs_hook=list)] == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]
    # The emoji is beyond the letter as a code point, and before it as UTF-16.
    assert ord("\U0001f600") > ord("\ufb33")


def test_texts_and_literals_are_written_as_in_the_rfcs_example():
    """RFC 8785, sections 3.2.2 and 3.2.4: the example and its bytes, without its fractions."""
    read = json.loads(
        r"""{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"""
    )
    assert canonical(read) == bytes.fromhex(
        "7b 22 6c 69 74 65 72 61 6c 73 22 3a 5b 6e 75 6c 6c 2c 74 72 75 65 2c 66 61 6c 73 65 5d 2c"
        "22 73 74 72 69 6e 67 22 3a 22 e2 82 ac 24 5c 75 30 30 30 66 5c 6e 41 27 42 5c 22 5c 5c 5c 5c 5c 22 2f 22 7d"
    )


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, b"0"),
        (-1, b"-1"),
        (9007199254740991, b"9007199254740991"),
        (-9007199254740991, b"-9007199254740991"),
        ("\b\t\n\f\r", rb'"\b\t\n\f\r"'),
        ("\x00\x1f\x7f", b'"\\u0000\\u001f\x7f"'),
        ("/</\u2028", '"/</\u2028"'.encode()),
        ("A\u030a\u00c5", '"A\u030a\u00c5"'.encode()),  # nothing is normalised (3.1)
        ([], b"[]"),
        ((), b"[]"),
        ({}, b"{}"),
        ({"b": [1, {"d": None, "c": True}], "a": False}, b'{"a":false,"b":[1,{"c":true,"d":null}]}'),
        ({"aa": 1, "a": 2, "": 3, "B": 4}, b'{"":3,"B":4,"a":2,"aa":1}'),
    ],
)
def test_each_kind_of_value(value: object, written: bytes):
    assert canonical(value) == written


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        0.5,
        float("nan"),
        2**53,
        -(2**53),
        2**60,
        b"x",
        {1: 2},
        {None: 1},
        object(),
        "\ud800",
        {"\udfff": 1},
        {1, 2},
    ],
)
def test_what_it_cannot_carry_is_refused(value: object):
    with pytest.raises(ValueError, match=r"."):
        canonical([value])


def test_no_number_is_written_that_another_reader_rounds():
    # ECMAScript writes 2**60 as 1152921504606847000: two readers, two SHA-256s.
    with pytest.raises(ValueError, match="int that canonical JSON cannot carry"):
        canonical(1152921504606846976)


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-LARGEST, LARGEST) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values)
def test_it_says_the_same_and_nothing_else_says_it(value: Any):
    written = canonical(value)
    assert json.loads(written) == value
    assert canonical(json.loads(written)) == written


@given(st.dictionaries(st.text(st.characters(max_codepoint=0xD7FF)), st.integers(-9, 9)))
def test_below_the_surrogates_it_is_what_python_sorts(value: dict[str, int]):
    plain = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    assert canonical(value) == plain.encode()


@given(st.dictionaries(st.text(), st.none(), min_size=2))
def test_the_order_of_members_makes_no_difference(value: dict[str, None]):
    assert canonical(dict(reversed(value.items()))) == canonical(value)


# ---------------------------------------------------------------- of a policy


@pytest.mark.clause("X2")
def test_what_ships_is_the_text_that_people_read():
    renewed = (bundled_form.FOLDER / "rocketvpn.json").read_bytes() == bundled_form.form()
    assert renewed, "run `python tests/support/bundled_form.py`"
    assert bundled_policy().canonical_json() == bundled_form.form()


@pytest.mark.clause("M2", "X2")
@pytest.mark.parametrize("policy", [POLICY, sharing_policy()], ids=["bundled", "sharing"])
def test_the_signed_form_says_what_the_file_says(policy: Policy):
    written = policy.canonical_json()
    again = parse_policy(written.decode())
    assert again.document == policy.document
    assert again.canonical_json() == written
    assert again.sha256 == policy.sha256 == hashlib.sha256(written).hexdigest()
    assert len(written.splitlines()) == 1


@given(policies)
def test_every_policy_comes_back_from_its_canonical_form(policy: Policy):
    written = policy.canonical_json()
    again = parse_policy(written.decode())
    assert (again.document, again.canonical_json(), again.sha256) == (policy.document, written, policy.sha256)


@pytest.mark.clause("M2")
@pytest.mark.parametrize(
    ("table", "part", "old", "new"),
    [
        ("", "", VERSION, "version = 99"),
        ("field", "message", '"P14D"', '"P13D"'),
        ("field", "message", "A line that", "A text that"),
        ("minors", "", "you can withdraw", "you may withdraw"),
        ("recipient", "operator", "api.rocketvpn.example", "evil.example"),
    ],
)
def test_any_other_word_is_another_sha256(table: str, part: str, old: str, new: str):
    assert parse_policy(edited(table, part, old, new)).sha256 != POLICY.sha256


def test_spelling_makes_no_difference():
    for text in (
        TEXT + "\n# a comment\n",
        TEXT.replace("\n", "\r\n"),
        edited("field", "message", "transform =", "correctable = false\ntransform ="),
        edited("field", "duration", "bucket(10, 60, 300", "bucket(10,60,300"),
        edited("", "", "notice_days = 30\n", ""),
    ):
        assert parse_policy(text).sha256 == POLICY.sha256


def test_it_is_computed_once_and_not_before_it_is_asked_for():
    policy = parse_policy(TEXT)
    assert "sha256" not in vars(policy)
    assert policy.sha256 is policy.sha256
