"""How long the machine has run, and which of its runs this is."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.systems import become

from rocketvpn_sdk import platforms


@pytest.mark.parametrize(
    ("system", "clock"), [("linux", "CLOCK_BOOTTIME"), ("darwin", "CLOCK_MONOTONIC"), ("win32", "")]
)
def test_the_clock_that_goes_on_while_the_machine_sleeps(
    system: str, clock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(monkeypatch, system)
    monkeypatch.setattr(time, "clock_gettime", {time.CLOCK_BOOTTIME: 7.0, time.CLOCK_MONOTONIC: 5.0}.get)
    monkeypatch.setattr(time, "monotonic", lambda: 3.0)
    assert platforms.since_boot() == {"CLOCK_BOOTTIME": 7.0, "CLOCK_MONOTONIC": 5.0, "": 3.0}[clock]


def test_this_machine_s_run_has_one_name_and_goes_on() -> None:
    before = platforms.since_boot()
    assert platforms.boot_id() == platforms.boot_id()
    assert platforms.since_boot() >= before > 0


def test_a_system_that_does_not_tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platforms.running, "_BOOT", tmp_path / "there is none")
    become(monkeypatch, "linux")
    assert platforms.boot_id() == ""
    (tmp_path / "hidden").write_bytes(b"\xff\xfe")
    monkeypatch.setattr(platforms.running, "_BOOT", tmp_path / "hidden")
    assert platforms.boot_id() == ""
    become(monkeypatch, "win32")
    assert platforms.boot_id() == ""
