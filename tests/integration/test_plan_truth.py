"""A plan, and what the deletion then does: over TLS, with whatever a device happens to hold (A3, R2)."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from contextlib import suppress

import pytest
from support.app_events import SessionConnected
from support.forms import GATE
from support.world import World, tunnel_key

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import NotAllowed, TransportError
from rocketvpn_sdk.rights import DeletionPlan

SEEDS = range(12 if GATE else 2)


class Holdings:
    """A bound device that holds some things by chance."""

    def __init__(self, world: World, seed: int) -> None:
        self.chance = random.Random(seed)
        self.world = world
        self.rocket = RocketVPN.open(world.config(witness=False))
        self.order = world.sandbox.order(limit=3)
        self.rocket.device.bind(self.order)
        logger, handler = logging.getLogger("app.planned"), self.rocket.journal.handler()
        logger.setLevel(logging.DEBUG)
        logger.addHandler(handler)
        self.end = lambda: logger.removeHandler(handler)
        if self.chance.random() < 0.8:
            self.rocket.consent.declare_age(adult=True)
        for act in (
            lambda: logger.info("tunnel up"),
            lambda: logger.error("it failed", exc_info=ValueError("no")),
            lambda: self.rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=3)),
            lambda: self.correct("language", "de"),
            lambda: self.correct("contact_email", "lena.f@post.example"),
            lambda: self.rocket.call("tunnel.register", public_key=tunnel_key(), region="de-fra"),
            lambda: self.rocket.rights.make_ticket("device"),
            lambda: self.rocket.rights.make_ticket("account"),
        ):
            if self.chance.random() < 0.5:
                act()

    def correct(self, field: str, value: str) -> None:
        with suppress(NotAllowed):  # a minor may not add what was not there
            self.rocket.rights.correct({field: value})

    def here(self) -> set[str]:
        return {value.field for value in self.rocket.rights.view().here}


@pytest.fixture(params=SEEDS)
def holdings(world: World, request: pytest.FixtureRequest) -> Iterator[Holdings]:
    made = Holdings(world, request.param)
    yield made
    made.end()
    made.rocket.close()


def going(plan: DeletionPlan, place: str) -> set[str]:
    rest = {field.field for field in plan.stays if place in field.goes_from}
    return {field.field for field in plan.goes if place in field.places} | rest


def staying(plan: DeletionPlan) -> set[str]:
    return {field.field for field in plan.stays}


def there(rocket: RocketVPN, *, with_code: bool = False) -> set[str]:
    """Return what the server shows this device: without a code, less than it holds."""
    return {value.field for value in rocket.rights.view(with_code=with_code).there if not value.code_needed}


@pytest.mark.clause("A3")
def test_of_the_log_what_is_there_goes_and_nothing_else(holdings: Holdings) -> None:
    rights, before = holdings.rocket.rights, holdings.here()
    plan = rights.plan_delete("logs")
    rights.delete(plan)
    after = {value.field for value in rights.view().here}
    assert before - after == going(plan, "device")
    assert not after & going(plan, "device")
    assert (going(plan, "server"), plan.stays, plan.server_holds) == (set(), (), ())
    assert {"region", "level"} <= {field.field for field in plan.server_may_hold}  # as nobody asked the server


@pytest.mark.clause("A3", "R2")
def test_what_goes_with_a_device_is_gone_and_what_stays_is_there(holdings: Holdings, world: World) -> None:
    with RocketVPN.open(world.neighbour(world.folder.parent / "laptop").config()) as laptop:
        laptop.device.bind(holdings.order)
        holdings.rocket.rights.view()
        plan = holdings.rocket.rights.plan_delete("device")
        assert going(plan, "device") == holdings.here()
        assert going(plan, "server") | staying(plan) == there(holdings.rocket)
        assert not {field.field for field in plan.goes} & staying(plan)
        receipt = holdings.rocket.rights.delete(plan).server.receipt
        assert receipt is not None
        # Of a field that stays, a part may have gone: a ticket for the device beside one for the account.
        assert going(plan, "server") <= set(receipt.claims.erased) <= going(plan, "server") | {"erasure_ticket"}
        assert {held.field for held in receipt.claims.held_back} <= staying(plan)
        assert staying(plan) <= there(laptop, with_code=True)
    assert not world.folder.exists()


@pytest.mark.clause("A3", "R2")
def test_with_the_account_everything_goes_but_what_the_law_keeps(holdings: Holdings, world: World) -> None:
    holdings.rocket.rights.view()
    unproven, shown = holdings.rocket.rights.plan_delete("account"), there(holdings.rocket)
    assert going(unproven, "server") | staying(unproven) == shown
    plan = holdings.rocket.rights.plan_delete("account", with_code=True)
    assert there(holdings.rocket) - shown <= {field.field for field in unproven.withheld}
    assert going(plan, "device") == holdings.here()
    assert going(plan, "server") | staying(plan) == there(holdings.rocket)
    assert not {field.field for field in plan.goes} & staying(plan)
    receipt = holdings.rocket.rights.delete(plan).server.receipt
    assert receipt is not None
    assert set(receipt.claims.erased) == going(plan, "server") == set(plan.server_holds)
    assert {held.field: held.until for held in receipt.claims.held_back} == {
        kept.field: kept.until for kept in plan.stays
    }
    assert not world.folder.exists()
    assert holdings.order not in str(world.sandbox.rows())


@pytest.mark.clause("A3", "P1")
@pytest.mark.parametrize("scope", ["device", "account"])
def test_where_the_server_could_not_be_asked_nothing_is_claimed_of_it(world: World, scope: str) -> None:
    order = world.sandbox.order()
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(order)
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        plan = offline.rights.plan_delete(scope)
        with pytest.raises(TransportError):
            offline.device.order()
    assert (plan.server_asked, going(plan, "server"), plan.stays) == (False, set(), ())
    may = {field.field for field in plan.server_may_hold}
    assert {"device_id", "bound_on"} <= may
    assert ("order_number" in may) == (scope == "account")
    assert "device_key" not in may  # the policy lets no server hold it
