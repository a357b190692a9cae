"""The OAuth calls: authorization challenges and tokens, each signed with the device's key alone.

OAuth 2.0 for First-Party Applications (draft-ietf-oauth-first-party-apps-04), RFC 6749, RFC 9449 §5.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.arguments import OPTIONAL_TEXT, Unfit
from rocketvpn_sdk.entered import Authenticator, Challenge, Problem, code, may_be_code
from rocketvpn_sdk.errors import (
    AuthenticationCancelled,
    AuthenticationFailed,
    AuthenticationRequired,
    AuthenticatorFailed,
    RocketVPNError,
    ServerError,
)
from rocketvpn_sdk.identity import DeviceKey
from rocketvpn_sdk.masking import OneHolder
from rocketvpn_sdk.recovery_code import read_code
from rocketvpn_sdk.transport import answers, deadline
from rocketvpn_sdk.transport.connections import HttpReply
from rocketvpn_sdk.transport.exchange import Exchange
from rocketvpn_sdk.transport.metadata import Metadata
from rocketvpn_sdk.transport.order_changes import OrderChanges
from rocketvpn_sdk.transport.proof import Prover
from rocketvpn_sdk.transport.requests import ApiCall
from rocketvpn_sdk.transport.server_clock import ServerClock

CHALLENGE, TOKEN = "authorize.challenge", "token.issue"
_MAILED, _RECOVERY = "verification_code", "recovery_code"
INVALID_PROOF = "invalid_dpop_proof"
_LONGEST_LIFE = 24 * 3600
"""Of an access token, in seconds; the contract's is a quarter of an hour."""

T = TypeVar("T")


