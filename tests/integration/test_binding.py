"""Binding, calls and step-up against the reference server, over real TLS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from support.memory_vault import MemoryDocuments, MemoryStream
from support.world import World

from rocketvpn_sdk import Challenge, RocketVPN, wire
from rocketvpn_sdk.clock import SystemClock
from rocketvpn_sdk.errors import (
    AuthenticationFailed,
    AuthenticationRequired,
    BrowserRequired,
    Conflict,
    DeviceExists,
    DeviceLimitReached,
    DeviceRevoked,
    OrderExpired,
    OrderNotFound,
    PinMismatch,
    RequestRefused,
    ServerUnreachable,
    TransportError,
)
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.groups.device import Devices
from rocketvpn_sdk.identity import PENDING, DeviceKey, Pending
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import State
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.sandbox.server import Sandbox
from rocketvpn_sdk.transport import Api, BindingRevoked, open_api, tls_context

APP = "org.example.vpn"
PUBLIC_KEY = "A" * 43 + "="
MACHINES = [f"{number:032x}" for number in range(0xABC0, 0xABCA)]


class Machine:
    """A device with a vault in memory, at a sandbox."""

    def __init__(
        self,
        sandbox: Sandbox,
        *,
        machine: str = MACHINES[0],
        authenticator: Callable[[Challenge], str | None] | None = None,
        pins: tuple[str, ...] = (),
    ) -> None:
        clock = SystemClock()
        self.documents = MemoryDocuments()
        self.events = EventBus()
        self.api: Api = open_api(
            server=sandbox.url,
            client_id=APP,
            permit=Permit(lambda: PolicyState(sandbox.policy), lambda: State(adult=True), clock.time),
            documents=self.documents,
            stream=MemoryStream(clock.time),
            events=self.events,
            clock=clock,
            limits=Limits(),
            context=tls_context(trust=sandbox.ca_file, pins=pins),
            authenticator=authenticator,
        )
        self.device = Devices(
            api=self.api,
            documents=self.documents,
            clock=clock,
            machine_id=lambda: machine,
            os_user=lambda: "uid:1000",
        )


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def machine(sandbox: Sandbox, no_pauses: None) -> Iterator[Callable[..., Machine]]:
    made: list[Machine] = []

    def make(**more: Any) -> Machine:
        made.append(Machine(sandbox, **more))
        return made[-1]

    yield make
    for each in made:
        each.api.close()
    sandbox.faults.clear()


@pytest.mark.clause("C1")
def test_bind_look_and_unbind(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    one = machine(authenticator=lambda _: sandbox.mail.last_code())
    binding = one.device.bind(sandbox.order(limit=2))
    order = one.device.order()
    assert (order.state, order.devices_used, order.devices_allowed) == ("active", 1, 2)
    (listed,) = one.device.list()
    assert listed.current
    assert listed.id == binding.device_id
    one.device.unbind()
    assert one.device.binding is None
    assert set(one.documents.stored) == {"sent_key"}


def test_a_second_machine_and_the_limit(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    number = sandbox.order(limit=1)
    first, second = machine(), machine(machine=MACHINES[1], authenticator=lambda _: sandbox.mail.last_code())
    bound = first.device.bind(number)
    with pytest.raises(DeviceLimitReached) as caught:
        second.device.bind(number)
    (listed,) = caught.value.devices
    assert (listed.bound_on, listed.id != bound.device_id) == (None, True)
    assert second.device.binding is None
    second.device.bind(number, replace=listed.id)
    assert [device.current for device in second.device.list()] == [True]
    heard: list[BindingRevoked] = []
    first.events.subscribe(BindingRevoked, heard.append)
    with pytest.raises(DeviceRevoked):
        first.device.order()
    assert len(heard) == 1
    assert first.device.binding == bound, "its data stays"


@pytest.mark.clause("A4")
def test_the_same_machine_with_a_new_key_needs_the_mailed_code(
    sandbox: Sandbox, machine: Callable[..., Machine]
) -> None:
    number = sandbox.order()
    before = machine().device.bind(number)
    with pytest.raises(DeviceExists) as asked:
        machine().device.bind(number)
    (known,) = asked.value.devices
    assert known.id == before.device_id
    with pytest.raises(AuthenticationRequired, match=r"k…@example\.org"):
        machine().device.bind(number, replace=known.id)
    with pytest.raises(AuthenticationFailed):
        machine(authenticator=lambda _: "not-it").device.bind(number, replace=known.id)
    again = machine(authenticator=lambda _: sandbox.mail.last_code()).device.bind(number, replace=known.id)
    assert again.device_id == before.device_id


@pytest.mark.clause("C1")
def test_a_lost_answer_to_binding_does_not_lock_the_user_out(
    sandbox: Sandbox, machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could be asked about a new key: the order has no address. So the next try comes with the same key."""
    number, one = sandbox.order(email=None), machine()
    grants = one.api.session.grants
    real = grants.redeem

    def lost(key: DeviceKey, code: str) -> wire.TokenResponse:
        sandbox.faults.lose_answers(one.api.limits.retry_attempts)
        return real(key, code)

    monkeypatch.setattr(grants, "redeem", lost)
    with pytest.raises(TransportError):
        one.device.bind(number)
    assert one.device.binding is None
    placed = [row["jkt"] for row in sandbox.rows()["devices"] if row["order_number"] == number]
    monkeypatch.undo()
    bound = one.device.bind(number)
    assert [(row["id"], row["jkt"]) for row in sandbox.rows()["devices"] if row["order_number"] == number] == [
        (bound.device_id, *placed)
    ]
    assert one.documents.get(PENDING, Pending) is None


