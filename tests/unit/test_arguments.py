"""What a public call takes and refuses, by its annotations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from itertools import repeat
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile_values import RaisingText, Word, boom, hostile_values

from rocketvpn_sdk.arguments import Unfit, checked, checks_arguments, kind_of
from rocketvpn_sdk.errors import ValueRefused

HINTS: tuple[Any, ...] = (
    str, int, bool, float, bytes, datetime, Path, str | None, Path | bytes | None, Literal["a", "b"],
    Callable[..., int], Mapping[str, int | None], Sequence[str], Iterable[type[Exception]], type[Exception],
    tuple[str, ...],
)  # fmt: skip


class Note(msgspec.Struct, frozen=True):
    text: str
    parts: tuple[int, ...] = ()


@checks_arguments
class Calls:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    def note(self, text: str, number: int = 1, **others: Any) -> tuple[str, int]:
        """Return what arrived."""
        self.heard.append((text, number, others))
        return text, number

    @classmethod
    def made(cls, path: Path) -> Path:
        return path

    @staticmethod
    def told(on: bool) -> bool:
        return on


def test_what_fits_arrives_however_it_is_passed():
    calls = Calls()
    assert calls.note("a") == ("a", 1)
    assert calls.note("a", 2) == calls.note(number=2, text="a") == ("a", 2)
    calls.note("a", other=object)
    assert calls.heard[-1] == ("a", 1, {"other": object})
    assert Calls.made(Path("x")) == Path("x")
    assert Calls.told(True) is True
    assert Calls.note.__doc__ == "Return what arrived."


@pytest.mark.parametrize(
    ("call", "name", "wanted"),
    [
        (lambda: Calls().note(b"a"), "text", "a text"),
        (lambda: Calls().note(text=None), "text", "a text"),
        (lambda: Calls().note("a", "2"), "number", "a whole number"),
        (lambda: Calls().note("a", True), "number", "a whole number"),
        (lambda: Calls.made("x"), "path", "a pathlib.Path"),
        (lambda: Calls.told(1), "on", "True or False"),
    ],
)
def test_what_does_not_fit_is_named(call: Callable[[], Any], name: str, wanted: str):
    with pytest.raises(ValueRefused) as caught:
        call()
    assert caught.value.params == {"name": name, "problem": f"it must be {wanted}"}
    assert caught.value.__cause__ is None


def test_what_is_missing_or_too_much_is_left_to_python():
    for call in (lambda: Calls().note(), lambda: Calls().note("a", 1, 2), lambda: Calls.told()):
        with pytest.raises(TypeError, match=r"argument"):
            call()


@pytest.mark.parametrize("hint", HINTS, ids=str)
def test_no_value_makes_a_check_itself_fail(hint: Any):
    for value in hostile_values().values():
        with suppress(Unfit):
            kind_of(hint).checked(value)


@given(st.one_of(st.text(), st.integers(), st.booleans(), st.binary(), st.none(), st.lists(st.text())))
def test_a_value_of_the_wanted_type_is_passed_on_as_it_is(value: Any):
    kinds = {str: str, int: int, bool: bool, bytes: bytes}
    for hint, kind in kinds.items():
        fits = type(value) is kind
        try:
            assert kind_of(hint).checked(value) == value
            assert fits
        except Unfit:
            assert not fits or not _usual(value)


def _usual(value: Any) -> bool:
    if isinstance(value, str):
        return value == value.encode("utf-8", "ignore").decode()
    return not isinstance(value, int) or abs(value) < 2**63


def test_a_text_of_the_apps_own_class_becomes_a_plain_one():
    assert type(kind_of(str).fit(RaisingText("en"))) is str
    assert type(kind_of(Literal["logs"]).fit(Word.LOGS)) is str


def test_times_need_a_zone_and_become_utc():
    there = datetime(2027, 1, 1, 12, tzinfo=timezone(timedelta(hours=5)))
    assert kind_of(datetime).fit(there) == datetime(2027, 1, 1, 7, tzinfo=UTC)
    with pytest.raises(Unfit, match="time zone"):
        kind_of(datetime).fit(datetime(2027, 1, 1))  # noqa: DTZ001 - the mistake itself


def test_what_could_be_altered_later_is_copied():
    pins, changes = ["a"], {"language": "de"}
    kept, copy = kind_of(Sequence[str]).fit(pins), kind_of(Mapping[str, str]).fit(changes)
    pins.append("b")
    changes.clear()
    assert (kept, copy) == (("a",), {"language": "de"})


@pytest.mark.parametrize("hint", [Iterable[str], tuple[str, ...]])
def test_a_list_without_end_is_refused_and_one_of_ten_thousand_is_not(hint: Any):
    assert len(kind_of(hint).fit(repeat("a", 10_000))) == 10_000
    with pytest.raises(Unfit, match="too many"):
        kind_of(hint).fit(repeat("a"))


def test_a_struct_of_ours_is_looked_into():
    note = Note("a", (1, 2))
    assert kind_of(Note).fit(note) is note
    for other in (msgspec.structs.replace(note, text=3), msgspec.structs.replace(note, parts=("x",)), "a"):
        with pytest.raises(Unfit):
            kind_of(Note).fit(other)


def test_a_function_is_checked_when_it_is_called_not_when_it_is_made():
    @checked
    def call(then: Callable[[], None]) -> None:
        then()

    with pytest.raises(ValueRefused, match="it must be a function"):
        call(3)  # type: ignore[arg-type] # the mistake itself
    with pytest.raises(Exception, match="swordfish"):
        call(boom)
