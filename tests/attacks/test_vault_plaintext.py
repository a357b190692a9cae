"""Someone reads the files: is anything that was recorded to be found in them, in any spelling, at any moment?

The journal runs with a session of mixed log lines, a binding, queued requests and events; every file of the folder is
searched again and again, the write-ahead log included. What is looked for is also recorded by a plain file beside it,
which is the proof that the search would find it.
"""

from __future__ import annotations

import base64
import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import msgspec
import pytest
from support.app_events import NetworkChanged, SessionConnected
from support.crash import TESTS
from support.vpn_lines import vpn_lines

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.config import SecretStore
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import QueueItem
from rocketvpn_sdk.vault.partitions import PartitionChoice

pytestmark = pytest.mark.clause("T1")

ORDER = "RV-2026-000417"
DEVICE = "QK3ZL7XW5PMBN2TVJ4RDYHSGCEAFUI6OQK3ZL7XW5PMBN2TVJ4RD"
EMAIL = "lena.garden@night-forum.example.com"
TOKEN = "refresh-5f2c9e1d7a"
HOSTS = ("chess-travel.example.org", "api.rocketvpn.example")
REGIONS = ("de-fra", "jp-tyo", "br-sao")
# A partition's stream and purpose stand in the file in the clear, and nothing else does: see docs/vault-format.md.
NAMES = ("session.connected", "network.changed", "log.message", "rights.request", "wireguard")
LINES = 3000


def spellings(value: str) -> Iterator[bytes]:
    """Yield the ways in which a value may stand in a file."""
    plain = value.encode()
    yield from (plain, value.encode("utf-16-le"), value.encode("utf-16-be"))
    yield from (plain.hex().encode(), plain.hex().upper().encode())
    for shift in range(3):  # base64 depends on where in a group of three bytes the value begins
        whole = base64.b64encode(b"\0" * shift + plain)
        first, last = -(-shift * 4 // 3), (shift + len(plain)) // 3 * 4
        yield whole[first:last]
        yield whole[first:last].replace(b"+", b"-").replace(b"/", b"_")


def found(content: bytes, values: Iterable[str]) -> list[str]:
    """Return those of ``values`` that stand in ``content`` in any spelling."""
    return [value for value in values if any(spelling in content for spelling in spellings(value))]


def files(folder: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
def test_the_search_finds_what_is_there(encoding: str) -> None:
    """The positive control: every spelling, at every alignment."""
    for shift in range(3):
        text = ("#" * shift + ORDER + "~").encode(encoding)
        for content in (text, text.hex().encode(), text.hex().upper().encode(), base64.b64encode(text)):
            if encoding == "utf-8" or content is text:
                assert found(content, [ORDER]) == [ORDER]


class Bound(msgspec.Struct, frozen=True):
    """What a binding leaves in the vault."""

    device_id: str
    order_number: str = ""
    refresh_token: str = ""


class Session:
    """An app with its journal, and beside it the plain file that an app without this SDK would have written."""

    def __init__(self, place: Path, secrets: SecretStore) -> None:
        self.folder = place / "vault"
        self.clock = FakeClock()
        config = Config(
            f"https://{HOSTS[1]}",
            "org.example.vpn",
            data_dir=self.folder,
            secrets=secrets,
            events=[SessionConnected, NetworkChanged],
            clock=self.clock,
        )
        self.rocket = RocketVPN.open(config)
        self.plain = place / "plain.log"
        self.values: set[str] = {ORDER, DEVICE, EMAIL, TOKEN, *HOSTS, *REGIONS, *NAMES}
        self.logger = logging.Logger("org.example.vpn.tunnel")  # noqa: LOG001 - one of its own, outside the tree
        self.logger.addHandler(self.rocket.journal.handler())
        self.logger.addHandler(logging.FileHandler(self.plain))
        self.searched = 0

    def bind(self) -> None:
        vault = self.rocket._components.vault
        vault.put("binding", Bound(order_number=ORDER, device_id=DEVICE))
        vault.put("credentials", Bound(device_id=DEVICE, refresh_token=TOKEN))
        item = QueueItem(
            id="0", operation="rights.request", body={"contact_email": EMAIL}, created_at=0.0, idempotency_key="0"
        )
        with vault.write() as transaction:
            self.rocket._components.queue.add(transaction, item)

    def run(self, lines: int, seed: int) -> None:
        for number, line in enumerate(vpn_lines(lines, seed=seed)):
            self.logger.warning(line.text)
            if number % 10 == 0:
                self.values.add(line.text)
                self.values.update(value for value in line.personal if len(value) > 7)
            if number % 50 == 0:
                self.rocket.journal.record(SessionConnected(region=REGIONS[0], protocol="wireguard", duration=number))
                self.rocket.journal.record(NetworkChanged(local_address="203.0.113.77", remote_host=HOSTS[0]))
                self.clock.advance(600)

    def search(self) -> None:
        content = files(self.folder)
        assert len(content) > 10_000
        assert found(content, self.values) == []
        self.searched += 1

    def close(self) -> None:
        self.rocket.close()
        for handler in self.logger.handlers:
            handler.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def test_attack_search_every_file_at_every_moment(tmp_path: Path) -> None:
    """While it writes, after a flush, a replaced document, a rotation, a purge, a deletion, and after it closed."""
    with Session(tmp_path, MemorySecrets()) as session:
        session.bind()
        for seed in range(4):
            session.run(LINES // 4, seed)
            session.rocket.journal.flush()
            session.search()
        records = session.rocket.journal.stats().records
        session.bind()
        session.search()
        session.rocket._components.vault.rotate()
        session.search()
        session.clock.advance(8 * 86400)
        session.rocket.journal.purge()
        session.search()
        with session.rocket._components.vault.shredding() as transaction:
            transaction.shred(PartitionChoice())
            transaction.drop_all_documents()
        session.search()
    session.search()
    assert session.searched == 9
    assert records > LINES * 0.9
    lines = [value for value in session.values if len(value) > 20 and " " in value]
    assert len(found(session.plain.read_bytes(), lines)) == len(lines)


def test_attack_secret_names_and_file_names_tell_nothing(tmp_path: Path) -> None:
    secrets = MemorySecrets()
    with Session(tmp_path, secrets) as session:
        session.bind()
        session.run(100, seed=1)
    told = "\n".join([*secrets.names(), *(path.name for path in session.folder.rglob("*"))])
    assert found(told.encode(), session.values) == []
    assert {path.name for path in session.folder.iterdir()} == {"vault.db", "lock.db"}


@pytest.mark.component("keyring")
def test_attack_search_the_keyrings_own_file(tmp_path: Path) -> None:
    """The same session with a real gnome-keyring of its own: neither its file nor ours holds a value, or a root key."""
    script = TESTS / "support" / "run_secret_service.sh"
    command = [str(script), sys.executable, "-m", "support.plaintext_session", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["keyring_bytes"] > 100
    assert said["found"] == []
    assert said["searched"] == 3
