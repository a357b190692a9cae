"""Every public call of the SDK against the sandbox: each request and each answer is what docs/openapi.yaml says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from openapi_core.exceptions import OpenAPIError
from support.codes import other_than
from support.contract import Contract
from support.offering import OFFER, offered_by
from support.policies import edited
from support.releases import publish
from support.world import World, tunnel_key

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import (
    AuthenticationFailed,
    DeviceLimitReached,
    DeviceRevoked,
    GuardianError,
    OrderExpired,
    OrderNotFound,
    RateLimited,
    RequestRefused,
    ServerError,
)
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.rights import erase_with_ticket
from rocketvpn_sdk.sandbox import RecordedRequest, Sandbox
from rocketvpn_sdk.transport import OWN_OPERATIONS
from rocketvpn_sdk.transport.connections import Connections, HttpReply

SEALED = ("diagnostics.", "surveys.")
PURPOSE = "improvement"


@dataclass
class Judged:
    """What went by: every request and answer, held against the contract as it goes."""

    contract: Contract
    seen: set[str] = field(default_factory=set)
    statuses: set[int] = field(default_factory=set)
    last: httpx.Response | None = None

    def _away(self, operation: str) -> bytes:
        return b"a file that was written away" if operation == "updates.download" else b""

    def judge(self, operation: str, request: httpx.Request, reply: HttpReply) -> None:
        assert self.last is not None
        answer = httpx.Response(
            reply.status, headers=self.last.headers, content=reply.body or self._away(operation), request=request
        )
        sent = tuple((name.lower(), value) for name, value in request.headers.items())
        path = request.url.raw_path.decode()
        self.contract.check_request(
            RecordedRequest(method=request.method, path=path, headers=sent, body=request.content)
        )
        self.contract.check_answer(answer)
        self.seen.add(operation)
        self.statuses.add(reply.status)


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture
def judged(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Judged:
    judged = Judged(Contract())
    exchange: Callable[..., HttpReply] = Connections.exchange
    read: Callable[..., HttpReply] = Connections._read

    def reading(self: Connections, response: httpx.Response, *arguments: Any) -> HttpReply:
        judged.last = response
        return read(self, response, *arguments)

    def exchanging(self: Connections, request: httpx.Request, *, operation: str, **more: Any) -> HttpReply:
        reply = exchange(self, request, operation=operation, **more)
        judged.judge(operation, request, reply)
        return reply

    monkeypatch.setattr(Connections, "_read", reading)
    monkeypatch.setattr(Connections, "exchange", exchanging)
    return judged


@pytest.fixture
def world(sandbox: Sandbox, tmp_path: Path) -> Iterator[World]:
    yield World(sandbox, tmp_path / "vault")
    sandbox.faults.clear()


def without_a_device(world: World, judged: Judged) -> None:
    """Make a ticket and redeem it, take requests back, and see and delete as an order's owner."""
    order, folder = world.sandbox.order(), world.folder / "3"
    with RocketVPN.open(world.neighbour(folder).config()) as rocket:
        rocket.device.bind(order)
        revoked, ticket = rocket.rights.make_ticket("device"), rocket.rights.make_ticket("device")
        rocket.rights.revoke_ticket(revoked.ticket_id)
        assert [each.ticket_id for each in rocket.rights.tickets()] == [ticket.ticket_id]
        world.sandbox.faults.delay_deletions = True
        waits = rocket.rights.delete(rocket.rights.plan_delete("logs")).server
        assert rocket.rights.cancel(waits.request_id or "").status == "revoked"
        world.sandbox.faults.delay_deletions = False
        assert erase_with_ticket(ticket, trust=world.sandbox.ca_file).receipt.claims.scope == "device"
        owner = rocket.rights.as_owner(order)
        assert owner.view()
        assert owner.delete().server.state == "confirmed"
    assert {"tickets.make", "erasure.redeem", "server.keys", "rights.cancel", "owner.delete"} <= judged.seen


