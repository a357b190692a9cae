"""Panic tickets against the real server, over TLS: made here, used from anywhere."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import socket
import time
from pathlib import Path
from unittest import mock

import httpx
import pytest
from support.command_line import CommandLine
from support.world import World, bytes_of

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.cli.app import run
from rocketvpn_sdk.errors import (
    AuthenticationRequired,
    BrowserRequired,
    CertificateUntrusted,
    ConfigurationError,
    DeviceRevoked,
    NotBound,
    RateLimited,
    ReceiptInvalid,
    RequestRefused,
    ServerUnreachable,
    TicketRefused,
    ValueRefused,
)
from rocketvpn_sdk.rights import (
    ErasureOutcome,
    PanicTicket,
    check_receipt_file,
    erase,
    erase_with_ticket,
    receipt_to_json,
)
from rocketvpn_sdk.rights.receipts import ReceiptKeys
from rocketvpn_sdk.rights.ticket import new_ticket
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.signed_files import TrustedFiles
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.transport import Api, BindingRevoked

pytestmark = pytest.mark.clause("A3")


@pytest.fixture
def order(world: World) -> str:
    return world.sandbox.order(email="kim@example.org")


@pytest.fixture
def rocket(world: World, order: str):
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(order)
        yield rocket


def use(world: World, ticket: PanicTicket | str) -> ErasureOutcome:
    """Use a ticket as somebody on another machine does, who has the operator's root."""
    return erase_with_ticket(ticket, trust=world.sandbox.ca_file, trusted_root=world.sandbox.trusted_root.read_bytes())


def ask(world: World, code: str, key: str | None = None) -> httpx.Response:
    """Use a ticket without any software of ours: its code and an HTTP client."""
    import ssl

    headers = {"Idempotency-Key": f'"{key}"'} if key else {}
    context = ssl.create_default_context(cafile=str(world.sandbox.ca_file))
    with httpx.Client(verify=context) as client:
        return client.post(f"{world.sandbox.url}/v1/erasures", json={"ticket": code}, headers=headers)


# ---------------------------------------------------------------- made


@pytest.mark.clause("A4")
def test_making_one_for_the_account_asks_for_the_code_and_leaves_a_fingerprint_alone(
    world: World, rocket: RocketVPN
) -> None:
    ticket = rocket.rights.make_ticket()
    assert len(world.asked) == 1  # else a ticket would be a way around the code that a deletion asks for
    assert (ticket.server, ticket.scope) == (world.sandbox.url, "account")
    (listed,) = rocket.rights.tickets()
    assert (listed.ticket_id, listed.scope, listed.current) == (ticket.ticket_id, "account", True)
    server = json.dumps(world.sandbox.rows(), default=str) + str(world.sandbox.requests)
    assert ticket.ticket_id in server
    for trace in (ticket.code, ticket.groups[4], ticket.groups[5]):
        assert trace not in server
    sent = [entry for entry in rocket.rights.sent() if entry.operation == "tickets.make"]
    assert "erasure_ticket" in sent[-1].fields


def test_this_device_keeps_nothing_of_it(world: World, rocket: RocketVPN) -> None:
    logging.getLogger("app").addHandler(rocket.journal.handler())
    ticket = rocket.rights.make_ticket("device")
    logging.getLogger("app").warning("made %r", ticket)
    rocket.journal.flush()
    assert not any(ticket.code in str(entry) for entry in rocket.journal.read())
    logging.getLogger("app").handlers.clear()
    rocket.close()
    assert ticket.code.encode() not in bytes_of(world.folder)
    assert ticket.ticket_id.encode() not in bytes_of(world.folder)


@pytest.mark.clause("A4")
def test_without_the_code_there_is_none_for_the_account(world: World, rocket: RocketVPN) -> None:
    rocket.close()
    with RocketVPN.open(world.config(authenticator=None)) as thief:
        with pytest.raises(AuthenticationRequired):
            thief.rights.make_ticket("account")
        assert thief.rights.make_ticket("device").scope == "device"
        assert [ticket.scope for ticket in thief.rights.tickets()] == ["device"]


@pytest.mark.clause("A1")
def test_the_report_says_that_there_is_one(rocket: RocketVPN) -> None:
    ticket = rocket.rights.make_ticket("device")
    (held,) = [value for value in rocket.rights.view().shown_there if value.field == "erasure_ticket"]
    assert held.value == f"for the device, fingerprint {ticket.ticket_id[:8]}"
    assert "fingerprint" in held.sentence


