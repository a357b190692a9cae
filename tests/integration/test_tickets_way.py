"""A panic ticket knows the way to its server as the app does: TLS 1.2, pins; and goes through the proxy of a place."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from support.command_line import CommandLine
from support.tls_peers import issued, pin_of, plain_peer, tls_peer, tunnelling, tunnelling_inside
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import ConfigurationError, PinMismatch, ServerUnreachable, ValueRefused
from rocketvpn_sdk.rights import PanicTicket, erase_with_ticket, read_ticket
from rocketvpn_sdk.rights.ticket import new_ticket
from rocketvpn_sdk.sandbox import Sandbox, certificates
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.clause("A3")

SERVER = "https://api.rocketvpn.example"


def pin(number: int) -> str:
    return "sha256/" + base64.b64encode(bytes([number]) * 32).decode()


def made(world: World, **config: object) -> PanicTicket:
    """Return what somebody copied from the paper of a ticket that the app made."""
    with RocketVPN.open(world.config(**config)) as rocket:
        rocket.device.bind(world.sandbox.order())
        return read_ticket(rocket.rights.make_ticket("device").text)


# ---------------------------------------------------------------- TLS 1.2


@pytest.fixture
def old_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A server that knows nothing newer than TLS 1.2."""

    def old(ca: trustme.CA) -> ssl.SSLContext:
        context = certificates.server_context(ca)
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
        return context

    monkeypatch.setattr("rocketvpn_sdk.sandbox.server.server_context", old)
    with running_sandbox(tmp_path / "server") as sandbox:
        yield World(sandbox, tmp_path / "vault")


def test_a_ticket_of_an_app_that_takes_an_older_tls_takes_it_too(old_server: World) -> None:
    ticket = made(old_server, allow_tls12=True)
    assert erase_with_ticket(ticket, trust=old_server.sandbox.ca_file).receipt.claims.scope == "device"


def test_a_ticket_that_does_not_say_so_does_not_take_it_unless_told(old_server: World) -> None:
    ticket = made(old_server, allow_tls12=True)
    older = read_ticket(f"{ticket.server}/{ticket.code}".removeprefix("https://"))  # as tickets were before
    assert not older.allow_tls12
    with pytest.raises(ServerUnreachable):
        erase_with_ticket(older, trust=old_server.sandbox.ca_file)
    assert erase_with_ticket(older, trust=old_server.sandbox.ca_file, allow_tls12=True).receipt


# ---------------------------------------------------------------- pins


def pins_of(sandbox: Sandbox) -> tuple[str, str]:
    return pin_of(sandbox.ca_file.read_bytes()), pin(1)


def test_a_ticket_of_an_app_with_pins_has_them(world: World) -> None:
    ticket = made(world, pins=pins_of(world.sandbox))
    assert ticket.pins == pins_of(world.sandbox)
    assert erase_with_ticket(ticket, trust=world.sandbox.ca_file).receipt.claims.scope == "device"
    assert ticket.code in world.sandbox.requests[-1].body.decode(), "the server is sent the code"
    assert ticket.groups[-1] not in world.sandbox.requests[-1].body.decode(), "and not what is behind it"


@pytest.mark.clause("T1")
def test_attack_another_authority_gets_no_ticket_with_pins(world: World) -> None:
    """The certificate is good for the machine on which the ticket is used, and yet it is not the app's server."""
    code = made(world, pins=pins_of(world.sandbox))
    ticket = PanicTicket(server=code.server, scope=code.scope, code=code.code, pins=(pin(1), pin(2)))
    before = len(world.sandbox.requests)
    with pytest.raises(PinMismatch) as refused:
        erase_with_ticket(ticket, trust=world.sandbox.ca_file)
    assert len(world.sandbox.requests) == before, "nothing was sent"
    assert not refused.value.params.get("perhaps_erased")
    assert erase_with_ticket(ticket, trust=world.sandbox.ca_file, pins=()).receipt, "unless the holder says so"


# ---------------------------------------------------------------- proxies


def test_a_ticket_goes_through_the_proxy_of_the_place(world: World) -> None:
    ticket = made(world, pins=pins_of(world.sandbox))
    with plain_peer(tunnelling(ticket.server)) as proxy:
        done = erase_with_ticket(ticket, trust=world.sandbox.ca_file, proxy=f"http://127.0.0.1:{proxy.port}")
        assert proxy.heard
    assert done.receipt


