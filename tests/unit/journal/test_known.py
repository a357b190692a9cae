"""What the device knows of itself is found however it is written, and ordinary words are left alone (C2)."""

from __future__ import annotations

import json
import threading
import unicodedata
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.identity import BINDING, CREDENTIALS, PENDING, Binding, Credentials, Pending
from rocketvpn_sdk.journal import known as known_values
from rocketvpn_sdk.journal.known import DOCUMENTS, Identifiers, Known
from rocketvpn_sdk.journal.scrub import REMOVED, Scrubber
from rocketvpn_sdk.platforms import personal_names

pytestmark = pytest.mark.clause("C2")

ORDER, MAIL, NAME = "K7-PP42-0099", "jürgen.ö@post.example", "Jürgen Müller"
KNOWN = Known([ORDER, "Q" * 20 + "7"], names=[NAME, "jmueller"])
KNOWN.seen([MAIL, "481920", "account", "granted"])


def encoded(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


@pytest.mark.parametrize("value", [ORDER, MAIL, NAME, "jmueller", "481920"])
@pytest.mark.parametrize(
    "write",
    [
        str.lower, str.upper, quote, encoded, lambda text: quote(quote(text, safe="")), json.dumps, ascii,
        lambda text: f"/srv/{text}/log", lambda text: f"https://127.0.0.1/x?y={quote(text)}&z",
        lambda text: f"x:{text}:y",
        lambda text: repr(text.encode()), lambda text: unicodedata.normalize("NFD", text),
    ],
)  # fmt: skip
def test_it_is_found_in_every_notation(value: str, write) -> None:
    text = f"ok {write(value)} ok"
    places = KNOWN.find(text)
    assert places, text
    left = text
    for start, end in sorted(places, reverse=True):
        left = left[:start] + REMOVED + left[end:]
    assert value.casefold() not in left.casefold()
    assert left.startswith("ok ")
    assert left.endswith(" ok")


@pytest.mark.parametrize(
    "order", [f"k7{dash}PP42{dash}0099" for dash in ("", *" _./\u2010\u2011\u2013\u2014\u2212\uff0d")]
)
def test_an_order_number_is_found_with_other_separators(order: str) -> None:
    assert "0099" not in Scrubber(known=KNOWN).scrub(f"renewing {order} failed")


@pytest.mark.parametrize("between", ["-", "_", ".", "+", "%20", " "])
def test_a_name_of_several_words_is_found_as_file_names_and_addresses_write_it(between: str) -> None:
    known = Known([], names=["Kim van Lund"])
    written = between.join(["kim", "van", "lund"])
    assert known.find(f"mail {written}@post.example") == [(5, 5 + len(written))]
    assert known.find(f"mail x{written}") == []  # part of another word


@pytest.mark.parametrize(
    "text", ["account granted", "jmuellers are many", "xjmueller", "4819201 bytes; the müller", ""]
)
def test_words_stay_that_only_look_alike(text: str) -> None:
    assert [place for place in KNOWN.find(text) if "4819201" not in text[place[0] :]] == []


@pytest.mark.parametrize("name", ["", "a", "pi", "root", "user", "Admin", "localhost", "max", "12345"])
def test_short_and_common_names_are_not_looked_for(name: str) -> None:
    text = f"a user with root rights: max 12345 on pi, localhost, /x/{name}"
    assert Known(names=[name]).find(text) == []


def test_a_common_name_is_taken_out_of_a_home_folder_all_the_same() -> None:
    assert (
        Scrubber(known=Known(names=["max"])).scrub("open /home/max/x: max 3 tries")
        == "open /home/[user]/x: max 3 tries"
    )


def test_what_is_known_changes_with_the_binding() -> None:
    known = Known(names=["jmueller"])
    known.now(["RV-OLD-1111"])
    changes = known.changes
    known.now(["RV-NEW-2222"], and_before=True)
    assert known.find("rv-old-1111")
    assert known.find("rv-new-2222")
    known.now(["RV-NEW-2222"])
    assert (known.find("rv-old-1111"), bool(known.find("rv-new-2222"))) == ([], True)
    assert known.changes > changes
    known.forget()
    assert (known.find("rv-new-2222"), bool(known.find("by jmueller"))) == ([], True)
    known.now([])
    assert repr(known) == "Known(…)"


def test_only_the_newest_values_of_calls_are_remembered() -> None:
    known = Known()
    known.seen([f"code-{number:06}" for number in range(60)])
    assert known.find("code-000000") == []
    assert known.find("code-000059")


@pytest.mark.parametrize("meanwhile", ["find", "seen", "forget"])
def test_a_signal_handler_that_comes_while_it_is_prepared_neither_waits_nor_gets_lost(
    monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    known, forms = Known(["RV-OLD-1111"]), known_values._forms
    handlers = [
        {"find": lambda: known.find("x"), "seen": lambda: known.seen(["RV-NEW-2222"]), "forget": known.forget}[
            meanwhile
        ]
    ]

    def interrupted(value: str) -> set[str]:
        while handlers:
            handlers.pop()()
        return forms(value)

    monkeypatch.setattr(known_values, "_forms", interrupted)
    found: list[bool] = []
    text = "rv-old-1111 rv-new-2222"
    thread = threading.Thread(target=lambda: found.append(bool(known.find(text))), daemon=True)
    thread.start()
    thread.join(20)
    assert len(found) == 1
    places = sorted(text[start:end] for start, end in known.find(text))
    assert places == {"find": ["rv-old-1111"], "seen": ["rv-new-2222", "rv-old-1111"], "forget": []}[meanwhile]


@given(st.text(), st.text(min_size=3, max_size=30))
def test_places_are_in_the_text_whatever_it_is(text: str, value: str) -> None:
    known = Known([value], names=[value])
    for start, end in known.find(f"{text}%{value}%41{text}"):
        assert 0 <= start < end <= 2 * len(text) + len(value) + 4
    assert "zz9876" not in Scrubber(known=Known(["zz9876"])).scrub(text.replace("%", "") + " zz9876 ")


def test_the_documents_and_members_are_those_of_the_binding() -> None:
    assert (BINDING, CREDENTIALS, PENDING) == DOCUMENTS
    members = {*Binding.__struct_fields__, *Credentials.__struct_fields__, *Pending.__struct_fields__}
    assert set(Identifiers.__struct_fields__) == members - {"bound_on", "by_machine", "private_key", "client_id"}


def test_the_system_knows_somebody() -> None:
    assert all(isinstance(name, str) and name for name in personal_names())


def test_the_values_of_the_last_calls_are_remembered_and_older_ones_make_room() -> None:
    known, codes = Known(), [f"{number:06}" for number in range(481_000, 481_049)]
    for code in codes:
        known.seen([code])
    assert [code for code in codes if not known.find(f"code {code} was typed")] == codes[:1]
    known.forget()
    assert not any(known.find(f"code {code} was typed") for code in codes)


def test_what_this_device_was_bound_to_before_is_forgotten_unless_it_is_to_stay() -> None:
    known = Known(["K7-PP42-0001"])
    known.now(["K7-PP42-0002"])
    assert not known.find("order K7-PP42-0001")
    known.now(["K7-PP42-0003"], and_before=True)
    assert known.find("order K7-PP42-0002")
    assert known.find("order K7-PP42-0003")


def test_the_addresses_of_its_interfaces_go_in_every_form() -> None:
    known = Known()
    known.here(["3c:a6:2f:0b:9e:d1", "192.0.2.77", "fe80::3ea6:2fff:fe0b:9ed1"])
    scrubber = Scrubber(known=known)
    for text in (
        "id 3CA62F0B9ED1 ok",
        "x-3c-a6-2f-0b-9e-d1-y",
        "3ca6.2f0b.9ed1",
        "version 192.0.2.77",
        "fe80::3ea6:2fff:fe0b:9ed1",
    ):
        assert "9ed1" not in scrubber.scrub(text).lower().replace("-", "")
        assert "192" not in scrubber.scrub(text)
    assert known.find("1192.0.2.77 and 192.0.2.771") == []


def test_addresses_of_a_moment_ago_are_still_known() -> None:
    known = Known()
    known.here(["192.0.2.1"])
    changes = known.changes
    known.here(["192.0.2.1"])
    assert known.changes == changes
    known.here(["192.0.2.2"])
    assert known.find("192.0.2.1")
    assert known.find("192.0.2.2")
    assert known.changes > changes


def test_names_that_the_app_hands_over_stay_after_a_deletion_and_make_room_for_newer_ones() -> None:
    known = Known()
    known.handed(["Casa Russo", "vpn", "ab"])
    known.forget()
    assert known.find("up: casa-russo") == [(4, 14)]
    assert known.find("the vpn of ab") == []
    known.handed(f"Network {number}" for number in range(600))
    assert known.find("casa-russo") == []
    assert known.find("network 599")


def test_what_stands_before_the_at_sign_is_a_name_of_its_own() -> None:
    known = Known()
    known.seen(["lena.fischer@post.example", "info@post.example"])
    assert known.find("login of Lena.Fischer failed") == [(9, 21)]
    assert known.find("info: ok") == []


@pytest.mark.parametrize(
    "text",
    ["{&quot;u&quot;:&quot;M&#252;ller&quot;}", '{"u":"M\\u00fcller"}', "M%C3%BCller", "M%25C3%25BCller", "M\\xfcller"],
)
def test_a_name_is_found_through_the_encodings_of_the_web(text: str) -> None:
    assert "ller" not in Scrubber(known=Known(names=["Müller"])).scrub(text)
