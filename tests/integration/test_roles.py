"""What a user sees of the roles of a device: what is held back, how it is shown, and that nothing else needs a code."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import (
    AuthenticationCancelled,
    AuthenticationFailed,
    BrowserRequired,
    Conflict,
    DeviceLimitReached,
)
from rocketvpn_sdk.rights.report.summary import summary

pytestmark = pytest.mark.clause("A1", "A4")

WITHHELD = ("contact_email", "payment_record", "disclosure_record", "erasure_ticket")
BACK = "held back: a code that is sent to your order's e-mail address shows it"


@pytest.fixture
def order(world: World) -> str:
    world.sandbox.mail.clear()
    number = world.sandbox.order(email="kim@example.org")
    world.sandbox.disclose(number, recipient="A court", basis="court", categories=["account"])
    return number


@pytest.fixture
def rocket(world: World, order: str) -> Iterator[RocketVPN]:
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(order)
        yield rocket


@contextmanager
def other_device(world: World, order: str, name: str = "laptop") -> Iterator[RocketVPN]:
    with RocketVPN.open(world.neighbour(world.folder.parent / name).config()) as laptop:
        laptop.device.bind(order)
        yield laptop


def codes(world: World) -> int:
    return sum(bool(message.code) for message in world.sandbox.mail)


# ---------------------------------------------------------------- the report


def test_a_report_names_what_is_held_back_and_asks_nobody(world: World, rocket: RocketVPN) -> None:
    report = rocket.rights.view()

    assert report.withheld == WITHHELD
    back = [held for held in report.there if held.code_needed]
    assert [(held.value, held.since, held.until, held.hold, held.undeclared) for held in back] == [
        (None, None, None, None, ())
    ] * len(WITHHELD)
    assert {held.field for held in report.shown_there} == {
        "order_number", "device_id", "device_public_key", "device_name", "bound_on", "session_token",
    }  # fmt: skip
    assert (report.server_answered, report.disclosures) == (True, ())
    assert report.disclosures_problem == "authentication-required"
    assert (world.asked, codes(world)) == ([], 0)


def test_with_a_code_everything_is_shown_and_for_some_minutes_no_other_is_asked_for(
    world: World, rocket: RocketVPN
) -> None:
    for _ in range(2):
        report = rocket.rights.view(with_code=True)
        assert report.withheld == ()
        held = {value.field: value.value for value in report.there}
        assert held["contact_email"] == "kim@example.org"
        assert "Invoice" in str(held["payment_record"])
        assert [given.recipient for given in report.disclosures] == ["A court"]
    assert rocket.rights.disclosures() == report.disclosures
    assert (len(world.asked), codes(world)) == (1, 1)


def test_every_form_of_a_report_says_what_is_held_back(rocket: RocketVPN) -> None:
    report = rocket.rights.view()
    page, document = report.to_html().replace("&#39;", "'"), json.loads(report.to_json())

    assert page.count(BACK) == len(WITHHELD)
    assert [held["field"] for held in document["there"] if held.get("code_needed")] == list(WITHHELD)
    (sentence,) = (sentence for sentence in summary(report) if "held back" in sentence)
    assert "your e-mail address, your payments, to whom something about you was given and panic tickets" in sentence
    assert "A code that is sent to your order's e-mail address shows them, if there are any." in sentence
    assert sentence in page
    assert "says that it holds 6 kinds." in page, "what is held back is not counted as held"
    assert not [sentence for sentence in summary(rocket.rights.view(with_code=True)) if "held back" in sentence]


@pytest.mark.parametrize("given", [None, "00000000"])
def test_without_the_right_code_a_report_with_code_is_refused(
    world: World, order: str, given: str | None, tmp_path: Path
) -> None:
    refused = AuthenticationCancelled if given is None else AuthenticationFailed
    with RocketVPN.open(world.config(authenticator=lambda question: given)) as rocket:
        rocket.device.bind(order)
        calls: tuple[Callable[[], object], ...] = (
            lambda: rocket.rights.view(with_code=True),
            lambda: rocket.rights.export(tmp_path / "all.zip", with_code=True),
            lambda: rocket.rights.plan_delete("account", with_code=True),
            lambda: rocket.rights.tickets(with_code=True),
            lambda: rocket.device.list(),
            lambda: rocket.rights.disclosures(),
        )
        for call in calls:
            with pytest.raises(refused):
                call()
        assert not (tmp_path / "all.zip").exists()
        assert rocket.rights.view().withheld == WITHHELD


def test_an_order_without_an_address_has_nobody_to_ask(world: World) -> None:
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order(email=None))
        with pytest.raises(BrowserRequired):
            rocket.rights.view(with_code=True)
        assert rocket.rights.view().withheld == WITHHELD[1:]


def test_a_report_with_code_needs_no_connection_and_no_binding(world: World, order: str) -> None:
    with RocketVPN.open(world.config()) as rocket:
        assert rocket.rights.view(with_code=True).server_problem == "not-bound"
        rocket.device.bind(order)
    with RocketVPN.open(world.config(server="https://localhost:1")) as rocket:
        report = rocket.rights.view(with_code=True)
        assert (report.server_answered, report.withheld) == (False, ())
    assert not world.asked


def test_an_export_names_what_is_held_back(rocket: RocketVPN, tmp_path: Path) -> None:
    for with_code in (False, True):
        path = tmp_path / f"{with_code}.zip"
        rocket.rights.export(path, with_code=with_code)
        with zipfile.ZipFile(path) as archive:
            report, readme = archive.read("report.json").decode(), archive.read("README.txt").decode()
        assert ("kim@example.org" in report) == with_code
        assert ("contact email, payment record" in readme) == (not with_code)
        assert ("The server answered." in readme) == with_code


# ---------------------------------------------------------------- plans and corrections


@pytest.mark.clause("A3", "R2")
def test_a_plan_says_what_a_law_holds_back_once_the_code_was_given(world: World, rocket: RocketVPN, order: str) -> None:
    with other_device(world, order) as laptop:
        name = {held.field: held.value for held in laptop.rights.view().there}["device_name"]
        without, plan = (rocket.rights.plan_delete("account", with_code=with_code) for with_code in (False, True))

    assert (without.stays, without.other_devices) == ((), ())
    assert {field.field for field in without.withheld} == set(WITHHELD)
    assert [(kept.field, kept.basis) for kept in plan.stays] == [("payment_record", "law")]
    assert (plan.other_devices, plan.withheld) == ((name,), ())
    assert {"contact_email", "disclosure_record"} <= {field.field for field in plan.goes}


@pytest.mark.clause("A2")
def test_correcting_what_is_held_back_asks_once_and_overwrites_nothing_unseen(world: World, rocket: RocketVPN) -> None:
    seen = rocket.rights.view()
    with pytest.raises(Conflict) as conflict:
        rocket.rights.correct({"contact_email": "new@example.org"}, seen)
    assert conflict.value.there == {"contact_email": "kim@example.org"}

    outcome = rocket.rights.correct({"contact_email": "new@example.org"}, conflict.value.there)

    assert outcome.server.state == "confirmed"
    assert [challenge.hint for challenge in world.asked] == ["k…@example.org", "n…@example.org"]


@pytest.mark.clause("A2")
def test_a_device_corrects_what_it_gave_itself_without_a_code(world: World, rocket: RocketVPN, order: str) -> None:
    rocket.consent.declare_age(True)
    assert rocket.rights.correct({"language": "de"}).server.state == "confirmed"
    assert rocket.rights.correct({"language": "fr"}).server.state == "confirmed"
    assert not world.asked
    with other_device(world, order) as laptop:
        assert "language" in laptop.rights.view().withheld
        assert laptop.rights.correct({"language": "en"}).server.state == "confirmed"


# ---------------------------------------------------------------- devices and tickets


@pytest.mark.clause("C1")
def test_another_device_is_named_by_a_handle_and_taken_off_by_it(world: World, rocket: RocketVPN, order: str) -> None:
    with other_device(world, order) as laptop:
        binding = laptop.device.binding
        assert binding is not None
        (other,) = (device for device in rocket.device.list() if not device.current)
        assert other.id != binding.device_id
        rocket.device.unbind(other.id)
        assert [device.current for device in rocket.device.list()] == [True]
    assert codes(world) == 1


@pytest.mark.clause("C1")
def test_a_full_order_gives_a_stranger_names_alone(world: World) -> None:
    order = world.sandbox.order(limit=1)
    with other_device(world, order) as laptop, RocketVPN.open(world.config()) as rocket:
        binding = laptop.device.binding
        assert binding is not None
        with pytest.raises(DeviceLimitReached) as full:
            rocket.device.bind(order)
        (listed,) = full.value.devices
        assert (listed.bound_on, listed.current) == (None, False)
        assert binding.device_id not in repr(full.value)
        assert rocket.device.bind(order, replace=listed.id).order_number == order


@pytest.mark.clause("A3")
def test_a_devices_own_ticket_needs_no_code_and_any_other_one_does(world: World, rocket: RocketVPN, order: str) -> None:
    own = rocket.rights.make_ticket("device")
    with other_device(world, order) as laptop:
        theirs = laptop.rights.make_ticket("device")
    assert [each.ticket_id for each in rocket.rights.tickets()] == [own.ticket_id]
    rocket.rights.revoke_ticket(own.ticket_id)
    assert not world.asked

    assert [each.ticket_id for each in rocket.rights.tickets(with_code=True)] == [theirs.ticket_id]
    rocket.rights.revoke_ticket(theirs.ticket_id)
    assert rocket.rights.tickets(with_code=True) == ()
    assert len(world.asked) == 1