def test_an_order_has_so_many_and_no_more(world: World, rocket: RocketVPN) -> None:
    for _ in range(world.sandbox.settings.live_tickets):
        ticket = rocket.rights.make_ticket("device")
    with pytest.raises(RequestRefused, match="too-many-tickets"):
        rocket.rights.make_ticket("device")
    rocket.rights.revoke_ticket(ticket.ticket_id)
    rocket.rights.make_ticket("device")


def test_unbound_there_is_none(world: World) -> None:
    with RocketVPN.open(world.config()) as unbound:
        for call in (unbound.rights.make_ticket, unbound.rights.tickets):
            with pytest.raises(NotBound):
                call()
        with pytest.raises(ValueRefused, match="scope"):
            unbound.rights.make_ticket("logs")  # type: ignore[arg-type] # what must be refused


@pytest.mark.clause("M1", "C2")
def test_a_minor_and_an_app_that_collects_nothing_have_this_right_too(world: World, order: str) -> None:
    with RocketVPN.open(world.config(collect=False)) as rocket:
        rocket.device.bind(order)
        rocket.consent.declare_age(adult=False)
        ticket = rocket.rights.make_ticket("account")
        rocket.rights.revoke_ticket(rocket.rights.tickets()[0].ticket_id)
        ticket = rocket.rights.make_ticket("account")
    assert "order_number" in use(world, ticket).receipt.claims.erased


# ---------------------------------------------------------------- used


@pytest.mark.clause("R2")
def test_used_from_anywhere_it_erases_the_account_and_brings_a_receipt_that_can_be_checked_later(
    world: World, rocket: RocketVPN, order: str, tmp_path: Path
) -> None:
    with RocketVPN.open(world.neighbour(tmp_path / "laptop").config()) as laptop:
        laptop.device.bind(order)
    ticket = rocket.rights.make_ticket()
    done = use(world, ticket.text.lower())
    claims = done.receipt.claims
    assert {"order_number", "contact_email", "device_id", "erasure_ticket"} <= set(claims.erased)
    assert [held.field for held in claims.held_back] == ["payment_record"]
    assert (claims.scope, claims.jti, claims.iss) == ("account", ticket.ticket_id, world.sandbox.url)
    rows = world.sandbox.rows()
    assert order not in str(rows)
    (used,) = [row for row in rows["tickets"] if row["ticket_id"] == ticket.ticket_id]
    assert (used["order_number"], used["device_id"]) == (None, None)
    kept = tmp_path / "receipt.json"
    kept.write_bytes(receipt_to_json(done.receipt))
    checked = check_receipt_file(kept, trusted_root=world.sandbox.trusted_root, server=world.sandbox.url)
    assert checked == done.receipt
    assert [entry.operation for entry in done.sent][-1] == "erasure.redeem"
    assert done.sent[-1].fields == ("erasure_ticket",)
    assert {entry.identity for entry in done.sent} == {"none"}


def test_the_device_that_was_erased_elsewhere_learns_it_and_can_end_here(world: World, rocket: RocketVPN) -> None:
    told: list[BindingRevoked] = []
    rocket.events.subscribe(BindingRevoked, told.append)
    use(world, rocket.rights.make_ticket())
    with pytest.raises(DeviceRevoked):
        rocket.device.order()
    assert len(told) == 1
    outcome = rocket.rights.delete(rocket.rights.plan_delete("account"))
    assert outcome.here.done
    assert (outcome.server.state, outcome.server.problem) == ("refused", "device-revoked")
    rocket.rights.forget_now()
    assert not world.folder.exists()
    assert world.secrets.names() == ()


def test_one_for_the_device_leaves_the_order_and_the_others(
    world: World, rocket: RocketVPN, order: str, tmp_path: Path
) -> None:
    with RocketVPN.open(world.neighbour(tmp_path / "laptop").config()) as laptop:
        laptop.device.bind(order)
        kept = laptop.rights.make_ticket("account")
        binding = rocket.device.binding
        assert binding is not None
        claims = use(world, rocket.rights.make_ticket("device")).receipt.claims
        assert claims.device_id == binding.device_id
        assert "device_id" in claims.erased
        assert "order_number" not in claims.erased
        assert [device.current for device in laptop.device.list()] == [True]
        assert [ticket.ticket_id for ticket in laptop.rights.tickets()] == [kept.ticket_id]
    with pytest.raises(DeviceRevoked):
        rocket.device.order()


