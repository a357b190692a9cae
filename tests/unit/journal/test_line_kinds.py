"""What is left of one argument of a log line."""

from __future__ import annotations

import datetime
import decimal
import enum
import http
import ipaddress
import math
import uuid
from pathlib import Path
from typing import Any

import pytest

from rocketvpn_sdk import hashed, private, public
from rocketvpn_sdk.journal.lines.kinds import masked
from rocketvpn_sdk.journal.lines.later import Later

WORDS = frozenset({"de-fra", "connected"})
KEY = bytes(range(32))


def left(value: Any, key: bytes | None = None) -> Any:
    part = masked(value, WORDS)
    return part.settled(lambda text: text.replace("Lena", "[removed]"), key) if isinstance(part, Later) else part


class State(enum.Enum):
    CONNECTED = "lena@example.org"


class Flags(enum.Flag):
    FAST = 1
    SAFE = 2


class Text(enum.StrEnum):
    UP = "up"


Made = enum.Enum("Made", ["lena"])  # a list of names: it could have come from anywhere


class Failed(Exception):
    pass


@pytest.mark.clause("C2")
@pytest.mark.parametrize("value", [0, 7, -3, 443, 10**6, -(10**6), True, False, None, "de-fra", "connected"])
def test_what_names_nobody_stays(value: Any) -> None:
    assert left(value) is value


@pytest.mark.clause("C2")
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (10**6 + 1, "[number]"), (-(10**9), "[number]"), pytest.param(10**5000, "[number]", id="huge"),
        (1 + 2j, "[number]"),
        (decimal.Decimal("1.5"), "[number]"),
        ("lena", "[text]"), ("", "[text]"), ("x" * 5000, "[text]"), ("Lena Fischer", "[text]"), ("wg0", "[text]"),
        ("203.0.113.9", "[ip]"), ("203.0.113.9:51820", "[ip]"), ("[2001:db8::1]:443", "[ip]"),
        ("fe80::1%eth0", "[ip]"),
        ("::1", "[ip]"), ("10.0.0.0/8", "[ip]"), ("::ffff:203.0.113.9", "[ip]"), ("3c:22:fb:9a:41:d7", "[mac]"),
        ("lena@example.org", "[email]"), ("https://example.org/?q=lena", "[url]"), ("forum.example.org", "[host]"),
        ("example.org:443", "[host]"), ("bücher.example", "[host]"), ("/home/lena/x", "[path]"),
        ("C:\\Users\\lena", "[path]"),
        ("~/x", "[path]"), ("\\\\nas\\lena", "[path]"), ("12345", "[number]"), ("0049 1", "[text]"),
        ("9f2c8a5e7b1d4f60", "[key]"), ("8f14e45f-ceea-467f-a0d2-1d6d8a6c5b1a", "[uuid]"),
        (uuid.UUID(int=5), "[uuid]"), ("eyJhbGciOiJub25lIn0.e30.c2ln", "[token]"),
        (b"lena", "[bytes]"), (bytearray(b"lena"), "[bytes]"), (["lena"], "[list]"), (("lena",), "[list]"),
        ({"lena"}, "[list]"), ({"lena": 1}, "[dict]"),
        (datetime.datetime(2026, 1, 1), "[time]"),  # noqa: DTZ001 - naive, as apps have them
        (datetime.timedelta(5), "[time]"), (ipaddress.ip_address("203.0.113.9"), "[ip]"),
        (Path("/home/lena"), "[path]"),
        (object(), "[object]"), (lambda: 1, "[object]"), (str, "[object]"), (private(7), "[private]"),
    ],
)  # fmt: skip
def test_another_value_becomes_its_kind(value: Any, kind: str) -> None:
    assert left(value) == kind


@pytest.mark.parametrize(
    ("value", "kept"),
    [(12.3456, 12.3), (1733000123.456, 1.73e9), (0.000123456, 0.000123), (-0.5, -0.5), (48.20849, 48.2)],
)
def test_of_a_float_three_digits_stay(value: float, kept: float) -> None:
    assert left(value) == kept


def test_a_float_that_is_no_number_stays() -> None:
    assert math.isnan(left(math.nan))
    assert left(math.inf) == math.inf


def test_a_member_of_an_enumeration_stays_by_its_name() -> None:
    assert left(State.CONNECTED) == "State.CONNECTED"
    assert left(Text.UP) == "Text.UP"
    assert left(http.HTTPStatus.NOT_FOUND) == "HTTPStatus.NOT_FOUND"
    assert left(Flags.FAST | Flags.SAFE) == "Flags.FAST|SAFE"


def test_a_member_that_a_program_made_does_not_stay() -> None:
    assert left(Made["lena"]) == "[member]"
    assert left(enum.Enum("State", ["lena"])["lena"]) == "[member]"
    assert left(enum.Enum("State", ["CONNECTED"])["CONNECTED"]) == "[member]"


def test_a_type_of_exceptions_stays_by_the_name_under_which_it_is_found() -> None:
    assert left(Failed) == f"{__name__}.Failed"
    assert left(ConnectionError) == "ConnectionError"
    assert left(type("Lena", (ConnectionError,), {})) == "ConnectionError"
    assert left(type("Failed", (OSError,), {"__module__": __name__})) == "OSError"


def test_of_an_exception_its_arguments_are_masked() -> None:
    assert left(ValueError("lena", 3, "203.0.113.9")) == "ValueError([text], 3, [ip])"
    assert left(ConnectionRefusedError(111, "Connection refused")) == "ConnectionRefusedError(111 ECONNREFUSED, [text])"
    assert left(KeyError(ValueError("lena"))) == "KeyError([object])"


def test_a_public_value_stays_without_what_the_device_knows() -> None:
    assert left(public("vpn-7 of Lena")) == "vpn-7 of [removed]"
    assert left(public(10**9)) == 10**9
    assert left(public(1.23456)) == 1.23456
    assert left(public(Path("/etc/x"))) == "/etc/x"
    assert len(left(public("x" * 10_000))) == 1024


def test_a_hashed_value_links_under_one_key_and_no_other() -> None:
    once, again, other = left(hashed("lena"), KEY), left(hashed("lena"), KEY), left(hashed("lena"), KEY[::-1])
    assert once == again != other
    assert once.startswith("[hash:")
    assert "lena" not in once
    assert left(hashed("omar"), KEY) != once
    assert left(hashed("lena"), None) == "[hashed]"


def test_marks_show_no_private_value_elsewhere() -> None:
    for mark, shown in ((private("lena"), "[private]"), (hashed("lena"), "[hashed]"), (public("lena"), "lena")):
        assert f"{mark}" == str(mark) == "%s" % mark == shown  # noqa: UP031 - logging formats so
        assert f"{mark:>12s}".strip() == shown
    assert "%d %.1f %x" % (public(5), public(5), public(5)) == "5 5.0 5"  # noqa: UP031 - as above
    assert repr(private("lena")) == "[private]"
