from __future__ import annotations

import logging
from typing import ClassVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.masking import HIDDEN, MaskedRepr, mask

SECRET = "hunter2-hunter2"


class Whole(MaskedRepr, msgspec.Struct, frozen=True):
    token: str
    nothing: str | None = None


class Partly(MaskedRepr, msgspec.Struct, frozen=True):
    __masked__: ClassVar[tuple[str, ...]] = ("token", "more")

    name: str
    token: str
    more: dict[str, str] | None = None


class Heir(Partly, frozen=True):
    extra: int = 1


class Plain(MaskedRepr):
    """No struct: it has no fields to show."""


@pytest.mark.parametrize(
    ("value", "shown"),
    [("RV-2026-0001", "…0001"), ("12345678", "…"), ("123456789", "…6789"), ("", "…"), ("abc", "…")],
)
def test_a_value_shows_its_end_or_nothing(value: str, shown: str):
    assert mask(value) == shown


@given(st.text(), st.integers(1, 10))
def test_a_mask_never_shows_more_than_half(value: str, shown: int):
    masked = mask(value, shown=shown)
    assert masked.startswith(HIDDEN)
    assert len(masked) - 1 <= len(value) / 2


def test_every_field_is_hidden_unless_some_are_named():
    assert repr(Whole(SECRET)) == "Whole(token=…, nothing=None)"


def test_named_fields_are_hidden_and_the_others_shown():
    assert repr(Partly("a", SECRET, {"k": SECRET})) == "Partly(name='a', token=…, more=…)"
    assert repr(Heir("a", SECRET)) == "Heir(name='a', token=…, more=None, extra=1)"


def test_what_has_no_fields_shows_its_name():
    assert repr(Plain()) == "Plain()"
    assert list(Plain().__rich_repr__()) == []


@pytest.mark.clause("T1")
@pytest.mark.parametrize("value", [Whole(SECRET), Partly("a", SECRET, {"k": SECRET}), Heir("a", SECRET)])
def test_no_way_of_printing_shows_what_is_hidden(value: MaskedRepr, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO):
        logging.getLogger("app").info("%s %r", value, value)
    said = [repr(value), str(value), f"{value}", f"{value!r}", repr([value]), repr({"k": value}), caplog.text]
    assert not any(SECRET in text for text in said)


@pytest.mark.clause("T1")
def test_rich_which_asks_structs_for_their_values_shows_nothing_hidden_either():
    pretty = pytest.importorskip("rich.pretty")
    assert pretty.pretty_repr(Partly("a", SECRET)) == "Partly(name='a', token='…', more=None)"
    assert SECRET not in pretty.pretty_repr([Whole(SECRET), {"k": Heir("a", SECRET)}])


def test_what_is_hidden_is_still_there():
    assert Whole(SECRET).token == SECRET
    assert msgspec.json.decode(msgspec.json.encode(Whole(SECRET)), type=Whole) == Whole(SECRET)
