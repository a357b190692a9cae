"""Attack: every operation, called by everybody who must not get at an order, before and after what ended their right.

The operations are read from the contract, which another test holds to the routes; what the server holds is read from
its file, in every table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from joserfc.jwk import ECKey
from support.dpop_client import Peer
from support.operations import Operation, operations, send
from support.server_rows import all_rows, rows_about
from support.victims import Victim

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.routes import ROUTES
from rocketvpn_sdk.testing.clock import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.clause("A4", "R1")

CLOCK = FakeClock()
OPERATIONS = operations()
FOR_ALL = {"/.well-known/oauth-authorization-server", "/problems/{code}", "/v1/keys", "/tuf/metadata/{file}"}
FOR_ALL |= {"/tuf/targets/{folder}/{file}", "/v1/logs", "/v1/logs/erasures"}
"""What says the same to everybody."""
SAME_FOR_ALL = {("DELETE", "/v1/guardian-requests/{request_id}")}
"""What has ended and what never was are answered alike, with success; the rows are judged all the same."""
OF_OWNERS = "/v1/owner/"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "server", clock=CLOCK) as running:
        yield running


@pytest.fixture
def victim(sandbox: Sandbox) -> Iterator[Victim]:
    CLOCK.advance(3601)  # what is counted for an address begins again
    victim = Victim(sandbox, CLOCK.time).fill()
    yield victim
    sandbox.faults.clear()
    victim.close()


@dataclass(frozen=True)
class Wrong:
    """Somebody with a key and perhaps a token, and what of the operations is not theirs."""

    peer: Peer
    token: str | None
    names: dict[str, str]
    own: bool = False
    """The token is good, for another order or another kind of operation: what it may do there is no refusal."""
    walks: Callable[[Operation], bool] = field(default=lambda operation: True)
    knows: frozenset[str] = frozenset()
    """What of the order it may be told, and what is about itself."""


Make = Callable[[Victim], Wrong]
SUBJECTS: dict[str, Make] = {}


def subject(name: str) -> Callable[[Make], Make]:
    def add(make: Make) -> Make:
        SUBJECTS[name] = make
        return make

    return add


# ---------------------------------------------------------------- before the erasure


@subject("nobody: no token")
def _nobody(victim: Victim) -> Wrong:
    return Wrong(victim.peer(), None, victim.names)


@subject("a token that was made up")
def _made_up(victim: Victim) -> Wrong:
    return Wrong(victim.peer(), "x" * 43, victim.names)


@subject("a device's token under another key")
def _stolen(victim: Victim) -> Wrong:
    return Wrong(victim.peer(), victim.kim.access_token, victim.names)


@subject("a token after an e-mailed code under another key")
def _stolen_stepped(victim: Victim) -> Wrong:
    return Wrong(victim.peer(), victim.stepped, victim.names)


@subject("an owner's token under another key")
def _stolen_owner(victim: Victim) -> Wrong:
    return Wrong(victim.peer(), victim.owner_token, victim.names)


def _stranger(victim: Victim) -> Victim:
    """Return another order's devices and owner; they delete nothing of their own on the way."""
    other = Victim(victim.sandbox, CLOCK.time)
    victim.names["scope"] = "logs"
    victim.also(other)
    return other


@subject("another order's device")
def _others(victim: Victim) -> Wrong:
    other = _stranger(victim)
    return Wrong(other.kim, other.kim.access_token, victim.names, own=True)


@subject("another order's device, after an e-mailed code")
def _others_stepped(victim: Victim) -> Wrong:
    other = _stranger(victim)
    return Wrong(other.kim, other.stepped, victim.names, own=True)


@subject("another order's device of the same id and key")
def _others_twin(victim: Victim) -> Wrong:
    other = _stranger(victim)
    twin = other.peer(victim.kim).bind(other.order)
    names = victim.names | {"device_id": victim.lou.device_id}  # the twin may unbind itself
    return Wrong(twin, twin.access_token, names, own=True, walks=lambda operation: not operation.open)


@subject("another order's owner")
def _others_owner(victim: Victim) -> Wrong:
    other = _stranger(victim)
    return Wrong(other.owner, other.owner_token, victim.names, own=True)


@subject("the order's owner, as a device")
def _owner_as_device(victim: Victim) -> Wrong:
    return Wrong(
        victim.owner,
        victim.owner_token,
        victim.names,
        walks=lambda operation: not operation.path.startswith(OF_OWNERS),
    )


@subject("a device of the order, as the owner")
def _device_as_owner(victim: Victim) -> Wrong:
    walks = lambda operation: operation.path.startswith(OF_OWNERS)  # noqa: E731 - as short as the others
    return Wrong(victim.kim, victim.stepped, victim.names, walks=walks)


