"""Other services of the operator: chosen on the device, taken with a consent of its own, and the signal (U6)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from support.contract import Contract
from support.offering import CONSENTS, OFFER, offer, offered_by
from support.reporting import agree
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.consent.offers import OFFERS, OfferRecord
from rocketvpn_sdk.errors import EgressBlocked, RequestRefused, ValueRefused
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.wire import Audience, OfferList

pytestmark = pytest.mark.clause("U6")


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(tmp_path_factory.mktemp("offers") / "sandbox") as sandbox:
        yield sandbox


@pytest.fixture
def user(sandbox: Sandbox, tmp_path: Path) -> Iterator[World]:
    sandbox.sign(offered_by(sandbox))
    yield World(sandbox, tmp_path / "client")
    sandbox.sign(OfferList())


def ids(rocket: RocketVPN) -> list[str]:
    return [each.id for each in rocket.offers.available()]


@pytest.mark.clause("M1")
def test_offers_are_shown_to_who_agreed_and_to_nobody_else(user: World) -> None:
    with RocketVPN.open(user.config()) as rocket:
        assert ids(rocket) == []
        agree(rocket, CONSENTS[:1])
        (shown,) = rocket.offers.available("de")
        assert (shown.title, shown.text, shown.company) == (
            "Rocket-Dateien",
            "Three months of storage.",
            user.sandbox.url,
        )
        rocket.consent.declare_age(False)
        assert ids(rocket) == []


def test_an_app_that_collects_nothing_shows_no_offers_and_remembers_none(user: World) -> None:
    with RocketVPN.open(user.config(collect=False)) as rocket:
        agree(rocket, CONSENTS[:1])
        assert ids(rocket) == []
        with pytest.raises(ValueRefused, match="no such offer"):
            rocket.offers.hide(OFFER.id)
        assert rocket._components.vault.get(OFFERS, OfferRecord) is None


@pytest.mark.clause("S1", "P1")
def test_what_is_agreed_to_has_fields_recipients_times_and_the_signal(user: World) -> None:
    with RocketVPN.open(user.config()) as rocket:
        offers = rocket.consent.notice("cross_service")
        assert any("Which offers you took" in each for each in offers.fields)
        assert any("offer_record" in each for each in offers.how_long)
        assert "Sec-GPC" in " ".join(offers.effects)
        company = rocket.consent.notice("cross_service", recipient="partner")
        assert any("Which offer you take." in each for each in company.fields)
        assert any("your internet address" in each.lower() for each in company.fields)
        assert "operator's group" in company.who[0]
        assert "30 days" in " ".join(company.how_long)


@pytest.mark.clause("S1")
def test_an_offer_is_taken_with_a_consent_of_its_own_and_nobody_says_who_asks(user: World) -> None:
    before = len(user.sandbox.requests)
    with RocketVPN.open(user.config()) as rocket:
        rocket.device.bind(user.sandbox.order())
        agree(rocket, CONSENTS[:1])
        assert ids(rocket) == [OFFER.id]
        with pytest.raises(EgressBlocked, match="partner"):
            rocket.offers.take(OFFER.id)
        agree(rocket, CONSENTS[1:])
        assert rocket.offers.take(OFFER.id).link.startswith("https://")
        (sent,) = [entry for entry in rocket.rights.sent() if entry.operation == "offers.take"]
        assert (sent.recipient, sent.identity, sent.fields, sent.outcome) == ("partner", "none", ("offer_id",), "200")
        assert ids(rocket) == []  # taken: it is not shown again
        device = rocket.device.binding
        assert device is not None
    (arrived,) = [each for each in user.sandbox.requests[before:] if each.path.startswith("/v1/offers/")]
    Contract().check_request(arrived)
    assert arrived.body == b""
    assert device.device_id not in repr(arrived)
    assert {name for name, _ in arrived.headers} == {
        "host", "accept-encoding", "content-length", "accept", "idempotency-key", "user-agent",
    }  # fmt: skip


def test_the_signal_stops_with_the_consent_and_comes_back(user: World) -> None:
    def signals(work: object) -> set[str | None]:
        before = len(user.sandbox.requests)
        work()  # type: ignore[operator] # a call
        return {each.header("sec-gpc") for each in user.sandbox.requests[before:]}

    with RocketVPN.open(user.config()) as rocket:
        assert signals(rocket.ask_server) == {"1"}
        assert signals(rocket.offers.available) == {"1"}
        agree(rocket, CONSENTS)
        assert signals(rocket.offers.available) == {None}
        rocket.consent.withdraw("cross_service")
        assert signals(rocket.ask_server) == {"1"}
        assert ids(rocket) == []
        assert "offer_record" not in [held.field for held in rocket.rights.view().here]


@pytest.mark.clause("S1")
def test_a_withdrawn_company_gets_nothing_more_and_offers_stay(user: World) -> None:
    with RocketVPN.open(user.config()) as rocket:
        agree(rocket, CONSENTS)
        rocket.consent.withdraw("cross_service", "partner")
        assert ids(rocket) == [OFFER.id]
        with pytest.raises(EgressBlocked):
            rocket.offers.take(OFFER.id)


@pytest.mark.parametrize(
    "changes",
    [
        {"audience": Audience(share=0)},
        {"audience": Audience(below_version="1.0")},
        {"opens": OFFER.opens + timedelta(5)},
    ],
)
def test_what_is_not_for_this_device_is_not_shown(user: World, changes: dict[str, object]) -> None:
    user.sandbox.sign(offered_by(user.sandbox, **changes))
    with RocketVPN.open(user.config()) as rocket:
        agree(rocket, CONSENTS)
        assert ids(rocket) == []
        with pytest.raises(ValueRefused):
            rocket.offers.take(OFFER.id)


def test_an_offer_is_hidden_without_a_word_to_anybody(user: World) -> None:
    user.sandbox.sign(OfferList(offers=(OFFER, offer(id="read-only"))))
    with RocketVPN.open(user.config()) as rocket:
        agree(rocket, CONSENTS)
        assert ids(rocket) == [OFFER.id, "read-only"]
        with pytest.raises(ValueRefused, match="to be read"):
            rocket.offers.take("read-only")
        before = len(user.sandbox.requests)
        rocket.offers.hide("read-only")
        assert len(user.sandbox.requests) == before
        assert ids(rocket) == [OFFER.id]
        with pytest.raises(ValueRefused):
            rocket.offers.hide("read-only")
        (held,) = [held for held in rocket.rights.view().here if held.field == "offer_record"]
        assert "read-only" in str(held.value)


@pytest.mark.clause("S1", "T1")
def test_an_offer_of_a_host_that_the_policy_does_not_name_is_not_taken(user: World) -> None:
    user.sandbox.sign(offered_by(user.sandbox, server="https://127.0.0.1:1"))
    with RocketVPN.open(user.config()) as rocket:
        agree(rocket, CONSENTS)
        assert ids(rocket) == [OFFER.id]
        with pytest.raises(EgressBlocked, match="partner"):
            rocket.offers.take(OFFER.id)


def test_an_offer_that_ended_at_the_company_stays_here(user: World) -> None:
    with RocketVPN.open(user.config()) as rocket:
        agree(rocket, CONSENTS)
        assert ids(rocket) == [OFFER.id]
        user.sandbox.sign(OfferList())
        with pytest.raises(RequestRefused):
            rocket.offers.take(OFFER.id)
        assert ids(rocket) == []
