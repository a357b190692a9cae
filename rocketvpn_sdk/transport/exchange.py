"""One call out, in the order that the design fixes: guard → sent record → sign → send → retry → outcome recorded.

Everything that leaves comes through ``Exchange.send``; what it takes and what it returns are plain values.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from functools import lru_cache

import httpx
import msgspec

from rocketvpn_sdk import cancelling, wire
from rocketvpn_sdk.clock import Clock
from rocketvpn_sdk.errors import OperationUndeclared, RocketVPNError, ServerError, UpdateError
from rocketvpn_sdk.journal.minimise import minimiser
from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.permit import Permit, PermitSnapshot
from rocketvpn_sdk.policy import Field, Operation, Policy, purpose_allowed_all
from rocketvpn_sdk.policy.decide import SIGNALLED
from rocketvpn_sdk.policy.minimise import Minimiser
from rocketvpn_sdk.transport import answers, deadline, guard
from rocketvpn_sdk.transport.connections import Connections, HttpReply
from rocketvpn_sdk.transport.failures import Failure
from rocketvpn_sdk.transport.headers import USER_AGENT, check_signature
from rocketvpn_sdk.transport.in_flight import InFlight
from rocketvpn_sdk.transport.requests import ApiCall, Signer, encode, parse_server
from rocketvpn_sdk.transport.retries import Retries, Retry
from rocketvpn_sdk.transport.sent import SentLedger
from rocketvpn_sdk.transport.values import flatten, names_somebody, plain, rebuilt

logger = logging.getLogger(__name__)

_MOST_ROUNDS = 6
"""Sign-and-send rounds of one call: a nonce, a refused token, a step-up, each once, and a nonce after each."""


@lru_cache(maxsize=32)
def _parsed(url: str) -> httpx.URL:
    # Parsing costs as much as a signature; URLs with someone's number in the path are not kept.
    return httpx.URL(url)


class _Draft:
    """A call that may go, ready to be signed; counts its tries."""

    def __init__(
        self,
        approved: guard.ApprovedRequest,
        url: str,
        body: bytes | None,
        outgoing: guard.Outgoing,
        call: ApiCall,
        held: PermitSnapshot,
    ) -> None:
        self.approved, self.url, self.body, self.outgoing, self.call = approved, url, body, outgoing, call
        self.held = held
        self.parsed = httpx.URL(url) if call.parameters else _parsed(url)
        self.tries = 0
        self.unsure = False
        """Whether the server may have done it without our having been told."""
        self.forgiven = False
        """It was sent once more, since it had met a dead end (``progress.py``)."""
        self.status: int | None = None


class _Retry(Retry):
    """It brought a ``reply``, or a ``failure``."""

    def __init__(self, reply: HttpReply | None, failure: Failure | None, *, at_least: float = 0.0) -> None:
        self.reply, self.failure = reply, failure
        super().__init__(failure.error.code if failure else f"status {reply.status if reply else 0}", at_least=at_least)


class Exchange:
    """Sends calls to one server.

    Args:
        server: its origin, from ``parse_server``.
        permit: what may leave.
        ledger: where it is written down.
        connections: how it goes.
        clock: the time.
        limits: the bounds.
        scrubber: scrubs free text before it is sent, and is told the values of personal fields, which must not get
            into a log; default: one that knows no host as the operator's own.
    """

    def __init__(
        self,
        *,
        server: str,
        permit: Permit,
        ledger: SentLedger,
        connections: Connections,
        clock: Clock,
        limits: Limits,
        scrubber: Scrubber | None = None,
    ) -> None:
        self.server = server
        self.host = server.removeprefix("https://")
        self.permit = permit
        self.clock = clock
        self.limits = limits
        self._scrubber = scrubber or Scrubber()
        self.seen = self._scrubber.known.seen
        self.retries = Retries(clock, limits)
        self.in_flight = InFlight()
        self.answered = 0
        """Answers so far that another try would not better: somebody is there."""
        self._ledger = ledger
        self._connections = connections

    def send(self, call: ApiCall, signer: Signer, held: PermitSnapshot | None = None) -> HttpReply:
        """Send ``call`` and return the last answer, whatever its status.

        All of it goes by one look at what holds, ``held`` where the caller has just had one. Whether that is still so
        is asked before each try, when the ledger is written and the token is there: what another thread or process
        withdraws until then does not go.

        Raises:
            OperationUndeclared, EgressBlocked, ValueRefused: it may not go; nothing was sent.
            TransportError: there was no answer.
            ServerError: there was one that cannot be read.
            AuthenticationError, BindingError: ``signer`` cannot say who is calling.
            VaultError: it cannot be written down, and so does not go; ``VaultClosed``: this was closed meanwhile.
            CallCancelled: the app cancelled it.
        """
        cancelling.check()
        draft = self._draft(call, held or self.permit.held())
        with self.in_flight.one(), deadline.within(self.limits.total_timeout):
            record = self._ledger.begin(draft.approved, draft.body or b"", draft.held.policies[-1])
            outcome = "interrupted"
            try:
                reply = self._rounds(draft, signer)
                outcome = answers.describe(call.operation, reply, self.limits.max_json_depth)
                return msgspec.structs.replace(reply, unsure=True) if draft.unsure else reply
            except Failure as failure:
                outcome = f"{_how_it_failed(failure, draft)}: {failure.error.code}"
                error: RocketVPNError = failure.error
            except RocketVPNError as raised:
                lost = "no answer" if draft.unsure else "not delivered"
                outcome = f"{draft.status} {raised.code}" if draft.status else f"{lost}: {raised.code}"
                error = raised
            finally:
                self._ledger.finish(record, outcome, max(1, draft.tries), draft.held.policies[-1])
        error.unsure = draft.unsure
        raise error

    def _draft(self, call: ApiCall, held: PermitSnapshot) -> _Draft:
        policy = held.policies[-1]
        declared = policy.operations.get(call.operation)
        reads = declared is not None and declared.method == "GET"
        if reads and call.members:
            raise OperationUndeclared(operation=call.operation, problem="a GET carries nothing but its path")
        members = None if call.members is None else plain(call.members)
        headers = _headers(call, held, declared, writes=not reads)
        server = self.server if call.server is None else parse_server(call.server)
        outgoing = guard.Outgoing(
            operation=call.operation,
            scheme="https",
            host=server.removeprefix("https://"),
            members=flatten(call.operation, members or {}),
            carries=call.members is not None and not reads,
            parameters=call.parameters,
            endpoint=call.path,
            headers=headers,
        )
        approved = guard.check(held, outgoing, self.compiled)
        self.seen(_personal(policy, approved.operation, outgoing))
        body = None if reads else encode(rebuilt(members, approved.changed), call.media)
        return _Draft(approved, server + approved.path, body, outgoing, call, held)

    def _rounds(self, draft: _Draft, signer: Signer) -> HttpReply:
        reply = self._tries(draft, signer)
        for _ in range(_MOST_ROUNDS - 1):  # pragma: no branch - no signer of ours recovers so often
            if not signer.recover(reply):
                break
            reply = self._tries(draft, signer)
        return reply

    def _tries(self, draft: _Draft, signer: Signer) -> HttpReply:
        """Send until an answer comes that another try would not better."""

        def once() -> HttpReply:
            try:
                return self._once(draft, signer)
            except _Retry as retry:
                if not _forgive(retry.failure, draft):
                    raise
            return once()

        try:
            return self.retries.run(once)
        except _Retry as retry:
            last = retry
        return _made_of(last, draft)

    def _once(self, draft: _Draft, signer: Signer) -> HttpReply:
        operation = draft.approved.operation
        signed = signer.headers(operation.method, draft.url, draft.body)
        check_signature(operation, signed)
        cancelling.check()
        # What held before the wait for a token, a user or a retry may not now.
        now = self.permit.held()
        guard.check_again(draft.held, now, draft.outgoing, draft.approved, self.compiled)
        draft.held = now
        headers = {**draft.outgoing.headers, **signed}
        request = httpx.Request(operation.method, draft.parsed, headers=headers, content=draft.body)
        draft.tries += 1
        began = self.clock.monotonic()
        try:
            reply = self._connections.exchange(
                request,
                operation=operation.id,
                nameless=operation.identity == "none",
                at_most=draft.call.at_most,
                into=draft.call.into,
            )
        except Failure as failure:
            logger.info("%s, try %d: %s after %d ms", operation.id, draft.tries, failure.error.code, self._since(began))
            draft.unsure = draft.unsure or failure.sent
            if not failure.retry:
                raise
            failed = failure
        else:
            logger.debug(
                "%s, try %d: status %d after %d ms", operation.id, draft.tries, reply.status, self._since(began)
            )
            draft.status = reply.status
            passing = answers.passing(operation.id, reply, self.limits.max_json_depth)
            draft.unsure = _unsure(reply, passing=passing, before=draft.unsure)
            signer.learn(reply)
            if passing:
                asked = answers.retry_after(reply, self.clock.time())
                raise _Retry(reply, None, at_least=asked or 0.0)
            self.answered += 1
            return reply
        raise _Retry(None, failed)

    def compiled(self, field: Field) -> Minimiser:
        """Return what minimises ``field`` before it is sent."""
        return minimiser(field, self._scrubber)

    def _since(self, began: float) -> int:
        """Return the milliseconds since ``began``, on the monotonic clock."""
        return round(1000 * (self.clock.monotonic() - began))


def _headers(call: ApiCall, held: PermitSnapshot, declared: Operation | None, *, writes: bool) -> dict[str, str]:
    headers = {"Accept": f"{call.accept}, {wire.PROBLEM_JSON}", "Accept-Encoding": "identity"}
    headers["User-Agent"] = USER_AGENT
    if declared is None or not _lifted(held, declared.recipient):
        headers["Sec-GPC"] = "1"  # policy clause U6
    if call.members is not None:
        headers["Content-Type"] = call.media
    if writes:
        headers["Idempotency-Key"] = f'"{call.idempotency_key or uuid.uuid4()}"'
    headers.update(call.headers)
    return headers


def _lifted(held: PermitSnapshot, recipient: str) -> bool:
    """Whether the user agreed to what every other request objects to."""
    return purpose_allowed_all(held.policies, held.state, SIGNALLED, recipient, held.now).allowed


def _personal(policy: Policy, operation: Operation, outgoing: guard.Outgoing) -> Iterator[str]:
    """Yield the addresses, numbers, codes and keys that a call carries."""
    for member, value in (*outgoing.members, *outgoing.parameters.items()):
        field = policy.fields.get(operation.field_of(member)) if member not in operation.protocol else None
        if field is not None and isinstance(value, str) and names_somebody(field):
            yield value


def _made_of(retry: _Retry, draft: _Draft) -> HttpReply:
    """Return the reply of a try that is not followed by another, or raise its failure."""
    if retry.failure is not None:
        raise retry.failure
    if retry.reply is None:  # pragma: no cover - a _Retry has one of both
        raise ServerError(operation=draft.approved.operation.id, status=None, problem="no answer")
    return retry.reply


def _unsure(reply: HttpReply, *, passing: bool, before: bool) -> bool:
    """Whether a call may have been done without our having been told, after ``reply``; ``before``: up to then."""
    if reply.status in (401, 429):  # turned away before anybody looked whether it was done
        return before
    return passing or reply.status >= 500


def _how_it_failed(failure: Failure, draft: _Draft) -> str:
    if isinstance(failure.error, ServerError):
        return "unusable answer"
    if isinstance(failure.error, UpdateError):
        return "answer not taken"
    return "no answer" if draft.unsure else "not delivered"


def _forgive(failure: Failure | None, draft: _Draft) -> bool:
    """Whether to send at once what met a dead end, in this call for the first time: the rule is in ``progress.py``."""
    if failure is None or not failure.dead_end or draft.forgiven or deadline.expired():
        return False
    draft.forgiven = True
    return True
