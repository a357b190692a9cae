"""The order's address as an app and its user see it: codes, what waits, and the paper for a lost mailbox."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.world import World, bytes_of

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import (
    AuthenticationFailed,
    AuthenticationRequired,
    BrowserRequired,
    RequestRefused,
    ValueRefused,
)
from rocketvpn_sdk.recovery_code import new_code, read_code
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.transport import OrderChangePending

pytestmark = pytest.mark.clause("A4", "A2", "A3")

CLOCK = FakeClock()
DAY = 24 * 3600
WEEK = 7 * DAY


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "server", clock=CLOCK) as running:
        yield running


@pytest.fixture
def world(sandbox: Sandbox, tmp_path: Path) -> World:
    CLOCK.advance(DAY)  # what is counted for an address begins again
    sandbox.mail.clear()
    return World(sandbox, tmp_path / "vault")


Open = Callable[..., RocketVPN]


@pytest.fixture
def opened(world: World) -> Iterator[Open]:
    """Open an app of the user's that is bound to ``order``; each is a device of its own."""
    rockets: list[RocketVPN] = []

    def new(order: str, machine: World = world, **config: Any) -> RocketVPN:
        rocket = RocketVPN.open(machine.config(clock=CLOCK, **config))
        rockets.append(rocket)
        if rocket.device.binding is None:
            rocket.device.bind(order)
            rocket.consent.declare_age(True)  # giving an address where there was none is for adults (M1)
        return rocket

    yield new
    for rocket in rockets:
        rocket.close()


def address(rocket: RocketVPN) -> Any:
    return next((held for held in rocket.rights.view().there if held.field == "contact_email"), None)


# ---------------------------------------------------------------- a new address


def test_a_new_address_is_asked_for_its_code_within_the_call(world: World, opened: Open) -> None:
    rocket = opened(world.sandbox.order())
    outcome = rocket.rights.correct({"contact_email": "new@example.org"})
    assert outcome.server.state == "confirmed"
    assert [challenge.hint for challenge in world.asked] == ["k…@example.org", "n…@example.org"]
    assert (address(rocket).value, address(rocket).pending) == ("new@example.org", None)
    told = ["kim@example.org", "new@example.org", "kim@example.org"]
    assert [message.to for message in world.sandbox.mail if "was bound" not in message.text] == told


def test_a_new_address_whose_code_nobody_gives_is_pending_and_is_confirmed_later(world: World, opened: Open) -> None:
    calls = iter([world.read_mail, lambda _: None])
    rocket = opened(world.sandbox.order(), authenticator=lambda asked: next(calls, world.read_mail)(asked))

    outcome = rocket.rights.correct({"contact_email": "new@example.org"})
    assert (outcome.server.state, outcome.server.problem) == ("waiting_for_user", "authentication-cancelled")
    held = address(rocket)
    assert (held.value, held.pending.value, held.pending.state) == ("kim@example.org", "new@example.org", "code_needed")
    assert "new@" not in repr(held), "what is pending is masked as what is held"
    assert "new@" not in repr(held.pending)
    assert rocket.rights.confirm_address().server.state == "confirmed"
    assert address(rocket).value == "new@example.org"


def test_there_is_nothing_to_confirm(world: World, opened: Open) -> None:
    rocket = opened(world.sandbox.order())
    with pytest.raises(RequestRefused) as refused:
        rocket.rights.confirm_address()
    assert refused.value.params["reason"] == "address-not-pending"


def test_a_first_address_waits_and_the_other_device_is_told_and_calls_it_off(
    world: World, opened: Open, tmp_path: Path
) -> None:
    order = world.sandbox.order(email=None)
    mine, other = opened(order), opened(order, world.neighbour(tmp_path / "other"))
    told: list[OrderChangePending] = []
    mine.events.subscribe(OrderChangePending, told.append)
    own: list[OrderChangePending] = []
    other.events.subscribe(OrderChangePending, own.append)

    outcome = other.rights.correct({"contact_email": "eve@example.org"})
    assert outcome.server.state == "in_progress"
    assert outcome.server.waits_until is not None
    assert outcome.server.waits_until.timestamp() == CLOCK.time() + WEEK
    assert mine.device.order().changes[0].kind == "first_address"
    (change,) = told
    assert (change.kind, change.hint, change.takes_effect_at) == (
        "first_address",
        "e…@example.org",
        outcome.server.waits_until,
    )
    assert "e…@" not in repr(change)
    mine.device.order()
    assert len(told) == 1, "once"
    other.device.order()
    assert own == [], "who asked for it is not warned of it"

    assert mine.rights.correct({"contact_email": None}).server.state == "confirmed"
    CLOCK.advance(2 * WEEK)
    assert address(mine) is None


