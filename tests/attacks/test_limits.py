"""Attack: more guesses, more e-mails or more rows than there are, or an owner locked out by using them up.

What is counted for an order is counted in rows that whoever is counted cannot delete. What strangers use up is theirs.
"""

from __future__ import annotations

import hashlib
import uuid
from base64 import b32encode
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from support.dpop_client import ACR_EMAIL, Peer, problem_code
from support.server_rows import all_rows

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.testing.clock import FakeClock

pytestmark = pytest.mark.clause("A4")

ACR_OWNER = "urn:rocketvpn:acr:owner"
KIM = "kim@example.org"
STRICT = ServerSettings(short_mails=3, short_tries=6, address_challenges=8, unknown_orders=3, plain_requests=3)


class Site:
    """A server with small numbers, and as many peers as an attack wants."""

    def __init__(self, sandbox: Sandbox, clock: FakeClock) -> None:
        self.sandbox, self.clock = sandbox, clock
        self.peers: list[Peer] = []
        self.order = sandbox.order(limit=9, email=KIM)
        self.url, self.mail = sandbox.url, sandbox.mail

    def peer(self) -> Peer:
        """A key that nobody knows."""
        self.peers.append(Peer(self.url, self.sandbox.ca_file, now=self.clock.time))
        return self.peers[-1]

    def bound(self) -> Peer:
        return self.peer().bind(self.order)

    def handle(self, peer: Peer) -> str:
        """How others name the device."""
        (row,) = (row for row in self.rows("devices") if row["id"] == peer.device_id)
        return b32encode(hashlib.sha256(f"handle\n{row['row_id']}".encode()).digest()).decode().rstrip("=")

    def mails(self, since: int = 0) -> int:
        return sum(message.to == KIM for message in self.mail[since:])

    def as_owner(self, peer: Peer, order: str | None = None) -> httpx.Response:
        return peer.challenge(order_number=order or self.order, acr_values=ACR_OWNER)

    def step_up(self, peer: Peer) -> httpx.Response:
        return peer.challenge(device_id=peer.device_id, acr_values=ACR_EMAIL)

    def answer(self, peer: Peer, asked: httpx.Response, code: str | None = None) -> httpx.Response:
        session = asked.json()["auth_session"]
        return peer.challenge(
            auth_session=session, verification_code=self.mail.last_code(KIM) if code is None else code
        )

    def rows(self, table: str) -> list[dict[str, object]]:
        return all_rows(self.sandbox.database_file)[table]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def site(tmp_path: Path, clock: FakeClock) -> Iterator[Site]:
    sandbox = Sandbox(tmp_path / "server", clock=clock)
    sandbox.settings = STRICT
    with sandbox:
        site = Site(sandbox, clock)
        yield site
        for peer in site.peers:
            peer.close()


def digits(asked: httpx.Response) -> int:
    return int(asked.json()["challenge"]["code_digits"])


def guess(site: Site, peer: Peer, ask: Callable[[Peer], httpx.Response]) -> list[int]:
    """Ask for a code and enter five wrong ones; return how many digits each was a guess at."""
    asked = ask(peer)
    assert asked.status_code == 400, asked.text
    answers = [site.answer(peer, asked, "not-it").json()["error"] for _ in range(5)]
    return [digits(asked)] * answers.count("invalid_grant")


# ---------------------------------------------------------------- guesses


def test_attack_guessing_from_device_after_device_that_is_unbound_again(site: Site) -> None:
    """The number of guesses at a short code does not begin again with a new device, key, session or address."""
    owner = site.bound()
    guesses: list[int] = []
    for _ in range(4):
        thief = site.bound()
        for _ in range(2):
            guesses += guess(site, thief, site.step_up)
        thief.call("DELETE", f"/v1/devices/{thief.device_id}")

    assert guesses.count(STRICT.short_digits) == STRICT.short_tries
    assert set(guesses) == {STRICT.short_digits, STRICT.long_digits}
    assert site.answer(owner, site.step_up(owner)).status_code == 200


