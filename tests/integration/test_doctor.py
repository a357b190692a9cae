"""``examine`` finds what is wrong, names the part it is in, and says what to do."""

from __future__ import annotations

import errno
import os
import socket
import sqlite3
import ssl
import time
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import Mock

import pytest
from support.tls_peers import plain_peer, saying
from support.world import World

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.doctor import CHECKS, Diagnosis, Examination, examine
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

OTHER_PINS = ("sha256/" + "A" * 43 + "=", "sha256/" + "A" * 42 + "I=")
OFFLINE = "https://localhost:9"


def states(found: Examination) -> dict[str, str]:
    assert tuple(finding.check for finding in found.findings) == CHECKS
    return {finding.check: finding.state for finding in found.findings}


def named(found: Examination, check: str) -> Diagnosis:
    return next(finding for finding in found.findings if finding.check == check)


@pytest.fixture
def config(world: World) -> Config:
    """A device that is bound."""
    config = world.config()
    with RocketVPN.open(config) as rocket:
        rocket.device.bind(world.sandbox.order())
    return config


def test_where_all_is_well(config: Config) -> None:
    found = examine(config)
    assert found.sound
    assert set(states(found).values()) == {"ok"}


def test_where_nothing_is_stored(world: World) -> None:
    found = examine(world.config())
    assert found.sound
    assert set(states(found).values()) == {"skipped"}
    assert not world.folder.exists()


def test_looking_at_an_empty_folder_makes_neither_a_vault_nor_a_key(world: World) -> None:
    world.folder.mkdir(mode=0o700)
    found = examine(world.config(), online=False)
    assert set(states(found).values()) == {"skipped"}
    assert list(world.folder.iterdir()) == []
    assert not world.secrets._entries


def test_it_asks_nobody_when_told_so(config: Config) -> None:
    with RocketVPN.open(config) as rocket:
        before = len(list(rocket.rights.sent()))
    found = examine(config, online=False)
    with RocketVPN.open(config) as rocket:
        assert len(list(rocket.rights.sent())) == before
    assert [check for check, state in states(found).items() if state == "skipped"] == list(CHECKS[5:])


def test_a_folder_that_others_may_write_to(config: Config) -> None:
    config.folder.chmod(0o770)
    found = examine(config)
    assert not found.sound
    assert named(found, "vault").code == "vault-unsafe"
    assert named(found, "vault").remedy
    assert states(found)["keyring"] == "skipped"


def test_a_key_that_is_gone(world: World, config: Config) -> None:
    world.secrets = MemorySecrets()
    found = examine(world.config())
    assert named(found, "keyring").code == "secret-missing"
    assert not found.sound
    assert examine(config).sound, "looking changed nothing"


def test_a_record_that_was_altered(config: Config) -> None:
    with sqlite3.connect(config.folder / "vault.db") as db:
        db.execute("UPDATE blocks SET sealed = zeroblob(length(sealed))")
    db.close()
    found = examine(config)
    assert named(found, "content").state == "problem"
    assert named(found, "content").code == "vault-damaged"


def test_a_server_that_does_not_answer(world: World, config: Config) -> None:
    found = examine(world.config(server=OFFLINE))
    assert named(found, "server").code == "server-unreachable"
    assert states(found)["policy"] == "skipped"
    assert states(found)["content"] == "ok"


def test_a_server_with_another_key_than_the_pinned_ones(world: World, config: Config) -> None:
    found = examine(world.config(pins=OTHER_PINS))
    assert states(found)["server"] == "ok"
    assert named(found, "tls").code == "pin-mismatch"
    assert not found.sound


WENT_WRONG = {
    "firewall": ("server", "firewall"),
    "no network": ("server", "internet"),
    "wrong proxy password": ("server", "proxy"),
    "no trust store": ("tls", "ca-certificates"),
    "another TLS": ("tls", "replaces Python's ssl"),
}


@pytest.mark.parametrize("what", WENT_WRONG)
def test_it_says_what_a_call_says(
    world: World, config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    with ExitStack() as held:
        options: dict[str, object] = {}
        if what in ("firewall", "no network"):
            number = errno.EPERM if what == "firewall" else errno.EAFNOSUPPORT
            monkeypatch.setattr(socket.socket, "connect", Mock(side_effect=OSError(number, os.strerror(number))))
        elif what == "wrong proxy password":
            wants = saying(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
            options["proxy"] = f"http://kim:wrong@127.0.0.1:{held.enter_context(plain_peer(wants)).port}"
        elif what == "no trust store":
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
            options["trust"] = None
        else:
            monkeypatch.setattr(ssl.SSLSocket, "do_handshake", lambda self, block=False: None)
        with RocketVPN.open(world.config(**options)) as rocket, pytest.raises(RocketVPNError) as caught:
            rocket.ask_server()
        found = examine(world.config(**options))
    check, advice = WENT_WRONG[what]
    said = named(found, check)
    assert (said.state, said.code) == ("problem", caught.value.code)
    assert (said.message, said.remedy, said.hint) == (caught.value.message, caught.value.remedy, caught.value.hint)
    assert advice in f"{said.remedy} {said.hint}"


@pytest.mark.parametrize(("hours", "side"), [(3, "ahead of"), (-3, "behind")])
def test_a_clock_that_is_wrong(world: World, config: Config, hours: int, side: str) -> None:
    clock = FakeClock(time.time() + hours * 3600)
    found = examine(world.config(clock=clock))
    assert named(found, "server").state == "problem"
    assert f"180 minutes {side} the server" in named(found, "server").message
    if hours < 0:
        assert states(found)["clock"] == "attention"


def test_a_clock_that_leapt(world: World, config: Config) -> None:
    clock = FakeClock(time.time() + 500 * 86_400)
    found = examine(world.config(clock=clock), online=False)
    assert states(found)["clock"] == "attention"
    assert "nothing is destroyed" in named(found, "clock").message


def test_a_server_that_says_it_is_far_later(config: Config) -> None:
    with RocketVPN.open(config) as rocket:
        rocket._components.vault.agree(time.time() + 40 * 86_400)
    found = examine(config, online=False)
    assert states(found)["clock"] == "attention"
    assert "far later" in named(found, "clock").message


def test_what_waits_for_the_server(world: World, config: Config) -> None:
    world.sandbox.faults.fail(50)
    with RocketVPN.open(config) as rocket:
        rocket.rights.delete(rocket.rights.plan_delete("logs"))
    world.sandbox.faults.clear()
    found = examine(config, online=False)
    assert found.sound
    assert states(found)["queue"] == "attention"


def test_a_device_that_was_taken_off_its_order(world: World, config: Config) -> None:
    with RocketVPN.open(config) as rocket:
        device = next(each.id for each in rocket.device.list() if each.current)
    world.sandbox.faults.revoke_device(device)
    assert named(examine(config), "binding").code == "device-revoked"


def test_signed_files_of_another_root(world: World, config: Config, tmp_path: Path) -> None:
    root = tmp_path / "root.json"
    root.write_text("{}")
    found = examine(world.config(trusted_root=root))
    assert named(found, "policy").state == "problem"
    assert not found.sound