def test_the_background_worker_learns_what_waits(world: World, opened: Open, tmp_path: Path) -> None:
    order = world.sandbox.order(email=None)
    mine, other = opened(order), opened(order, world.neighbour(tmp_path / "other"))
    told: list[OrderChangePending] = []
    mine.events.subscribe(OrderChangePending, told.append)
    other.rights.correct({"contact_email": "eve@example.org"})

    CLOCK.advance(DAY)
    assert told == []
    mine._maintenance._look_at_order()  # what the worker does once a day
    assert [change.kind for change in told] == ["first_address"]
    assert [change.kind for change in mine.status().order_changes] == ["first_address"]


# ---------------------------------------------------------------- deletion without an address


def test_a_deletion_without_an_address_waits_a_week_and_ends_with_a_receipt(
    world: World, opened: Open, tmp_path: Path
) -> None:
    order = world.sandbox.order(email=None)
    mine, other = opened(order), opened(order, world.neighbour(tmp_path / "other"))
    plan = other.rights.plan_delete("account")
    assert plan.waits_days == 7
    outcome = other.rights.delete(plan)
    assert outcome.here.done
    assert (outcome.server.state, outcome.server.waits_until) == (
        "in_progress",
        mine.rights.requests().requests[0].waits_until,
    )
    assert mine.device.order().devices_used == 1

    CLOCK.advance(WEEK)
    (server,) = other.rights.resume()
    assert server.state == "confirmed"
    assert server.receipt is not None
    assert {"order_number", "device_id"} <= set(server.receipt.claims.erased)
    assert order not in str(world.sandbox.rows()["orders"])


def test_a_deletion_is_called_off_by_another_device(world: World, opened: Open, tmp_path: Path) -> None:
    order = world.sandbox.order(email=None)
    mine, other = opened(order), opened(order, world.neighbour(tmp_path / "other"))
    told: list[OrderChangePending] = []
    mine.events.subscribe(OrderChangePending, told.append)
    other.rights.delete(other.rights.plan_delete("account"))

    CLOCK.advance(901)  # the next call fetches a new token
    (request,) = mine.rights.requests().requests
    assert (request.by_another, request.status) == (True, "open")
    assert [(change.kind, change.id) for change in told] == [("account_deletion", request.id)]
    assert mine.rights.view().requests == (request,)
    done = mine.rights.cancel(request.id)
    assert (done.status, done.waits_until) == ("revoked", None)
    with pytest.raises(RequestRefused) as refused:
        mine.rights.cancel(request.id)
    assert refused.value.params["reason"] == "request-closed"

    CLOCK.advance(2 * WEEK)
    assert mine.device.order().state == "active"
    (server,) = other.rights.resume()
    assert (server.state, server.problem) == ("refused", "revoked")
    other.rights.forget_now()
    assert not (tmp_path / "other" / "vault.db").exists()


def test_a_deletion_is_called_off_by_the_device_that_asked(world: World, opened: Open, tmp_path: Path) -> None:
    order = world.sandbox.order(email=None)
    other = opened(order, world.neighbour(tmp_path / "other"))
    outcome = other.rights.delete(other.rights.plan_delete("account"))
    assert outcome.server.request_id is not None
    assert other.rights.cancel(outcome.server.request_id).status == "revoked"
    CLOCK.advance(2 * WEEK)
    assert opened(order).device.order().state == "active"


def test_a_request_of_another_order_cannot_be_called_off(world: World, opened: Open, tmp_path: Path) -> None:
    other = opened(world.sandbox.order(email=None), world.neighbour(tmp_path / "other"))
    outcome = other.rights.delete(other.rights.plan_delete("account"))
    with pytest.raises(ValueRefused):
        opened(world.sandbox.order(email=None)).rights.cancel(str(outcome.server.request_id))


# ---------------------------------------------------------------- recovery codes