def _former(victim: Victim) -> tuple[Peer, str, dict[str, str]]:
    """Return a device of the order, its token after a code, and the names with its own unused grants."""
    eve = victim.bound()
    return eve, victim.step_up(eve), victim.names | victim.grants(eve)


def _unbind(victim: Victim, eve: Peer) -> None:
    assert victim.kim.call("DELETE", f"/v1/devices/{eve.device_id}", token=victim.stepped).status_code == 204


@subject("a device that was unbound")
def _revoked(victim: Victim) -> Wrong:
    eve, _, names = _former(victim)
    _unbind(victim, eve)
    return Wrong(eve, eve.access_token, names)


@subject("a device that was unbound, by its token after an e-mailed code")
def _revoked_stepped(victim: Victim) -> Wrong:
    eve, stepped, names = _former(victim)
    _unbind(victim, eve)
    return Wrong(eve, stepped, names)


@subject("a device that was bound again by the same id and key, by its former token")
def _again(victim: Victim) -> Wrong:
    eve, _, names = _former(victim)
    _unbind(victim, eve)
    victim.peer(eve).bind(victim.order)
    return Wrong(eve, eve.access_token, names)


@subject("a device that was bound again by the same id and key, by its former token after an e-mailed code")
def _again_stepped(victim: Victim) -> Wrong:
    eve, stepped, names = _former(victim)
    _unbind(victim, eve)
    victim.peer(eve).bind(victim.order)
    return Wrong(eve, stepped, names)


@subject("a device that was bound again by the same id and another key")
def _again_with_another_key(victim: Victim) -> Wrong:
    eve, stepped, names = _former(victim)
    _unbind(victim, eve)
    new = victim.peer(eve)
    new.key = ECKey.generate_key("P-256")
    new.bind(victim.order)
    return Wrong(eve, stepped, names)


@subject("a device that moved to another order, by its former token after an e-mailed code")
def _moved(victim: Victim) -> Wrong:
    other = _stranger(victim)
    eve = other.bound()
    stepped, names = other.step_up(eve), victim.names | other.grants(eve)
    assert other.kim.call("DELETE", f"/v1/devices/{eve.device_id}", token=other.stepped).status_code == 204
    victim.peer(eve).bind(victim.order)
    return Wrong(eve, stepped, names)


def _later(victim: Victim, seconds: int) -> None:
    CLOCK.advance(seconds)
    victim.peer().fresh_nonce()  # any request lets the server delete what has expired


@subject("a device whose token has expired")
def _expired(victim: Victim) -> Wrong:
    _later(victim, 901)
    return Wrong(victim.kim, victim.kim.access_token, victim.names, walks=lambda operation: not operation.open)


@subject("a device whose token after an e-mailed code has expired")
def _expired_stepped(victim: Victim) -> Wrong:
    _later(victim, 301)
    return Wrong(victim.kim, victim.stepped, victim.names, walks=lambda operation: not operation.open)


@subject("an owner whose token has expired")
def _expired_owner(victim: Victim) -> Wrong:
    _later(victim, 901)
    return Wrong(victim.owner, victim.owner_token, victim.names)


# ---------------------------------------------------------------- a member: test_members.py has what needs a code


def _as_member(victim: Victim, eve: Peer, address: str | None = None) -> Wrong:
    """Walk as ``eve``, which is bound by the order's number alone: nothing of the others' or the owner's is hers."""
    rows = [row["row_id"] for row in all_rows(victim.file)["devices"] if row["id"] == eve.device_id]
    knows = {victim.order, eve.device_id, eve.jkt, *rows}
    if address is not None:
        victim.address = address
    return Wrong(eve, eve.access_token, victim.names, own=True, knows=frozenset(knows))


@subject("a member: a device that was bound by the order's number alone")
def _member(victim: Victim) -> Wrong:
    return _as_member(victim, victim.bound())


@subject("a member whose code was entered longer than max_age ago")
def _member_late(victim: Victim) -> Wrong:
    eve = victim.bound()
    victim.step_up(eve)
    _later(victim, 301)
    eve.access_token = eve.refresh().json()["access_token"]
    return _as_member(victim, eve)


@subject("a member that was taken off the order and bound again")
def _member_again(victim: Victim) -> Wrong:
    eve = victim.bound()
    _unbind(victim, eve)
    return _as_member(victim, victim.peer(eve).bind(victim.order))


@subject("a member, and the order's address was changed meanwhile")
def _member_moved(victim: Victim) -> Wrong:
    eve, address = victim.bound(), "moved@example.org"
    assert victim.kim.patch({"contact_email": address}, token=victim.stepped).status_code == 200
    return _as_member(victim, eve, address)


