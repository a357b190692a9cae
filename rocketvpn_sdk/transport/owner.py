"""Calls of identity ``user``: of an order's owner, by order number and e-mailed code, on a device bound or not.

The key is made for this, and is thrown away with it: neither it nor the token is written down anywhere.
"""

from __future__ import annotations

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import AuthenticationFailed
from rocketvpn_sdk.identity import DeviceKey
from rocketvpn_sdk.masking import HIDDEN, OneHolder
from rocketvpn_sdk.transport import answers
from rocketvpn_sdk.transport.connections import HttpReply
from rocketvpn_sdk.transport.grants import INVALID_PROOF, Grants, Nonce
from rocketvpn_sdk.transport.proof import Prover
from rocketvpn_sdk.transport.server_clock import ServerClock


class Owner(OneHolder):
    """An order's owner, who has shown that they read its e-mail. Good for as long as its token: minutes."""

    __slots__ = ("_token", "nonce", "prover", "server_clock")

    def __init__(self, prover: Prover, token: str, nonce: Nonce, server_clock: ServerClock) -> None:
        self.prover, self._token, self.nonce, self.server_clock = prover, token, nonce, server_clock

    def signer(self) -> OwnerSigner:
        """Return what signs one call."""
        return OwnerSigner(self, self._token)

    def __repr__(self) -> str:
        return f"Owner({HIDDEN})"


def prove_owner(grants: Grants, nonce: Nonce, server_clock: ServerClock, order_number: str) -> Owner:
    """Have the user prove that the order is theirs.

    Raises:
        AuthenticationRequired, AuthenticationFailed, BrowserRequired: they did not.
        TransportError, ServerError, RateLimited: as for any call.
    """
    key = DeviceKey.generate()
    code = grants.authorize(key, {"order_number": order_number, "acr_values": wire.ACR_OWNER})
    token = grants.redeem(key, code)
    if token.acr != wire.ACR_OWNER:  # a token of a device's, say, must not pass for this
        raise AuthenticationFailed(reason="insufficient_user_authentication")
    return Owner(Prover(key, server_clock.now), token.access_token, nonce, server_clock)


class OwnerSigner(OneHolder):
    """Signs one call, and answers a demand for a nonce or a proof refused for its time: each once."""

    def __init__(self, owner: Owner, token: str) -> None:
        self._owner, self._token = owner, token
        self._used = 0.0
        self._answered: set[str] = set()

    def headers(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        """Return the token and a fresh proof (RFC 9449 §7.1)."""
        self._used = self._owner.server_clock.now()
        proof = self._owner.prover.proof(method, url, body=body, token=self._token, nonce=self._owner.nonce.value)
        return {"Authorization": f"DPoP {self._token}", "DPoP": proof}

    def learn(self, reply: HttpReply) -> None:
        """Take the nonce and the time."""
        self._owner.nonce.learn(reply)
        self._owner.server_clock.learn(reply)

    def recover(self, reply: HttpReply) -> bool:
        """Answer a 401: a nonce, the time. There is no other token: who lost theirs proves themselves again."""
        if reply.status != 401:
            return False
        error = answers.challenge_parameters(reply).get("error", "")
        if error in self._answered:
            return False
        self._answered.add(error)
        return error == "use_dpop_nonce" or (error == INVALID_PROOF and self._owner.server_clock.corrects(self._used))