def test_attack_guessing_with_one_key_after_the_other(site: Site) -> None:
    guesses = [each for _ in range(5) for each in guess(site, site.peer(), site.as_owner)]

    assert guesses.count(STRICT.short_digits) == STRICT.short_tries
    assert "Somebody entered wrong codes" in "".join(message.text for message in site.mail)


def test_attack_guessing_at_a_short_code_that_was_mailed_before_the_tries_ran_out(site: Site) -> None:
    early = site.peer()
    waiting = site.as_owner(early)
    short = site.mail.last_code(KIM)
    for _ in range(2):
        guess(site, site.peer(), site.as_owner)

    assert len(short) == STRICT.short_digits
    assert site.answer(early, waiting, short).json()["error"] == "invalid_session"
    assert site.answer(early, site.as_owner(early)).status_code == 200


def test_attack_guessing_goes_on_when_the_server_starts_again(tmp_path: Path, clock: FakeClock) -> None:
    seen = []
    for _ in range(3):
        sandbox = Sandbox(tmp_path / "server", clock=clock)
        sandbox.settings = STRICT
        with sandbox:
            site = Site(sandbox, clock)
            seen += guess(site, site.peer(), lambda peer, site=site: site.as_owner(peer, "RV-2026-0001"))
            for peer in site.peers:
                peer.close()

    assert seen.count(STRICT.short_digits) == STRICT.short_tries
    assert seen[-1] == STRICT.long_digits


def test_attack_guesses_for_one_purpose_are_counted_for_that_purpose(site: Site) -> None:
    """A stranger who uses up the tries of owners leaves those of replacing a device, and of stepping up."""
    device = site.bound()
    for _ in range(3):
        guess(site, site.peer(), site.as_owner)

    assert digits(site.as_owner(site.peer())) == STRICT.long_digits
    assert digits(site.peer().ask_to_bind(site.order, replace=site.handle(device))) == STRICT.short_digits
    assert digits(site.step_up(device)) == STRICT.short_digits


def test_attack_the_day_after_there_are_no_more_guesses_than_on_any_day(site: Site) -> None:
    for _ in range(2):
        guesses = [each for _ in range(4) for each in guess(site, site.peer(), site.as_owner)]
        assert guesses.count(STRICT.short_digits) == STRICT.short_tries
        site.clock.advance(STRICT.budget_window)


def test_attack_a_long_code_that_somebody_saw_is_not_good_twice(site: Site) -> None:
    for _ in range(STRICT.short_mails):
        site.as_owner(site.peer())
    owner, thief = site.peer(), site.peer()
    asked, theirs = site.as_owner(owner), site.as_owner(thief)
    code = site.mail.last_code(KIM)

    assert site.answer(owner, asked, code).status_code == 200
    assert site.answer(thief, theirs, code).json()["error"] == "invalid_session"
    assert site.answer(thief, site.as_owner(thief), code).json()["error"] == "invalid_grant"


def test_attack_a_long_code_is_of_no_use_for_another_order_or_purpose(site: Site) -> None:
    other = site.sandbox.order(limit=9, email="lou@example.org")
    for _ in range(STRICT.short_mails + 1):
        site.as_owner(site.peer())
        site.as_owner(site.peer(), other)
    device = site.bound()
    for _ in range(STRICT.short_mails):
        site.peer().ask_to_bind(site.order, replace=site.handle(device))
    lou = site.mail.last_code("lou@example.org")
    thief = site.peer()

    assert len(lou) == STRICT.long_digits
    assert site.answer(thief, site.as_owner(thief), lou).json()["error"] == "invalid_grant"
    code = next(message.code for message in site.mail if message.to == KIM and len(message.code) == len(lou))
    bind = thief.ask_to_bind(site.order, replace=site.handle(device))
    assert site.answer(thief, bind, code).json()["error"] == "invalid_grant"


