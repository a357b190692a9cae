"""Folders that cannot be looked into: not a vault that is missing, whatever this Python's ``Path.exists`` says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from support.command_line import CommandLine

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.doctor import examine
from rocketvpn_sdk.errors import ConfigurationError, VaultReadOnly
from rocketvpn_sdk.testing import MemorySecrets


def loop(folder: Path) -> Path:
    (folder / "loop").symlink_to(folder / "loop")
    return folder / "loop" / "vault"


def long_name(folder: Path) -> Path:
    return folder / ("n" * 300)


def closed(folder: Path) -> Path:
    (folder / "closed").mkdir(mode=0)
    return folder / "closed" / "vault"


# Root may look into every folder; the gate runs these as an ordinary user too.
@pytest.fixture(params=[loop, long_name, *([closed] if os.geteuid() else [])])
def unseen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    make: Callable[[Path], Path] = request.param
    yield make(tmp_path)
    if (tmp_path / "closed").is_dir():
        (tmp_path / "closed").chmod(0o700)


@pytest.fixture
def config(unseen: Path) -> Config:
    return Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=unseen, secrets=MemorySecrets())


def test_opening_says_that_it_cannot_be_used(config: Config) -> None:
    with pytest.raises(VaultReadOnly):
        RocketVPN.open(config)


def test_the_doctor_does_not_say_that_nothing_is_stored(config: Config) -> None:
    finding = examine(config, online=False).findings[0]
    assert (finding.check, finding.state) == ("vault", "problem")


def test_a_command_does_not_say_that_nothing_is_bound(unseen: Path, tmp_path: Path) -> None:
    settings = tmp_path / "rocketvpn.toml"
    settings.write_text(
        'server = "https://api.rocketvpn.example"\napp_id = "org.example.vpn"\nsecrets = "passphrase"\n'
    )
    assert CommandLine(settings).json("status", "--data-dir", str(unseen)).error["code"] == "vault-read-only"


def test_a_trust_file_there_is_a_mistake_in_the_configuration(config: Config, unseen: Path) -> None:
    with pytest.raises(ConfigurationError, match="trust"):
        msgspec.structs.replace(config, trust=unseen / "ca.pem")
