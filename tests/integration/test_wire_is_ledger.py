"""What arrives is what the ledger says: each public call is made, and each request is held against its entry."""

from __future__ import annotations

import hmac
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
from support import grown_up
from support.walking import calls_of, walk
from support.world import World, tunnel_key

from rocketvpn_sdk import RocketVPN, wire
from rocketvpn_sdk.policy import Operation, Policy
from rocketvpn_sdk.sandbox.http_messages import RecordedRequest
from rocketvpn_sdk.transport import SENT_KEY
from rocketvpn_sdk.transport.headers import HEADERS, USER_AGENT
from rocketvpn_sdk.transport.sent import SentKey

pytestmark = pytest.mark.clause("A1", "U7")

_SIGNED = {"authorization", "dpop"}
SIGNATURES = {"none": set(), "key": {"dpop"}, "device": _SIGNED, "user": _SIGNED}


class Begun(msgspec.Struct):
    """What was written into the ledger before a call, and its end after it."""

    operation: str
    purpose: str
    recipient: str
    identity: str
    fields: list[str]
    size: int
    fingerprint: str
    protocol: list[str]
    key: bytes
    outcome: str = "unknown"
    tries: int = 0


class Ledger:
    """Reads along at the vault's stream, since a deletion takes the ledger before the walk is over."""

    def __init__(self, rocket: RocketVPN) -> None:
        self.begun: dict[str, Begun] = {}
        stream = rocket._components.sent

        def reading(append: Callable[..., None], purpose: str, retention: Any, record: tuple[Any, ...]) -> None:
            append(purpose, retention, record)
            kind, name, *facts = record
            if kind == "begun":
                stored = rocket._components.vault.get(SENT_KEY, SentKey)
                assert stored is not None
                self.begun[name] = Begun(*facts, key=stored.key)
            else:
                self.begun[name].outcome, self.begun[name].tries = facts

        for name in ("append", "append_now"):  # reading along is all it does
            setattr(stream, name, partial(reading, getattr(stream, name)))


def operation_of(policy: Policy, request: RecordedRequest) -> tuple[Operation, dict[str, str]]:
    """Return the one operation whose method and path ``request`` has, and the parameters of the path."""
    found = []
    for operation in policy.operations.values():
        pattern = re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", operation.path.replace(".", r"\."))
        match = re.fullmatch(pattern, request.path)
        if match and operation.method == request.method:
            found.append((operation, match.groupdict()))
    assert len(found) == 1, f"{request.method} {request.path} is {len(found)} operations"
    return found[0]


def members(request: RecordedRequest) -> Iterator[str]:
    """Yield the names of what the body carries, read without any code of the SDK's."""
    media = request.header("content-type")
    if media is None:
        assert request.body == b""
    elif media == wire.FORM:
        yield from dict(parse_qsl(request.body.decode(), keep_blank_values=True, strict_parsing=True))
    else:
        assert media in (wire.JSON, wire.MERGE_PATCH_JSON)
        decoded = msgspec.json.decode(request.body)
        assert all(not isinstance(value, dict | list) for value in decoded.values())
        yield from decoded


def carried(operation: Operation, parameters: dict[str, str], request: RecordedRequest) -> tuple[set[str], set[str]]:
    """Return the ids of the fields that ``request`` really carries, and the names of the protocol's own words."""
    names = [*members(request), *parameters]
    words = {name for name in names if name in operation.protocol_types}
    undeclared = {operation.field_of(name) for name in names} - {*operation.fields, *words}
    assert not undeclared, f"{operation.id} carries {undeclared}"
    fields = {operation.field_of(name) for name in names if name not in words}
    for header, field in (("dpop", "device_public_key"), ("authorization", "session_token")):
        if request.header(header) is not None:
            fields.add(field)
    return fields, words


def check_headers(operation: Operation, request: RecordedRequest) -> None:
    names = [name for name, _ in request.headers]
    assert len(names) == len(set(names)), f"{operation.id}: a header twice"
    assert set(names) <= HEADERS, f"{operation.id}: {set(names) - HEADERS}"
    assert {"authorization", "dpop"} & set(names) == SIGNATURES[operation.identity], operation.id
    assert request.header("user-agent") == USER_AGENT
    assert request.header("accept-encoding") == "identity"
    assert request.header("sec-gpc") in ("1", None)
    key = request.header("idempotency-key")
    assert (key is None) == (request.method == "GET")
    assert key is None or re.fullmatch(r'"[0-9a-f-]{36}"', key)
    assert request.header("content-length") in (str(len(request.body)), None)


def compare(policy: Policy, ledger: Ledger, requests: list[RecordedRequest]) -> set[str]:
    """Hold every request against its entry and every entry against its requests; return the operations."""
    arrived: defaultdict[str, list[tuple[Operation, dict[str, str], RecordedRequest]]] = defaultdict(list)
    for request in requests:
        assert "?" not in request.path
        assert "#" not in request.path
        operation, parameters = operation_of(policy, request)
        arrived[operation.id].append((operation, parameters, request))
    for entry in ledger.begun.values():
        assert entry.tries >= 1
        for _ in range(entry.tries):
            operation, parameters, request = arrived[entry.operation].pop(0)
            facts = (operation.purpose, operation.recipient, operation.identity)
            assert (entry.purpose, entry.recipient, entry.identity) == facts
            assert entry.size == len(request.body), entry.operation
            assert entry.fingerprint == hmac.digest(entry.key, request.body, "sha256").hex(), entry.operation
            along = set(entry.fields), set(entry.protocol)
            assert along == carried(operation, parameters, request), entry.operation
            assert len(entry.fields) == len(set(entry.fields))
            check_headers(operation, request)
        assert re.match(r"[2-5]\d\d", entry.outcome), f"{entry.operation}: {entry.outcome}"
    left = {name: len(rest) for name, rest in arrived.items() if rest}
    assert not left, f"arrived, and not in the ledger: {left}"
    return {entry.operation for entry in ledger.begun.values()}


