"""Attack: something is used after its time, in the moments before a sweep deletes it.

The server here sweeps once, at its first request, and then never: what refuses is the comparison itself. Each test
shows that the row is still there.
"""

from __future__ import annotations

import hashlib
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.dpop_client import ACR_EMAIL, Peer, problem_code, sign
from support.server_rows import all_rows

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.testing.clock import FakeClock

pytestmark = pytest.mark.clause("R1", "A4")

NEVER = 10**12
DAY = 24 * 3600
THREE_YEARS = 3 * 365 * DAY
SETTINGS = ServerSettings(purge_interval=NEVER, short_mails=2)
REQUESTS = "/v1/data-rights-requests"
ACR_OWNER = "urn:rocketvpn:acr:owner"


class Site:
    def __init__(self, sandbox: Sandbox, clock: FakeClock) -> None:
        self.sandbox, self.clock, self.peers = sandbox, clock, list[Peer]()
        self.order = sandbox.order(limit=9)

    def peer(self) -> Peer:
        self.peers.append(Peer(self.sandbox.url, self.sandbox.ca_file, now=self.clock.time))
        return self.peers[-1]

    def bound(self) -> Peer:
        return self.peer().bind(self.order)

    def code(self) -> str:
        return self.sandbox.mail.last_code()

    def rows(self, table: str) -> list[dict[str, Any]]:
        return all_rows(self.sandbox.database_file)[table]

    def expired(self, table: str) -> int:
        """Return how many rows are there whose time has passed."""
        return sum(row["expires_at"] <= self.clock.time() for row in self.rows(table))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    clock = FakeClock()
    sandbox = Sandbox(tmp_path / "server", clock=clock)
    sandbox.settings = SETTINGS
    with sandbox:
        site = Site(sandbox, clock)
        site.peer().http.get("/v1/keys")  # the one sweep
        yield site
        for peer in site.peers:
            peer.close()


def refreshed(peer: Peer) -> Peer:
    peer.access_token = peer.refresh().json()["access_token"]
    return peer


# ---------------------------------------------------------------- tokens and codes


def test_an_access_token_ends_to_the_second(site: Site) -> None:
    peer = site.bound()
    site.clock.advance(SETTINGS.access_lifetime - 1)
    assert peer.call("GET", "/v1/order").status_code == 200
    site.clock.advance(1)

    assert problem_code(peer.call("GET", "/v1/order")) == "invalid-token"
    assert site.expired("access_tokens")


@pytest.mark.parametrize(("asked", "given"), [("10", 10), ("86400", SETTINGS.step_up_lifetime)])
def test_a_token_of_a_step_up_ends_with_its_max_age_and_that_has_a_cap(site: Site, asked: str, given: int) -> None:
    peer = site.bound()
    token = peer.step_up(site.code, max_age=int(asked))
    body = {"ticket_id": hashlib.sha256(b"x").hexdigest(), "scope": "account"}
    site.clock.advance(given - 1)
    assert peer.call("POST", "/v1/erasure-tickets", json_body=body, token=token).status_code == 201
    site.clock.advance(1)

    body = {"ticket_id": hashlib.sha256(b"y").hexdigest(), "scope": "account"}
    assert problem_code(peer.call("POST", "/v1/erasure-tickets", json_body=body, token=token)) == "invalid-token"
    assert site.expired("access_tokens")


@pytest.mark.parametrize("kind", ["bind", "step_up", "owner"])
def test_an_authorization_code_ends_to_the_second(site: Site, kind: str) -> None:
    in_time, late = granted(site, kind), granted(site, kind)
    site.clock.advance(SETTINGS.code_lifetime - 1)
    assert in_time[0].redeem(in_time[1]).status_code == 200
    site.clock.advance(1)

    assert late[0].redeem(late[1]).json()["error"] == "invalid_grant"
    assert site.expired("auth_codes")


def granted(site: Site, kind: str) -> tuple[Peer, str]:
    if kind == "bind":
        peer = site.peer()
        return peer, str(peer.ask_to_bind(site.order).json()["authorization_code"])
    peer, session = begun(site, kind)
    answer = peer.challenge(auth_session=session, verification_code=site.code())
    return peer, str(answer.json()["authorization_code"])


