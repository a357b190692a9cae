"""A policy read from JSON: the same rules, the same errors, and where in the document."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.policies import TEXT, VERSION, edited

from rocketvpn_sdk.errors import PolicyInvalid
from rocketvpn_sdk.policy import bundled_policy, load_policy, parse_policy
from rocketvpn_sdk.policy.reading import MAX_BYTES

POLICY = bundled_policy()
SIGNED = POLICY.canonical_json().decode()


def document() -> dict[str, Any]:
    return json.loads(SIGNED)


def place(table: str, name: str) -> int:
    return [part["id"] for part in document()[table]].index(name)


def refused(text: str) -> PolicyInvalid:
    with pytest.raises(PolicyInvalid) as caught:
        parse_policy(text, path="signed.json")
    assert caught.value.__cause__ is None
    assert caught.value.params["path"] == "signed.json"
    return caught.value


def changed(change: Callable[[dict[str, Any]], object]) -> PolicyInvalid:
    """Refuse what ``change`` makes of the document, written on one line."""
    raw = document()
    change(raw)
    error = refused(json.dumps(raw))
    assert error.params["line"] == 1
    return error


# ---------------------------------------------------------------- what it takes


@pytest.mark.parametrize("text", [SIGNED, f"\n\t {SIGNED}\r\n", json.dumps(json.loads(SIGNED), indent=2)])
def test_json_is_read_whatever_its_spaces(text: str):
    assert parse_policy(text).document == POLICY.document


def test_a_file_is_read_by_what_is_in_it(tmp_path: Path):
    file = tmp_path / "policy"
    file.write_text(SIGNED, "utf-8")
    assert load_policy(file).sha256 == POLICY.sha256
    file.write_text(TEXT, "utf-8")
    assert load_policy(file).sha256 == POLICY.sha256


# ---------------------------------------------------------------- what it refuses, and where


@pytest.mark.parametrize(
    ("change", "pointer", "problem"),
    [
        (lambda raw: raw.update(versoin=2), "", "unknown field `versoin`"),
        (lambda raw: raw.pop("contact"), "", "missing required field `contact`"),
        (lambda raw: raw.update(version="1"), "/version", "Expected `int`, got `str`"),
        (lambda raw: raw.update(version=0), "/version", "must be 1 or more"),
        (lambda raw: raw.update(effective="soon"), "/effective", "date"),
        (lambda raw: raw["title"].update(en=3), "/title", "Expected `str`"),
        (lambda raw: raw["field"][0].update(extra=1), "/field/0", "unknown field `extra`"),
        (lambda raw: raw["field"][3]["type"].update(max="9"), "/field/3/type/max", "Expected `int | null`"),
        (lambda raw: raw["field"][3].update(purposes=["fun"]), "/field/3/purposes", "'fun' is not declared"),
        (lambda raw: raw["field"][3]["retention"].update(device="14"), "/field/3/retention/device", "ISO 8601"),
        (lambda raw: raw["field"][3].update(transform=3), "/field/3/transform", "expected a text for transform"),
        (lambda raw: raw["operation"][0].update(recipient="x"), "/operation/0/recipient", "is not declared"),
        (lambda raw: raw["minors"].update(advice={}), "/minors/advice", "is missing in en"),
        (lambda raw: raw["minors"].update(age="18"), "/minors/age", "Expected `int`"),
        (lambda raw: raw["rights"].update(offered=["fun"]), "/rights/offered/0", "Invalid enum value"),
        (lambda raw: raw.update(minors=[]), "/minors", "Expected `object`, got `array`"),
        (lambda raw: raw.update(field={}), "/field", "Expected `array`, got `object`"),
        (lambda raw: raw["minors"].update(age=2**53), "/minors/age", "<= 9007199254740991"),
        (lambda raw: raw.update(notice_days=-(2**53)), "/notice_days", ">= -9007199254740991"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_a_pointer(change: Callable[[Any], object], pointer: str, problem: str):
    said = changed(change).params["problem"]
    assert said.startswith(f"{pointer}: " if pointer else "Object ")
    assert problem in said


def test_only_one_line_is_a_line_that_can_be_named():
    raw = document() | {"version": 0}
    assert refused(json.dumps(raw, indent=1)).params["line"] == 0
    assert refused(json.dumps(raw) + "\n").params["line"] == 1


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("{", 1, "not JSON: "),
        ('{\n"version": 1\n"title": {}}', 3, "not JSON: "),
        ('{"version": 1} {}', 1, "not JSON: Extra data"),
        ("{'version': 1}", 1, "not JSON: "),
        ('{"version": 1.0}', 1, "1.0 is no whole number"),
        ('{"version": 1e3}', 1, "1e3 is no whole number"),
        ('{"version": NaN}', 1, "NaN is no whole number"),
        ('{"version": -Infinity}', 1, "-Infinity is no whole number"),
        ('{"version": ' + "9" * 33 + "}", 1, "a number is too long"),
        ('{"version": ' + "9" * 5000 + "}", 1, "a number is too long"),
        ('{"version": 1, "version": 1}', 1, "the member 'version' is there twice"),
        ('{"title": {"en": "a", "de": "b", "en": "a"}}', 1, "the member 'en' is there twice"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}", 1, "it is too deep"),
        ('{"title": {"en": "\\ud800"}}', 1, "half of a character"),
        ('{"\\udfff": 1}', 1, "half of a character"),
    ],
)  # fmt: skip
def test_what_is_no_json_of_a_policy(text: str, line: int, problem: str):
    error = refused(text)
    assert (error.params["line"], problem in error.params["problem"]) == (line, True)


def test_a_fraction_that_is_whole_is_refused_in_toml_too():
    assert "Expected `int`, got `float`" in str(refused(edited("", "", VERSION, "version = 1.0")))


@pytest.mark.parametrize("number", ["9007199254740992", "-9007199254740992", "1152921504606846976"])
def test_a_number_that_json_does_not_carry_is_refused_with_its_line(number: str):
    text = edited("field", "traffic", "max = 9007199254740991", f"max = {number}")
    error = refused(text)
    assert "9007199254740991" in error.params["problem"]
    assert "max" in text.split("\n")[error.params["line"] - 1]


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize("text", [TEXT, SIGNED], ids=["toml", "json"])
def test_a_text_as_long_as_allowed_is_read_and_no_longer_one(text: str, tmp_path: Path):
    room = MAX_BYTES - len(text.encode())
    assert parse_policy(text + "\n" * room).document == POLICY.document
    assert "longer than" in str(refused(text + "\n" * (room + 1)))
    file = tmp_path / "policy"
    file.write_text(text + "\n" * room)
    assert load_policy(file).document == POLICY.document
    file.write_text(text + "\n" * (room + 5))
    with pytest.raises(PolicyInvalid, match=r"longer than 1048576 bytes"):
        load_policy(file)


def test_the_bound_counts_bytes():
    assert "longer than" in str(refused("#" + "€" * (MAX_BYTES // 3 + 1)))


@pytest.mark.parametrize("text", ["\ud800", '{"a": "\ud800"}'])
def test_half_of_a_character_is_refused(text: str):
    assert "half of a character" in str(refused(text))


def outcome(text: str) -> PolicyInvalid | None:
    try:
        parse_policy(text)
    except PolicyInvalid as error:
        return error
    return None


@given(st.text() | st.text().map("{{{}".format))
def test_any_text_is_read_or_refused(text: str):
    assert outcome(text).__cause__ is None


Path_ = tuple[str | int, ...]


def places(value: Any, path: Path_ = ()) -> list[Path_]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, part in inner for each in places(part, (*path, key)))]


PLACES = places(document())[1:]


@given(st.sampled_from(PLACES), st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3))
def test_a_document_with_anything_anywhere_is_read_or_refused_with_a_pointer_into_it(path: Path_, leaf: Any):
    raw = document()
    at: Any = raw
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = leaf
    error = outcome(json.dumps(raw))
    pointer = error.params["problem"].partition(": ")[0] if error else ""
    if pointer.startswith("/"):
        found: Any = raw
        for part in pointer.split("/")[1:-1]:  # the last one may be what is missing
            found = found[int(part) if isinstance(found, list) else part]
        assert isinstance(found, dict | list)
