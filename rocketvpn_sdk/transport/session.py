"""Who is calling, over time: the device's access token, its step-up, and the nonce (RFC 9449, RFC 9470).

Access tokens live in memory alone. One refresh runs at a time, whatever the number of threads; a refused token is
dropped and fetched once; a step-up is kept for as long as the server said.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import msgspec

from rocketvpn_sdk import cancelling, wire
from rocketvpn_sdk.entered import Authenticator
from rocketvpn_sdk.errors import AuthenticationFailed, AuthenticationRequired, NotBound, ServerTimeout
from rocketvpn_sdk.files.forks import ForkSafe
from rocketvpn_sdk.identity import CREDENTIALS, Credentials, DeviceKey
from rocketvpn_sdk.masking import OneHolder, SecretStruct
from rocketvpn_sdk.transport import answers, deadline
from rocketvpn_sdk.transport.connections import HttpReply
from rocketvpn_sdk.transport.exchange import Exchange
from rocketvpn_sdk.transport.grants import INVALID_PROOF, Grants, Nonce
from rocketvpn_sdk.transport.interfaces import Documents
from rocketvpn_sdk.transport.owner import Owner, prove_owner
from rocketvpn_sdk.transport.proof import Prover
from rocketvpn_sdk.transport.server_clock import ServerClock

MARGIN = 30.0
"""An access token is not used in its last seconds: it could end on the way."""
STEP_UP_WAIT = 900.0
"""How long a thread waits for another's step-up: as long as an e-mailed code lives."""
SHORTEST_STEP_UP = 10.0
_SOMEWHERE = "the order's e-mail address"
_DEFAULT_MAX_AGE = 300


class _Token(SecretStruct, frozen=True):
    value: str
    until: float
    """On the monotonic clock."""


class BoundDevice(SecretStruct, frozen=True):
    """This device's credentials, with the key read."""

    credentials: Credentials
    key: DeviceKey
    prover: Prover


class StepUp(msgspec.Struct, frozen=True):
    """What a server asks for in an RFC 9470 challenge."""

    acr_values: str
    max_age: int