def begun(site: Site, kind: str) -> tuple[Peer, str]:
    if kind == "owner":
        peer = site.peer()
        asked = peer.challenge(order_number=site.order, acr_values=ACR_OWNER)
    else:
        peer = site.bound()
        asked = peer.challenge(device_id=peer.device_id, acr_values=ACR_EMAIL)
    return peer, str(asked.json()["auth_session"])


@pytest.mark.parametrize("kind", ["step_up", "owner"])
def test_a_session_and_its_code_end_to_the_second(site: Site, kind: str) -> None:
    for wait, expected in ((SETTINGS.session_lifetime - 1, 200), (SETTINGS.session_lifetime, 400)):
        peer, session = begun(site, kind)
        code = site.code()
        site.clock.advance(wait)
        answer = peer.challenge(auth_session=session, verification_code=code)
        assert answer.status_code == expected
    assert answer.json()["error"] == "invalid_session"
    assert site.expired("auth_sessions")


def test_a_long_code_ends_fifteen_minutes_after_its_e_mail(site: Site) -> None:
    """That is what the policy allows a server to keep a code for."""
    for _ in range(SETTINGS.short_mails):
        begun(site, "owner")
    (early, first), code = begun(site, "owner"), site.code()
    late, second = begun(site, "owner")
    assert len(code) == SETTINGS.long_digits
    site.clock.advance(SETTINGS.long_period * 1.5)
    answers = [
        each.challenge(auth_session=name, verification_code=code) for each, name in ((early, first), (late, second))
    ]

    assert SETTINGS.long_period * 1.5 <= 15 * 60
    assert [answer.json()["error"] for answer in answers] == ["invalid_session"] * 2
    assert site.expired("auth_sessions")


def test_a_code_and_a_session_are_good_for_their_client_alone(site: Site) -> None:
    peer, session = begun(site, "step_up")
    other = {"client_id": "org.example.other"}
    stolen = peer.challenge(auth_session=session, verification_code=site.code(), **other)
    assert stolen.json()["error"] == "invalid_session"
    code = peer.challenge(auth_session=session, verification_code=site.code()).json()["authorization_code"]
    taken = peer.form("/v1/token", grant_type="authorization_code", code=code, **other)
    assert taken.json()["error"] == "invalid_grant"
    assert peer.redeem(code).status_code == 200


def test_a_budget_is_full_again_after_its_window_to_the_second(site: Site) -> None:
    def digits() -> int:
        peer = site.peer()
        asked = peer.challenge(order_number=site.order, acr_values=ACR_OWNER)
        return int(asked.json()["challenge"]["code_digits"])

    assert [digits() for _ in range(3)] == [SETTINGS.short_digits] * 2 + [SETTINGS.long_digits]
    site.clock.advance(SETTINGS.budget_window - 1)
    assert digits() == SETTINGS.long_digits
    site.clock.advance(1)
    assert site.expired("code_budgets")
    assert digits() == SETTINGS.short_digits


def test_a_removed_device_is_told_so_for_ninety_days(site: Site) -> None:
    for wait, said in ((SETTINGS.removed_key_lifetime - 1, "device-revoked"), (SETTINGS.removed_key_lifetime, None)):
        peer = site.bound()
        site.sandbox.faults.revoke_device(peer.device_id)
        site.clock.advance(wait)
        assert peer.refresh().json()["error"] == (said or "invalid_grant")
        assert problem_code(peer.call("GET", "/v1/order")) == (said or "invalid-token")
    assert site.expired("removed_keys")


# ---------------------------------------------------------------- requests, receipts and tickets


def test_a_request_and_its_receipt_end_with_their_retention(site: Site) -> None:
    peer = site.bound()
    request = peer.call("POST", REQUESTS, json_body={"exercise": "deletion", "scope": "logs"}).json()["request_id"]
    paths = (f"{REQUESTS}/{request}", f"{REQUESTS}/{request}/receipt")
    site.clock.advance(THREE_YEARS - 1)
    refreshed(peer)
    assert [peer.call("GET", path).status_code for path in paths] == [200, 200]
    assert len(peer.call("GET", REQUESTS).json()["requests"]) == 1
    site.clock.advance(1)

    assert [problem_code(peer.call("GET", path)) for path in paths] == ["not-found"] * 2
    assert peer.call("GET", REQUESTS).json()["requests"] == []
    assert problem_code(peer.call("DELETE", paths[0])) == "not-found"
    assert site.expired("rights_requests")


