"""The calls, typed: what the rest of the SDK and ``rocket.call`` use. Below it, only values and bytes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any, ClassVar, Generic, TypeVar, overload

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import DeviceRevoked, DownloadFailed, OperationUndeclared, RocketVPNError, ServerError
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.permit import PermitSnapshot
from rocketvpn_sdk.policy import Operation, Policy
from rocketvpn_sdk.policy.members import PARAMETER
from rocketvpn_sdk.policy.own_calls import OWN_OPERATIONS
from rocketvpn_sdk.transport import answers, deadline, idempotency
from rocketvpn_sdk.transport.connections import Connections, HttpReply
from rocketvpn_sdk.transport.exchange import Exchange
from rocketvpn_sdk.transport.oblivious import ObliviousCalls
from rocketvpn_sdk.transport.order_changes import OrderChanges
from rocketvpn_sdk.transport.owner import Owner
from rocketvpn_sdk.transport.receiving import Receiver
from rocketvpn_sdk.transport.requests import ApiCall, Signer, Unsigned, parse_server
from rocketvpn_sdk.transport.retries import full_jitter, one_try
from rocketvpn_sdk.transport.revoked import Revocation
from rocketvpn_sdk.transport.sent import SentLedger
from rocketvpn_sdk.transport.session import Session
from rocketvpn_sdk.transport.values import names_somebody
from rocketvpn_sdk.vault.due import asked_for

T = TypeVar("T")
_NOT_SATISFIABLE = 416
Body = Mapping[str, Any] | msgspec.Struct | None


class ApiAnswer(MaskedRepr, Generic[T], frozen=True, kw_only=True):
    """What a call brought."""

    __masked__: ClassVar[tuple[str, ...]] = ("value",)

    value: T
    status: int
    etag: str | None = None
    """The version of what was read, for ``If-Match``."""
    date: float | None = None
    """The server's clock, in seconds since the epoch."""


