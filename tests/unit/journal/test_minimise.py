"""Minimisation: what is stored never tells more than the declared transform allows."""

from __future__ import annotations

import ipaddress
import math
from enum import IntEnum, StrEnum
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rocketvpn_sdk.journal.minimise import CUT, cut, minimiser
from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.policy import Field, Transform, bundled_policy
from rocketvpn_sdk.policy.document import FieldType
from rocketvpn_sdk.policy.minimise import KEY_BYTES, Minimiser

pytestmark = pytest.mark.clause("C2")

KEY, OTHER_KEY = bytes(KEY_BYTES), bytes(range(KEY_BYTES))
TEMPLATE = bundled_policy().fields["region"]
FIELDS = tuple(bundled_policy().fields.values())


def field(transform: str, kind: str, **bounds: Any) -> Field:
    return msgspec.structs.replace(
        TEMPLATE, id="f", transform=Transform(transform), type=FieldType(kind=kind, **bounds)
    )


def made(transform: str, kind: str, **bounds: Any) -> Minimiser:
    return minimiser(field(transform, kind, **bounds))


truncate = made("truncate_ip", "ip_address")
bucket = made("bucket(10, 60, 300)", "integer", min=0, max=1000)
version = made("version(major.minor)", "version")
pseudonym = made("pseudonym", "text", max=253)
scrubbed = made("scrub", "text", max=40)

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.ip_addresses(),
    st.builds(object),
    st.just(type),
)


@given(st.sampled_from(FIELDS), anything, st.sampled_from([KEY, None, b"", "key"]))
def test_never_raises_and_stores_plain_values(declared: Field, value: object, key: Any) -> None:
    stored = minimiser(declared)(value, key)
    assert stored is None or type(stored) in {str, int, float, bool}


@given(st.sampled_from(FIELDS))
def test_none_stays_none(declared: Field) -> None:
    assert minimiser(declared)(None, KEY) is None


# ------------------------------------------------------------------------------------------------ keep and drop


class Level(StrEnum):
    INFO = "INFO"
    OTHER = "OTHER"


class Number(IntEnum):
    TWO = 2


@pytest.mark.parametrize(
    ("value", "stored"), [("INFO", "INFO"), (Level.INFO, "INFO"), (Level.OTHER, None), ("info", None)]
)
def test_keep_an_enumeration_only_with_a_declared_value(value: object, stored: str | None) -> None:
    kept = made("keep", "enum", values=("INFO", "DEBUG"))(value, None)
    assert kept == stored
    assert type(kept) in {str, type(None)}


@pytest.mark.parametrize(
    ("value", "stored"),
    [(0, 0), (9, 9), (Number.TWO, 2), (10, None), (-1, None), (True, None), (2.0, None), ("2", None)],
)
def test_keep_an_integer_only_within_its_bounds(value: object, stored: int | None) -> None:
    kept = made("keep", "integer", min=0, max=9)(value, None)
    assert kept == stored
    assert type(kept) in {int, type(None)}


def test_keep_nothing_of_an_integer_without_bounds() -> None:
    assert made("keep", "integer")(1, None) is None


@pytest.mark.parametrize(("value", "stored"), [(True, True), (False, False), (1, None), ("true", None)])
def test_keep_a_boolean(value: object, stored: bool | None) -> None:
    assert made("keep", "boolean")(value, None) is stored


@pytest.mark.parametrize(
    ("value", "stored"), [("RV-1", "RV-1"), ("RV-12345", None), ("rv", None), ("", None), (b"RV-1", None)]
)
def test_keep_a_text_only_of_its_pattern_and_length(value: object, stored: str | None) -> None:
    assert made("keep", "text", pattern="[A-Z0-9-]{2,}", max=5)(value, None) == stored


@pytest.mark.parametrize(("value", "stored"), [("10.0.0.1", "10.0.0.1"), ("10.0.0.0x1", None), (7, None)])
def test_keep_an_address(value: object, stored: str | None) -> None:
    assert made("keep", "ip_address")(value, None) == stored


