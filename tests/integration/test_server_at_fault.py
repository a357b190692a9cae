"""A 401 that is not about the user asks nobody for a code: what waits is tried again later."""

from __future__ import annotations

import pytest
from support.world import World, tunnel_key

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.changes import UserNeeded
from rocketvpn_sdk.cli import codes, problems
from rocketvpn_sdk.errors import AuthenticationFailed, ServerError
from rocketvpn_sdk.sandbox.proofs import ProofRefused

pytestmark = [pytest.mark.usefixtures("no_pauses"), pytest.mark.clause("R2")]


def overload(patch: pytest.MonkeyPatch, world: World) -> None:
    """Have the server refuse every proof, as one does whose store of used proofs is full."""

    def refuse(*_: object, **__: object) -> str:
        raise ProofRefused("too many proofs at once")

    patch.setattr(world.sandbox._services.proofs, "check", refuse)


@pytest.mark.parametrize("token", ["live", "to be fetched"])
def test_what_waits_for_the_server_does_not_wait_for_the_user(
    world: World, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    told: list[UserNeeded] = []
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.consent.declare_age(True)
        rocket.events.subscribe(UserNeeded, told.append)
        if token == "to be fetched":
            rocket._components.api.session.forget()
        with monkeypatch.context() as patch:
            overload(patch, world)
            rocket.consent.grant(rocket.consent.notice("improvement"))
            rocket.sync()
            (waits,) = rocket.queue.items()
            assert (waits.state, waits.problem) == ("waiting", "server-error")
            assert told == []
        rocket.sync()
        assert rocket.queue.items() == ()


def test_a_call_names_the_server_and_no_key_to_repeat_it_with(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        overload(monkeypatch, world)
        with pytest.raises(ServerError, match="invalid_dpop_proof") as caught:
            rocket.call("tunnel.register", idempotency_key="k", public_key=tunnel_key())
    assert caught.value.cause == "server"
    assert "its store of used proofs" in caught.value.hint
    assert caught.value.idempotency_key is None, "it was turned away, so it is known that it was not done"
    assert problems.exit_code(caught.value) == codes.SERVER
    assert len(world.asked) == 0


def test_binding_says_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    with RocketVPN.open(world.config()) as rocket:
        overload(monkeypatch, world)
        with pytest.raises(ServerError, match="invalid_dpop_proof"):
            rocket.device.bind(world.sandbox.order())


def test_an_owner_whose_minutes_are_over_is_still_told_so(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An owner's token cannot be fetched again without them: this 401 is about the user."""
    order = world.sandbox.order()
    with RocketVPN.open(world.config()) as rocket:
        owner = rocket.rights.as_owner(order)
        monkeypatch.setattr(owner._owner, "_token", "another")
        with pytest.raises(AuthenticationFailed, match="invalid_token"):
            owner.view()