@subject("a member that took the place of another device, after a code")
def _member_in_place(victim: Victim) -> Wrong:
    old, eve = victim.bound(), victim.peer()
    asked = eve.ask_to_bind(victim.order, replace=victim.kim.called(old, victim.stepped)).json()
    granted = eve.challenge(auth_session=asked["auth_session"], verification_code=victim.code()).json()
    eve.access_token = eve.redeem(granted["authorization_code"]).json()["access_token"]
    return _as_member(victim, eve)


# ---------------------------------------------------------------- after the erasure


def _erased(victim: Victim, *, again: bool) -> None:
    """Erase the account; with ``again``, let there be another order of the same number, with things of its own."""
    victim.erase()
    if again:
        new = Victim(victim.sandbox, CLOCK.time, victim.order)
        new.fill()
        victim.also(new)


for _again_too in (False, True):
    _when = "after the erasure" + (", and the number is another order's" if _again_too else "")

    @subject(f"{_when}: a device")
    def _gone(victim: Victim, again: bool = _again_too) -> Wrong:
        _erased(victim, again=again)
        return Wrong(victim.kim, victim.kim.access_token, victim.names)

    @subject(f"{_when}: a device after an e-mailed code")
    def _gone_stepped(victim: Victim, again: bool = _again_too) -> Wrong:
        _erased(victim, again=again)
        return Wrong(victim.kim, victim.stepped, victim.names)

    @subject(f"{_when}: another device")
    def _gone_other(victim: Victim, again: bool = _again_too) -> Wrong:
        names = victim.names | victim.grants(victim.lou)
        _erased(victim, again=again)
        return Wrong(victim.lou, victim.lou.access_token, names)

    @subject(f"{_when}: the owner who asked for it")
    def _gone_owner(victim: Victim, again: bool = _again_too) -> Wrong:
        _erased(victim, again=again)
        # The owner's own request and its receipt stay readable; those of a device do not.
        mine = OF_OWNERS + "data-rights-requests/{request_id}"
        return Wrong(
            victim.owner,
            victim.owner_token,
            victim.names,
            walks=lambda operation: not operation.path.startswith(mine),
        )

    @subject(f"{_when}: an owner by another key")
    def _gone_other_owner(victim: Victim, again: bool = _again_too) -> Wrong:
        peer, token = victim.owns()
        _erased(victim, again=again)
        return Wrong(peer, token, victim.names)

    @subject(f"{_when}: a device deleted before, by its receipt's token")
    def _gone_receipt(victim: Victim, again: bool = _again_too) -> Wrong:
        eve = victim.bound()
        assert eve.ask_deletion("device").status_code == 201
        token = eve.refresh().json()["access_token"]
        _erased(victim, again=again)
        return Wrong(eve, token, victim.names, own=True)


# ---------------------------------------------------------------- the walk


def _refused(operation: Operation, answer: httpx.Response, *, own: bool) -> bool:
    key = (operation.method, operation.path)
    if operation.path in FOR_ALL:
        return answer.status_code < 500
    if operation.open:  # an OAuth error, or a ticket that is not valid
        return answer.status_code in (400, 404)
    if not own:
        return answer.status_code in (401, 403)
    if operation.names_something and key not in SAME_FOR_ALL:
        return answer.status_code in (401, 403, 404)  # 401: a member is not told whether there is such a thing
    return answer.status_code < 500


@pytest.mark.one_in(5)
@pytest.mark.parametrize("name", SUBJECTS)
def test_attack_every_operation_by_a_wrong_subject(
    victim: Victim, name: str, record_property: Callable[[str, object], None]
) -> None:
    wrong = SUBJECTS[name](victim)
    record_property("pairs", len(list(filter(wrong.walks, OPERATIONS))))
    told = victim.identifiers() - {wrong.peer.device_id, wrong.peer.jkt} - wrong.knows
    before = rows_about(victim.file, told)

    for operation in filter(wrong.walks, OPERATIONS):
        for answer in send(wrong.peer, operation, wrong.names, wrong.token):
            assert _refused(operation, answer, own=wrong.own), (operation, answer.status_code, answer.text)
            said = answer.text.replace(operation.filled(wrong.names), "")
            assert not [value for value in told if value in said], (operation, answer.text)
        assert rows_about(victim.file, told) == before, operation


def test_the_walk_walks_every_route() -> None:
    """So that a new one is walked by itself; and the pairs that are walked, as a number."""
    assert {(operation.method, operation.path) for operation in OPERATIONS} == {
        (endpoint.method, endpoint.path) for endpoint in ROUTES
    }
    assert len(SUBJECTS) * len(OPERATIONS) > 1150
