"""Who is calling, over time: wrong clocks, several processes, forks, and calls that do not say who makes them."""

from __future__ import annotations

import os
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
import trustme
from support import refreshing
from support.calls import APP, api_at
from support.crash import finish, start
from support.forking import ended
from support.memory_vault import MemoryDocuments
from support.tls_peers import issued, tls_peer
from support.world import World

from rocketvpn_sdk import Challenge, RocketVPN, wire
from rocketvpn_sdk.cli import problems
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import AuthenticationFailed
from rocketvpn_sdk.identity import CREDENTIALS, Credentials, DeviceKey
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.transport import Api, tls_context

pytestmark = pytest.mark.usefixtures("no_pauses")

HOUR = 3600.0


# ---------------------------------------------------------------- the device's clock


def tries(rocket: RocketVPN) -> dict[str, int]:
    """Return how often each operation was sent, the last time."""
    return {entry.operation: entry.tries for entry in rocket.rights.sent()}


@pytest.mark.parametrize("off", [-23 * HOUR, -3 * HOUR, -120.0, 120.0, 3 * HOUR, 23 * HOUR])
def test_a_clock_that_is_hours_off_costs_one_try(world: World, off: float) -> None:
    """The sandbox takes proofs of its own minute alone; its ``Date`` says which that is."""
    with RocketVPN.open(world.config(clock=FakeClock(time.time() + off))) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.device.order()
        counted = tries(rocket)
    assert counted["authorize.challenge"] > 1, "the first proof was refused for its time, or for its nonce"
    assert (counted["token.issue"], counted["order.read"]) == (1, 1), "what was learned serves every further call"


def test_a_clock_that_is_turned_meanwhile_costs_one_try(world: World) -> None:
    clock = FakeClock(time.time())
    with RocketVPN.open(world.config(clock=clock)) as rocket:
        rocket.device.bind(world.sandbox.order())
        for turn in (-5 * HOUR, 9 * HOUR):
            clock.turn(turn)
            assert rocket.device.order().state == "active"
            assert tries(rocket)["order.read"] == 2
            assert rocket.device.order().state == "active"
            assert tries(rocket)["order.read"] == 1


@pytest.mark.parametrize("off", [-30 * DAY, -25 * HOUR, 25 * HOUR, 30 * DAY])
def test_a_clock_that_is_days_off_is_said_and_not_corrected(world: World, off: float) -> None:
    with RocketVPN.open(world.config(clock=FakeClock(time.time() + off))) as rocket:
        with pytest.raises(AuthenticationFailed) as caught:
            rocket.device.bind(world.sandbox.order())
        assert rocket.device.binding is None
        assert tries(rocket)["authorize.challenge"] == 1
    assert caught.value.cause == "clock"
    assert "set its date, time and time zone" in problems.action(caught.value)


@pytest.mark.clause("A4")
def test_a_code_that_came_too_late_is_refused_and_the_next_one_is_taken(tmp_path: Path) -> None:
    clock = FakeClock(time.time())
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        late = [True, False]

        def authenticator(_: Challenge) -> str:
            if late.pop(0):
                clock.advance(sandbox.settings.session_lifetime + 1)
            return sandbox.mail.last_code()

        own = World(sandbox, tmp_path / "vault")
        with RocketVPN.open(own.config(clock=clock, authenticator=authenticator)) as rocket:
            rocket.device.bind(sandbox.order())
            with pytest.raises(AuthenticationFailed, match="invalid_session"):
                rocket.rights.correct({"contact_email": "new@example.org"})
            rocket.rights.correct({"contact_email": "new@example.org"})


# ---------------------------------------------------------------- several processes


def test_two_processes_that_refresh_at_once_throw_neither_out(world: World, tmp_path: Path) -> None:
    """The refresh token is bound to the key and not rotated, so there is nothing to race for (RFC 9449 §5)."""
    sandbox, times = world.sandbox, 5
    where = (sandbox.url, str(sandbox.ca_file))
    config = refreshing.config(tmp_path, *where)
    with RocketVPN.open(config) as rocket:
        rocket.device.bind(sandbox.order())
        before = len(sandbox.requests)
        processes = [start("refreshing", tmp_path, *where, times) for _ in range(2)]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [finish(process) for process in processes] == [0, 0]
        refreshed = [request for request in sandbox.requests[before:] if request.path == "/v1/token"]
        assert len(refreshed) >= 2 * times
        assert rocket.device.order().state == "active"
    with RocketVPN.open(config) as later:
        assert later.device.order().state == "active", "a process that comes later finds what it needs"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_attack_fork_shares_no_connection() -> None:
    """Parent and child both call after a fork; on one TLS connection each would garble the other's records."""
    authority = trustme.CA()
    with tls_peer(issued(authority)) as peer, closing(api_for(peer.url, authority)) as api:
        read(api)
        read(api)
        assert peer.connections == 1, "calls that say who is calling share a connection"
        child = os.fork()
        if child == 0:
            try:
                for _ in range(3):
                    read(api)
                os._exit(0)
            except BaseException:  # noqa: BLE001 - the parent learns by the status
                os._exit(1)
        for _ in range(3):
            read(api)
        assert ended(child) == 0
        read(api)
        assert peer.connections == 2, "the child has one of its own, and the parent's is still good"
        assert peer.resumed == [False, False]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
def test_attack_fork_while_a_thread_holds_the_pool() -> None:
    """A lock that a thread held at the fork is held for ever in the child: it must not be waited for."""
    authority = trustme.CA()
    with tls_peer(issued(authority)) as peer, closing(api_for(peer.url, authority)) as api:
        read(api)
        pools = api._connections.pools
        with pools._lock, api.session.lock, api.session._refreshing, api.revocation.lock:
            child = os.fork()
            if child == 0:
                try:
                    read(api)
                    os._exit(0)
                except BaseException:  # noqa: BLE001 - as above
                    os._exit(1)
        assert ended(child) == 0


# ---------------------------------------------------------------- nobody in particular


@pytest.mark.clause("U1")
@pytest.mark.clause("C2")
def test_attack_linking_a_call_without_identity_to_its_sender() -> None:
    """Right after a signed call: another connection, no resumed session, and not one header that says who it was."""
    authority = trustme.CA()
    with tls_peer(issued(authority)) as peer, closing(api_for(peer.url, authority)) as api:
        read(api)
        signed = bytes(peer.received).lower()
        assert b"authorization: dpop planted" in signed
        assert b"\r\ndpop: " in signed
        peer.received.clear()
        for _ in range(2):
            api.call("server.keys", answer=dict)
        nameless = bytes(peer.received).lower()
        assert (peer.connections, peer.resumed) == (3, [False] * 3)
    for header in (b"authorization", b"dpop", b"cookie", b"idempotency-key", b"if-match", b"from", b"accept-language"):
        assert b"\r\n" + header + b":" not in nameless
    assert b"planted" not in nameless


def api_for(url: str, authority: trustme.CA) -> Api:
    """Return a bound device's calls, with a token that has not to be fetched first."""
    documents, key = MemoryDocuments(), DeviceKey.generate()
    context = tls_context()
    context.load_verify_locations(cadata=authority.cert_pem.bytes().decode())
    credentials = Credentials(
        device_id="A" * 52, private_key=key.to_bytes(), refresh_token="planted-refresh", client_id=APP
    )
    documents.put(CREDENTIALS, credentials)
    api = api_at(url, context, documents=documents)
    token = wire.TokenResponse(access_token="planted-token", token_type="DPoP", expires_in=900)
    api.session.adopt(credentials, token)
    return api


def read(api: Api) -> None:
    api.call("order.read", answer=dict)