@pytest.mark.clause("R1")
def test_attack_reading_the_codes_from_the_database(site: Site) -> None:
    """No code, no order's number that strangers asked for, and no address is in it: not even a hash of them alone."""
    for _ in range(STRICT.short_mails + 1):
        site.as_owner(site.peer(), "RV-NOT-THERE")
    stored = site.sandbox.database_file.read_bytes()

    assert b"RV-NOT-THERE" not in stored
    assert b"127.0.0.1" not in stored
    assert site.rows("code_budgets")
    assert {len(str(row["name"])) for row in site.rows("code_budgets")} == {43}


# ---------------------------------------------------------------- e-mails


def test_attack_flooding_the_owners_mailbox(site: Site) -> None:
    for _ in range(12):
        for peer in (site.peer(), site.peer()):
            site.as_owner(peer)

    assert site.mails() == STRICT.short_mails + 1
    site.clock.advance(STRICT.long_period)
    site.as_owner(site.peer())
    site.as_owner(site.peer())
    assert site.mails() == STRICT.short_mails + 2


def test_attack_one_key_asks_without_end_and_is_alone_refused(site: Site) -> None:
    thief, other = site.peer(), site.peer()
    answers = [site.as_owner(thief) for _ in range(STRICT.live_challenges + 1)]

    assert [answer.status_code for answer in answers] == [400] * STRICT.live_challenges + [429]
    assert answers[-1].json()["error"] == "rate-limited"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= STRICT.session_lifetime
    assert site.as_owner(other).status_code == 400
    assert thief.ask_to_bind(site.order).status_code == 200
    site.clock.advance(int(answers[-1].headers["Retry-After"]))
    assert site.as_owner(thief).status_code == 400


def test_attack_flooding_the_mailbox_by_unbinding_in_between(site: Site) -> None:
    for _ in range(6):
        thief = site.bound()
        before = site.mails()
        for _ in range(2):
            site.step_up(thief)
        thief.call("DELETE", f"/v1/devices/{thief.device_id}")
        sent = site.mails() - before
    assert sent == 0


def ask_guardian(site: Site, peer: Peer, contact: str, token: str | None = None) -> httpx.Response:
    return peer.ask_guardian(site.sandbox.policy, contact, token)


@pytest.mark.clause("M1", "M3")
def test_attack_mails_to_strangers_by_way_of_guardians_that_are_withdrawn(site: Site) -> None:
    """Withdrawing a request, and removing the device, give no e-mail back."""
    answers = []
    for number in range(3 * STRICT.guardian_live):
        device = site.bound()
        answers.append(ask_guardian(site, device, f"stranger{number}@example.net"))
        if answers[-1].status_code == 201:
            device.call("DELETE", f"/v1/guardian-requests/{answers[-1].json()['request_id']}")
        device.call("DELETE", f"/v1/devices/{device.device_id}")

    assert [answer.status_code for answer in answers].count(201) == STRICT.guardian_live
    assert sum(message.to.endswith("example.net") for message in site.mail) == STRICT.guardian_live


@pytest.mark.clause("M1")
def test_attack_using_up_the_guardians_mails_leaves_the_owner_some(site: Site) -> None:
    stranger, owner = site.bound(), site.bound()
    for number in range(STRICT.guardian_live):
        ask_guardian(site, stranger, f"stranger{number}@example.net")

    refused = ask_guardian(site, owner, "parent@example.org")
    assert problem_code(refused) == "insufficient-user-authentication"
    stepped = owner.step_up(lambda: site.mail.last_code(KIM))
    assert ask_guardian(site, owner, "parent@example.org", stepped).status_code == 201
    assert ask_guardian(site, owner, "parent@example.org").status_code == 201  # it proved itself, and stays proven
    for _ in range(STRICT.guardian_live - 2):
        ask_guardian(site, owner, "parent@example.org")
    spent = ask_guardian(site, owner, "parent@example.org")
    assert (spent.status_code, problem_code(spent)) == (429, "rate-limited")
    assert 0 < int(spent.headers["Retry-After"]) <= STRICT.guardian_lifetime


