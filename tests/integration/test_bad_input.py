"""Bad input: each kind gets an error of its own with a sentence that says what to do; nothing is lost or half done."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from support.world import World, tunnel_key

from rocketvpn_sdk import Event, RocketVPN, load_policy
from rocketvpn_sdk.errors import (
    CertificateUntrusted,
    DeviceLimitReached,
    EgressBlocked,
    EventUndeclared,
    NotCorrectable,
    OperationUndeclared,
    OrderExpired,
    OrderNotFound,
    PinMismatch,
    PolicyInvalid,
    RocketVPNError,
    ServerError,
    ServerUnreachable,
    ValueRefused,
)
from rocketvpn_sdk.testing.sandbox import running_sandbox

WRONG_PINS = ("sha256/" + "A" * 43 + "=", "sha256/" + "B" * 43 + "=")


@pytest.fixture
def order(world: World) -> str:
    return world.sandbox.order(email="kim@example.org")


@pytest.fixture
def rocket(world: World) -> Iterator[RocketVPN]:
    with RocketVPN.open(world.config()) as rocket:
        yield rocket


def assert_nothing_happened(world: World, rocket: RocketVPN, order: str) -> None:
    """Neither here nor at the server is anything half done, and the next try works."""
    assert rocket.device.binding is None
    assert not any(row.get("order_number") == order for row in world.sandbox.rows()["devices"])


def assert_helpful(error: RocketVPNError, *words: str) -> None:
    assert error.remedy
    assert error.remedy in str(error)
    text = f"{error} {error.hint}"
    for word in words:
        assert word in text


def test_unknown_order(world: World, rocket: RocketVPN) -> None:
    with pytest.raises(OrderNotFound) as error:
        rocket.device.bind("RV-2026-9999")
    assert_helpful(error.value, "Check the order number")
    assert "9999" not in str(error.value)
    assert_nothing_happened(world, rocket, "RV-2026-9999")


def test_expired_order(world: World, rocket: RocketVPN) -> None:
    with pytest.raises(OrderExpired) as error:
        rocket.device.bind("RV-2026-0003")
    assert_helpful(error.value, "Renew")


def test_order_number_that_is_none(rocket: RocketVPN) -> None:
    with pytest.raises(ValueRefused) as error:
        rocket.device.bind("not an order number!")
    assert "not an order" not in str(error.value)
    assert list(rocket.rights.sent()) == []


def test_device_limit_reached_carries_the_list_and_replacing_works(
    world: World, rocket: RocketVPN, tmp_path: Path
) -> None:
    order = world.sandbox.order(limit=1, email="kim@example.org")
    with RocketVPN.open(world.neighbour(tmp_path / "old").config()) as old:
        old.device.bind(order)
        (first,) = old.device.list()
        with pytest.raises(DeviceLimitReached) as error:
            rocket.device.bind(order)
        (listed,) = error.value.devices
        assert (listed.name, listed.bound_on, listed.id != first.id) == (first.name, None, True)
        assert_helpful(error.value, first.name, "replace=")
        assert rocket.device.binding is None
        rocket.device.bind(order, replace=listed.id)
        assert len(world.asked) == 1  # taking another device's place needs the code from the e-mail
        assert [device.current for device in rocket.device.list()] == [True]


def test_wrong_pin(world: World, order: str) -> None:
    requests = len(world.sandbox.requests)
    with RocketVPN.open(world.config(pins=WRONG_PINS)) as rocket:
        with pytest.raises(PinMismatch) as error:
            rocket.device.bind(order)
        assert_helpful(error.value, "nothing was sent")
        assert_nothing_happened(world, rocket, order)
    assert len(world.sandbox.requests) == requests


def test_certificate_of_an_unknown_authority(world: World, order: str, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    requests = len(world.sandbox.requests)
    with RocketVPN.open(world.config(trust=stranger)) as rocket:
        with pytest.raises(CertificateUntrusted) as error:
            rocket.device.bind(order)
        assert_helpful(error.value, "listening", "nothing was sent")
        assert_nothing_happened(world, rocket, order)
    assert len(world.sandbox.requests) == requests


def test_self_signed_certificate_against_the_systems_trust_store(world: World, order: str) -> None:
    with RocketVPN.open(world.config(trust=None)) as rocket:
        with pytest.raises(CertificateUntrusted):
            rocket.device.bind(order)
        assert_nothing_happened(world, rocket, order)


def test_server_down(world: World, order: str) -> None:
    with socket.socket() as taken:  # bound and not listening: every connection is refused
        taken.bind(("127.0.0.1", 0))
        server = f"https://localhost:{taken.getsockname()[1]}"
        with RocketVPN.open(world.config(server=server)) as rocket:
            with pytest.raises(ServerUnreachable) as error:
                rocket.device.bind(order)
            assert_helpful(error.value, "try again later")
            assert_nothing_happened(world, rocket, order)


def test_server_goes_down_in_mid_binding(world: World, rocket: RocketVPN, order: str) -> None:
    world.sandbox.faults.fail(50, status=503, retry_after=None)
    with pytest.raises(RocketVPNError):
        rocket.device.bind(order)
    assert rocket.device.binding is None
    world.sandbox.faults.clear()
    assert rocket.device.bind(order).order_number == order


def test_garbage_from_the_server(world: World, rocket: RocketVPN, order: str) -> None:
    world.sandbox.faults.garbage(5)
    with pytest.raises(ServerError) as error:
        rocket.device.bind(order)
    assert_helpful(error.value, "sign in to this network")
    assert_nothing_happened(world, rocket, order)
    world.sandbox.faults.clear()
    assert rocket.device.bind(order).order_number == order


class UndeclaredField(Event, name="app.field", purpose="service"):
    shoe_size: int


class UndeclaredPurpose(Event, name="app.purpose", purpose="advertising"):
    region: str


class OtherPurpose(Event, name="app.other", purpose="software"):
    region: str


class WrongType(Event, name="app.type", purpose="service"):
    duration: str


@pytest.mark.clause("U7", "C2")
@pytest.mark.parametrize(
    ("event", "words"),
    [
        (UndeclaredField, "'shoe_size'"),
        (UndeclaredPurpose, "'advertising'"),
        (OtherPurpose, "'software'"),
        (WrongType, "int"),
    ],
)
def test_event_class_that_the_policy_does_not_allow(world: World, event: type[Event], words: str) -> None:
    with pytest.raises(EventUndeclared) as error:
        RocketVPN.open(world.config(events=[event]))
    assert_helpful(error.value, words, event.__event__[0])
    RocketVPN.open(world.config()).close()


@pytest.mark.clause("U7")
def test_call_of_an_undeclared_operation(world: World, rocket: RocketVPN, order: str) -> None:
    rocket.device.bind(order)
    sent = len(list(rocket.rights.sent()))
    with pytest.raises(OperationUndeclared) as error:
        rocket.call("telemetry.upload", everything="all of it")
    assert_helpful(error.value, "telemetry.upload")
    with pytest.raises(OperationUndeclared):
        rocket.call("data.view")  # the SDK's own are not open to rocket.call
    assert len(list(rocket.rights.sent())) == sent


@pytest.mark.clause("U7", "S1")
def test_call_with_an_undeclared_field(world: World, rocket: RocketVPN, order: str) -> None:
    rocket.device.bind(order)
    sent, received = len(list(rocket.rights.sent())), len(world.sandbox.requests)
    with pytest.raises(EgressBlocked) as error:
        rocket.call("tunnel.register", public_key=tunnel_key(), shoe_size="43")
    assert_helpful(error.value, "tunnel.register", "shoe_size")
    assert "43" not in str(error.value)
    assert len(list(rocket.rights.sent())) == sent
    assert len(world.sandbox.requests) == received


@pytest.mark.clause("S1")
def test_a_server_that_is_no_recipients_is_never_contacted(world: World, order: str) -> None:
    received = len(world.sandbox.requests)
    with RocketVPN.open(world.config(policy=None)) as rocket, pytest.raises(EgressBlocked):
        rocket.device.bind(order)
    assert len(world.sandbox.requests) == received


@pytest.mark.clause("A2")
def test_correction_of_a_field_that_is_not_correctable(rocket: RocketVPN, order: str) -> None:
    rocket.device.bind(order)
    with pytest.raises(NotCorrectable) as error:
        rocket.rights.correct({"order_number": "RV-2026-0002"})
    assert_helpful(error.value, "contact_email", "https://rocketv.org/")


def test_policy_file_with_a_mistake_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "policy.toml"
    path.write_text('policy_id = "x"\nversion = "one"\n')
    with pytest.raises(PolicyInvalid, match=r"policy\.toml, line \d+") as error:
        load_policy(path)
    assert_helpful(error.value)


def test_two_sandboxes_do_not_share_authorities(world: World, order: str, tmp_path: Path) -> None:
    with (
        running_sandbox(tmp_path / "other") as other,
        RocketVPN.open(world.config(server=other.url)) as rocket,
        pytest.raises(CertificateUntrusted),
    ):
        rocket.device.bind(order)
