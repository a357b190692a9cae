"""A call means the same to the guard and to the comparison: over real TLS, with versions that are published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.app_events import Crashed
from support.world import World, tunnel_key

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import EgressBlocked, RocketVPNError
from rocketvpn_sdk.policy import Policy, bundled_policy, compare, load_policy
from rocketvpn_sdk.policy.document import FieldType, Operation
from rocketvpn_sdk.sandbox import Sandbox

pytestmark = [pytest.mark.clause("X2")]

FIRST = Path(__file__).parents[1] / "data" / "policies" / "rocketvpn-1.toml"
FIRST_SHA256 = "8a8e36bba5abf11d2fdd1fdd657368ee953ac53013923c7301536b3f6e64aff9"
STATS = Operation(
    id="app.stats", method="POST", path="/v1/app-stats", purpose="improvement", recipient="operator", identity="device",
    fields=("region",), sentence={"en": "Statistics."},
)  # fmt: skip


def newer(policy: Policy, sandbox: Sandbox, *calls: Operation, more: int = 1, **header: Any) -> Policy:
    """Return ``policy`` as the next version, with ``calls`` in place of those of their name, on the sandbox's hosts."""
    kept = [each for each in policy.document.operation if each.id not in {call.id for call in calls}]
    document = msgspec.structs.replace(
        policy.document, version=policy.version + more, operation=(*kept, *calls), **header
    )
    return Policy(document).with_hosts("operator", sandbox.policy.recipients["operator"].hosts)


def arrived(sandbox: Sandbox, path: str = "/v1/app-stats") -> int:
    return sum(request.path == path for request in sandbox.requests)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "server") as running:
        yield running


@pytest.fixture
def world(sandbox: Sandbox, tmp_path: Path) -> World:
    return World(sandbox, tmp_path / "device")


@pytest.fixture
def open_with(world: World, request: pytest.FixtureRequest) -> Callable[[Policy], RocketVPN]:
    """Return what opens the same vault with a policy, as another release of the app does."""

    def open_it(policy: Policy) -> RocketVPN:
        rocket = RocketVPN.open(world.config(policy=policy, events=[Crashed]))
        request.addfinalizer(rocket.close)
        return rocket

    return open_it


@pytest.mark.clause("U3")
def test_a_call_by_consent_that_a_published_version_makes_necessary_waits_for_it(
    world: World, sandbox: Sandbox, open_with: Callable[[Policy], RocketVPN]
) -> None:
    rocket = open_with(newer(bundled_policy(), sandbox, STATS))
    rocket.device.bind(sandbox.order())
    with pytest.raises(EgressBlocked, match="M1"):
        rocket.call("app.stats", region="de-fra")
    wider = msgspec.structs.replace(
        STATS, purpose="service", protocol={"notes": FieldType(kind="text", max=400), "e_mail": FieldType(kind="email")}
    )
    sandbox.publish(newer(bundled_policy(), sandbox, wider, more=2))
    notice = rocket.policy.check()
    assert notice is not None
    assert any("made for something else" in said for said in notice.takes)
    assert any("“notes”" in said for said in notice.takes)
    for more in ({}, {"e_mail": "anna@example.org", "notes": "everything else I know"}):
        with pytest.raises(EgressBlocked):
            rocket.call("app.stats", region="de-fra", **more)
    assert arrived(sandbox) == 0
    assert "app.stats" not in {entry.operation for entry in rocket.rights.sent()}


@pytest.mark.clause("A1")
def test_the_record_names_every_member_that_went_along(
    sandbox: Sandbox, open_with: Callable[[Policy], RocketVPN]
) -> None:
    call = msgspec.structs.replace(
        STATS,
        purpose="service",
        fields=("region", "duration"),
        protocol={"round": FieldType(kind="integer", min=0, max=9)},
    )
    rocket = open_with(newer(bundled_policy(), sandbox, call))
    rocket.device.bind(sandbox.order())
    with pytest.raises(RocketVPNError):  # the sandbox has no such path
        rocket.call("app.stats", region="de-fra", duration=1234, round=3)
    (request,) = [request for request in sandbox.requests if request.path == "/v1/app-stats"]
    assert msgspec.json.decode(request.body) == {"region": "de-fra", "duration": 300, "round": 3}
    (entry,) = [entry for entry in rocket.rights.sent() if entry.operation == "app.stats"]
    assert entry.fields == ("device_public_key", "session_token", "region", "duration")
    assert entry.protocol == ("round",)
    assert rocket.rights.sent_matches(entry, request.body)