def test_a_recovery_code_takes_the_place_of_a_mailed_code(world: World, opened: Open) -> None:
    order = world.sandbox.order(email="lost@example.org")
    rocket = opened(order)
    made = rocket.rights.make_recovery_code()
    assert len(made.code) == 32
    assert made.text == "-".join(made.groups)
    assert made.code not in repr(made)
    rocket.close()

    typed = iter([f" {made.text.lower()} ", None])
    again = opened(
        order, authenticator=lambda challenge: next(typed) or world.sandbox.mail.last_code("new@example.org")
    )
    assert again.rights.correct({"contact_email": "new@example.org"}).server.state == "confirmed"
    assert address(again).value == "new@example.org"
    letters = [message for message in world.sandbox.mail if not message.code and "was bound" not in message.text]
    assert [message.to for message in letters] == ["lost@example.org"] * 3


@pytest.mark.parametrize("kind", ["another", "misread", "used"])
def test_a_recovery_code_that_is_not_right(world: World, opened: Open, kind: str) -> None:
    order = world.sandbox.order()
    rocket = opened(order)
    made = rocket.rights.make_recovery_code()
    rocket.close()
    misread = made.code[:-1] + ("A" if made.code[-1] != "A" else "B")
    given = {"another": new_code(), "misread": misread, "used": made.code}[kind]
    if kind == "used":
        once = opened(order, authenticator=lambda _: made.code)
        once.rights.make_recovery_code()
        once.close()
    asked: list[Any] = []

    def answer(question: Any) -> str | None:
        asked.append(question)
        return given if len(asked) == 1 else None

    again = opened(order, authenticator=answer)
    with pytest.raises(AuthenticationRequired):
        again.rights.make_recovery_code()
    assert [question.recovery for question in asked] == [True, True]
    assert asked[1].problem == ("malformed" if kind == "misread" else "wrong")


def test_a_recovery_code_is_asked_for_only_where_there_is_one(world: World, opened: Open) -> None:
    rocket = opened(world.sandbox.order(), authenticator=lambda challenge: world.asked.append(challenge) or new_code())
    with pytest.raises(AuthenticationFailed):
        rocket.rights.make_recovery_code()
    assert {challenge.recovery for challenge in world.asked} == {False}


def test_an_order_without_an_address_gets_no_recovery_code(world: World, opened: Open) -> None:
    with pytest.raises(BrowserRequired):
        opened(world.sandbox.order(email=None)).rights.make_recovery_code()


@pytest.mark.clause("T1")
def test_a_recovery_code_is_kept_nowhere_on_the_device(world: World, opened: Open) -> None:
    rocket = opened(world.sandbox.order())
    lines = io.StringIO()
    handler = logging.StreamHandler(lines)
    logging.getLogger().addHandler(handler)
    logger = logging.getLogger("app.recovery")
    try:
        logging.getLogger("rocketvpn_sdk").setLevel(logging.DEBUG)
        made = rocket.rights.make_recovery_code()
        logger.addHandler(rocket.journal.handler())
        logger.setLevel(logging.INFO)
        logger.propagate = False
        logger.info("made %s, as %s", made.code, made.text)
    finally:
        logging.getLogger("rocketvpn_sdk").setLevel(logging.NOTSET)
        logging.getLogger().removeHandler(handler)
        logger.handlers.clear()
    rocket.journal.flush()
    assert made.code not in lines.getvalue()
    kept = str([entry.fields for entry in rocket.journal.read()])
    assert "made" in kept
    assert made.code not in kept
    assert made.text not in kept
    sent = list(rocket.rights.sent())
    (call,) = [entry for entry in sent if entry.operation == "recovery.make" and entry.outcome == "201"] or sent[-1:]
    assert "recovery_code" in call.fields
    assert made.code not in repr(sent)
    assert made.code.encode() not in bytes_of(world.folder)


def test_codes_are_read_as_people_write_them() -> None:
    code = new_code()
    assert read_code(code) == code
    groups = [code[start : start + 4] for start in range(0, 32, 4)]
    assert read_code(" " + " - ".join(groups).lower()) == code
    assert read_code("\u2013".join(groups)) == code
    assert read_code(code.replace("0", "o").replace("1", "l")) == code
    assert {
        read_code(code[:place] + other + code[place + 1 :])
        for place in range(32)
        for other in "0Z"
        if code[place] != other
    } == {None}
    assert read_code(code[:-1]) is None
    assert read_code("") is None
    assert read_code("U" * 32) is None
    assert read_code(code * 10) is None
    assert len({new_code() for _ in range(100)}) == 100