class Session(ForkSafe, OneHolder):
    """Keeps the tokens of the device and signs calls with them.

    Args:
        exchange: how calls go out.
        documents: where the credentials rest.
        server_clock: the server's time.
        client_id: the app's id.
        authenticator: asks the user for a code; ``None``: nobody can be asked.
    """

    def __init__(
        self,
        exchange: Exchange,
        documents: Documents,
        server_clock: ServerClock,
        *,
        client_id: str,
        authenticator: Authenticator | None = None,
    ) -> None:
        self._exchange = exchange
        self._documents = documents
        self.nonce = Nonce()
        self.server_clock = server_clock
        self.grants = Grants(exchange, self.nonce, server_clock, client_id=client_id, authenticator=authenticator)
        super().__init__()
        self._device: BoundDevice | None = None
        self._token: _Token | None = None
        self._elevated: _Token | None = None
        self._demanding: set[str] = set()

    def reset_after_fork(self) -> None:
        """Replace the locks in a forked child: threads of the parent may hold them."""
        super().reset_after_fork()
        self._refreshing = threading.Lock()
        self._stepping_up = threading.Lock()

    def signer(self, operation: str, *, interactive: bool = True) -> DeviceSigner:
        """Return what signs one call of ``operation``; without ``interactive`` it never asks the user."""
        return DeviceSigner(self, operation, interactive=interactive)

    def owner(self, order_number: str) -> Owner:
        """Have the user prove that an order is theirs; nothing of it is kept here.

        Raises:
            AuthenticationRequired, AuthenticationFailed, BrowserRequired: they did not.
            TransportError, ServerError, RateLimited: as for any call.
        """
        return prove_owner(self.grants, self.nonce, self.server_clock, order_number)

    def adopt(self, credentials: Credentials, token: wire.TokenResponse) -> None:
        """Take over what a binding brought."""
        with self.lock:
            self._device = self._load(credentials)
            self._elevated = None
            self._demanding = set()
            self._token = self._timed(token)

    def forget(self) -> None:
        """Drop everything about this device from memory; anyone who drops the credentials calls this too."""
        with self.lock:
            self._device = self._token = self._elevated = None
            self._demanding = set()

    def reload(self) -> bool:
        """Take over credentials that another process has put in the place of ours; return whether there were any."""
        stored = self._documents.get(CREDENTIALS, Credentials)
        with self.lock:
            if stored is None or self._device is None or stored == self._device.credentials:
                return False
            self._device = self._load(stored)
            self._token = self._elevated = None
            self._demanding = set()
            return True

    def device(self) -> BoundDevice:
        """Return this device's credentials.

        Raises:
            NotBound: there are none.
        """
        with self.lock:
            if self._device is None:
                stored = self._documents.get(CREDENTIALS, Credentials)
                if stored is None:
                    raise NotBound
                self._device = self._load(stored)
            return self._device

    def token(self, operation: str) -> str:
        """Return a live access token: the stepped-up one where ``operation`` is known to need it and it is there.

        Raises:
            NotBound, AuthenticationFailed, DeviceRevoked, TransportError, ServerError: there is none to be had.
        """
        now = self._now()
        elevated, token = self._elevated, self._token
        if operation in self._demanding and elevated is not None and now < elevated.until:
            return elevated.value
        if token is not None and now < token.until:
            return token.value
        with self._waiting(self._refreshing):
            token = self._token  # another thread may have fetched one meanwhile
            if token is None or self._now() >= token.until:
                token = self._refresh()
            return token.value

    def refused(self, value: str) -> None:
        """Drop a token that the server refused, unless another one has taken its place."""
        with self.lock:
            if self._token is not None and self._token.value == value:
                self._token = None
            if self._elevated is not None and self._elevated.value == value:
                self._elevated = None

    def step_up(self, operation: str, wanted: StepUp, refused: str) -> None:
        """Get a token of the authentication that ``wanted`` names (RFC 9470 §4), unless one is there already.

        Args:
            operation: what asked for it.
            wanted: what the server said.
            refused: the token that was not good enough.

        Raises:
            AuthenticationRequired, AuthenticationFailed, BrowserRequired, DeviceRevoked: there is none to be had.
        """
        with self._waiting(self._stepping_up, for_user=True):
            self._demanding.add(operation)
            self._elevate(wanted, refused)

    def verify(self, operations: Collection[str]) -> None:
        """Have the user enter an e-mailed code, unless they did lately; calls of ``operations`` then carry that.

        Raises:
            NotBound, AuthenticationRequired, AuthenticationFailed, BrowserRequired, DeviceRevoked: they did not.
            TransportError, ServerError, RateLimited: as for any call.
        """
        with self._waiting(self._stepping_up, for_user=True):
            self._demanding.update(operations)
            self._elevate(StepUp(wire.ACR_EMAIL_CODE, _DEFAULT_MAX_AGE), "")

    def _elevate(self, wanted: StepUp, refused: str) -> None:
        elevated = self._elevated
        if elevated is not None and elevated.value != refused and self._now() < elevated.until:
            return  # the user was asked already, perhaps by another thread
        device = self.device()
        members = {"acr_values": wanted.acr_values, "max_age": str(wanted.max_age)}
        with self._exchange.in_flight.away():
            code = self.grants.authorize(device.key, members | {"device_id": device.credentials.device_id})
        token = self.grants.redeem(device.key, code)
        if token.acr not in wanted.acr_values.split():
            raise AuthenticationFailed(reason="insufficient_user_authentication")
        with self.lock:
            # With a max_age of 0 it is good for the call that asked, which comes at once.
            self._elevated = self._timed(token, at_most=max(wanted.max_age, SHORTEST_STEP_UP))

    def confirm_address(self) -> None:
        """Have a code sent to the address that this device wants its order to have, and give it back.

        Raises:
            RequestRefused: this device asked for no address, or for none that still waits (``address-not-pending``).
            AuthenticationRequired, AuthenticationFailed, BrowserRequired, DeviceRevoked: it was not given back.
            TransportError, ServerError, RateLimited: as for any call.
        """
        device = self.device()
        wanted = {"acr_values": wire.ACR_ADDRESS, "device_id": device.credentials.device_id}
        self.grants.authorize(device.key, wanted)

    def _refresh(self) -> _Token:
        device = self.device()
        try:
            answer = self.grants.refresh(device.key, device.credentials.refresh_token)
        except AuthenticationFailed:
            # Another process may have bound again: what rests in the vault counts, not what this one remembers.
            stored = self._documents.get(CREDENTIALS, Credentials)
            if stored is None or stored == device.credentials:
                raise
            with self.lock:
                device = self._device = self._load(stored)
            answer = self.grants.refresh(device.key, stored.refresh_token)
        token = self._timed(answer)
        with self.lock:
            if self._device is device:  # else the device was unbound or bound again meanwhile
                self._token = token
        return token

    def _load(self, credentials: Credentials) -> BoundDevice:
        key = DeviceKey.from_bytes(credentials.private_key)
        return BoundDevice(credentials, key, Prover(key, self.server_clock.now))

    def _timed(self, token: wire.TokenResponse, at_most: float | None = None) -> _Token:
        lives = float(token.expires_in) if at_most is None else min(float(token.expires_in), at_most)
        return _Token(token.access_token, self._now() + lives - min(MARGIN, lives / 10))

    def _now(self) -> float:
        return self._exchange.clock.monotonic()

    @contextmanager
    def _waiting(self, lock: threading.Lock, *, for_user: bool = False) -> Iterator[None]:
        """Hold ``lock``; never wait for it longer than the call may take, or the user of another thread."""
        seconds = self._exchange.limits.total_timeout
        if for_user:
            seconds = STEP_UP_WAIT
            with deadline.paused():  # a person's time is not this call's
                held = cancelling.acquire(lock, seconds)
        else:
            held = cancelling.acquire(lock, deadline.remaining(seconds))
        if not held:
            cancelling.check()
            raise ServerTimeout(host=self._exchange.host, seconds=seconds, cause="server")
        try:
            yield
        finally:
            lock.release()