class Api:
    """Calls to the operator. Thread-safe.

    Args:
        exchange: the one way out.
        session: who is calling.
        ledger: what left; ``sent`` here.
        connections: closed with this.
        events: where ``BindingRevoked`` and ``OrderChangePending`` go.
    """

    def __init__(
        self,
        *,
        exchange: Exchange,
        session: Session,
        ledger: SentLedger,
        connections: Connections,
        events: EventBus,
    ) -> None:
        self.session = session
        self.sent = ledger
        self._exchange = exchange
        self._connections = connections
        self.permit = exchange.permit
        """What holds now; what the user is told is described by the binding version, the first of ``policies``."""
        self.server = exchange.server
        """The origin of the server."""
        self.limits = exchange.limits
        self.remember = exchange.seen
        """Has values taken out of the app's log from now on."""
        self.revocation = Revocation(events)
        self.order_changes = session.grants.order_changes = OrderChanges(events)

    @property
    def answered(self) -> int:
        """How many answers came so far that another try would not better."""
        return self._exchange.answered

    @overload
    def call(
        self,
        operation: str,
        *,
        answer: type[T],
        body: Body = None,
        path: Mapping[str, str] = ...,
        media: str = ...,
        headers: Mapping[str, str] = ...,
        idempotency_key: str | None = None,
        interactive: bool = True,
    ) -> ApiAnswer[T]: ...

    @overload
    def call(
        self,
        operation: str,
        *,
        answer: None = None,
        body: Body = None,
        path: Mapping[str, str] = ...,
        media: str = ...,
        headers: Mapping[str, str] = ...,
        idempotency_key: str | None = None,
        interactive: bool = True,
    ) -> ApiAnswer[None]: ...

    def call(
        self,
        operation: str,
        *,
        answer: type[Any] | None = None,
        body: Body = None,
        path: Mapping[str, str] = {},
        media: str = wire.JSON,
        headers: Mapping[str, str] = {},
        idempotency_key: str | None = None,
        interactive: bool = True,
    ) -> ApiAnswer[Any]:
        """Call ``operation`` of the policy.

        Args:
            operation: its id.
            answer: what to read the answer as: a type msgspec knows; ``str``: ``application/jwt``; ``None``: nothing.
            body: the members of the body.
            path: the parameters of the path.
            media: the body's content type.
            headers: ``If-Match`` and no other.
            idempotency_key: the caller's own, where it must survive this process (a queue); else a random one.
            interactive: whether the user may be asked for a code.

        Raises:
            OperationUndeclared, EgressBlocked, ValueRefused: it may not go; nothing was sent.
            NotBound, AuthenticationRequired, AuthenticationFailed, BrowserRequired: who is calling cannot be said.
            DeviceRevoked, OrderNotFound, OrderExpired, DeviceLimitReached: the server's reasons.
            Conflict, RateLimited, RequestRefused: further reasons of the server's.
            ServerUnreachable, ServerTimeout, CertificateUntrusted, PinMismatch: there was no answer.
            ServerError: there was none that makes sense.
            VaultError: it cannot be written down, and so does not go.
        """
        call = ApiCall(
            operation=operation,
            members=_members(body),
            parameters=path,
            media=media,
            accept=wire.JWT if answer is str else wire.JSON,
            headers=headers,
            idempotency_key=idempotency_key,
        )
        return self._called(call, answer, self.permit.held(), interactive=interactive)

    def _called(
        self, call: ApiCall, answer: type[Any] | None, held: PermitSnapshot, *, interactive: bool
    ) -> ApiAnswer[Any]:
        try:
            return self._try_and_notify(call, answer, interactive, held)
        except DeviceRevoked:
            if self.session.reload():  # another process bound again: it was the old device that was revoked
                return self._try_and_notify(call, answer, interactive, self.permit.held())
            self.revocation.tell()
            raise

    def _try_and_notify(
        self, call: ApiCall, answer: type[Any] | None, interactive: bool, held: PermitSnapshot
    ) -> ApiAnswer[Any]:
        try:
            return self._try(call, answer, interactive, held)
        finally:
            self.order_changes.tell()

    def call_as(
        self,
        owner: Owner,
        operation: str,
        *,
        answer: type[T],
        body: Body = None,
        path: Mapping[str, str] = {},
        idempotency_key: str | None = None,
    ) -> T:
        """Call an operation of identity ``user`` in the name of an order's ``owner``.

        Raises:
            OperationUndeclared: the policy does not declare it, or not as one of the user's.
            AuthenticationFailed: the owner's few minutes are over.
            RocketVPNError: whatever ``call`` raises.
        """
        declared = self.permit.policy.operations.get(operation)
        if declared is not None and declared.identity != "user":
            raise OperationUndeclared(operation=operation, problem="it is not one that an order's owner may call")
        call = ApiCall(
            operation=operation,
            members=_members(body),
            parameters=path,
            accept=wire.JWT if answer is str else wire.JSON,
            idempotency_key=idempotency_key,
        )
        value: T = self._answer(operation, self._exchange.send(call, owner.signer()), answer).value
        return value

    def call_nameless(self, operation: str, *, path: Mapping[str, str], server: str, answer: type[T]) -> T:
        """Call an operation of identity ``none`` at another company: no body, and nobody says who asks.

        Args:
            operation: its id.
            path: the parameters of the path.
            server: the company's origin, one of the recipient's hosts.
            answer: what to read the answer as.

        Raises:
            OperationUndeclared: the policy does not declare it, or not as one without a name.
            RocketVPNError: whatever ``call`` raises.
        """
        declared = self.permit.policy.operations.get(operation)
        if declared is not None and declared.identity != "none":
            raise OperationUndeclared(operation=operation, problem="another company is not told who asks")
        call = ApiCall(operation=operation, parameters=path, server=parse_server(server))
        value: T = self._answer(operation, self._exchange.send(call, Unsigned()), answer).value
        return value

    def _try(self, call: ApiCall, answer: type[Any] | None, interactive: bool, held: PermitSnapshot) -> ApiAnswer[Any]:
        reply = self._exchange.send(call, self._signer(call.operation, interactive, held.policies[-1]), held)
        try:
            return self._answer(call.operation, reply, answer)
        except RocketVPNError as error:
            error.unsure = reply.unsure or (isinstance(error, ServerError) and reply.status != 401)
            raise

    def verify(self, *operations: str) -> None:
        """Have the user enter a code from an e-mail, unless they did lately: then ``operations`` withhold nothing.

        Raises:
            NotBound, AuthenticationRequired, AuthenticationFailed, BrowserRequired, DeviceRevoked: they did not.
            TransportError, ServerError, RateLimited: as for any call.
        """
        with deadline.within(self.limits.total_timeout):  # the user's own time is not counted
            self.session.verify(operations)

    def fetch(self, operation: str, *, path: Mapping[str, str], at_most: int) -> bytes | None:
        """Fetch a file that says by itself whether it can be trusted; nobody says who is asking.

        Args:
            operation: its id; of identity ``none``.
            path: the parameters of the path.
            at_most: the longest file to take, in bytes.

        Returns:
            The file; ``None`` where the server has none (404, 410, or 403 as some file servers say).

        Raises:
            OperationUndeclared, EgressBlocked, ValueRefused: it may not go; nothing was sent.
            TransportError: there was no answer.
            AnswerTooLarge: the file is longer than ``at_most``.
            ServerError, RateLimited, RequestRefused: there was no file in it.
            VaultError: it cannot be written down, and so does not go.
        """
        self._require_nameless(operation)
        call = ApiCall(operation=operation, parameters=path, accept=", ".join(answers.FILE_TYPES), at_most=at_most)
        reply = self._exchange.send(call, Unsigned())
        if not self._has_file(operation, reply, statuses=(200,)):
            return None
        return reply.body

    def download(self, operation: str, *, path: Mapping[str, str], into: Receiver, server: str | None = None) -> bool:
        """Fetch (the rest of) a file into ``into``, in one try; nobody says who is asking.

        Args:
            operation: its id; of identity ``none``.
            path: the parameters of the path.
            into: takes the file as it comes.
            server: the origin of a mirror, one of the recipient's hosts; ``None``: the server itself.

        Returns:
            Whether the server has it (else 404, 410, or 403 as some file servers say).

        Raises:
            DownloadFailed: the answer is not the rest of this file.
            RocketVPNError: whatever ``fetch`` or ``into`` raises.
        """
        self._require_nameless(operation)
        call = ApiCall(
            operation=operation, parameters=path, accept=wire.BYTES, headers=into.headers, into=into, server=server
        )
        with one_try():  # the next one has to begin where this one ends
            reply = self._exchange.send(call, Unsigned())
        if reply.status == _NOT_SATISFIABLE:
            raise DownloadFailed(cause="length")
        return self._has_file(operation, reply, statuses=(200, 206))

    def pause(self, failures: int, until: float | None) -> bool:
        """Wait before a failed download goes on: longer after each of ``failures``; closing ends it.

        Returns:
            Whether it may go on: the server may ask to wait ``until`` a time that is too far away.
        """
        asked = max(0.0, (until or 0.0) - self._exchange.clock.time())
        if asked > self.limits.total_timeout:
            return False
        self._exchange.retries.pause(asked_for(asked) + full_jitter(failures))
        return True

    def invoke(self, operation: str, fields: Mapping[str, Any], idempotency_key: str | None = None) -> Any:
        """Call one of the app's own operations: the logic of ``rocket.call``.

        Fields named in the operation's path go there, the others into a JSON body.

        Returns:
            The decoded JSON answer, or ``None`` where there is none.

        Raises:
            OperationUndeclared: the policy does not declare it, or it is one of the SDK's own.
            ValueRefused: ``idempotency_key`` cannot be one, or the operation takes none.
            RocketVPNError: whatever ``call`` raises.
        """
        held = self.permit.held()
        declared = _own(held.policies[-1], operation)
        in_path = set(PARAMETER.findall(declared.path))
        path = {name: str(value) for name, value in fields.items() if name in in_path}
        body = {name: value for name, value in fields.items() if name not in in_path}
        carries = declared.method in ("POST", "PUT", "PATCH")
        key = idempotency.key_of(declared, idempotency_key)
        call = ApiCall(
            operation=operation,
            members=body if carries or body else None,
            parameters=path,
            idempotency_key=idempotency.on_the_wire(key) if key else None,
        )
        try:
            return self._called(call, _Anything, held, interactive=True).value
        except RocketVPNError as error:
            if error.unsure and key is not None:
                error.repeat_with(key)
            raise

    @cached_property
    def oblivious(self) -> ObliviousCalls:
        """The calls that go sealed through a relay."""
        return ObliviousCalls(self._exchange, self.sent)

    def network_changed(self) -> None:
        """Make new connections from here on: those that wait belong to a network that may be gone."""
        self._connections.pools.renew(moved=True)

    def interrupt(self) -> None:
        """End every call, as the first step of closing: who waits for an answer or in a pause gets ``VaultClosed``."""
        self._exchange.in_flight.close()
        self._exchange.retries.close()
        self._connections.pools.close()

    def close(self, patience: float = 0.0) -> None:
        """Close every connection and forget the tokens; calls in flight have ``patience`` seconds to end."""
        self.interrupt()
        self._exchange.in_flight.wait(patience)
        self.session.forget()

    def _require_nameless(self, operation: str) -> None:
        declared = self.permit.policy.operations.get(operation)
        if declared is not None and (declared.method, declared.identity) != ("GET", "none"):
            raise OperationUndeclared(operation=operation, problem="files are fetched without saying who asks")

    def _has_file(self, operation: str, reply: HttpReply, *, statuses: tuple[int, ...]) -> bool:
        if reply.status in (403, 404, 410):
            return False
        if reply.status not in statuses:
            depth = self.limits.max_json_depth
            raise answers.refusal(operation, reply, now=self._exchange.clock.time(), max_depth=depth)
        answers.require_file(operation, reply)
        return True

    def _signer(self, operation: str, interactive: bool, policy: Policy) -> Signer:
        declared = policy.operations.get(operation)
        if declared is None or declared.identity == "none":
            return Unsigned()  # where undeclared: the guard stops it
        if declared.identity != "device":
            problem = f"calls of identity {declared.identity!r} are not made this way"
            raise OperationUndeclared(operation=operation, problem=problem)
        return self.session.signer(operation, interactive=interactive)

    def _answer(self, operation: str, reply: HttpReply, kind: type[Any] | None) -> ApiAnswer[Any]:
        max_depth = self.limits.max_json_depth
        if not 200 <= reply.status < 300:
            declared = self.permit.policy.operations.get(operation)  # a version that came meanwhile may lack it
            identity, now = declared.identity if declared else "none", self._exchange.clock.time()
            raise answers.refusal(operation, reply, now=now, max_depth=max_depth, identity=identity)
        value: Any = None
        if kind is str:
            value = answers.decode_text(operation, reply)
        elif kind is _Anything:
            value = answers.decode(operation, reply, object, max_depth=max_depth) if reply.body else None
        elif kind is not None:
            value = answers.decode(operation, reply, kind, max_depth=max_depth)
        elif reply.body:
            raise ServerError(operation=operation, status=reply.status, problem="it has a body, and none was expected")
        if isinstance(value, wire.ServerData):
            self._remember(value)
        if isinstance(value, wire.Order):
            self.order_changes.learn(value.changes)
        return ApiAnswer(
            value=value, status=reply.status, etag=answers.entity_tag(reply), date=answers.server_date(reply)
        )

    def _remember(self, held: wire.ServerData) -> None:
        fields = self.permit.policy.fields
        self.remember(
            field.value
            for field in held.fields
            if field.id in fields and names_somebody(fields[field.id]) and isinstance(field.value, str)
        )


def _own(policy: Policy, operation: str) -> Operation:
    if operation in OWN_OPERATIONS:
        raise OperationUndeclared(operation=operation, problem="it is the SDK's own; use its typed call")
    declared = policy.operations.get(operation)
    if declared is None:
        raise OperationUndeclared(operation=operation, problem="the policy does not declare it")
    return declared


class _Anything:
    """Stands for "whatever JSON comes, or nothing": the answer of an app's own operation."""


def _members(body: Body) -> Mapping[str, Any] | None:
    if isinstance(body, msgspec.Struct):
        members: Mapping[str, Any] = msgspec.to_builtins(body)
        return members
    return body