# ---------------------------------------------------------------- locking the owner out


def test_attack_locking_out_the_owner_of_a_lost_device(site: Site) -> None:
    """However many codes strangers ask for and however many wrong ones they enter, the owner gets one that is right.

    The strangers are at the owner's own address, and use up what that has, too.
    """
    owner, new, lost = site.peer(), site.peer(), site.bound()
    handle = site.handle(lost)

    def bind(peer: Peer) -> httpx.Response:
        return peer.ask_to_bind(site.order, replace=handle)

    for who, ask in ((owner, site.as_owner), (new, bind)):
        for _ in range(STRICT.address_challenges):
            guess(site, site.peer(), ask)
        asked, mails = ask(who), site.mails()
        assert "in an e-mail of the last minutes" in asked.json()["challenge"]["hint"]
        granted = site.answer(who, asked)
        assert who.redeem(granted.json()["authorization_code"]).status_code == 200
        if ask == site.as_owner:
            ask(site.peer())
            assert site.mails() == mails + 1  # the one that was good is used up, so there is another one
    assert lost.call("GET", "/v1/order").status_code == 403


def test_attack_locking_out_a_device_of_the_order_with_many_keys(site: Site) -> None:
    """What unknown keys use up is not a device's, and what devices nobody proved use up is not a proven one's."""
    proven, plain = site.bound(), site.bound()
    proven.step_up(lambda: site.mail.last_code(KIM))
    for _ in range(4):
        guess(site, site.peer(), site.as_owner)
    assert digits(site.step_up(plain)) == STRICT.short_digits

    for _ in range(4):
        guess(site, site.bound(), site.step_up)
    assert digits(site.step_up(plain)) == STRICT.long_digits
    assert digits(site.step_up(proven)) == STRICT.short_digits


def test_attack_a_proof_from_the_former_address_is_none_for_the_new_one(site: Site) -> None:
    device = site.bound()
    stepped = device.step_up(lambda: site.mail.last_code(KIM))
    assert site.rows("proven_devices")

    assert device.patch({"contact_email": "new@example.org"}, token=stepped).status_code == 200
    device.confirm_address(lambda: site.mail.last_code("new@example.org"))

    assert not site.rows("proven_devices")


def test_attack_the_owner_who_answers_keeps_getting_short_codes(site: Site) -> None:
    """What comes to a good end is not counted: an owner may step up as often as they like."""
    device = site.bound()
    for _ in range(3 * STRICT.short_mails):
        asked = site.step_up(device)
        assert digits(asked) == STRICT.short_digits
        assert site.answer(device, asked).status_code == 200


def test_attack_asking_for_codes_of_one_order_after_the_other(site: Site) -> None:
    """One address gets so many short codes that nobody answers; then long ones, once in a while for each order."""
    lengths = [digits(site.as_owner(site.peer(), f"RV-ANY-{number}")) for number in range(10)]

    assert lengths == [STRICT.short_digits] * 8 + [STRICT.long_digits] * 2
    owner = site.peer()
    assert site.answer(owner, site.as_owner(owner)).status_code == 200


def test_attack_finding_orders_by_binding_to_every_number(site: Site) -> None:
    """After a few, each number is answered alike; a code from its e-mail, if there is such an order, is needed."""
    thief = site.peer()
    answers = [thief.ask_to_bind(f"RV-NONE-{number}").json() for number in range(4)]
    known = site.peer().ask_to_bind(site.order).json()

    assert [each["error"] for each in answers] == ["order-not-found"] * 3 + ["insufficient_authorization"]
    for each in (answers[-1], known):
        each.pop("auth_session")
    assert known == answers[-1]
    owner = site.peer()  # at the same address
    granted = site.answer(owner, owner.ask_to_bind(site.order)).json()
    assert owner.redeem(granted["authorization_code"]).json()["refresh_token"]
    assert owner.ask_to_bind(site.order).status_code == 200  # a device of the order needs no code


