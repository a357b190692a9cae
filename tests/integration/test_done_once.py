"""A write that the app repeats is done once, and an error says by which key it can be repeated."""

from __future__ import annotations

import pickle
import uuid
from pathlib import Path

import pytest
from support.fault_proxy import FaultProxy, faulty_line
from support.fronted import counted_acts
from support.policies import TEXT, span
from support.world import World, tunnel_key

from rocketvpn_sdk import Limits, RocketVPN
from rocketvpn_sdk.errors import (
    IdempotencyKeyReused,
    RateLimited,
    RequestRefused,
    RocketVPNError,
    ServerError,
    ServerUnreachable,
    ValueRefused,
)
from rocketvpn_sdk.policy import Policy, parse_policy
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.usefixtures("no_pauses")

REGISTER = "tunnel.register"
ONCE = Limits(retry_attempts=1)
NOWHERE = "nowhere"
"""A region that the server does not have."""


def keys_sent(sandbox: Sandbox, since: int = 0) -> list[str | None]:
    """Return the idempotency keys of the tunnels that were asked for, in order."""
    return [each.header("idempotency-key") for each in sandbox.requests[since:] if each.path == "/v1/tunnels"]


@pytest.mark.parametrize("key", ["0b8a2c52-7f0e-4c0e-8a53-9b1f3a4d5e6f", "order 17, first try", "x" * 255])
def test_a_call_that_is_repeated_after_a_crash_is_done_once(world: World, key: str) -> None:
    """The second call comes from another process's view of things: the vault alone is the same."""
    public = tunnel_key()
    with counted_acts() as acts:
        with RocketVPN.open(world.config(limits=ONCE)) as rocket:
            rocket.device.bind(world.sandbox.order())
            world.sandbox.faults.lose_answers(1)
            with pytest.raises(ServerUnreachable) as lost:
                rocket.call(REGISTER, idempotency_key=key, public_key=public)
        with RocketVPN.open(world.config()) as later:
            answer = later.call(REGISTER, idempotency_key=key, public_key=public)
            assert later.call(REGISTER, idempotency_key=key, public_key=public) == answer
    assert list(acts.values()) == [1]
    assert lost.value.idempotency_key == key
    assert repr(key) in lost.value.hint
    assert lost.value.__notes__ == [lost.value.hint]


def test_an_error_names_the_key_that_the_sdk_chose(world: World) -> None:
    public = tunnel_key()
    with counted_acts() as acts, RocketVPN.open(world.config(limits=ONCE)) as rocket:
        rocket.device.bind(world.sandbox.order())
        world.sandbox.faults.lose_answers(1)
        with pytest.raises(ServerUnreachable) as lost:
            rocket.call(REGISTER, public_key=public)
        key = pickle.loads(pickle.dumps(lost.value)).idempotency_key
        assert key is not None
        rocket.call(REGISTER, idempotency_key=key, public_key=public)
    assert list(acts.values()) == [1]


def test_two_calls_without_a_key_are_two(world: World) -> None:
    public = tunnel_key()
    with counted_acts() as acts, RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.call(REGISTER, public_key=public)
        rocket.call(REGISTER, public_key=public)
    assert list(acts.values()) == [1, 1]


@pytest.mark.clause("C2")
def test_a_text_of_the_app_does_not_leave_as_it_is(world: World) -> None:
    """A header is not a field, so the policy has no say in it: what leaves is a UUID, made of the text."""
    chosen = str(uuid.uuid4())
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        before = len(world.sandbox.requests)
        for key in ("kim@example.org wants it", "kim@example.org wants another", chosen):
            rocket.call(REGISTER, idempotency_key=key, public_key=tunnel_key())
    first, second, third = keys_sent(world.sandbox, before)
    assert third == f'"{chosen}"'
    assert first != second
    for sent in (first, second):
        assert sent is not None
        assert uuid.UUID(sent.strip('"')).version == 5


def test_a_key_that_came_with_other_values_is_refused(world: World) -> None:
    with counted_acts() as acts, RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.call(REGISTER, idempotency_key="one", public_key=tunnel_key())
        with pytest.raises(IdempotencyKeyReused, match="needs a new idempotency_key") as refused:
            rocket.call(REGISTER, idempotency_key="one", public_key=tunnel_key())
        assert refused.value.idempotency_key is None, "it is known: this one was not done"
    assert list(acts.values()) == [1]


def test_a_key_whose_first_request_is_still_worked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """409: neither done nor refused. It says with which key to come back, which is good some seconds later."""
    clock = FakeClock(1_800_000_000.0)
    fields = {"public_key": tunnel_key(), "region": NOWHERE}
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        world = World(sandbox, tmp_path / "vault")
        with RocketVPN.open(world.config(limits=ONCE, policy=with_region(world), clock=clock)) as rocket:
            rocket.device.bind(sandbox.order())
            with monkeypatch.context() as patch:  # as if the server had died with it: its claim is not ended
                patch.setattr("rocketvpn_sdk.sandbox.idempotency._free", lambda parts, key, error: None)
                with pytest.raises(RequestRefused, match="validation-failed"):
                    rocket.call(REGISTER, idempotency_key="slow", **fields)
            with pytest.raises(ServerError, match="still being worked on") as early:
                rocket.call(REGISTER, idempotency_key="slow", **fields)
            clock.advance(sandbox.settings.claim_lease)
            with pytest.raises(RequestRefused, match="validation-failed"):
                rocket.call(REGISTER, idempotency_key="slow", **fields)
    assert early.value.idempotency_key == "slow"