def test_an_erased_device_reads_its_receipt_for_as_long_and_no_longer(site: Site) -> None:
    peer = site.bound()
    assert peer.ask_deletion("device").status_code == 201
    site.clock.advance(THREE_YEARS - 1)
    assert peer.refresh().status_code == 200
    site.clock.advance(1)

    assert peer.refresh().json()["error"] == "invalid_grant"
    assert site.expired("rights_requests")


def test_a_used_ticket_gives_its_receipt_again_for_a_day(site: Site) -> None:
    peer, code = site.bound(), "T" * 40
    made = {"ticket_id": hashlib.sha256(code.encode()).hexdigest(), "scope": "device"}
    assert peer.call("POST", "/v1/erasure-tickets", json_body=made).status_code == 201

    def redeem() -> httpx.Response:
        return peer.http.post("/v1/erasures", json={"ticket": code}, headers={"Idempotency-Key": '"one"'})

    first = redeem()
    site.clock.advance(SETTINGS.replay_lifetime - 1)
    assert redeem().content == first.content
    site.clock.advance(1)

    assert problem_code(redeem()) == "ticket-not-valid"
    assert sum(row["expires_at"] is not None for row in site.rows("tickets")) == 1


def test_the_answer_to_an_idempotency_key_is_kept_for_a_day(site: Site) -> None:
    peer = site.bound()

    def tunnel(seed: bytes) -> httpx.Response:
        body = {"public_key": b64encode(seed * 32).decode()}
        return refreshed(peer).call("POST", "/v1/tunnels", json_body=body, key="one")

    first = tunnel(b"a")
    site.clock.advance(SETTINGS.replay_lifetime - 1)
    assert tunnel(b"a").content == first.content
    assert problem_code(tunnel(b"b")) == "idempotency-key-reused"
    site.clock.advance(1)
    assert site.expired("idempotency")

    assert tunnel(b"b").status_code == 201


# ---------------------------------------------------------------- nonces and proofs


def test_a_nonce_ends_to_the_second(site: Site) -> None:
    peer = site.bound()
    nonce = peer.fresh_nonce()
    assert site.clock.time() % SETTINGS.nonce_period == 0  # when this one was made

    def answer() -> httpx.Response:
        claims = peer.claims("GET", "/v1/order", token=peer.access_token) | {"nonce": nonce}
        return peer.send("GET", "/v1/order", token=peer.access_token, proof=sign(peer.key, claims))

    site.clock.advance(SETTINGS.nonce_lifetime)
    assert answer().status_code == 200
    site.clock.advance(1)
    assert problem_code(answer()) == "use-dpop-nonce"


@pytest.mark.parametrize("ahead", [0, SETTINGS.proof_window])
def test_a_proof_is_good_once_for_as_long_as_it_is_good_at_all(site: Site, ahead: int) -> None:
    peer = site.bound()

    def proof() -> str:
        claims = peer.claims("GET", "/v1/order", token=peer.access_token)
        return sign(peer.key, claims | {"iat": int(site.clock.time()) + ahead})

    def answer(made: str) -> str:
        reply = peer.send("GET", "/v1/order", token=peer.access_token, proof=made)
        return str(reply.json().get("detail", reply.status_code))

    used, unused, late = proof(), proof(), proof()
    assert answer(used) == "200"
    site.clock.advance(SETTINGS.proof_window + ahead)
    assert answer(used) == "the jti was used before"
    assert answer(unused) == "200"
    site.clock.advance(1)
    assert answer(late) == "iat is too far from the server's clock"


def test_forgetting_old_proofs_forgets_no_newer_one(site: Site) -> None:
    """What is forgotten is what is over, oldest first; a proof that is still good stays known."""
    peer = site.bound()  # by proofs that are forgotten two windows from now
    site.clock.advance(2 * SETTINGS.proof_window - 20)
    claims = peer.claims("GET", "/v1/order", token=peer.access_token)
    proof = sign(peer.key, claims)
    assert peer.send("GET", "/v1/order", token=peer.access_token, proof=proof).status_code == 200
    site.clock.advance(21)

    again = peer.send("GET", "/v1/order", token=peer.access_token, proof=proof)
    assert again.json()["detail"] == "the jti was used before"