def test_a_call_that_is_newly_necessary_goes_once_it_is_accepted(
    sandbox: Sandbox, open_with: Callable[[Policy], RocketVPN]
) -> None:
    rocket = open_with(bundled_policy().with_hosts("operator", sandbox.policy.recipients["operator"].hosts))
    rocket.device.bind(sandbox.order())
    call = msgspec.structs.replace(STATS, purpose="service")
    sandbox.publish(newer(bundled_policy(), sandbox, call, notice_days=29))  # and something that has to wait
    notice = rocket.policy.check()
    assert notice is not None
    (needed,) = notice.needs
    assert needed.startswith("Needed from now on, a new call: “Statistics”.")
    with pytest.raises(EgressBlocked, match="has no such call"):
        rocket.call("app.stats", region="de-fra")
    assert arrived(sandbox) == 0
    rocket.policy.accept(rocket.policy.shown(notice))
    with pytest.raises(RocketVPNError):  # the sandbox has no such path
        rocket.call("app.stats", region="de-fra")
    assert arrived(sandbox) == 1
    assert rocket.policy.current.version == bundled_policy().version


# ---------------------------------------------------------------- from the first version to this one


@pytest.fixture
def first(sandbox: Sandbox) -> Policy:
    return load_policy(FIRST).with_hosts("operator", sandbox.policy.recipients["operator"].hosts)


def test_the_first_version_is_still_read_and_is_the_same_text() -> None:
    policy = load_policy(FIRST)
    assert (policy.version, policy.sha256) == (1, FIRST_SHA256)
    assert policy.operations["rights.status"].protocol == ("request_id",)


@pytest.mark.clause("A1", "A2", "A3", "U4")
@pytest.mark.parametrize("announced", [False, True])
def test_what_a_user_of_the_first_version_could_do_works_at_once(
    sandbox: Sandbox, first: Policy, open_with: Callable[[Policy], RocketVPN], announced: bool
) -> None:
    """This version waits until its recovery code is accepted, and both judge each call.

    ``announced``: it takes something for certain, and so waits for its day, too.
    """
    before = open_with(first)
    before.device.bind(sandbox.order())
    before.consent.declare_age(True)
    before.consent.grant(before.consent.notice("improvement"))
    before.close()
    hosts = sandbox.policy.recipients["operator"].hosts
    now = newer(bundled_policy(), sandbox, notice_days=29) if announced else bundled_policy()
    if announced:
        sandbox.publish(now)
    rocket = open_with(now.with_hosts("operator", hosts))
    assert rocket.policy.current.version == 1
    notice = rocket.policy.check()
    assert notice is not None
    takes = bool(compare(first, now).widened)
    assert notice.reduces_rights == takes
    assert takes or not announced
    assert rocket.rights.view().server_answered
    rocket.rights.correct({"language": "fr"})
    rocket.consent.deny(rocket.consent.notice("improvement"))
    rocket.call("tunnel.register", public_key=tunnel_key(), region="de-fra")
    rocket.rights.make_ticket("device")
    assert rocket.device.list()
    with pytest.raises(EgressBlocked, match="has no such call"):
        rocket.rights.make_recovery_code()
    rocket.policy.accept(rocket.policy.shown(notice))
    assert rocket.policy.current.version == (1 if takes else now.version)
    assert rocket.rights.make_recovery_code()
    outcome = rocket.rights.delete(rocket.rights.plan_delete("account"))
    assert outcome.server.state == "confirmed"
    open_with(now.with_hosts("operator", hosts)).device.bind(sandbox.order())