def test_every_request_of_every_public_call_is_in_the_ledger_as_it_was(world: World, tmp_path: Path) -> None:
    """Operation, size, fingerprint, fields, headers and tries, of all that arrives while every call is made."""
    with RocketVPN.open(world.config(events=grown_up.EVENTS)) as rocket:
        policy, ledger, before = rocket.policy.current, Ledger(rocket), len(world.sandbox.requests)
        rocket.consent.declare_age(adult=True)
        rocket.device.bind(world.sandbox.order())
        compared: set[str] = set()

        def check(_: str) -> None:
            nonlocal before
            requests = world.sandbox.requests
            compared.update(compare(policy, ledger, requests[before:]))
            before = len(requests)
            ledger.begun.clear()

        check("device.bind")
        walked = walk(rocket, grown_up.values(world, tmp_path), check=check)
        assert walked == set(calls_of(rocket)) - grown_up.UNPASSABLE
    # All that the policy declares, but for what this user has no use for: the next test's user has. Keys of receipts
    # come signed here and not over TLS, and a ticket is redeemed where there is no vault, and so no ledger.
    elsewhere = {"consents.read", "server.keys", "erasure.redeem"}
    sealed = ("diagnostics.", "surveys.", "offers.")
    elsewhere |= {name for name in policy.operations if name.startswith(sealed)}  # to a relay, or a partner
    assert set(policy.operations) - compared == {*elsewhere, *FOR_OTHERS}, "call it (support.grown_up), or name it here"


FOR_OTHERS = {"devices.unbind", "guardian.confirm", "guardian.withdraw"}


def test_so_is_what_a_minor_asks_and_what_unbinding_takes(world: World) -> None:
    with RocketVPN.open(world.config()) as rocket:
        policy, ledger, before = rocket.policy.current, Ledger(rocket), len(world.sandbox.requests)
        rocket.device.bind(world.sandbox.order())
        rocket.consent.declare_age(adult=False)
        rocket.consent.request_guardian(grown_up.GUARDIAN)
        rocket.consent.confirm_guardian(world.sandbox.mail.last_code(grown_up.GUARDIAN))
        rocket.consent.withdraw_guardian()
        rocket.device.unbind()
        assert compare(policy, ledger, world.sandbox.requests[before:]) >= FOR_OTHERS


def test_tries_are_counted_and_each_is_the_same_bytes(world: World) -> None:
    with RocketVPN.open(world.config(events=grown_up.EVENTS)) as rocket:
        rocket.device.bind(world.sandbox.order())
        policy, ledger, before = rocket.policy.current, Ledger(rocket), len(world.sandbox.requests)
        world.sandbox.faults.fail(2, status=503, retry_after=None)
        rocket.call("tunnel.register", public_key=tunnel_key(), region="de-fra")
        (entry,) = [entry for entry in ledger.begun.values() if entry.operation == "tunnel.register"]
        assert (entry.tries, entry.outcome) == (3, "201")
        compare(policy, ledger, world.sandbox.requests[before:])


def test_the_user_can_hold_what_arrived_against_the_ledger(world: World) -> None:
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        key = tunnel_key()
        rocket.call("tunnel.register", public_key=key, region="de-fra")
        body = world.sandbox.requests[-1].body
        entries = list(rocket.rights.sent())
        assert key.encode() in body
        assert [entry.operation for entry in entries if rocket.rights.sent_matches(entry, body)] == ["tunnel.register"]
        assert not rocket.rights.sent_matches(entries[-1], body.replace(b"de-fra", b"jp-tyo"))
        rocket.rights.delete(rocket.rights.plan_delete("logs"))
        assert rocket.rights.sent_matches(entries[-1], body)  # the log is gone, the ledger and its key are not


@pytest.mark.clause("A3")
@pytest.mark.parametrize("scope", ["device", "account"])
def test_deleting_the_device_or_the_account_destroys_the_ledgers_key(world: World, scope: wire.Scope) -> None:
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.call("tunnel.register", public_key=tunnel_key(), region="de-fra")
        body, entry = world.sandbox.requests[-1].body, list(rocket.rights.sent())[-1]
        before = rocket._components.vault.get(SENT_KEY, SentKey)
        world.sandbox.faults.fail(50, status=503, retry_after=None)  # so that the request waits, and the vault stays
        rocket.rights.delete(rocket.rights.plan_delete(scope))
        assert not rocket.rights.sent_matches(entry, body)
        assert rocket._components.vault.get(SENT_KEY, SentKey) != before
        assert entry.at not in [left.at for left in rocket.rights.sent()]