@pytest.mark.clause("C1")
def test_a_pending_key_goes_with_a_refusal_and_with_another_order(
    sandbox: Sandbox, machine: Callable[..., Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers, one = (sandbox.order(), sandbox.order()), machine()
    for number in numbers:
        with monkeypatch.context() as patch:
            patch.setattr(one.api.session.grants, "redeem", _raising(ServerUnreachable(host="x", problem="y")))
            with pytest.raises(ServerUnreachable):
                one.device.bind(number)
        left = one.documents.get(PENDING, Pending)
        assert left is not None
        assert left.order_number == number
    with monkeypatch.context() as patch:
        patch.setattr(one.api.session.grants, "authorize", _raising(AuthenticationFailed(reason="access_denied")))
        with pytest.raises(AuthenticationFailed):
            one.device.bind(numbers[1])
    assert one.documents.get(PENDING, Pending) is None


def _raising(error: Exception) -> Callable[..., NoReturn]:
    def fail(*_: object) -> NoReturn:
        raise error

    return fail


def test_unknown_order(machine: Callable[..., Machine]) -> None:
    one = machine()
    with pytest.raises(OrderNotFound):
        one.device.bind("RV-NO-SUCH-ORDER")
    assert one.device.binding is None


def test_expired_order(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    from datetime import date

    with pytest.raises(OrderExpired):
        machine().device.bind(sandbox.order(expires=date(2020, 1, 1)))


def test_a_device_to_replace_that_is_not_there(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    with pytest.raises(RequestRefused, match="device-not-found"):
        machine().device.bind(sandbox.order(), replace="B" * 52)


def test_a_server_that_wants_a_browser(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    sandbox.faults.redirect_to_web = True
    with pytest.raises(BrowserRequired):
        machine().device.bind(sandbox.order())


@pytest.mark.clause("T1")
def test_wrong_pin(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    before = len(sandbox.requests)
    one = machine(pins=("sha256/" + "A" * 43 + "=", "sha256/" + "B" * 42 + "A="))
    with pytest.raises(PinMismatch):
        one.device.bind(sandbox.order())
    assert len(sandbox.requests) == before


def test_server_down_changes_nothing(no_pauses: None, tmp_path: Path) -> None:
    with Sandbox(tmp_path / "sandbox") as sandbox:
        one = Machine(sandbox)
        binding = one.device.bind(sandbox.order())
    with pytest.raises(ServerUnreachable):
        one.device.unbind()
    assert one.device.binding == binding
    one.api.close()


@pytest.mark.clause("U2")
def test_every_request_carries_what_it_should(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    start = len(sandbox.requests)
    one = machine()
    one.device.bind(sandbox.order())
    one.device.order()
    one.api.invoke("tunnel.register", {"public_key": PUBLIC_KEY, "region": "de-fra"})
    for received in sandbox.requests[start:]:
        assert received.header(
            "user-agent",
        ).startswith("rocketvpn-sdk/")  # type: ignore[union-attr] # it is there, or this fails
        assert received.header("sec-gpc") == "1"
        assert received.header("cookie") is None
        assert received.header("accept-language") is None
        assert (received.header("idempotency-key") is None) == (received.method == "GET")
    assert one.api.sent is not None
    operations = [entry.operation for entry in one.api.sent.entries()]
    assert operations == ["server.metadata", "authorize.challenge", "token.issue", "order.read", "tunnel.register"]
    assert all(entry.outcome in ("200", "201") for entry in one.api.sent.entries())


@pytest.mark.clause("U1")
def test_an_apps_own_operation(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.device.bind(sandbox.order())
    peer = one.api.invoke("tunnel.register", {"public_key": PUBLIC_KEY})
    assert {"peer_public_key", "endpoint", "address"} <= set(peer)


def test_nonces_that_all_became_invalid(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.device.bind(sandbox.order())
    sandbox.faults.demand_nonce()
    assert one.device.order().state == "active"
    (entry,) = [entry for entry in one.api.sent.entries() if entry.operation == "order.read"]
    assert (entry.tries, entry.outcome) == (2, "200")


def test_a_token_that_the_server_forgot(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.device.bind(sandbox.order())
    token = one.api.session._token
    assert token is not None
    one.api.session._token = type(token)("forgotten-" + "x" * 20, token.until)
    assert one.device.order().state == "active"


@pytest.mark.clause("A4")
def test_a_deletion_asks_for_the_mailed_code_once(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    asked: list[Challenge] = []

    def authenticator(challenge: Challenge) -> str:
        asked.append(challenge)
        return sandbox.mail.last_code()

    one = machine(authenticator=authenticator)
    one.device.bind(sandbox.order())
    body = wire.NewRightsRequest(exercise="deletion", scope="account")
    made = one.api.call("rights.request", body=body, answer=wire.RightsRequest).value
    status = one.api.call("rights.status", path={"request_id": made.request_id}, answer=wire.RightsRequest).value
    assert status.request_id == made.request_id
    receipt = one.api.call("rights.receipt", path={"request_id": made.request_id}, answer=str).value
    assert receipt.count(".") == 2
    assert len(asked) == 1
    assert asked[0].hint == "k…@example.org"


@pytest.mark.clause("A4")
def test_a_deletion_with_nobody_to_ask(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.device.bind(sandbox.order())
    sent = len(sandbox.mail)
    body = wire.NewRightsRequest(exercise="deletion", scope="account")
    with pytest.raises(AuthenticationRequired):
        one.api.call("rights.request", body=body, answer=wire.RightsRequest, interactive=False)
    assert len(sandbox.mail) == sent
    with pytest.raises(AuthenticationRequired):
        one.api.call("rights.request", body=body, answer=wire.RightsRequest)
    assert len(sandbox.mail) == sent + 1


@pytest.mark.clause("A2")
def test_a_correction_of_an_older_version_is_a_conflict(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    one = machine()
    one.device.bind(sandbox.order())
    viewed = one.api.call("data.view", answer=wire.ServerData)
    assert viewed.etag is not None

    def correct(etag: str) -> None:
        one.api.call(
            "data.correct",
            body={"language": "de"},
            media=wire.MERGE_PATCH_JSON,
            headers={"If-Match": etag},
            answer=wire.ServerData,
        )

    correct(viewed.etag)
    with pytest.raises(Conflict):
        correct(viewed.etag)


def test_a_process_that_comes_back_needs_no_new_binding(sandbox: Sandbox, machine: Callable[..., Machine]) -> None:
    one, later = machine(), machine()
    one.device.bind(sandbox.order())
    later.documents.stored.update(one.documents.stored)
    assert later.device.order().state == "active"
    assert one.device.order().state == "active", "the refresh token is not rotated"


@pytest.mark.clause("A4")
def test_a_proof_that_it_is_the_user_does_not_outlive_the_binding_it_was_for(world: World) -> None:
    """Another process unbinds, and this one binds to another order: what the user proved was for the first one."""
    with RocketVPN.open(world.config()) as rocket, RocketVPN.open(world.config()) as other:
        rocket.consent.declare_age(True)
        rocket.device.bind(world.sandbox.order())
        rocket.rights.correct({"contact_email": "one@example.org"})
        assert len(world.asked) == 2, "the code of the former address, and that of the new one"
        used = tokens(world)
        other.device.unbind()
        rocket.device.bind(world.sandbox.order())
        begin = len(world.sandbox.requests)
        rocket.rights.correct({"contact_email": "two@example.org"})
        assert len(world.asked) == 4
        assert not used & tokens(world, begin)


def tokens(world: World, begin: int = 0) -> set[str]:
    """Return the access tokens that came with requests."""
    found = {request.header("authorization") for request in world.sandbox.requests[begin:]}
    return {token for token in found if token}
