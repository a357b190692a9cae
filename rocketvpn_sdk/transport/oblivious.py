"""Calls that go sealed through a relay: who passes them on cannot read them, and who reads them sees no sender.

A sealed call is two calls, and each is held against the policy and written down as any other is: the one that the
operator reads, and the one that takes it to the relay (Oblivious HTTP, RFC 9458).
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import EgressBlocked, OperationUndeclared, RocketVPNError, ServerError
from rocketvpn_sdk.masking import SecretStruct
from rocketvpn_sdk.permit import PermitSnapshot
from rocketvpn_sdk.policy import purpose_allowed_all
from rocketvpn_sdk.transport import answers, guard
from rocketvpn_sdk.transport.connections import HttpReply
from rocketvpn_sdk.transport.exchange import Exchange
from rocketvpn_sdk.transport.headers import SEALED
from rocketvpn_sdk.transport.requests import ApiCall, Unsigned, parse_server
from rocketvpn_sdk.transport.retries import one_try
from rocketvpn_sdk.transport.sent import SentLedger
from rocketvpn_sdk.transport.values import flatten, plain, rebuilt

if TYPE_CHECKING:
    from rocketvpn_sdk.oblivious import BinaryResponse, KeyConfiguration, SealedRequest

Record = Mapping[str, Any]
"""Members of a call by name: one part of a body that has several."""

_ACCEPT = f"{wire.JSON}, {wire.PROBLEM_JSON}"
_LONGEST_ANSWER = 1 << 16
_SMALLEST = 1 << 10
_CHANGED = "What holds changed since it was prepared; prepare it again."


class ObliviousRoute(msgspec.Struct, frozen=True):
    """Where sealed messages go, from the operator's signed files."""

    relay: str
    """The relay's origin."""
    key: KeyConfiguration
    """The gateway's."""


class SealedCall(SecretStruct, frozen=True, kw_only=True):
    """A call that is to go sealed."""

    __masked__: ClassVar[tuple[str, ...]] = ("path", "parts", "body")

    operation: str
    """What the operator gets."""
    through: str
    """The call to the relay."""
    path: Mapping[str, str] = {}
    """The parameters of the path of ``operation``."""
    parts: Sequence[Record]
    """What ``body`` carries, part by part; each is held against the policy."""
    body: bytes
    """What goes, byte for byte."""
    encode: Callable[[Sequence[Record]], bytes]
    """Makes a body of parts: of those that the guard let through, this one has to come out."""
    idempotency_key: str