@pytest.mark.parametrize(
    ("value", "stored"), [(1.5, 1.5), (math.inf, None), (math.nan, None), (1e300, None), (True, None)]
)
def test_keep_a_time(value: object, stored: float | None) -> None:
    assert made("keep", "time")(value, None) == stored


@given(anything)
def test_drop_drops(value: object) -> None:
    assert made("drop", "text")(value, KEY) is None


def test_an_unknown_transform_drops() -> None:
    unknown = field("keep", "text")
    unknown.transform.name = "shuffle"
    assert minimiser(unknown)("x", KEY) is None


# ------------------------------------------------------------------------------------------------ addresses


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("203.0.113.9", "203.0.113.0"),
        ("2001:db8:1:2:3::4", "2001:db8:1::"),
        ("fe80::1%en0", "fe80::"),
        ("::ffff:203.0.113.9", "203.0.113.0"),
        ("2002:cb00:7109::1", "203.0.113.0"),
        ("203.0.113.9:443", None),
        ("203.0.113", None),
        ("host", None),
        ("", None),
        (3405803785, None),
        ("1" * 5000, None),
    ],
)
def test_truncate_ip(value: object, stored: str | None) -> None:
    assert truncate(value, None) == stored


@given(st.ip_addresses(v=4), st.integers(0, 255))
def test_two_addresses_in_one_24_are_one(address: ipaddress.IPv4Address, other: int) -> None:
    neighbour = ipaddress.IPv4Address(int(address) >> 8 << 8 | other)
    stored = truncate(str(address), None)
    assert stored == truncate(str(neighbour), None) == truncate(stored, None) == truncate(f"::ffff:{address}", None)


@given(st.ip_addresses(v=6), st.integers(0, 2**80 - 1))
def test_two_addresses_in_one_48_are_one(address: ipaddress.IPv6Address, other: int) -> None:
    assume(address.ipv4_mapped is None and int(address) >> 80)
    neighbour = ipaddress.IPv6Address(int(address) >> 80 << 80 | other)
    stored = truncate(str(address), None)
    assert stored == truncate(f"{neighbour}%wg0", None) == truncate(stored, None)


# ------------------------------------------------------------------------------------------ times, numbers, versions


@given(st.sampled_from([("minute", 60), ("hour", 3600), ("day", 86_400)]), st.integers(-(10**11), 10**11))
def test_times_are_told_apart_no_finer_than_declared(unit: tuple[str, int], when: int) -> None:
    coarsen = made(f"coarsen_time({unit[0]})", "time")
    stored = coarsen(when, None)
    assert stored % unit[1] == 0
    assert 0 <= when - stored < unit[1]
    assert stored == coarsen(float(when), None)
    assert stored == coarsen(stored, None)
    assert stored == coarsen(stored + unit[1] - 1, None)


@pytest.mark.parametrize("value", [math.inf, -math.inf, math.nan, 1e300, 10**40, True, "0", None])
def test_what_is_no_time_is_not_kept(value: object) -> None:
    assert made("coarsen_time(day)", "time")(value, None) is None


@given(st.integers(0, 1000), st.integers(0, 1000))
def test_buckets_keep_the_order_and_nothing_more(first: int, second: int) -> None:
    low, high = sorted((first, second))
    assert bucket(low, None) <= bucket(high, None)
    assert bucket(low, None) in {0, 10, 60, 300}
    assert bucket(low, None) <= low
    assert bucket(bucket(low, None), None) == bucket(low, None)


@pytest.mark.parametrize(
    ("value", "stored"), [(0, 0), (9, 0), (10, 10), (59, 10), (1000, 300), (1001, None), (-1, None), (12.0, None)]
)
def test_bucket(value: object, stored: int | None) -> None:
    assert bucket(value, None) == stored


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ("1.22.3-beta+7", "1.22"),
        ("1.22", "1.22"),
        ("10", "10"),
        ("10.0.19045.3803", "10.0"),
        ("3.13.0rc1", "3.13"),
        ("6.1.0-18-amd64", "6.1"),
        ("1.2-lena's laptop", None),
        ("garbage", None),
        ("v1.2", None),
        ("", None),
        ("123456.1", None),
        ("١.٢", None),
        (1.22, None),
    ],
)
def test_version(value: object, stored: str | None) -> None:
    assert version(value, None) == stored


