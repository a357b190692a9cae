"""The sandbox as embedders and the CLI hold it: a folder, a port, and what tests want to look at."""

from __future__ import annotations

import json
import secrets
import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import URL, select

from rocketvpn_sdk.clock import Clock, SystemClock, utc
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.policy import Policy, bundled_policy
from rocketvpn_sdk.sandbox import tables
from rocketvpn_sdk.sandbox.accounts import find_order, remove_device
from rocketvpn_sdk.sandbox.app import build_app
from rocketvpn_sdk.sandbox.certificates import CA_FILE, load_ca, server_context, write_private
from rocketvpn_sdk.sandbox.disclosures import record
from rocketvpn_sdk.sandbox.exchange import Received
from rocketvpn_sdk.sandbox.faults import Faults
from rocketvpn_sdk.sandbox.gate import Gate
from rocketvpn_sdk.sandbox.listener import Listener, listen, uvicorn_config
from rocketvpn_sdk.sandbox.mail import Outbox
from rocketvpn_sdk.sandbox.nonces import Nonces
from rocketvpn_sdk.sandbox.parts import Parts
from rocketvpn_sdk.sandbox.proofs import ProofChecker
from rocketvpn_sdk.sandbox.receipts import ReceiptSigner
from rocketvpn_sdk.sandbox.rights import begin_delayed, release_delayed
from rocketvpn_sdk.sandbox.rows import DeviceRow
from rocketvpn_sdk.sandbox.seeds import YEAR, add_order, seed
from rocketvpn_sdk.sandbox.settings import Settings
from rocketvpn_sdk.sandbox.store import Store, every
from rocketvpn_sdk.sandbox.tries import Tries
from rocketvpn_sdk.sandbox.tuf_files import POLICY, RECEIPT_KEYS
from rocketvpn_sdk.sandbox.tuf_repository import Repository

HOST = "localhost"
APP_ID = "org.example.vpn"
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0