def test_a_second_use_a_revoked_and_an_unknown_ticket_are_answered_alike(world: World, rocket: RocketVPN) -> None:
    used, revoked = rocket.rights.make_ticket("device"), rocket.rights.make_ticket("account")
    unknown = new_ticket(world.sandbox.url, "account")
    rocket.rights.revoke_ticket(revoked.ticket_id)
    use(world, used)
    answers = [ask(world, ticket.code) for ticket in (used, revoked, unknown)]
    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    plain = [{name: value for name, value in answer.headers.items() if name != "date"} for answer in answers]
    assert plain[0] == plain[1] == plain[2]
    for ticket in (revoked, unknown):
        with pytest.raises(TicketRefused, match="used or revoked, or was never known"):
            use(world, ticket)


def test_a_revoked_ticket_is_unknown_to_its_own_order(rocket: RocketVPN) -> None:
    ticket = rocket.rights.make_ticket("device")
    rocket.rights.revoke_ticket(ticket.ticket_id)
    assert rocket.rights.tickets() == ()
    with pytest.raises(RequestRefused, match="ticket-not-found"):
        rocket.rights.revoke_ticket(ticket.ticket_id)


def test_attack_revoking_somebody_else_s_ticket(world: World, rocket: RocketVPN, tmp_path: Path) -> None:
    ticket = rocket.rights.make_ticket("device")
    with RocketVPN.open(world.neighbour(tmp_path / "stranger").config()) as stranger:
        stranger.device.bind(world.sandbox.order())
        assert stranger.rights.tickets() == ()
        with pytest.raises(RequestRefused, match="ticket-not-found"):
            stranger.rights.revoke_ticket(ticket.ticket_id)
    assert len(rocket.rights.tickets()) == 1


def test_an_answer_that_got_lost_is_given_again_to_the_same_call_and_to_no_other(
    world: World, rocket: RocketVPN
) -> None:
    ticket = rocket.rights.make_ticket("device")
    first = ask(world, ticket.code, "one-intent")
    assert ask(world, ticket.code, "one-intent").content == first.content
    assert ask(world, ticket.code, "another").status_code == 404
    assert ask(world, ticket.code).status_code == 404


def test_a_lost_answer_is_no_lost_receipt_whoever_holds_the_ticket_asks_again_for_a_day(tmp_path: Path) -> None:
    clock = FakeClock()
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        world = World(sandbox, tmp_path / "vault")
        with RocketVPN.open(world.config(clock=clock)) as rocket:
            rocket.device.bind(sandbox.order())
            ticket = rocket.rights.make_ticket("device")
        sandbox.faults.lose_answers(5)
        with pytest.raises(ServerUnreachable) as caught:  # the keys: the ticket was not shown yet
            erase_with_ticket(ticket, trust=sandbox.ca_file, clock=clock, limits=_impatient())
        assert "perhaps_erased" not in caught.value.params
        sandbox.faults.clear()
        assert len(sandbox.rows()["devices"]) == 1
        with pytest.raises(ServerUnreachable) as caught:
            _redeem_into_the_void(sandbox, ticket, clock)
        assert caught.value.params["perhaps_erased"] is True
        assert sandbox.rows()["devices"] == []
        clock.advance(sandbox.settings.replay_lifetime - 1)
        again = erase_with_ticket(ticket, trust=sandbox.ca_file, clock=clock)
        assert again.receipt.claims.jti == ticket.ticket_id
        clock.advance(1 + sandbox.settings.purge_interval)
        with pytest.raises(TicketRefused):
            erase_with_ticket(ticket, trust=sandbox.ca_file, clock=clock)


def _redeem_into_the_void(sandbox: Sandbox, ticket: PanicTicket, clock: FakeClock) -> None:
    """Use ``ticket``, and lose every answer from the moment on at which it is shown."""
    fetch_keys = erase.fetch_keys

    def fetch_and_lose(api: Api, files: TrustedFiles | None) -> ReceiptKeys:
        keys = fetch_keys(api, files)
        sandbox.faults.lose_answers(5)
        return keys

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(erase, "fetch_keys", fetch_and_lose)
        try:
            erase_with_ticket(ticket, trust=sandbox.ca_file, clock=clock, limits=_impatient())
        finally:
            sandbox.faults.clear()


