"""The sandbox as embedders and the CLI hold it: a folder, a port, and what tests want to look at."""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
from sqlalchemy import URL

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import Clock, SystemClock
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.files import write_private
from rocketvpn_sdk.policy import Policy, bundled_policy
from rocketvpn_sdk.sandbox import notices
from rocketvpn_sdk.sandbox.accounts import find_order
from rocketvpn_sdk.sandbox.app import build_app
from rocketvpn_sdk.sandbox.certificates import CA_FILE, load_ca, server_context
from rocketvpn_sdk.sandbox.database import ServerDatabase
from rocketvpn_sdk.sandbox.disclosures import record
from rocketvpn_sdk.sandbox.faults import Faults
from rocketvpn_sdk.sandbox.http_messages import RecordedRequest
from rocketvpn_sdk.sandbox.listener import Listener, listen, uvicorn_config
from rocketvpn_sdk.sandbox.lists import SignedList, target
from rocketvpn_sdk.sandbox.mail import Outbox
from rocketvpn_sdk.sandbox.middleware import SandboxMiddleware
from rocketvpn_sdk.sandbox.relayed import LOOPBACK, Relayed, running_relay
from rocketvpn_sdk.sandbox.releases import Releases
from rocketvpn_sdk.sandbox.reverse_proxy import Front
from rocketvpn_sdk.sandbox.schedule import ScheduledChanges
from rocketvpn_sdk.sandbox.seeds import YEAR, add_order
from rocketvpn_sdk.sandbox.services import ServerConfig, Services
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.sandbox.tuf_repository import POLICY

HOST = "localhost"
APP_ID = "org.example.vpn"
_START_SECONDS = 10.0
_STOP_SECONDS = 5.0