class Sandbox:
    """A reference server in ``folder``, for as long as the ``with`` block or ``serve_forever`` runs.

    ``port=0`` takes a free one. ``database_url`` is SQLAlchemy's (default: an SQLite file in the folder). ``clock`` and
    ``policy`` default to the machine's clock and the bundled policy. One object runs once at a time, and
    can be started again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        database_url: str | None = None,
        clock: Clock | None = None,
        policy: Policy | None = None,
    ) -> None:
        self.folder = Path(folder).absolute()
        self.policy = (policy or bundled_policy()).with_hosts("operator", (HOST,))
        self.mail = Outbox()
        self.faults = Faults(nonces=self._forget_nonces, revoke=self._revoke, begin=self._begin, release=self._release)
        self.settings = Settings()
        self._port = port
        self._database_url = database_url
        self._clock: Clock = clock or SystemClock()
        self._nonces = Nonces(self.settings)
        self._parts: Parts | None = None
        self._gate: Gate | None = None
        self._server: Listener | None = None
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------------ running

    def __enter__(self) -> Self:
        ready = threading.Event()
        server, listener = self._open(ready.set)
        self._thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="rocketvpn-sandbox", daemon=True
        )
        self._thread.start()
        if not ready.wait(_START_SECONDS):
            self._close()
            raise ConfigurationError(problem="the sandbox did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def serve_forever(self, ready: Callable[[Sandbox], None] | None = None) -> None:
        """Serve until interrupted (SIGINT, SIGTERM); ``ready`` is called once connections are accepted."""
        server, listener = self._open(lambda: ready(self) if ready else None)
        try:
            server.run(sockets=[listener])
        finally:
            self._close()

    def stop(self) -> None:
        """Ask the server to stop, from any thread; ``serve_forever`` then returns."""
        self.faults.stop()
        if self._server is not None:
            self._server.stop()

    def _open(self, ready: Callable[[], None]) -> tuple[Listener, socket.socket]:
        if self._server is not None:
            raise ConfigurationError(problem="this sandbox is running already")
        self._prepare_folder()
        ca = load_ca(self.folder)
        listener = listen(self._port)
        try:
            parts = self._assemble(listener.getsockname()[1])
            gate = Gate(build_app(parts), parts)
            self._server = Listener(uvicorn_config(gate, server_context(ca)), ready)
        except BaseException:  # an interrupt too: no socket stays open
            listener.close()
            raise
        self._parts, self._gate = parts, gate
        self._write_client_file()
        self.faults.start()
        return self._server, listener

    def _close(self) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        if self._parts is not None:
            self._parts.store.close()
        self._server = self._thread = None

    # ------------------------------------------------------------ what is where

    @property
    def url(self) -> str:
        """``https://localhost:PORT``, also the issuer; known once it was started."""
        return self._running().base

    @property
    def ca_file(self) -> Path:
        """The certificate that clients trust."""
        return self.folder / CA_FILE

    @property
    def client_file(self) -> Path:
        """Settings for a client: ``server``, ``trust``, ``trusted_root``, ``hosts`` and ``app_id``, as TOML."""
        return self.folder / "client.toml"

    @property
    def database_file(self) -> Path:
        """The SQLite file, unless ``database_url`` names another place."""
        return self.folder / "sandbox.db"

    @property
    def tuf_folder(self) -> Path:
        """The repository of signed files: ``metadata`` and ``targets`` in it are served as they are."""
        return self.folder / "tuf"

    @property
    def trusted_root(self) -> Path:
        """The TUF root metadata that clients embed (``Config(trusted_root=...)``); there once it was started."""
        return self._running().repository.trusted_root

    @property
    def requests(self) -> list[Received]:
        """The last thousand requests, oldest first, as they came in. Kept in memory, for tests."""
        self._running()
        return self._gate.received if self._gate else []

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return everything the database holds, by table."""
        return self._running().store.rows()

    def order(
        self,
        number: str | None = None,
        *,
        limit: int = 3,
        expires: date | None = None,
        email: str | None = "kim@example.org",
    ) -> str:
        """Add an order and return its number; it is paid for a year unless ``expires`` says otherwise."""
        parts = self._running()
        number = number or f"RV-TEST-{secrets.token_hex(4).upper()}"
        today = parts.today()
        with parts.store.begin() as db:
            add_order(db, self.policy, number, limit=limit, expires=expires or today + YEAR, email=email, today=today)
        return number

    def disclose(
        self,
        order: str,
        *,
        recipient: str,
        basis: str,
        categories: Sequence[str],
        on: date | None = None,
        kind: str | None = None,
    ) -> None:
        """Write down, as an operator does, that something about the owner of ``order`` was given to ``recipient``.

        Any words go, those that the policy does not know too; ``kind`` is the policy's, or ``third_party``.

        Raises:
            LookupError: there is no such order.
        """
        parts = self._running()
        with parts.store.begin() as db:
            if find_order(db, order) is None:
                raise LookupError("there is no such order")
            told = on or parts.today()
            record(parts, db, order, recipient=recipient, kind=kind, basis=basis, categories=categories, on=told)

    # ------------------------------------------------------------ signed files

    def publish(self, policy: Policy) -> Policy:
        """Publish ``policy``, with this server as its operator, as the newest; the server itself goes by its own.

        Returns:
            The policy as it was published.
        """
        published = policy.with_hosts("operator", (HOST,))
        self.publish_target(POLICY, published.canonical_json())
        return published

    def publish_target(self, path: str, content: bytes) -> None:
        """Publish a signed file at ``path`` (``folder/file``).

        Raises:
            ValueError: the path has another form, or the file more than 16 MiB.
        """
        self._running().repository.publish({path: content})

    def rotate_root(self, *roles: str) -> None:
        """Replace one of the root's two keys, and the key of each of ``roles`` (``"timestamp"``, ``"targets"``, …)."""
        self._running().repository.rotate_root(*roles)

    # ------------------------------------------------------------ inside

    def _running(self) -> Parts:
        if self._parts is None:
            raise ConfigurationError(problem="the sandbox was not started")
        return self._parts

    def _prepare_folder(self) -> None:
        new = not self.folder.exists()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if new or self.ca_file.exists() or not any(self.folder.iterdir()):
            self.folder.chmod(0o700)  # ours; someone else's folder keeps its mode, and our files in it are private
        if self._database_url is None and not self.database_file.exists():
            write_private(self.database_file, b"")

    def _assemble(self, port: int) -> Parts:
        base = f"https://{HOST}:{port}"
        url = self._database_url or URL.create("sqlite", database=str(self.database_file))
        store = Store(url, purge_interval=self.settings.purge_interval)
        with store.begin() as db:
            seed(db, self.policy, utc(self._clock.time()).date())
        receipts = ReceiptSigner(self.folder)
        repository = Repository(self.tuf_folder, self._clock)
        repository.renew()
        published = {POLICY: self.policy.canonical_json(), RECEIPT_KEYS: msgspec.json.encode(receipts.key_set())}
        repository.publish(published)
        return Parts(
            base=base,
            tunnel_key=_tunnel_key(self.folder / "tunnel-key"),
            settings=self.settings,
            policy=self.policy,
            clock=self._clock,
            store=store,
            nonces=self._nonces,
            proofs=ProofChecker(base, self.settings, self._nonces),
            receipts=receipts,
            repository=repository,
            faults=self.faults,
            tries=Tries(self.settings.ticket_tries, self.settings.ticket_window),
            mail=self.mail,
        )

    def _write_client_file(self) -> None:
        values = {
            "server": self.url,
            "trust": str(self.ca_file),
            "trusted_root": str(self.trusted_root),
            "hosts": [HOST],
            "app_id": APP_ID,
        }
        # JSON's strings and lists of strings are TOML's, too.
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
        write_private(self.client_file, "".join(lines).encode())

    def _forget_nonces(self) -> None:
        self._nonces.forget()

    def _revoke(self, device_id: str) -> None:
        parts = self._running()
        with parts.store.begin() as db:
            found = every(db, select(tables.devices).where(tables.devices.c.id == device_id), DeviceRow)
            for device in found:
                remove_device(db, device, parts.now() + parts.settings.removed_key_lifetime)
        if not found:
            raise LookupError("no order has a device by that id")

    def _begin(self) -> None:
        begin_delayed(self._running())

    def _release(self) -> None:
        release_delayed(self._running())


def _tunnel_key(path: Path) -> str:
    if not path.exists():
        write_private(path, X25519PrivateKey.generate().private_bytes_raw())
    key = X25519PrivateKey.from_private_bytes(path.read_bytes())
    return b64encode(key.public_key().public_bytes_raw()).decode()