@pytest.mark.parametrize("off", [-900.0, 900.0, -40 * 86400.0, 40 * 86400.0])
def test_a_wrong_clock_does_not_make_an_erasure_look_like_a_failure(
    world: World, rocket: RocketVPN, off: float
) -> None:
    ticket = rocket.rights.make_ticket("device")
    done = erase_with_ticket(ticket, trust=world.sandbox.ca_file, clock=FakeClock(time.time() + off))
    assert done.receipt.claims.jti == ticket.ticket_id


def test_a_root_that_is_none_is_found_before_anything_is_erased(world: World, rocket: RocketVPN) -> None:
    ticket = rocket.rights.make_ticket("device")
    for nonsense in (b"{}", b"", b"\x00" * 100):
        with pytest.raises(ConfigurationError, match="trusted_root"):
            erase_with_ticket(ticket, trust=world.sandbox.ca_file, trusted_root=nonsense)
    assert rocket.device.order().state == "active"
    assert use(world, ticket).receipt.claims.jti == ticket.ticket_id


def test_the_key_of_an_erasure_is_of_no_use_without_the_ticket(world: World, rocket: RocketVPN) -> None:
    ticket, other = rocket.rights.make_ticket("device"), new_ticket(world.sandbox.url, "device")
    assert erase._intent(ticket) == erase._intent(ticket) != erase._intent(other)
    assert erase._intent(ticket).replace("-", "")[:12] != ticket.ticket_id[:12]
    use(world, ticket)
    assert ask(world, ticket.ticket_id, erase._intent(ticket)).status_code == 404


def test_attack_a_thief_s_ticket_ends_with_the_stolen_device(world: World, order: str, tmp_path: Path) -> None:
    """One that a device made for itself, without a code, does not outlive it; one for the account needs the code.

    For an order without an address nobody can be asked for a code: then there is no ticket for the account.
    """
    number = world.sandbox.order(email=None)
    owner, stolen = world.neighbour(tmp_path / "owner"), world.neighbour(tmp_path / "stolen")
    with RocketVPN.open(owner.config()) as home, RocketVPN.open(stolen.config()) as gone:
        home.device.bind(number)
        gone.device.bind(number)
        with pytest.raises(BrowserRequired):  # the order has no address, so nobody can be asked
            gone.rights.make_ticket("account")
        ticket = gone.rights.make_ticket("device")
        binding = gone.device.binding
        assert binding is not None
        world.sandbox.faults.revoke_device(binding.device_id)
        with pytest.raises(TicketRefused):
            use(world, ticket)
        assert home.device.order().state == "active"


def test_one_that_a_code_stood_behind_outlives_its_device(world: World, rocket: RocketVPN, order: str) -> None:
    ticket = rocket.rights.make_ticket("account")
    rocket.device.unbind()  # the last one of the order
    claims = use(world, ticket).receipt.claims
    assert {"order_number", "contact_email"} <= set(claims.erased)
    assert [held.field for held in claims.held_back] == ["payment_record"]
    assert order not in str(world.sandbox.rows())


def test_an_account_that_is_deleted_otherwise_takes_its_tickets_along(world: World, rocket: RocketVPN) -> None:
    ticket = rocket.rights.make_ticket("account")
    plan = rocket.rights.plan_delete("account")
    assert "erasure_ticket" in {goes.field for goes in plan.goes}
    rocket.rights.delete(plan)
    with pytest.raises(TicketRefused):
        use(world, ticket)


# ---------------------------------------------------------------- what goes wrong


