"""What can happen to a keyring under a running app; each in a D-Bus session of its own, whose daemon may be killed.

    tests/support/run_secret_service.sh python -m support.keyring_attack SCENARIO FOLDER STRIDE

Ends with status 0 where everything went as it must.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import secretstorage
from keyring.backends.SecretService import Keyring

from rocketvpn_sdk.errors import (
    RocketVPNError,
    SecretCorrupt,
    SecretMissing,
    SecretStoreError,
    SecretStoreLocked,
    SecretStoreUnavailable,
)
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import KeyringSecrets, Vault
from rocketvpn_sdk.vault.verify import verify
from support.until import until
from support.vaults import Note

PASSWORD = b"throw-away"  # run_secret_service.sh's own
NAME = "org.freedesktop.secrets"
NOTE = Note("kept")
clock = FakeClock()


class HookedKeyring(KeyringSecrets):
    """The real keyring; ``after`` is called with each call's number once it was answered."""

    def __init__(self, *, timeout: float = 60.0) -> None:
        super().__init__(timeout=timeout)
        self.after: Callable[[int], None] = lambda number: None
        self.calls = 0

    def get(self, name: str) -> bytes | None:
        with self._counted():
            return super().get(name)

    def set(self, name: str, secret: bytes) -> None:
        with self._counted():
            super().set(name, secret)

    def delete(self, name: str) -> None:
        with self._counted():
            super().delete(name)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        yield
        self.calls += 1
        self.after(self.calls - 1)


# ---------------------------------------------------------------- the daemon


