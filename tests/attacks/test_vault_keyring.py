"""A real gnome-keyring that is absent, locked, killed, emptied or filled with something else, under a running app.

Each scenario of ``support.keyring_attack`` has a D-Bus session and a keyring of its own, so that no other test's
daemon is touched. What must hold: the right one of the four errors each time, nothing changed by it, and everything
still there once the cause is mended. With ROCKETVPN_SOAK=1 the daemon is killed after every call of a rotation.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.crash import TESTS
from support.forms import form

pytestmark = pytest.mark.component("keyring")


@pytest.mark.parametrize(
    "scenario",
    [
        "absent",
        "bus_without_keyring",
        "locked",
        "locked_during_a_deletion",
        "hangs",
        "killed_in_a_call",
        "killed_in_a_rotation",
        "removed",
        "garbage",
    ],
)
def test_attack_keyring(tmp_path: Path, scenario: str) -> None:
    script = TESTS / "support" / "run_secret_service.sh"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
    stride = str(form(7, 3, 1))  # of the calls after which the daemon is killed
    command = [str(script), sys.executable, "-m", "support.keyring_attack", scenario, str(tmp_path), stride]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stderr=pipe, text=True, start_new_session=True) as session:
        try:
            _, said = session.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            os.killpg(session.pid, signal.SIGKILL)  # the script and the daemons that it started
            raise
    assert session.returncode == 0, said