def test_version_without_minor() -> None:
    assert made("version(major)", "version")("1.22.3", None) == "1"


@given(st.integers(0, 99_999), st.integers(0, 99_999), st.integers(0, 999), st.integers(0, 999))
def test_versions_are_told_apart_no_finer_than_minor(major: int, minor: int, patch: int, other: int) -> None:
    stored = version(f"{major}.{minor}.{patch}", None)
    assert stored == version(f"{major}.{minor}.{other}-rc1", None) == version(stored, None) == f"{major}.{minor}"


# ------------------------------------------------------------------------------------------------ pseudonyms


@given(
    st.text(max_size=253),
    st.text(max_size=253),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
)
def test_pseudonyms_link_within_a_key_and_never_across(first: str, second: str, key: bytes, other: bytes) -> None:
    assume(key != other)
    assert (pseudonym(first, key) == pseudonym(second, key)) == (first == second)
    assert pseudonym(first, key) != pseudonym(first, other)


def test_a_pseudonym_is_sixteen_bytes_in_base32() -> None:
    assert pseudonym("forum.example", KEY) == "aqpz2vulbcy3izvioo524mfoby"


def test_pseudonyms_of_two_fields_do_not_link() -> None:
    other = minimiser(msgspec.structs.replace(field("pseudonym", "text"), id="g"))
    assert other("forum.example", KEY) != pseudonym("forum.example", KEY)


@pytest.mark.parametrize("key", [None, b"", b"short", bytes(33), "x" * 32, bytearray(32)])
def test_without_a_key_of_32_bytes_there_is_no_pseudonym(key: Any) -> None:
    assert pseudonym("forum.example", key) is None


def test_a_pseudonym_of_an_address_does_not_depend_on_how_it_is_written() -> None:
    minimise = made("pseudonym", "ip_address")
    assert minimise("2001:DB8:0::1", KEY) == minimise("2001:db8::1", KEY) is not None
    assert minimise("forum.example", KEY) is None


def test_a_text_beyond_its_length_gets_no_pseudonym() -> None:
    assert pseudonym("x" * 254, KEY) is None


# ------------------------------------------------------------------------------------------------ free text


def test_scrub_takes_out_what_is_personal() -> None:
    assert scrubbed("from 203.0.113.9 now", None) == "from [ip] now"
    assert scrubbed(203, None) is None


def test_scrub_knows_the_own_hosts() -> None:
    minimise = minimiser(field("scrub", "text"), Scrubber(frozenset({"api.own.example"})))
    assert minimise("api.own.example not api.other.example", None) == "api.own.example not [host]"


def test_a_scrubbed_field_with_a_pattern_keeps_to_it() -> None:
    name = minimiser(bundled_policy().fields["event_name"])
    assert name("session.connected", None) == "session.connected"
    assert name("Session connected", None) is None


def test_a_cut_leaves_no_half_of_anything() -> None:
    assert scrubbed("mail to somebody: lena.fischer@post.example", None) == f"mail to somebody: {CUT}"
    assert scrubbed("x" * 60, None) == CUT


@given(st.text(max_size=300), st.integers(0, 280))
def test_a_cut_text_is_a_beginning_within_the_limit(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short) <= limit
    assert text == short or text.startswith(short.removesuffix(CUT))


@pytest.mark.clause("C2")
def test_free_text_of_a_form_is_never_cut() -> None:
    """Found by the oracle of policies: to keep it and to scrub it must take the same texts."""
    field = msgspec.structs.replace(
        bundled_policy().fields["event_name"], type=FieldType(kind="text", pattern="[a-z ]+")
    )
    minimise = minimiser(field)
    assert minimise("a few words", None) == "a few words"
    assert minimise("a" * 5000, None) is None