def ask_bus(method: str) -> str:
    command = ["dbus-send", "--session", "--print-reply=literal", "--dest=org.freedesktop.DBus", "/"]
    done = subprocess.run(
        [*command, f"org.freedesktop.DBus.{method}", f"string:{NAME}"], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def daemon() -> int | None:
    """Return the process that serves this session's secrets; asking starts none."""
    answer = ask_bus("GetConnectionUnixProcessID")
    return int(answer.split()[-1]) if answer else None


def kill() -> None:
    """End the daemon at once, and wait until the bus has noticed."""
    found = daemon()
    if found is not None:
        os.kill(found, signal.SIGKILL)
        until(lambda: daemon() != found)


def restart() -> None:
    """Start the daemon anew over the same files, unlocked as a login does."""
    kill()
    process = subprocess.Popen(
        ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    process.stdin.write(PASSWORD)
    process.stdin.close()
    until(lambda: daemon() == process.pid)
    _started.append(process)


_started: list[subprocess.Popen[bytes]] = []


def lock() -> None:
    with collection() as keyring:
        keyring.lock()
        assert keyring.is_locked()


@contextmanager
def collection() -> Iterator[secretstorage.Collection]:
    connection = secretstorage.dbus_init()
    try:
        yield secretstorage.get_default_collection(connection)
    finally:
        connection.close()


# ---------------------------------------------------------------- the vault


def open_vault(folder: Path, secrets: KeyringSecrets | None = None) -> Vault:
    vault = Vault(folder / "vault", secrets or KeyringSecrets(timeout=60), clock, Limits(busy_timeout=60))
    try:
        vault.unlock()
    except BaseException:  # an interrupt, too: it is cleaned up and goes on
        vault.close()
        raise
    return vault


def made(folder: Path) -> None:
    vault = open_vault(folder)
    vault.put("note", NOTE)
    vault.put("goes", NOTE)
    vault.close()


def refused(folder: Path, *errors: type[RocketVPNError], secrets: KeyringSecrets | None = None) -> None:
    with pytest.raises(errors) as caught:
        open_vault(folder, secrets)
    assert caught.type in errors, f"{caught.type.__name__} is not one of {errors}"
    assert str(caught.value)


def whole(folder: Path) -> None:
    """The cause is mended: everything is there, and a rotation works."""
    vault = open_vault(folder)
    assert vault.get("note", Note) == NOTE
    verify(vault)
    vault.rotate()
    assert vault.get("note", Note) == NOTE
    vault.close()


def entry(folder: Path) -> tuple[str, str]:
    """Return the root's service and user in the keyring."""
    vault = open_vault(folder)
    vault_id, root_id = vault._keyed_store.keys.root.name.split("/")
    vault.close()
    return f"rocketvpn-sdk/{vault_id}/{root_id}", root_id


# ---------------------------------------------------------------- scenarios


def absent(folder: Path) -> None:
    """No bus, a bus that is gone, and a bus without a keyring."""
    made(folder)
    address = os.environ.pop("DBUS_SESSION_BUS_ADDRESS")
    refused(folder, SecretStoreUnavailable)
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = f"unix:path={folder}/no-such-bus"
    refused(folder, SecretStoreUnavailable)
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = address
    whole(folder)


def bus_without_keyring(folder: Path) -> None:
    """Another session, whose bus knows no keyring and cannot start one."""
    made(folder)
    address = os.environ["DBUS_SESSION_BUS_ADDRESS"]
    config = folder / "bus.conf"
    config.write_text(
        "<busconfig><type>session</type><listen>unix:tmpdir=/tmp</listen><policy context='default'>"
        "<allow send_destination='*' eavesdrop='true'/><allow eavesdrop='true'/><allow own='*'/></policy></busconfig>"
    )
    bus = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address=1"], stdout=subprocess.PIPE, text=True
    )
    assert bus.stdout is not None
    try:
        os.environ["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().strip()
        refused(folder, SecretStoreUnavailable)
    finally:
        bus.kill()
        bus.wait()
        bus.stdout.close()
    os.environ["DBUS_SESSION_BUS_ADDRESS"] = address
    whole(folder)


def locked(folder: Path) -> None:
    made(folder)
    lock()
    refused(folder, SecretStoreLocked)
    restart()
    whole(folder)


def locked_during_a_deletion(folder: Path) -> None:
    """The keys go at once; the rotation is owed, and paid at the next opening with an unlocked keyring."""
    made(folder)
    vault = open_vault(folder)
    lock()
    vault.drop("goes")
    assert vault.get("goes", Note) is None
    assert vault.status().rotation_owed_since is not None
    vault.close()
    restart()
    again = open_vault(folder)
    assert again.status().rotation_owed_since is None
    assert again.get("goes", Note) is None
    again.close()
    whole(folder)


def hangs(folder: Path) -> None:
    """The daemon is there and does not answer."""
    made(folder)
    process = daemon()
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    refused(folder, SecretStoreLocked, secrets=KeyringSecrets(timeout=0.5))
    os.kill(process, signal.SIGCONT)
    whole(folder)


def killed_in_a_call(folder: Path) -> None:
    made(folder)
    process = daemon()
    assert process is not None
    os.kill(process, signal.SIGSTOP)
    caught: list[BaseException] = []

    def call() -> None:
        try:
            open_vault(folder)
        except BaseException as error:  # noqa: BLE001 - judged below
            caught.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    caller.join(1.0)
    assert caller.is_alive(), "the call did not wait"
    os.kill(process, signal.SIGKILL)
    caller.join(30)
    assert not caller.is_alive()
    assert type(caught[0]) is SecretStoreUnavailable, caught
    restart()
    whole(folder)


def killed_in_a_rotation(folder: Path) -> None:
    """The daemon dies after the n-th answer of a rotation, whatever it had written of it."""
    made(folder)
    survived = False
    number = 0
    while not survived:
        secrets = HookedKeyring()
        vault = open_vault(folder, secrets)
        secrets.calls, victim = 0, number

        def die(call: int, victim: int = victim) -> None:
            if call == victim:
                kill()

        secrets.after = die
        with suppress(SecretStoreError):
            vault.rotate()
        survived = secrets.calls <= victim
        with suppress(SecretStoreError):
            assert vault.get("note", Note) == NOTE
        secrets.after = lambda call: None
        vault.close()
        restart()
        whole(folder)
        number += int(sys.argv[3])
    assert number > 4
    vault = open_vault(folder)
    clock.advance(60)
    vault.settle()
    with collection() as keyring:
        ours = [item for item in keyring.get_all_items() if "rocketvpn-sdk" in item.get_attributes().get("service", "")]
    assert len(ours) == 2, "one root and the generation"
    vault.close()


def removed(folder: Path) -> None:
    made(folder)
    service, user = entry(folder)
    backend = Keyring()
    kept = backend.get_password(service, user)
    backend.delete_password(service, user)
    refused(folder, SecretMissing)
    refused(folder, SecretMissing)  # reading it as missing changed nothing
    backend.set_password(service, user, kept)
    whole(folder)


def garbage(folder: Path) -> None:
    made(folder)
    service, user = entry(folder)
    backend = Keyring()
    kept = backend.get_password(service, user)
    whole_key = base64.b64decode(kept)
    for other in ("not base64!", "", "x" * 5000, "\u0000ü", base64.b64encode(os.urandom(40)).decode()):
        backend.set_password(service, user, other)
        refused(folder, SecretCorrupt)
    for bad in (whole_key[:-1], whole_key + b"x", bytes([whole_key[0] ^ 1]) + whole_key[1:], whole_key[:32]):
        backend.set_password(service, user, base64.b64encode(bad).decode())
        refused(folder, SecretCorrupt)
    backend.set_password(service, user, kept)
    whole(folder)


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        absent,
        bus_without_keyring,
        locked,
        locked_during_a_deletion,
        hangs,
        killed_in_a_call,
        killed_in_a_rotation,
        removed,
        garbage,
    )
}


def main() -> None:
    try:
        SCENARIOS[sys.argv[1]](Path(sys.argv[2]))
    finally:
        kill()  # also a daemon that the bus started by itself
        for process in _started:
            process.wait()


if __name__ == "__main__":
    main()