@pytest.mark.parametrize(
    ("status", "kind"), [(429, RateLimited), (503, ServerError), (500, ServerError)], ids=["429", "503", "500"]
)
def test_an_answer_that_does_not_say_what_became_of_a_lost_one(
    world: World, status: int, kind: type[RocketVPNError]
) -> None:
    limits = Limits(retry_attempts=2)
    with RocketVPN.open(world.config(limits=limits)) as rocket:
        rocket.device.bind(world.sandbox.order())
        world.sandbox.faults.lose_answers(1)
        world.sandbox.faults.fail(1, status=status, retry_after=None)
        with pytest.raises(kind) as unknown:
            rocket.call(REGISTER, idempotency_key="k", public_key=tunnel_key())
    assert unknown.value.idempotency_key == "k"


def test_an_answer_that_makes_no_sense_does_not_say_what_became_of_it(world: World) -> None:
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        world.sandbox.faults.garbage(1)
        with pytest.raises(ServerError) as unknown:
            rocket.call(REGISTER, idempotency_key="k", public_key=tunnel_key())
    assert unknown.value.idempotency_key == "k"


def test_what_was_not_done_names_no_key(world: World, tmp_path: Path) -> None:
    """Turned away, refused, or never delivered: there is nothing to repeat by a key."""
    with RocketVPN.open(world.config(limits=ONCE, policy=with_region(world))) as rocket:
        rocket.device.bind(world.sandbox.order())
        world.sandbox.faults.fail(1, status=429, retry_after=None)
        with pytest.raises(RateLimited) as away:
            rocket.call(REGISTER, idempotency_key="k", public_key=tunnel_key())
        with pytest.raises(RequestRefused) as wrong:
            rocket.call(REGISTER, idempotency_key="k", public_key=tunnel_key(), region=NOWHERE)
    with faulty_line(tmp_path / "line") as (sandbox, proxy):
        own = World(sandbox, tmp_path / "vault-of-line")
        with RocketVPN.open(own.config(limits=ONCE)) as rocket:
            rocket.device.bind(sandbox.order())
            proxy.accept = "reset"
            proxy.drop()
            with pytest.raises(ServerUnreachable) as never:
                _until_new_line(rocket, proxy)
    for error in (away.value, wrong.value, never.value):
        assert error.idempotency_key is None
        assert "idempotency_key" not in f"{error.hint} {getattr(error, '__notes__', [])}"


def _until_new_line(rocket: RocketVPN, proxy: FaultProxy) -> None:
    rocket.network_changed()  # a line that waited would be used, and lost on the way
    assert proxy.accept == "reset"
    rocket.call(REGISTER, idempotency_key="k", public_key=tunnel_key())


@pytest.mark.parametrize("key", ["", "x" * 256, 'a"b', "a\\b", "ö", "a\nb", "a\x7f"])
def test_what_cannot_be_a_key_is_refused_before_anything_is_sent(world: World, key: str) -> None:
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        before = len(world.sandbox.requests)
        with pytest.raises(ValueRefused, match="printable ASCII") as refused:
            rocket.call(REGISTER, idempotency_key=key, public_key=tunnel_key())
        assert len(world.sandbox.requests) == before
    assert refused.value.params["name"] == "idempotency_key"
    assert "uuid.uuid4()" in str(refused.value)


def test_a_read_takes_no_key(world: World) -> None:
    policy = with_own(world, 'method = "GET"\npath = "/v1/weather"')
    with RocketVPN.open(world.config(policy=policy)) as rocket, pytest.raises(ValueRefused, match="only reads"):
        rocket.call("own.call", idempotency_key="k")


@pytest.mark.parametrize(
    "where",
    [
        'path = "/v1/own"\nfields = ["region"]\nnames = { idempotency_key = "region" }',
        'path = "/v1/own/{idempotency_key}"\nfields = ["region"]\nnames = { idempotency_key = "region" }',
        'path = "/v1/own"\nprotocol = { idempotency_key = { kind = "text", pattern = "[a-z]{1,9}" } }',
    ],
    ids=["field", "path", "protocol"],
)
def test_a_member_by_that_name_is_never_taken_for_the_key(world: World, where: str) -> None:
    """Neither goes in the other's place: the call is refused, and says what to rename."""
    policy = with_own(world, f'method = "POST"\n{where}')
    with RocketVPN.open(world.config(policy=policy)) as rocket:
        rocket.device.bind(world.sandbox.order())
        before = len(world.sandbox.requests)
        with pytest.raises(ValueRefused, match="rename it in the policy"):
            rocket.call("own.call", idempotency_key="germany")
        assert len(world.sandbox.requests) == before


_OWN = """[[operation]]
id = "own.call"
purpose = "service"
recipient = "operator"
identity = "device"
sentence.en = "Something of the app's own."
{lines}

"""


def with_own(world: World, lines: str) -> Policy:
    """Return the policy with one more operation, ``own.call``."""
    return at(world, TEXT.replace("[[operation]]", _OWN.format(lines=lines) + "[[operation]]", 1))


def with_region(world: World) -> Policy:
    """Return the policy with a region that the server's own does not have: the server refuses what it gets."""
    begin, end = span(TEXT, "field", "region")
    return at(world, TEXT[:begin] + TEXT[begin:end].replace('values = ["', f'values = ["{NOWHERE}", "', 1) + TEXT[end:])


def at(world: World, text: str) -> Policy:
    """Return the policy of ``text`` for the sandbox's host."""
    return parse_policy(text).with_hosts("operator", (world.sandbox.url.removeprefix("https://"),))