def test_a_ticket_goes_through_a_proxy_that_speaks_tls(world: World, tmp_path: Path) -> None:
    ticket, authority, trust = made(world), trustme.CA(), tmp_path / "trust.pem"
    trust.write_bytes(world.sandbox.ca_file.read_bytes() + authority.cert_pem.bytes())
    with tls_peer(issued(authority), serve=tunnelling_inside(ticket.server)) as proxy:
        done = erase_with_ticket(ticket, trust=trust, proxy=proxy.url)
        assert proxy.connections
    assert done.receipt


def test_the_command_takes_the_same(world: World) -> None:
    ticket = made(world, pins=(pin(1), pin_of(world.sandbox.ca_file.read_bytes())))
    common = ("erase", "--ticket", "-", "--trust", str(world.sandbox.ca_file), "--yes")
    with plain_peer(tunnelling(ticket.server)) as proxy:
        done = CommandLine().json(*common, "--proxy", f"http://127.0.0.1:{proxy.port}", typed=ticket.text)
        assert proxy.heard
    assert (done.code, done.document["erased"]) == (0, True)
    other = PanicTicket(server=ticket.server, scope="device", code=made_again(world).code, pins=(pin(1), pin(2)))
    assert CommandLine().json(*common, typed=other.text).error["code"] == "pin-mismatch"
    assert CommandLine().json(*common, "--no-pins", typed=other.text).code == 0


def made_again(world: World) -> PanicTicket:
    return made(World(world.sandbox, world.folder / "again", app_id="org.example.again"))


# ---------------------------------------------------------------- on paper


@pytest.mark.parametrize("allow_tls12", [False, True])
@pytest.mark.parametrize("pins", [0, 2, 3, 8])
def test_what_is_behind_the_code_is_read_as_it_was_written(pins: int, allow_tls12: bool) -> None:
    ticket = new_ticket(SERVER, "account", [pin(number) for number in range(pins)], allow_tls12=allow_tls12)
    for text in (ticket.text, ticket.text.lower().replace("-", " "), ticket.url, ticket.url.upper()):
        assert read_ticket(text) == ticket
    assert ticket.terminal()


def test_a_ticket_without_either_is_as_it_always_was() -> None:
    ticket = new_ticket(SERVER, "account")
    assert "".join(ticket.groups) == ticket.code
    assert len(ticket.code) == 40


def test_a_slip_of_the_pen_behind_the_code_is_found() -> None:
    ticket = new_ticket(SERVER, "device", [pin(1), pin(2)], allow_tls12=True)
    host, _, letters = ticket.text.rpartition("/")
    letters = letters.replace("-", "")
    for place, letter in enumerate(letters):
        for other in {"0", "Z"} - {letter}:
            with pytest.raises(ValueRefused, match="on the paper"):
                read_ticket(f"{host}/{letters[:place]}{other}{letters[place + 1 :]}")
    for short in (letters[:-1], letters[: len(letters) - 4], letters[:44], letters + "0"):
        with pytest.raises(ValueRefused, match="letters and digits"):
            read_ticket(f"{host}/{short}")


def test_what_belongs_to_another_code_is_not_taken() -> None:
    first, second = (new_ticket(SERVER, "device", allow_tls12=True) for _ in range(2))
    mixed = "".join(first.groups[:10] + second.groups[10:])
    with pytest.raises(ValueRefused, match="on the paper"):
        read_ticket(f"api.rocketvpn.example/{mixed}")


def test_more_pins_than_can_be_typed_make_no_ticket(world: World) -> None:
    pins = [pin_of(world.sandbox.ca_file.read_bytes()), *(pin(number) for number in range(8))]
    with pytest.raises(ConfigurationError, match="room for 8 pins"):
        made(world, pins=pins)


def test_a_kind_from_the_future_is_named() -> None:
    from rocketvpn_sdk.rights import ticket as tickets

    made_here, way = new_ticket(SERVER, "device"), bytes([2 << 4])
    behind = tickets.encoded(way + tickets._checksum(f"{SERVER}/{made_here.code}", way))
    with pytest.raises(ValueRefused, match="does not know"):
        read_ticket(f"api.rocketvpn.example/{made_here.code}{behind}")