class ObliviousCalls:
    """Makes sealed calls. Thread-safe.

    Args:
        exchange: the one way out.
        ledger: what left.
    """

    def __init__(self, exchange: Exchange, ledger: SentLedger) -> None:
        self._exchange = exchange
        self._ledger = ledger

    def judged(self, operation: str, parts: Iterable[Record], path: Mapping[str, str] = {}) -> list[Record]:
        """Return ``parts`` as they may go: each held against the policy, and minimised.

        Raises:
            OperationUndeclared, EgressBlocked, ValueRefused: one of them may not go.
        """
        held = self._exchange.permit.held()
        return [record for record, _ in self._judge(operation, parts, held, path, {})]

    def require_allowed(self, *operations: str) -> None:
        """Check that each of ``operations`` may be made now, whatever it carries.

        Raises:
            OperationUndeclared, EgressBlocked: one of them may not.
        """
        held = self._exchange.permit.held()
        for name in operations:
            declared = held.policies[-1].operations.get(name)
            if declared is None:
                raise OperationUndeclared(operation=name, problem="the policy does not declare it")
            decision = purpose_allowed_all(held.policies, held.state, declared.purpose, declared.recipient, held.now)
            if not decision.allowed:
                raise EgressBlocked(operation=name, rule=decision.rule, reason=decision.sentence)

    def send(self, call: SealedCall, route: ObliviousRoute) -> None:
        """Send ``call`` once, and return if the operator took it. Another try has to seal it anew, as this does.

        Raises:
            OperationUndeclared, EgressBlocked, ValueRefused: it may not go; nothing was sent.
            TransportError: the relay did not answer.
            ServerError, RateLimited, RequestRefused: the relay or the operator did not take it.
            VaultError: it cannot be written down, and so does not go.
        """
        held = self._exchange.permit.held()
        judged = self._judge(call.operation, call.parts, held, call.path, _headers(call.idempotency_key))
        if call.encode([record for record, _ in judged]) != call.body:
            raise EgressBlocked(operation=call.operation, rule="X2", reason=_CHANGED)
        approved = _together([each for _, each in judged])
        entry = self._ledger.begin(approved, call.body, held.policies[-1])
        outcome = "interrupted"
        try:
            reply = self._through_relay(call, approved.path, route, held)
            outcome = answers.describe(call.operation, reply, self._exchange.limits.max_json_depth)
            self._require_taken(call.operation, reply)
        except RocketVPNError as error:
            outcome = outcome if outcome != "interrupted" else f"no answer: {error.code}"
            raise
        finally:
            self._ledger.finish(entry, outcome, 1, held.policies[-1])

    # ---------------------------------------------------------------- inside

    def _judge(
        self,
        operation: str,
        parts: Iterable[Record],
        held: PermitSnapshot,
        path: Mapping[str, str],
        headers: Mapping[str, str],
    ) -> list[tuple[Record, guard.ApprovedRequest]]:
        declared = held.policies[-1].operations.get(operation)
        if declared is not None and declared.identity != "none":
            raise OperationUndeclared(operation=operation, problem="a sealed call does not say who is asking")
        done = []
        for part in parts:
            members = plain(part)
            outgoing = guard.Outgoing(
                operation=operation,
                scheme="https",
                host=self._exchange.host,
                members=flatten(operation, members),
                carries=True,
                parameters=path,
                headers=headers,
            )
            approved = guard.check(held, outgoing, self._exchange.compiled)
            done.append((rebuilt(members, approved.changed), approved))
        return done

    def _through_relay(self, call: SealedCall, path: str, route: ObliviousRoute, held: PermitSnapshot) -> HttpReply:
        sealed = self._sealed(call, path, route)
        outer = ApiCall(
            operation=call.through,
            members={SEALED: urlsafe_b64encode(sealed.content).rstrip(b"=").decode()},
            media=wire.OHTTP_REQUEST,
            accept=wire.OHTTP_RESPONSE,
            at_most=_LONGEST_ANSWER,
            server=parse_server(route.relay),
        )
        with one_try():  # the same message again could be told to be the same
            reply = self._exchange.send(outer, Unsigned(), held)
        self._require_taken(call.through, reply)
        return _reply(_opened(call.through, sealed, reply.body))

    def _sealed(self, call: SealedCall, path: str, route: ObliviousRoute) -> SealedRequest:
        from rocketvpn_sdk.oblivious import BinaryRequest, NotOblivious, encode_request, seal_request

        headers = tuple(_headers(call.idempotency_key).items())
        request = BinaryRequest(
            method="POST", authority=self._exchange.host, path=path, headers=headers, body=call.body
        )
        try:
            plainly = encode_request(request)
            return seal_request(encode_request(request, padded=_padded(len(plainly))), route.key)
        except NotOblivious:
            raise _useless(call.through, "the gateway's key is none") from None

    def _require_taken(self, operation: str, reply: HttpReply) -> None:
        if not 200 <= reply.status < 300:
            now, depth = self._exchange.clock.time(), self._exchange.limits.max_json_depth
            raise answers.refusal(operation, reply, now=now, max_depth=depth)


def _headers(idempotency_key: str) -> dict[str, str]:
    """Return all the headers of a sealed request; their names are in lower case there (RFC 9292 §3.6)."""
    return {"content-type": wire.JSON, "accept": _ACCEPT, "idempotency-key": f'"{idempotency_key}"'}


def _together(approved: Sequence[guard.ApprovedRequest]) -> guard.ApprovedRequest:
    """Return the approval of all parts as one: for the record of what left."""
    fields = dict.fromkeys(name for each in approved for name in each.fields)
    protocol = dict.fromkeys(name for each in approved for name in each.protocol)
    return guard.ApprovedRequest(approved[0].operation, tuple(fields), approved[0].path, tuple(protocol))


def _padded(size: int) -> int:
    """Return the next power of two: how long a message is tells the relay next to nothing."""
    return max(_SMALLEST, 1 << (size - 1).bit_length())


def _opened(operation: str, sealed: SealedRequest, content: bytes) -> BinaryResponse:
    from rocketvpn_sdk.oblivious import NotOblivious, decode_response

    try:
        return decode_response(sealed.open_response(content))
    except NotOblivious:
        raise _useless(operation, "it was not sealed by the operator's gateway") from None


def _reply(response: BinaryResponse) -> HttpReply:
    return HttpReply(response.status, dict(response.headers), response.body)


def _useless(operation: str, problem: str) -> ServerError:
    return ServerError(operation=operation, status=None, problem=problem, cause="server")
