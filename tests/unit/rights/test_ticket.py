"""The panic ticket as text: what people write down, type again and scan."""

from __future__ import annotations

import hashlib
import random
import re
import xml.etree.ElementTree as ET

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.crockford import encoded
from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.rights import PanicTicket, read_ticket
from rocketvpn_sdk.rights.ticket import new_ticket

SERVER = "https://api.rocketvpn.example"
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.fixture
def ticket() -> PanicTicket:
    return new_ticket(SERVER, "account")


def test_its_form_is_the_one_that_is_written_down(ticket: PanicTicket) -> None:
    assert re.fullmatch(rf"api\.rocketvpn\.example/[{ALPHABET}]{{4}}(-[{ALPHABET}]{{4}}){{9}}", ticket.text)
    assert len(ticket.text) < 80
    assert "".join(ticket.groups) == ticket.code
    assert ticket.ticket_id == hashlib.sha256(ticket.code.encode()).hexdigest()
    assert ticket.url == f"rocketvpn-erase:api.rocketvpn.example/{ticket.code}"


def test_a_known_ticket_reads_as_it_always_will() -> None:
    """The format is on paper: a later version must still read this one."""
    paper = "api.rocketvpn.example/27QN-XD34-QNCQ-JMMH-G6MG-8G5C-3T1D-KR7T-2RHY-9KZC"
    read = read_ticket(paper)
    assert (read.server, read.scope, read.text) == (SERVER, "account", paper)


def test_two_tickets_share_nothing_but_the_server() -> None:
    codes = {new_ticket(SERVER, "device").code for _ in range(50)}
    assert len(codes) == 50
    assert len({code[2:34] for code in codes}) == 50


@given(
    host=st.sampled_from(["localhost:8443", "api.rocketvpn.example", "192.0.2.1:9", "[2001:db8::1]:8443"]),
    scope=st.sampled_from(["device", "account"]),
    seed=st.integers(),
)
def test_however_it_is_typed_it_is_the_same_ticket(host: str, scope: str, seed: int) -> None:
    ticket, dice = new_ticket(f"https://{host}", scope), random.Random(seed)  # type: ignore[arg-type] # one of both
    look = {"0": "0Oo", "1": "1IiLl"}
    code = "".join(dice.choice(look.get(letter, letter + letter.lower())) for letter in ticket.code)
    spaced = "".join(letter + dice.choice(["", "", "-", " ", "\n"]) for letter in code)
    assert read_ticket(f"  {host.upper()} / {spaced}\n") == ticket
    assert read_ticket(ticket.url) == read_ticket(ticket.url.upper()) == read_ticket(ticket.text) == ticket


def test_every_wrong_character_and_every_swap_is_found_out(ticket: PanicTicket) -> None:
    for place in range(len(ticket.code)):
        for letter in ALPHABET:
            if letter != ticket.code[place]:
                with pytest.raises(ValueRefused):
                    read_ticket(f"api.rocketvpn.example/{ticket.code[:place]}{letter}{ticket.code[place + 1 :]}")
    for place in range(len(ticket.code) - 1):
        one, other = ticket.code[place : place + 2]
        if one != other:
            with pytest.raises(ValueRefused):
                read_ticket(f"api.rocketvpn.example/{ticket.code[:place]}{other}{one}{ticket.code[place + 2 :]}")


@pytest.mark.parametrize("host", ["api.rocketvpn.exarnple", "evil.example", "api.rocketvpn.example:8443", "a/api.b"])
def test_attack_a_ticket_for_another_server(ticket: PanicTicket, host: str) -> None:
    with pytest.raises(ValueRefused):
        read_ticket(f"{host}/{ticket.code}")


@pytest.mark.parametrize(
    "text",
    ["", "/", "hello", "A" * 40, "host/" + "0" * 39, "host/" + "0" * 41, "host/" + "U" * 40, "host/" + "é" * 40,
     "user:pw@host/" + "0" * 40, "host?x/" + "0" * 40, "a b/" + "0" * 40, "x" * 100_000, "\x00/" + "0" * 40,
     "host/" + "0" * 40],
)  # fmt: skip
def test_what_is_no_ticket_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueRefused) as refused:
        read_ticket(text)
    assert refused.value.params["name"] == "ticket"
    assert len(text) < 6 or text not in str(refused.value)


def test_a_ticket_of_a_later_kind_says_so() -> None:
    from rocketvpn_sdk.rights.ticket import _checksum

    for first in (0x20, 0x12):
        head = bytes([first]) + bytes(20)
        with pytest.raises(ValueRefused, match="kind"):
            read_ticket(f"api.rocketvpn.example/{encoded(head + _checksum(SERVER, head))}")


def test_it_does_not_show_in_a_log(ticket: PanicTicket) -> None:
    assert ticket.code not in repr(ticket)
    assert ticket.groups[3] not in f"{ticket}"


# ---------------------------------------------------------------- the QR code


def modules_of(drawing: str) -> list[list[bool]]:
    """Return the rows of a drawing in block characters: whether each module is inked."""
    upper = {"█": True, "▀": True, "▄": False, " ": False}
    lower = {"█": True, "▀": False, "▄": True, " ": False}
    rows = []
    for line in drawing.splitlines():
        rows += [[upper[block] for block in line], [lower[block] for block in line]]
    return rows


def test_the_qr_code_holds_the_ticket_in_both_drawings(ticket: PanicTicket) -> None:
    drawn = segno.make(ticket.url.upper(), error="m", micro=False)
    assert drawn.mode == "alphanumeric"
    true = [[bool(module) for module in row] for row in drawn.matrix_iter(border=2)]
    paper = modules_of(ticket.terminal(on_dark=False))
    screen = modules_of(ticket.terminal())
    assert paper[: len(true)] == true
    assert screen[: len(true)] == [[not module for module in row] for row in true]
    assert all(len(row) == len(true[0]) <= 80 for row in paper)
    assert not any(paper[-1])
    assert all(screen[-1])


def test_the_svg_is_a_picture_with_a_margin_and_nothing_that_runs(ticket: PanicTicket) -> None:
    root = ET.fromstring(ticket.svg())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {"svg", "g", "path"}
    assert ticket.code not in ticket.svg()
