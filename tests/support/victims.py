"""An order with something in every table, and what was issued for it: what a wrong subject must not get at."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx

from rocketvpn_sdk.sandbox import Sandbox
from support.dpop_client import ACR_ADDRESS, ACR_EMAIL, Peer
from support.server_rows import all_rows

ACR_OWNER = "urn:rocketvpn:acr:owner"
REQUESTS = "/v1/data-rights-requests"
OWNERS_REQUESTS = "/v1/owner/data-rights-requests"


def created(answer: httpx.Response) -> httpx.Response:
    assert answer.is_success, answer.text
    return answer


class Victim:
    """An order of two devices and an owner, with all that they can have; ``close`` it."""

    def __init__(self, sandbox: Sandbox, now: Callable[[], float], order: str | None = None) -> None:
        self.sandbox, self.now, self._stack = sandbox, now, ExitStack()
        self.address, self.new_address = (f"{secrets.token_hex(6)}@example.org" for _ in "ab")
        self.order = sandbox.order(order, limit=5, email=self.address)
        self.kim, self.lou = self.bound(), self.bound()
        self.stepped = self.step_up(self.kim)
        self.owner, self.owner_token = self.owns()
        self.names: dict[str, str] = {}

    def close(self) -> None:
        self._stack.close()

    def also(self, other: Victim) -> None:
        """Close ``other`` with this one."""
        self._stack.callback(other.close)

    # ------------------------------------------------------------ peers

    def peer(self, like: Peer | None = None) -> Peer:
        """Return a new peer, or one more connection of ``like``: the same key and device ID."""
        peer = self._stack.enter_context(Peer(self.sandbox.url, self.sandbox.ca_file, now=self.now))
        if like is not None:
            peer.key, peer.device_id, peer.nonce = like.key, like.device_id, like.nonce
        return peer

    def bound(self) -> Peer:
        return self.peer().bind(self.order)

    def code(self) -> str:
        return self.sandbox.mail.last_code(self.address)

    def step_up(self, peer: Peer) -> str:
        return peer.step_up(self.code)

    def owns(self, address: str | None = None) -> tuple[Peer, str]:
        """Return a peer without a device, and the token of the order's owner, who reads the mail to ``address``."""
        peer = self.peer()
        asked = peer.challenge(order_number=self.order, acr_values=ACR_OWNER).json()
        code = self.sandbox.mail.last_code(address or self.address)
        granted = peer.challenge(auth_session=asked["auth_session"], verification_code=code).json()
        return peer, str(peer.redeem(granted["authorization_code"]).json()["access_token"])

    # ------------------------------------------------------------ what they have

    def grants(self, peer: Peer) -> dict[str, str]:
        """Return what is issued for ``peer`` and not used yet: a session with its code, a code, a refresh token."""
        asked = [peer.challenge(device_id=peer.device_id, acr_values=ACR_EMAIL).json()["auth_session"] for _ in "ab"]
        # The second session's code came last; the first one's is given back by the message before.
        codes = [message.code for message in self.sandbox.mail if message.to == self.address][-2:]
        granted = peer.challenge(auth_session=asked[0], verification_code=codes[0]).json()
        return {
            "auth_session": asked[1],
            "verification_code": codes[1],
            "code": granted["authorization_code"],
            "refresh_token": peer.refresh_token or "",
        }

    def fill(self) -> Victim:
        """Let there be something in every table, and learn its names."""
        policy = self.sandbox.policy
        version = {"policy_version": policy.version, "policy_sha256": policy.sha256}
        self.names = {
            "device_id": self.kim.device_id,
            "purpose": "diagnostics",
            "scope": "account",
            **{name: str(value) for name, value in version.items()},
        }
        call = self.kim.call
        created(call("POST", "/v1/tunnels", json_body={"public_key": b64encode(secrets.token_bytes(32)).decode()}))
        created(self.kim.patch({"language": "de"}))
        consent = {"record_id": str(uuid.uuid4()), "state": "denied", "at": "2026-11-28T10:00:00Z", **version}
        created(call("PUT", "/v1/consents/diagnostics", json_body=consent))
        asked = {"contact": "guardian@example.org", "about": "agreement", "language": "en", **version}
        for used in (True, False):
            guardian = created(call("POST", "/v1/guardian-requests", json_body=asked)).json()["request_id"]
            code = self.sandbox.mail.last_code("guardian@example.org")
            if used:
                created(call("POST", f"/v1/guardian-requests/{guardian}/confirm", json_body={"code": code}))
        self.names |= {"/v1/guardian-requests/{request_id}": guardian, "guardian_code": code}
        for scope in ("device", "account"):
            self.names["ticket_id"] = hashlib.sha256(secrets.token_bytes(32)).hexdigest()
            made = {"ticket_id": self.names["ticket_id"], "scope": scope}
            created(call("POST", "/v1/erasure-tickets", json_body=made, token=self.stepped))
        self.names |= self._recovery_code() | self._new_address()
        self.sandbox.disclose(self.order, recipient="A court", basis="court", categories=["account"])
        self._ask()
        self.names |= self.grants(self.kim)
        return self

    def _recovery_code(self) -> dict[str, str]:
        code = secrets.token_hex(16).upper()
        fingerprint = hashlib.sha256(b"rocketvpn/recovery/1\0" + code.encode()).hexdigest()
        created(self.kim.call("POST", "/v1/recovery-codes", json_body={"fingerprint": fingerprint}, token=self.stepped))
        return {"recovery_code": code}

    def _new_address(self) -> dict[str, str]:
        """Ask for another address, and do not give its code back."""
        created(self.kim.patch({"contact_email": self.new_address}, token=self.stepped))
        asked = self.kim.challenge(device_id=self.kim.device_id, acr_values=ACR_ADDRESS).json()
        return {"address_session": asked["auth_session"], "address_code": self.sandbox.mail.last_code(self.new_address)}

    def _ask(self) -> None:
        """Ask for deletions that stay open."""
        self.sandbox.faults.delay_deletions = True
        body = {"exercise": "deletion", "scope": "device"}
        asked = created(self.kim.call("POST", REQUESTS, json_body=body)).json()
        self.names["request_id"] = asked["request_id"]
        body = {"exercise": "deletion", "scope": "device", "device_id": self.lou.device_id}
        asked = created(self.owner.call("POST", OWNERS_REQUESTS, json_body=body, token=self.owner_token)).json()
        self.names[OWNERS_REQUESTS + "/{request_id}"] = asked["request_id"]
        self.sandbox.faults.delay_deletions = False

    # ------------------------------------------------------------ what becomes of it

    def erase(self) -> str:
        """Erase the account in the owner's name; returns the request's id."""
        return str(created(self.ask_erasure(self.owner, self.owner_token)).json()["request_id"])

    def ask_erasure(self, owner: Peer, token: str) -> httpx.Response:
        """Ask for the account's erasure in the owner's name."""
        body = {"exercise": "deletion", "scope": "account"}
        answer = owner.call("POST", OWNERS_REQUESTS, json_body=body, token=token)
        (address,) = {row["contact_email"] for row in all_rows(self.file)["orders"] if row["number"] == self.order} or {
            ""
        }
        if answer.status_code != 401 or address != self.new_address:
            return answer
        owner, token = self.owns(self.new_address)  # it counts since a moment ago, which ends what the former one had
        return owner.call("POST", OWNERS_REQUESTS, json_body=body, token=token)

    def identifiers(self) -> set[str]:
        """Return what names the order, its devices and its rows, wherever it is written."""
        rows = all_rows(self.file)
        devices = [row for row in rows["devices"] if row["order_number"] == self.order]
        found = {
            self.order,
            self.address,
            self.new_address,
            self.kim.device_id,
            self.lou.device_id,
            self.kim.jkt,
            self.lou.jkt,
        }
        found |= {row["row_id"] for row in rows["orders"] if row["number"] == self.order}
        return found | {row[column] for row in devices for column in ("id", "row_id", "jkt")}

    @property
    def file(self) -> Path:
        return self.sandbox.database_file
