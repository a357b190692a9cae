"""The server's OAuth endpoints, from its RFC 8414 metadata; only endpoints on the server's own origin are accepted."""

from __future__ import annotations

from rocketvpn_sdk import cancelling, wire
from rocketvpn_sdk.errors import ServerError, ServerTimeout
from rocketvpn_sdk.files.forks import ForkSafe
from rocketvpn_sdk.transport import answers, deadline
from rocketvpn_sdk.transport.exchange import Exchange
from rocketvpn_sdk.transport.requests import ApiCall, Unsigned

OPERATION = "server.metadata"


class Endpoints(wire.Wire, frozen=True, kw_only=True):
    """The paths of the OAuth endpoints, on the server's own origin."""

    challenge: str
    token: str


class Metadata(ForkSafe):
    """Fetches the metadata once and keeps it in memory."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._endpoints: Endpoints | None = None
        super().__init__()

    def endpoints(self) -> Endpoints:
        """Return the endpoints.

        Raises:
            ServerError: the metadata is of another server, or points elsewhere.
            TransportError: the server cannot be asked.
        """
        if self._endpoints is not None:
            return self._endpoints
        total = self._exchange.limits.total_timeout
        with deadline.within(total):
            if not cancelling.acquire(self.lock, deadline.remaining(total)):  # another thread asks, and gets no answer
                cancelling.check()
                raise ServerTimeout(host=self._exchange.host, seconds=total, cause="server")
            try:
                if self._endpoints is None:
                    self._endpoints = self._fetch()
                return self._endpoints
            finally:
                self.lock.release()

    def _fetch(self) -> Endpoints:
        reply = self._exchange.send(ApiCall(operation=OPERATION), Unsigned())
        limits = self._exchange.limits
        if reply.status != 200:
            raise answers.refusal(OPERATION, reply, now=self._exchange.clock.time(), max_depth=limits.max_json_depth)
        found = answers.decode(OPERATION, reply, wire.ServerMetadata, max_depth=limits.max_json_depth)
        # 1. RFC 8414 §3.3: the issuer is the very URL that was asked, or the answer must not be used.
        if found.issuer != self._exchange.server:
            raise ServerError(operation=OPERATION, status=reply.status, problem="it speaks for another issuer")
        # 2. RFC 9449 §5.1: the server takes the one algorithm that the device's key has.
        if "ES256" not in found.dpop_signing_alg_values_supported:
            raise ServerError(operation=OPERATION, status=reply.status, problem="it does not take ES256 proofs")
        # 3. Every endpoint is on the same origin: nothing else is the recipient that the policy names.
        return Endpoints(
            challenge=self._path(found.authorization_challenge_endpoint), token=self._path(found.token_endpoint)
        )

    def _path(self, endpoint: str) -> str:
        path = endpoint.removeprefix(self._exchange.server)
        plain = path.isascii() and path.isprintable() and not set("?#\\ %").intersection(path) and ".." not in path
        if path == endpoint or not path.startswith("/") or path.startswith("//") or not plain:
            raise ServerError(operation=OPERATION, status=200, problem="an endpoint is not on the server's origin")
        return path