def test_a_life_keeps_to_the_contract(world: World, judged: Judged) -> None:
    order = world.sandbox.order()
    config = world.config(app_version="1.0")
    with RocketVPN.open(config) as rocket, RocketVPN.open(world.neighbour(world.folder / "2").config()) as two:
        rocket.device.bind(order)
        two.device.bind(order)
        rocket.device.order()
        assert len(rocket.device.list()) == 2
        rocket.call("tunnel.register", public_key=tunnel_key(), region="de-fra")
        rocket.consent.declare_age(adult=True)
        rocket.consent.grant(rocket.consent.notice(PURPOSE))
        rocket.consent.withdraw(PURPOSE)
        rocket.consent.deny(rocket.consent.notice(PURPOSE))
        assert rocket.consent.deliver() == 0
        world.sandbox.sign(offered_by(world.sandbox))
        for recipient in (None, "partner"):
            rocket.consent.grant(rocket.consent.notice("cross_service", recipient=recipient))
        assert [offer.id for offer in rocket.offers.available()] == [OFFER.id]
        assert rocket.offers.take(OFFER.id).link
        assert rocket.rights.view().server_answered
        assert rocket.rights.disclosures() == ()
        with pytest.raises(RequestRefused):
            rocket.device.unbind("A" * 52)
        rocket.rights.correct({"language": "de", "contact_email": "new@example.org"})
        rocket.rights.make_recovery_code()
        publish(world.sandbox, "1.1")
        release = rocket.updates.check().release
        assert release is not None
        rocket.updates.download(release, world.folder.parent)
        newer = edited("", "", f"version = {world.sandbox.policy.version}", "version = 99")
        world.sandbox.publish(parse_policy(newer))
        assert rocket.policy.check() is not None
        assert rocket.rights.delete(rocket.rights.plan_delete("logs")).server.state == "confirmed"
        rocket.device.unbind(two.device.binding.device_id)
        with pytest.raises(DeviceRevoked):
            two.device.order()
        rocket.sync()
        assert rocket.rights.delete(rocket.rights.plan_delete("account")).server.state == "confirmed"
    guardian_letters(world, judged)
    without_a_device(world, judged)
    unseen = {name for name in OWN_OPERATIONS - judged.seen if not name.startswith(SEALED)}
    assert unseen == {"consents.read"}, "the SDK reads no consent back; what is sealed goes through a relay"
    assert "tunnel.register" in judged.seen
    assert 404 in judged.statuses, "another device that there is not"


def guardian_letters(world: World, judged: Judged) -> None:
    young = world.neighbour(world.folder.with_name("young"))
    with RocketVPN.open(young.config()) as rocket:
        rocket.device.bind(world.sandbox.order(email=None))
        rocket.consent.declare_age(adult=False)
        rocket.consent.request_guardian("mum@family.example")
        code = world.sandbox.mail.last_code("mum@family.example")
        with pytest.raises(GuardianError, match="That is not the code"):
            rocket.consent.confirm_guardian(other_than(code))
        rocket.consent.confirm_guardian(code)
        assert rocket.consent.withdraw_guardian()
        assert rocket.consent.deliver() == 0
        rocket.device.unbind()
    assert judged.statuses >= {200, 201, 204, 400, 401, 422}


def test_refusals_keep_to_the_contract(world: World, judged: Judged) -> None:
    with RocketVPN.open(world.config(authenticator=lambda _: "00000000")) as rocket:
        with pytest.raises(OrderNotFound):
            rocket.device.bind("RV-0000-0000")
        with pytest.raises(OrderExpired):
            rocket.device.bind(world.sandbox.order(expires=date(2020, 1, 1)))
        full = world.sandbox.order(limit=1)
        with RocketVPN.open(world.neighbour(world.folder / "2").config()) as other:
            other.device.bind(full)
        with pytest.raises(DeviceLimitReached) as reached:
            rocket.device.bind(full)
        with pytest.raises(AuthenticationFailed):
            rocket.device.bind(full, replace=reached.value.devices[0].id)
        rocket.device.bind(world.sandbox.order())
        with pytest.raises(AuthenticationFailed):
            rocket.rights.correct({"contact_email": "new@example.org"})
        with pytest.raises(AuthenticationFailed):
            rocket.device.unbind("A" * 52)
        world.sandbox.faults.fail(times=5, status=503, retry_after=None)
        with pytest.raises(ServerError):
            rocket.device.order()
        world.sandbox.faults.clear()
        world.sandbox.faults.fail(times=5, status=429, retry_after=3600)
        with pytest.raises(RateLimited):
            rocket.device.order()
        world.sandbox.faults.clear()
        world.sandbox.faults.demand_nonce()
        assert rocket.device.order()
    assert judged.statuses >= {400, 401, 429, 503}


def test_the_judge_notices(world: World, judged: Judged) -> None:
    with RocketVPN.open(world.config()) as rocket:
        world.sandbox.faults.garbage(body=msgspec.json.encode({}), media_type="application/json")
        with pytest.raises(OpenAPIError):
            rocket.device.bind(world.sandbox.order())