class Sandbox:
    """A reference server in ``folder``, for as long as the ``with`` block or ``serve_forever`` runs.

    ``port=0`` takes a free one. ``database_url`` is SQLAlchemy's (default: an SQLite file in the folder). ``clock`` and
    ``policy`` default to the machine's clock and the bundled policy. ``front`` says what stands in front of it, if
    anything does. ``relay_hosts`` are the names by which clients call the relay (``relayed``). One object runs once at
    a time, and can be started again.
    """

    def __init__(
        self,
        folder: Path,
        *,
        port: int = 0,
        database_url: str | None = None,
        clock: Clock | None = None,
        policy: Policy | None = None,
        front: Front | None = None,
        relay_hosts: tuple[str, ...] = (HOST,),
    ) -> None:
        self.relay_hosts = relay_hosts
        self.folder = Path(folder).absolute()
        self._front_proxy = front or Front()
        self.policy = self._newest = self._with_hosts(policy or bundled_policy())
        self.mail = Outbox()
        self.faults = Faults(self._running)
        self.settings = ServerSettings()
        self.port = port
        self._database_url = database_url
        self._clock: Clock = clock or SystemClock()
        self._services: Services | None = None
        self._middleware: SandboxMiddleware | None = None
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
        listener = listen(self.port)
        try:
            services = self._assemble(listener.getsockname()[1])
            middleware = SandboxMiddleware(build_app(services), services)
            context = server_context(load_ca(self.folder))
            self._server = Listener(uvicorn_config(middleware, context, self.settings), ready)
        except BaseException:  # an interrupt too: no socket stays open
            listener.close()
            raise
        self._services, self._middleware = services, middleware
        self._write_client_file()
        self.faults.start()
        return self._server, listener

    def _close(self) -> None:
        self.stop()
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        if self._services is not None:
            self._services.database.close()
        self._server = self._thread = None

    # ------------------------------------------------------------ what is where

    @property
    def url(self) -> str:
        """What clients call, also the issuer: ``front.public_url``, or ``local_url``; known once it was started."""
        return self._running().base

    @property
    def local_url(self) -> str:
        """``https://localhost:PORT``: where it listens, and what a proxy in front of it calls."""
        return self._running().local_url

    @property
    def host(self) -> str:
        """The host that clients call."""
        return self._front_proxy.host or HOST

    @property
    def ca_file(self) -> Path:
        """The certificate that clients trust."""
        return self.folder / CA_FILE

    @property
    def client_file(self) -> Path:
        """Settings for a client: ``server``, ``trust``, ``trusted_root``, host names and ``app_id``, as TOML."""
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
    def requests(self) -> list[RecordedRequest]:
        """The last thousand requests, oldest first, as they came in. Kept in memory, for tests."""
        self._running()
        return self._middleware.received if self._middleware else []

    def rows(self) -> dict[str, list[dict[str, Any]]]:
        """Return everything the database holds, by table."""
        return self._running().database.rows()

    @property
    def survey_responses(self) -> list[str]:
        """The answers to surveys that are held, each as it came."""
        return [row["body"] for row in self.rows()["survey_responses"]]

    @property
    def reports(self) -> list[str]:
        """The reports of how apps run that are held, each as it came."""
        return [row["body"] for row in self.rows()["reports"] if row["body"]]

    def order(
        self,
        number: str | None = None,
        *,
        limit: int = 3,
        expires: date | None = None,
        email: str | None = "kim@example.org",
    ) -> str:
        """Add an order and return its number; it is paid for a year unless ``expires`` says otherwise."""
        services = self._running()
        number = number or f"RV-TEST-{secrets.token_hex(4).upper()}"
        today = services.today()
        with services.database.begin() as db:
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
        services = self._running()
        with services.database.begin() as db:
            if find_order(db, order) is None:
                raise LookupError("there is no such order")
            told = on or services.today()
            record(services, db, order, recipient=recipient, kind=kind, basis=basis, categories=categories, on=told)

    # ------------------------------------------------------------ signed files

    def publish(self, policy: Policy) -> Policy:
        """Publish ``policy``, with this server as its operator, as the newest; the server itself goes by its own.

        Each order with an e-mail address is told what it takes from users, as the policy promises (X2).

        Returns:
            The policy as it was published.
        """
        before, published = self._newest, self._with_hosts(policy)
        self.publish_target(POLICY, published.canonical_json())
        self._newest = published
        self.mail.send_all(notices.policy_changed(self._running(), before, published))
        return published

    def sign(self, value: SignedList) -> None:
        """Publish a signed list, in place of the former one; each order with an address is told of a new notice.

        Raises:
            ValueError: a device could not read it.
        """
        services, (path, content) = self._running(), target(value)
        before = services.repository.target(path)
        self.publish_target(path, content)
        if isinstance(value, wire.NoticeList):
            new = notices.new_in(value, before)
            self.mail.send_all(message for notice in new for message in notices.told(services, notice))

    def publish_target(self, path: str, content: bytes) -> None:
        """Publish a signed file at ``path`` (``folder/file``).

        Raises:
            ValueError: the path has another form, or the file more than 16 MiB.
        """
        self._running().repository.publish({path: content})

    @property
    def releases(self) -> Releases:
        """Publishes releases of the software, withdraws them, and says how many devices have them."""
        return Releases(self._running().repository)

    def rotate_root(self, *roles: str) -> None:
        """Replace one of the root's two keys, and the key of each of ``roles`` (``"timestamp"``, ``"targets"``, …)."""
        self._running().repository.rotate_root(*roles)

    @contextmanager
    def relayed(self, *, relay: str = LOOPBACK, gateway: str = LOOPBACK) -> Iterator[Relayed]:
        """Run a relay and a gateway, each a process of its own, while the block runs; publish where they are.

        ``relay`` and ``gateway`` are the addresses, of this machine, that each of them listens and calls on.
        """
        with running_relay(self.folder, self.local_url, (relay, gateway)) as running:
            self.publish_target(wire.OBLIVIOUS_TARGET, msgspec.json.encode(running.target))
            yield running

    # ------------------------------------------------------------ inside

    def _with_hosts(self, policy: Policy) -> Policy:
        ours = policy.with_hosts("operator", (self.host,)).with_hosts("partner", (self.host,))
        return ours.with_hosts("relay", self.relay_hosts)

    def _running(self) -> Services:
        if self._services is None:
            raise ConfigurationError(problem="the sandbox was not started")
        return self._services

    def _prepare_folder(self) -> None:
        new = not self.folder.exists()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if new or self.ca_file.exists() or not any(self.folder.iterdir()):
            self.folder.chmod(0o700)  # ours; someone else's folder keeps its mode, and our files in it are private
        if self._database_url is None:
            self.database_file.touch(mode=0o600)

    def _assemble(self, port: int) -> Services:
        local_url = f"https://{HOST}:{port}"
        config = ServerConfig(
            base=self._front_proxy.public_url or local_url,
            local_url=local_url,
            front=self._front_proxy,
            settings=self.settings,
            policy=self.policy,
            clock=self._clock,
        )
        url = self._database_url or self._default_url()
        interval = self.settings.purge_interval
        database = ServerDatabase(url, purge_interval=interval, ended=self.faults.transaction_ended)
        schedule = ScheduledChanges()
        return Services(config, self.folder, database, mail=self.mail, faults=self.faults, schedule=schedule)

    def _default_url(self) -> str | URL:
        return URL.create("sqlite", database=str(self.database_file))

    def _write_client_file(self) -> None:
        values = {
            "server": self.url,
            "trust": str(self.ca_file),
            "trusted_root": str(self.trusted_root),
            "hosts": [self.host],
            "relay_hosts": list(self.relay_hosts),
            "partner_hosts": [self.host],
            "app_id": APP_ID,
        }
        # JSON's strings and lists of strings are TOML's, too.
        lines = [f"{name} = {json.dumps(value)}\n" for name, value in values.items()]
        write_private(self.client_file, "".join(lines).encode())