class DeviceSigner(OneHolder):
    """Signs one call with the device's token and key, and answers what the server asks for: each thing once."""

    def __init__(self, session: Session, operation: str, *, interactive: bool) -> None:
        self._session = session
        self._operation = operation
        self._interactive = interactive
        self._token = ""
        self._used = 0.0
        self._nonce_given = False
        self._answered: set[str] = set()

    def headers(self, method: str, url: str, body: bytes | None) -> dict[str, str]:
        """Return the token and a fresh proof (RFC 9449 §7.1)."""
        device = self._session.device()
        self._token = token = self._session.token(self._operation)
        self._used = self._session.server_clock.now()
        proof = device.prover.proof(method, url, body=body, token=token, nonce=self._session.nonce.value)
        return {"Authorization": f"DPoP {token}", "DPoP": proof}

    def learn(self, reply: HttpReply) -> None:
        """Take the nonce and the time."""
        self._session.nonce.learn(reply)
        self._session.server_clock.learn(reply)

    def recover(self, reply: HttpReply) -> bool:
        """Answer a 401, each kind once: a nonce, the time, a new token, a step-up."""
        if reply.status != 401:
            return False
        parameters = answers.challenge_parameters(reply)
        error = parameters.get("error", "")
        if error == "use_dpop_nonce":
            # Once in a row: a new token or a step-up may take so long that the nonce has changed again.
            first, self._nonce_given = not self._nonce_given, True
            return first
        self._nonce_given = False
        if error in self._answered:
            return False
        self._answered.add(error)
        if error == INVALID_PROOF:
            return self._session.server_clock.corrects(self._used)
        if error == "invalid_token":
            self._session.refused(self._token)
            return True
        if error == "insufficient_user_authentication":
            self._step_up(parameters)
            return True
        return False

    def _step_up(self, parameters: dict[str, str]) -> None:
        if not self._interactive:
            raise AuthenticationRequired(sent_to=_SOMEWHERE)
        age = parameters.get("max_age", "")
        max_age = int(age) if age.isdecimal() and len(age) < 8 else _DEFAULT_MAX_AGE
        wanted = StepUp(parameters.get("acr_values") or wire.ACR_EMAIL_CODE, max_age)
        self._session.step_up(self._operation, wanted, self._token)