def test_a_slip_of_the_pen_is_found_before_any_socket_opens(
    world: World, rocket: RocketVPN, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = rocket.rights.make_ticket("device")
    letter = "Z" if ticket.code[7] != "Z" else "Y"
    wrong = f"{ticket.text.partition('/')[0]}/{ticket.code[:7]}{letter}{ticket.code[8:]}"

    def no_socket(*_: object, **__: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", no_socket)
    monkeypatch.setattr(socket, "create_connection", no_socket)
    monkeypatch.setattr(socket, "getaddrinfo", no_socket)
    with pytest.raises(ValueRefused, match="on the paper"):
        use(world, wrong)


@pytest.mark.clause("T1")
def test_without_a_connection_or_trust_nothing_is_erased_and_the_ticket_still_works(
    world: World, rocket: RocketVPN
) -> None:
    ticket = rocket.rights.make_ticket("device")
    with pytest.raises(CertificateUntrusted):
        erase_with_ticket(ticket)  # the operating system does not know the sandbox's CA
    with pytest.raises(ServerUnreachable):
        erase_with_ticket(new_ticket("https://localhost:9", "device"), trust=world.sandbox.ca_file)
    assert use(world, ticket).receipt.claims.jti == ticket.ticket_id


def test_keys_that_cannot_be_trusted_do_not_keep_anyone_from_being_erased(
    world: World, rocket: RocketVPN, tmp_path: Path
) -> None:
    ticket = rocket.rights.make_ticket("device")
    with Sandbox(tmp_path / "other") as other:
        foreign = other.trusted_root.read_bytes()
    with pytest.raises(ReceiptInvalid, match=r"update-refused.*it is erased all the same") as caught:
        erase_with_ticket(ticket, trust=world.sandbox.ca_file, trusted_root=foreign)
    token = caught.value.params["token"]
    assert token not in f"{caught.value} {caught.value!r}"
    assert use(world, ticket).receipt.token == token  # and with the right root it can be had once more
    with pytest.raises(DeviceRevoked):
        rocket.device.order()


def test_without_a_root_the_receipt_says_that_its_keys_came_over_tls(
    world: World, rocket: RocketVPN, tmp_path: Path
) -> None:
    done = erase_with_ticket(rocket.rights.make_ticket("device"), trust=world.sandbox.ca_file)
    assert (done.receipt.vouched_by, done.receipt.evidence) == ("tls", None)
    kept = tmp_path / "receipt.json"
    kept.write_bytes(receipt_to_json(done.receipt))
    with pytest.raises(ReceiptInvalid, match="TLS"):
        check_receipt_file(kept, trusted_root=world.sandbox.trusted_root)


def test_attack_guessing_ends_after_a_few_tries_and_begins_again_later(tmp_path: Path) -> None:
    clock = FakeClock()
    with Sandbox(tmp_path / "server", clock=clock) as sandbox:
        world = World(sandbox, tmp_path / "vault")
        for _ in range(sandbox.settings.ticket_tries):
            assert ask(world, "0" * 40).status_code == 404
        refused = ask(world, "0" * 40)
        assert refused.status_code == 429
        assert int(refused.headers["Retry-After"]) <= sandbox.settings.ticket_window
        with pytest.raises(RateLimited):
            erase_with_ticket(new_ticket(sandbox.url, "device"), trust=sandbox.ca_file, limits=_impatient())
        clock.advance(sandbox.settings.ticket_window)
        assert ask(world, "0" * 40).status_code == 404
        assert "127.0.0.1" not in json.dumps(sandbox.rows(), default=str)
        assert b"127.0.0.1" not in bytes_of(tmp_path / "server").replace(sandbox.ca_file.read_bytes(), b"")


def _impatient():
    from rocketvpn_sdk import Limits

    return Limits(retry_attempts=1)


# ---------------------------------------------------------------- the command line, on another machine


def test_on_another_machine_with_nothing_but_the_paper(world: World, rocket: RocketVPN, tmp_path: Path) -> None:
    ticket = rocket.rights.make_ticket()
    home = tmp_path / "elsewhere"
    home.mkdir()
    places = dict.fromkeys(("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"), str(home))
    there = CommandLine(**places, TMPDIR=str(home))
    trust, receipt = ("--trust", str(world.sandbox.ca_file)), home / "receipt.json"

    with there.terminal("erase", *trust, "--receipt", str(receipt), "--root", str(world.sandbox.trusted_root)) as term:
        term.expect("as it stands on the paper: ")
        term.type(f"{ticket.text.lower()}\n")
        term.expect("on all your devices")
        term.expect("Type erase to go on: ")
        term.type("erase\n")
        term.expect("has signed that")
        term.expect("payment record, until")
        term.expect("A device of yours still has what is on it")
        assert term.leave() == codes.DONE
    assert [path.name for path in home.iterdir()] == ["receipt.json"]
    shown = there.run("receipt", str(receipt), "--root", str(world.sandbox.trusted_root))
    assert "The receipt holds." in shown.out
    assert ticket.ticket_id in "".join(shown.out.split())

    again = there.json("erase", "--ticket", "-", "--yes", *trust, typed=ticket.text)
    assert again.document["receipt"]["token"] == json.loads(receipt.read_bytes())["token"]
    unknown = new_ticket(world.sandbox.url, "account").text
    refused = there.json("erase", "--ticket", "-", "--yes", *trust, typed=unknown)
    assert (refused.code, refused.error["code"]) == (codes.REFUSED, "ticket-refused")


def test_the_command_line_saves_a_receipt_that_came_and_does_not_hold(
    world: World, rocket: RocketVPN, tmp_path: Path
) -> None:
    ticket, kept, none = rocket.rights.make_ticket("device"), tmp_path / "receipt.json", tmp_path / "none.json"
    there, trust = CommandLine(), ("--trust", str(world.sandbox.ca_file))
    redeem = ("erase", "--ticket", "-", "--yes", *trust)
    none.write_bytes(b"{}")
    bad = there.json(*redeem, "--root", str(none), typed=ticket.text)
    assert (bad.error["code"], "trusted_root" in bad.error["message"]) == ("configuration-invalid", True)
    assert rocket.device.order().state == "active"
    with Sandbox(tmp_path / "other") as other:
        root = ("--root", str(other.trusted_root))
        failed = there.json(*redeem, *root, "--receipt", str(kept), typed=ticket.text)
    assert failed.error["code"] == "receipt-invalid"
    assert "it is erased all the same" in failed.error["message"]
    raw = tmp_path / "receipt.json.unverified"
    assert (raw.read_text().strip(), raw.stat().st_mode & 0o777) == (failed.error["token"], 0o600)
    good = there.json(*redeem, "--receipt", str(kept), typed=ticket.text)
    assert good.document["receipt"]["token"] == failed.error["token"]


def test_the_command_line_says_that_it_may_have_been_erased(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unanswered(*_: object, **__: object) -> None:
        raise ServerUnreachable(host="vpn.example.org", problem="nothing came", perhaps_erased=True)

    monkeypatch.setattr("rocketvpn_sdk.rights.erase_with_ticket", unanswered)
    ticket = new_ticket("https://vpn.example.org", "device").text
    assert CommandLine().json("erase", "--ticket", "-", "--yes", typed=ticket).error["perhaps_erased"] is True
    monkeypatch.setattr("sys.stdin", io.StringIO(ticket))
    assert run(["erase", "--ticket", "-", "--yes"]) == codes.SERVER
    said = " ".join(capsys.readouterr().err.split())
    assert "It may have been erased. Run it again with the same ticket within a day" in said


def test_a_receipt_that_cannot_be_saved_is_printed(world: World, rocket: RocketVPN, tmp_path: Path) -> None:
    ticket, full = rocket.rights.make_ticket("device"), tmp_path / "receipt.json"
    redeem = ("erase", "--ticket", "-", "--yes", "--trust", str(world.sandbox.ca_file), "--receipt", str(full))
    with mock.patch("os.fsync", side_effect=OSError(28, "No space left on device")):
        failed = CommandLine().json(*redeem, typed=ticket.text)
    assert "could not be saved" in failed.error["message"]
    assert failed.error["receipt"]["claims"]["jti"] == ticket.ticket_id
    assert not full.exists()


def test_the_command_line_asks_before_and_warns_of_arguments(world: World, rocket: RocketVPN) -> None:
    ticket = rocket.rights.make_ticket("device")
    there = CommandLine()
    trust = ("--trust", str(world.sandbox.ca_file))
    assert there.json("erase", "--ticket", "-", *trust, typed=ticket.text).error["code"] == "confirmation-required"
    assert there.json("erase", "--ticket", "-", "--yes", *trust, typed="hello").error["code"] == "value-refused"
    done = there.json("erase", "--ticket", ticket.text, "--yes", *trust)
    assert "may see what stands on a command line" in done.err
    assert done.document["erased"] is True
    assert done.document["receipt"]["claims"]["jti"] == hashlib.sha256(ticket.code.encode()).hexdigest()
    assert [entry["operation"] for entry in done.document["sent"]] == ["server.keys", "erasure.redeem"]
