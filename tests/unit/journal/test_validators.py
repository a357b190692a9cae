"""What is a host, an address, a key, a card: judged one by one, at each border."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.journal.scrub.validators import (
    is_card,
    is_foreign_url,
    is_host,
    is_key,
    is_named_host,
    is_personal_ip,
)

OWN = frozenset({"api.rocketvpn.example", "rocketvpn.example"})
pytestmark = pytest.mark.clause("C2")


# ---------------------------------------------------------------- hosts


@pytest.mark.parametrize(
    ("name", "before", "host"),
    [
        ("shop.example", " ", True),
        ("SHOP.Example", " ", True),
        ("shop.example.", " ", True),  # a name's own end
        ("shop.example_-", " ", True),
        ("shop[.]example", " ", True),
        ("shop。example", " ", True),
        ("shop.münchen", " ", True),
        ("shop.xn--mnchen-3ya", " ", True),
        ("shop.notatld", " ", False),
        ("api.rocketvpn.example", " ", False),
        ("API.rocketvpn.example", " ", False),
        ("other.rocketvpn.example", " ", True),
        ("localhost.localdomain", " ", False),
        ("127.0.0.1", " ", False),
        ("readme.md", " ", False),
        ("asyncio.run", " ", False),
        ("importlib.metadata", " ", False),
        ("os.path", " ", False),  # a module that is there
        # A file that is named after a host.
        ("shop.example.conf", "/", True),
        ("shop.example.key", " ", True),
        ("shop.conf", "/", False),
        ("example.conf", " ", False),  # nothing in front of the ending
        ("my.notatld.conf", " ", False),
        # A Python file, unless a second-level domain says that it is Paraguay.
        ("shop.py", " ", False),
        ("shop.com.py", " ", True),
        ("shop.gov.py", " ", True),
        ("com.py", " ", True),
        ("shop.example.py", " ", False),
        # Endings that are files as well.
        ("shop.sh", " ", True),
        ("shop.sh", "/", False),
        ("shop.sh", "\\", False),
        ("my_shop.sh", " ", False),
        ("libshop.so", " ", False),
        ("shop.so", " ", False),  # far more often a library than in Somalia
        ("www.shop.so", " ", True),
        ("shop.zip", " ", False),
        ("my_shop.example", "/", True),  # no file ends so
        ("libshop.example", "/", True),
    ],
)
def test_a_dotted_name_is_a_host_or_none(name: str, before: str, host: bool) -> None:
    assert is_host(name, before, OWN) is host


@pytest.mark.parametrize(
    ("value", "host"),
    [
        ("router", True),
        ("Router", True),
        ("'router'", True),
        ("[router]:", True),
        ("router:443", True),
        ("shop.example:443", True),
        ("api.rocketvpn.example", False),
        ("API.rocketvpn.example:443", False),
        ("localhost", False),
        ("localhost:8080", False),
        ("timeout", False),
        ("failed", False),
        ("readme.md", False),
        ("192.0.2.1", False),  # an address is found by itself
        ("192.0.2.1:443", False),
        ("2001:db8::1", False),
        ("[2001:db8::1]:443", False),
        ("fe80::1%25", True),  # with a zone, which is nobody else's
        ("a:b:c", False),  # hexadecimal digits and colons
        ("x:y:z", True),
        ("", False),
        ("''", False),
    ],
)
def test_what_is_said_to_be_a_host_is_one_unless_it_is_ours_or_a_plain_word(value: str, host: bool) -> None:
    assert is_named_host(value, " ", OWN) is host


@pytest.mark.parametrize(
    ("url", "foreign"),
    [
        ("https://shop.example/a?b#c", True),
        ("https://shop.example?b", True),
        ("https://shop.example#c", True),
        ("wss://router", True),
        ("https://api.rocketvpn.example/v1", False),
        ("https://API.rocketvpn.example./v1", False),
        ("https://api.rocketvpn.example:443/v1", False),
        ("https://api.rocketvpn.example.shop.example/", True),
        ("https://shop.example/api.rocketvpn.example", True),
        ("https://lena@api.rocketvpn.example/", True),
        ("https://api.rocketvpn.example/@lena", False),
        ("http://localhost:8080/", False),
        ("http://127.0.0.9/", False),
        ("http://128.0.0.1/", True),
        ("http://[::1]:8080/", False),
        ("http://[2001:db8::1]:8080/", True),
        ("file:///home/lena", False),  # a path is judged by itself
        ("FILE:///home/lena", False),
        ("https:///x", True),
        ("file://server/share", True),
    ],
)
def test_a_url_is_foreign_unless_it_stays_here_or_goes_to_us(url: str, foreign: bool) -> None:
    assert is_foreign_url(url, " ", OWN) is foreign


@pytest.mark.parametrize(
    ("address", "personal"),
    [
        ("192.0.2.1", True),
        ("127.0.0.1", False),
        ("127.255.0.3", False),
        ("126.0.0.1", True),
        ("0.0.0.0", False),
        ("0.0.0.1", False),
        ("255.255.255.0", False),
        ("255.255.240.0", False),
        ("255.255.255.255", False),
        ("255.255.255.1", True),
        ("254.255.255.0", True),
        ("::", False),
        ("::1", False),
        ("::2", True),
        ("0:0:0:0:0:0:0:1", False),
        ("0000:0000:0000:0000:0000:0000:0000:0000", False),
        ("0:0:0:0:0:0:0:2", True),
        ("2001:db8::1", True),
    ],
)
def test_an_address_is_personal_unless_every_device_has_it(address: str, personal: bool) -> None:
    assert is_personal_ip(address, " ", OWN) is personal


# ---------------------------------------------------------------- keys


RANDOM = "q7Rz2LmX9vKt4WbN8cYd3HfJ"
"""24 characters that change class all the time."""


@pytest.mark.parametrize(
    ("run", "key"),
    [
        (RANDOM, True),
        (RANDOM[:-1], False),  # one too short
        ("abcdefghijklmnopqrstuvwxyz", False),
        ("a-long-name-of-something-plain", False),
        ("AKIAIOSFODNN7EXAMPLE", True),
        ("xAKIAIOSFODNN7EXAMPLE", False),
        ("ghp_short", True),
        ("sk-live", True),
        ("a" * 31 + "=", True),
        ("a" * 30 + "=", False),
        ("a" * 32, False),
        ("aB" * 12, True),
        # Four changes in ten characters are as many as random text has.
        (("abcdeF" * 9)[:50], False),
        (("abcD" * 13)[:50], True),
        # 24 letters and digits in a row, two digits among them.
        ("abcdefghijk1lmnopqrstuv2", True),
        ("abcdefghijk1lmnopqrstuvw", False),
        ("123456789012345678901234", False),
        # A path, and keys in it.
        ("usr/lib/python/site-packages/thing", False),
        (f"usr/lib/{RANDOM}/thing", True),
        (f"usr/lib/{RANDOM[:-1]}/thing", False),
        ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLE7k3", True),
    ],
)
def test_random_text_is_a_key_and_words_are_none(run: str, key: bool) -> None:
    assert is_key(run, " ", OWN) is key


# ---------------------------------------------------------------- cards


def with_check_digit(body: str) -> str:
    """Return ``body`` and its check digit, as ISO/IEC 7812-1 annex B says it step by step."""
    total = 0
    for place, digit in enumerate(reversed(body)):
        number = int(digit)
        if place % 2 == 0:
            number *= 2
            total += number // 10 + number % 10
        else:
            total += number
    return body + str(-total % 10)


@given(st.text("0123456789", min_size=10, max_size=22), st.integers(1, 9))
def test_a_row_of_13_to_19_digits_is_a_card_if_its_check_digit_fits(body: str, wrong: int) -> None:
    row = with_check_digit(body)
    fits = 13 <= len(row) <= 19
    assert is_card(row, " ", OWN) is fits
    assert is_card(" ".join(row[begin : begin + 4] for begin in range(0, len(row), 4)), " ", OWN) is fits
    assert is_card("-".join(row), " ", OWN) is fits
    other = row[:-1] + str((int(row[-1]) + wrong) % 10)
    assert is_card(other, " ", OWN) is False


@pytest.mark.parametrize(
    ("row", "card"),
    [
        ("4111 1111 1111 1111", True),
        ("5500-0000-0000-0004", True),
        ("378282246310005", True),
        ("4222222222222", True),
        ("4111 1111 1111 1112", False),
        (with_check_digit("1" * 11), False),
        (with_check_digit("1" * 12), True),
        (with_check_digit("1" * 18), True),
        (with_check_digit("1" * 19), False),
    ],
)
def test_cards_that_are_known(row: str, card: bool) -> None:
    assert is_card(row, " ", OWN) is card