# ---------------------------------------------------------------- guardians

PARENT = "parent@example.org"


def ask_guardian(site: Site, peer: Peer) -> tuple[str, str]:
    made = refreshed(peer).ask_guardian(site.sandbox.policy, PARENT)
    return f"/v1/guardian-requests/{made.json()['request_id']}/confirm", site.sandbox.mail.last_code(PARENT)


@pytest.mark.clause("M1", "M2")
def test_a_guardians_code_ends_to_the_second(site: Site) -> None:
    peer = site.bound()
    for wait, expected in ((SETTINGS.guardian_lifetime - 1, 200), (SETTINGS.guardian_lifetime, 410)):
        path, code = ask_guardian(site, peer)
        site.clock.advance(wait)
        assert refreshed(peer).call("POST", path, json_body={"code": code}).status_code == expected
    site.clock.advance(SETTINGS.guardian_memory)
    assert problem_code(refreshed(peer).call("POST", path, json_body={"code": code})) == "guardian-request-not-found"
    assert site.expired("guardian_requests")


@pytest.mark.clause("M1")
def test_a_guardians_code_is_for_the_device_that_asked(site: Site) -> None:
    peer, other = site.bound(), site.bound()
    path, code = ask_guardian(site, peer)

    assert problem_code(other.call("POST", path, json_body={"code": code})) == "guardian-request-not-found"
    other.call("DELETE", path.removesuffix("/confirm"))
    assert peer.call("POST", path, json_body={"code": code}).status_code == 200


# ---------------------------------------------------------------- what is held, and shown


def add_tunnel(site: Site, peer: Peer) -> None:
    peer.call("POST", "/v1/tunnels", json_body={"public_key": b64encode(b"k" * 32).decode()})


def add_consent(site: Site, peer: Peer) -> None:
    body = {"record_id": str(uuid.uuid4()), "state": "denied", "policy_version": 1}
    body |= {"policy_sha256": "0" * 64, "at": "2026-11-28T10:00:00Z"}
    peer.call("PUT", "/v1/consents/improvement", json_body=body)


def add_disclosure(site: Site, peer: Peer) -> None:
    site.sandbox.disclose(site.order, recipient="A court", basis="court", categories=["account"])


def add_guardian(site: Site, peer: Peer) -> None:
    ask_guardian(site, peer)


HELD: dict[str, tuple[Callable[[Site, Peer], None], str, int]] = {
    "tunnel_address": (add_tunnel, "tunnels", 7 * DAY),
    "consent_record": (add_consent, "consents", THREE_YEARS),
    "disclosure_record": (add_disclosure, "disclosures", THREE_YEARS),
    "guardian_code": (add_guardian, "guardian_requests", 37 * DAY),
}


@pytest.mark.clause("A1")
@pytest.mark.parametrize("field", HELD)
def test_what_has_expired_is_not_shown(site: Site, field: str) -> None:
    add, table, seconds = HELD[field]
    peer = site.bound()
    add(site, peer)

    def shown() -> bool:
        token = peer.step_up(site.code)
        refreshed(peer)
        fields = peer.call("GET", "/v1/data", token=token).json()["fields"]
        other = peer.call("GET", "/v1/disclosures", token=token).json()["disclosures"]
        other += peer.call("GET", "/v1/consents/improvement").json()["consents"]
        assert bool(other) is (
            field in [each["id"] for each in fields] and field in ("consent_record", "disclosure_record")
        )
        return field in [each["id"] for each in fields]

    site.clock.advance(seconds - 1)
    assert shown()
    site.clock.advance(1)
    assert not shown()
    assert site.expired(table)


@pytest.mark.clause("R2")
def test_an_invoice_is_not_shown_after_the_ten_years_that_a_law_holds_it(site: Site) -> None:
    peer = site.bound()

    def shown() -> bool:
        fields = peer.call("GET", "/v1/data", token=peer.step_up(site.code)).json()["fields"]
        return "payment_record" in [each["id"] for each in fields]

    site.clock.advance(10 * 365 * DAY - DAY)
    assert shown()
    site.clock.advance(DAY)
    assert not shown()
    assert site.rows("payments")
