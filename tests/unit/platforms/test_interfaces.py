"""The addresses of this machine's interfaces, as Linux tells them in its own files."""

from __future__ import annotations

import sys
import uuid
from pathlib import Path

import pytest

from rocketvpn_sdk import platforms
from rocketvpn_sdk.platforms import interfaces

TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 127.0.0.1
        /32 host LOCAL
     |-- 192.0.2.77
        /32 host LOCAL
     |-- 192.0.2.255
        /32 link BROADCAST
"""
SIX = """fe800000000000003ea62ffffe0b9ed1 02 40 20 80 wlan0
00000000000000000000000000000001 01 80 10 80 lo
no address at all
"""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, address in {"lo": "00:00:00:00:00:00", "wlan0": "3c:a6:2f:0b:9e:d1", "tun0": ""}.items():
        (tmp_path / "class" / name).mkdir(parents=True)
        (tmp_path / "class" / name / "address").write_text(f"{address}\n")
    (tmp_path / "fib_trie").write_text(TRIE)
    (tmp_path / "if_inet6").write_text(SIX)
    monkeypatch.setattr(interfaces, "_CLASS", tmp_path / "class")
    monkeypatch.setattr(interfaces, "_NET", tmp_path)
    monkeypatch.setattr(sys, "platform", "linux")
    return tmp_path


@pytest.mark.usefixtures("machine")
def test_every_address_of_its_own_is_told_and_none_that_all_machines_have() -> None:
    assert platforms.interface_addresses() == {
        "3c:a6:2f:0b:9e:d1", "192.0.2.77", "fe80::3ea6:2fff:fe0b:9ed1", "fe80:0000:0000:0000:3ea6:2fff:fe0b:9ed1",
    }  # fmt: skip


def test_a_system_that_tells_nothing_is_no_error(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interfaces, "_CLASS", machine / "nowhere")
    monkeypatch.setattr(interfaces, "_NET", machine / "nowhere")
    assert platforms.interface_addresses() == frozenset()


@pytest.mark.parametrize(
    ("node", "told"), [(0x3CA62F0B9ED1, {"3c:a6:2f:0b:9e:d1"}), (0x0100000000AA, set())], ids=["real", "made up"]
)
def test_other_systems_tell_one_hardware_address(node: int, told: set[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms.sys, "platform", "darwin")
    monkeypatch.setattr(uuid, "getnode", lambda: node)
    assert platforms.interface_addresses() == told