class Nonce:
    """The server's latest DPoP nonce (RFC 9449 §8); every answer brings one."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value: str | None = None

    def learn(self, reply: HttpReply) -> None:
        """Take the nonce of ``reply``, if it has one."""
        found = reply.headers.get("dpop-nonce", "")
        if 0 < len(found) <= 512 and found.isascii() and found.isprintable():
            self.value = found


class KeySigner(OneHolder):
    """Signs with a key alone: before there is a token, or to get one."""

    def __init__(self, prover: Prover, nonce: Nonce, server_clock: ServerClock, operation: str, max_depth: int) -> None:
        self._prover, self._nonce, self._operation, self._max_depth = prover, nonce, operation, max_depth
        self._server_clock, self._used = server_clock, 0.0
        self._answered: set[str] = set()

    def headers(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        """Return a fresh proof."""
        self._used = self._server_clock.now()
        return {"DPoP": self._prover.proof(method, url, body=body, nonce=self._nonce.value)}

    def learn(self, reply: HttpReply) -> None:
        """Take the nonce and the time."""
        self._nonce.learn(reply)
        self._server_clock.learn(reply)

    def recover(self, reply: HttpReply) -> bool:
        """Answer a demand for a nonce (RFC 9449 §8), and a proof refused for its time: each once."""
        if reply.status not in (400, 401):
            return False
        refused = answers.oauth_error(self._operation, reply, self._max_depth)
        error = refused.error if refused else ""
        if error in self._answered:
            return False
        self._answered.add(error)
        return error == "use_dpop_nonce" or (error == INVALID_PROOF and self._server_clock.corrects(self._used))


class Conversation(OneHolder):
    """What is known of one request for an authorization code, so that it can go on after an answer got lost."""

    def __init__(self) -> None:
        self.keys: defaultdict[str, str] = defaultdict(lambda: str(uuid.uuid4()))
        """The idempotency keys of the request (``""``) and of each answer to its challenge."""
        self.asked: wire.AuthorizationError | None = None
        """The challenge: a code was sent for it."""

    def can_go_on(self, now: float) -> bool:
        """Whether the code that was sent is still good, or may not have been sent yet."""
        challenge = self.asked.challenge if self.asked else None
        return challenge is None or challenge.expires_at.timestamp() > now


class Grants:
    """Makes the OAuth calls.

    Args:
        exchange: how they go out.
        nonce: the server's latest, shared with the calls that carry a token.
        server_clock: the server's time, shared as well.
        client_id: the app's id.
        authenticator: asks the user; ``None``: nobody can be asked.
    """

    def __init__(
        self,
        exchange: Exchange,
        nonce: Nonce,
        server_clock: ServerClock,
        *,
        client_id: str,
        authenticator: Authenticator | None,
    ) -> None:
        self.client_id = client_id
        self._exchange = exchange
        self._max_depth = exchange.limits.max_json_depth
        self._nonce = nonce
        self._server_clock = server_clock
        self._authenticator = authenticator
        self.order_changes: OrderChanges | None = None
        """Told what comes with a token; set by anyone who can tell the app."""
        self._metadata = Metadata(exchange)
        self._lost: dict[tuple[str, frozenset[tuple[str, str]]], Conversation] = {}
        """The newest request for a code whose answer got lost, by whose it was."""

    def authorize(self, key: DeviceKey, wanted: Mapping[str, str]) -> str:
        """Ask for an authorization code with the members ``wanted``; answer the server's challenge, if it has one.

        Where an answer gets lost, the next call with the same ``key`` and ``wanted`` goes on where this one was, so
        that no second code is sent.

        Raises:
            AuthenticationRequired: the user is needed, and there is none to ask.
            AuthenticationCancelled: the user gave no answer.
            AuthenticationFailed: the answers, or the proof, were not accepted.
            BrowserRequired: the server wants it done on its web pages.
            OrderNotFound, OrderExpired, DeviceLimitReached, DeviceExists, DeviceRevoked: the server's reasons.
            TransportError, ServerError, RateLimited: as for any call.
        """
        whose = (key.thumbprint, frozenset(wanted.items()))
        known = self._lost.pop(whose, None)
        conversation = known if known and known.can_go_on(self._server_clock.now()) else Conversation()
        try:
            return self._authorize(Prover(key, self._server_clock.now), wanted, conversation)
        except RocketVPNError as error:
            if error.unsure:
                self._lost = {whose: conversation}
            raise

    def _authorize(self, prover: Prover, wanted: Mapping[str, str], conversation: Conversation) -> str:
        base, keys = {"response_type": "code", "client_id": self.client_id}, conversation.keys
        reply = None
        if conversation.asked is None:
            reply = self._send(prover, CHALLENGE, {**base, **wanted}, keys[""])
        given: list[str] = []
        while reply is None or reply.status != 200:
            if reply is not None:
                self._take_challenge(reply, conversation, given)
            session, member, answer = self._ask(conversation.asked, given)
            members = base | {"auth_session": session, member: answer}
            reply = self._send(prover, CHALLENGE, members, keys[answer])
        return self._decode(CHALLENGE, reply, wire.AuthorizationCode).authorization_code

    def _take_challenge(self, reply: HttpReply, conversation: Conversation, given: list[str]) -> None:
        """Take the challenge of ``reply``, or its word that the last answer was wrong and another one may be given.

        Raises:
            RocketVPNError: it is something else.
        """
        error = answers.oauth_error(CHALLENGE, reply, self._max_depth)
        if error is not None and error.error == "insufficient_authorization":
            if conversation.asked is not None:  # one challenge a call: more would be a server that mails without end
                raise AuthenticationFailed(reason=error.error)
            conversation.asked = error
        elif conversation.asked is None or error is None or not self._may_answer_again(error, given):
            raise self._refusal(CHALLENGE, reply)

    def redeem(self, key: DeviceKey, code: str) -> wire.TokenResponse:
        """Exchange an authorization code for tokens bound to ``key``.

        Raises:
            AuthenticationFailed, DeviceRevoked, TransportError, ServerError, RateLimited: as for ``authorize``.
        """
        return self._token(key, {"grant_type": "authorization_code", "code": code})

    def refresh(self, key: DeviceKey, refresh_token: str) -> wire.TokenResponse:
        """Get a new access token.

        Raises:
            AuthenticationFailed, DeviceRevoked, TransportError, ServerError, RateLimited: as for ``authorize``.
        """
        return self._token(key, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    def _token(self, key: DeviceKey, members: Mapping[str, str]) -> wire.TokenResponse:
        reply = self._send(Prover(key, self._server_clock.now), TOKEN, {**members, "client_id": self.client_id})
        if reply.status != 200:
            raise self._refusal(TOKEN, reply)
        token = self._decode(TOKEN, reply, wire.TokenResponse)
        if not _header_safe(token.access_token) or not 0 < token.expires_in <= _LONGEST_LIFE:
            raise ServerError(operation=TOKEN, status=reply.status, problem="the token cannot be used")
        self._exchange.seen(filter(None, (token.access_token, token.refresh_token)))
        if self.order_changes is not None and token.acr != wire.ACR_OWNER:
            self.order_changes.learn(token.order_changes)
        return token

    def _ask(self, error: wire.AuthorizationError | None, given: list[str]) -> tuple[str, str, str]:
        """Return the challenge's session, and the name and text of an answer that can be right; ask until one can."""
        if error is None or error.auth_session is None or error.challenge is None:
            raise ServerError(operation=CHALLENGE, status=400, problem="it asks for a code without saying which")
        asked = msgspec.structs.asdict(error.challenge)
        problem: Problem = "wrong" if given else ""
        while True:
            challenge = Challenge(**asked, problem=problem, attempt=len(given) + 1)
            member, answer = self._answer(challenge)
            can_be = member == _RECOVERY or may_be_code(answer, challenge.code_digits)
            if can_be and answer in given:  # a program that cannot know better
                raise AuthenticationFailed(reason="wrong-code", cause="wrong-code")
            given.append(answer)
            if can_be:
                return error.auth_session, member, answer
            if len(given) >= self._exchange.limits.code_answers:
                raise AuthenticationFailed(reason="malformed-code", cause="malformed-code")
            problem = "malformed"

    def _answer(self, challenge: Challenge) -> tuple[str, str]:
        """Return what the user answered, and before it what that is: the mailed code, or a recovery code.

        Raises:
            AuthenticationRequired: there is nobody to ask.
            AuthenticationCancelled: nothing.
            AuthenticatorFailed: the authenticator raised something, or returned something else than text.
        """
        hint = answers.clean(challenge.hint, 100)
        if self._authenticator is None:
            raise AuthenticationRequired(sent_to=hint)
        try:
            with deadline.paused():  # a person reads an e-mail now
                answer = OPTIONAL_TEXT.fit(self._authenticator(challenge))
        except Unfit:
            raise AuthenticatorFailed(sent_to=hint, problem="what it returned is no text") from None
        except Exception as failed:
            raise AuthenticatorFailed(sent_to=hint, problem=f"it raised {type(failed).__name__}") from failed
        if answer is None or not answer.strip():
            raise AuthenticationCancelled(sent_to=hint)
        recovery = read_code(answer) if challenge.recovery else None
        if recovery is None:
            return _MAILED, code(answer)
        self._exchange.seen((recovery,))  # it must not get into a log
        return _RECOVERY, recovery

    def _send(self, prover: Prover, operation: str, members: Mapping[str, str], key: str | None = None) -> HttpReply:
        endpoints = self._metadata.endpoints()
        call = ApiCall(
            operation=operation,
            members=members,
            media=wire.FORM,
            path=endpoints.challenge if operation == CHALLENGE else endpoints.token,
            idempotency_key=key,
        )
        return self._exchange.send(call, KeySigner(prover, self._nonce, self._server_clock, operation, self._max_depth))

    def _decode(self, operation: str, reply: HttpReply, kind: type[T]) -> T:
        return answers.decode(operation, reply, kind, max_depth=self._max_depth)

    def _refusal(self, operation: str, reply: HttpReply) -> RocketVPNError:
        now = self._exchange.clock.time()
        error = answers.oauth_refusal(operation, reply, now=now, max_depth=self._max_depth)
        error.unsure = reply.unsure
        return error

    def _may_answer_again(self, error: wire.AuthorizationError, given: list[str]) -> bool:
        left = self._exchange.limits.code_answers - len(given)
        return error.error == "invalid_grant" and bool(error.attempts_left) and left > 0


def _header_safe(text: str) -> bool:
    return 0 < len(text) <= 8192 and text.isascii() and text.isprintable() and " " not in text