def test_attack_wrong_tickets_do_not_lock_out_a_good_one(site: Site) -> None:
    device, code = site.bound(), "T" * 40
    made = {"ticket_id": hashlib.sha256(code.encode()).hexdigest(), "scope": "device"}
    assert device.call("POST", "/v1/erasure-tickets", json_body=made).status_code == 201
    wrong = [site.peer().http.post("/v1/erasures", json={"ticket": "0" * 40}) for _ in range(STRICT.ticket_tries + 2)]

    assert [answer.status_code for answer in wrong] == [404] * STRICT.ticket_tries + [429] * 2
    assert site.peer().http.post("/v1/erasures", json={"ticket": code}).status_code == 200


@pytest.mark.clause("A3")
def test_attack_using_up_the_orders_tickets(site: Site) -> None:
    stranger, owner = site.bound(), site.bound()

    def make(peer: Peer) -> int:
        body = {"ticket_id": uuid.uuid4().hex * 2, "scope": "device"}
        return peer.call("POST", "/v1/erasure-tickets", json_body=body).status_code

    assert [make(stranger) for _ in range(STRICT.live_tickets + 1)] == [201] * STRICT.live_tickets + [409]
    assert make(owner) == 201


# ---------------------------------------------------------------- rows without end


@pytest.mark.clause("R1")
def test_attack_requests_without_end(site: Site) -> None:
    body = {"exercise": "access", "scope": "account"}
    answers = []
    for _ in range(3):
        thief = site.bound()
        answers += [thief.call("POST", "/v1/data-rights-requests", json_body=body) for _ in range(2)]
        thief.call("DELETE", f"/v1/devices/{thief.device_id}")

    assert [answer.status_code for answer in answers] == [201] * 3 + [401] * 3
    assert len(site.rows("rights_requests")) == 3
    owner = site.bound()
    stepped = owner.step_up(lambda: site.mail.last_code(KIM))
    assert owner.call("POST", "/v1/data-rights-requests", json_body=body, token=stepped).status_code == 201
    assert owner.ask_deletion("device").status_code == 201  # a deletion is never refused for its number


@pytest.mark.clause("U7", "R1")
def test_attack_choices_about_nothing(site: Site) -> None:
    device, most = site.bound(), STRICT.unfounded_consents

    def refuse(purpose: str) -> int:
        body = {"record_id": str(uuid.uuid4()), "state": "denied", "policy_version": 1}
        body |= {"policy_sha256": "0" * 64, "at": "2026-11-28T10:00:00Z"}
        return device.call("PUT", f"/v1/consents/{purpose}", json_body=body).status_code

    assert [refuse(f"made_up_{number}") for number in range(most + 2)] == [200] * most + [422] * 2
    assert refuse("made_up_0") == 200  # one that is there may change
    assert refuse("improvement") == 200  # and what the policy asks about may always be refused


def test_attack_a_proof_flood_by_one_key_refuses_nobody_else(tmp_path: Path) -> None:
    sandbox = Sandbox(tmp_path / "server")
    sandbox.settings = ServerSettings(replay_entries=5)
    with sandbox, Peer(sandbox.url, sandbox.ca_file) as eve, Peer(sandbox.url, sandbox.ca_file) as kim:
        kim.bind(sandbox.order())
        eve.fresh_nonce()
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        said = [eve.send("POST", "/v1/token", headers=form).json()["error_description"] for _ in range(7)]

        assert ["too many proofs" in text for text in said] == [False] * 5 + [True] * 2
        assert kim.call("GET", "/v1/order").status_code == 200
