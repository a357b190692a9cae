"""Probes for the real components that some tests need: each returns why it is not there, or an empty text."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

# In a process of its own, so that a keyring that asks its user or never answers cannot hold up the tests.
_KEYRING_PROBE = """
import sys
import keyring.backends.SecretService as backend
import secretstorage

try:
    backend.Keyring.priority
    connection = secretstorage.dbus_init()
    collection = secretstorage.Collection(connection, "/org/freedesktop/secrets/aliases/default")
    if collection.is_locked():
        sys.exit("the Secret Service is locked")
except Exception as error:
    sys.exit(f"no Secret Service answers ({type(error).__name__}: {error})")
"""


def _probe(command: list[str], timeout: float = 30.0) -> str:
    try:
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        return f"no answer within {timeout:g} seconds"
    if done.returncode == 0:
        return ""
    return (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]


def _keyring() -> str:
    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return "there is no D-Bus session; tests/support/run_secret_service.sh starts one with a keyring"
    return _probe([sys.executable, "-c", _KEYRING_PROBE])


def _strace() -> str:
    if not shutil.which("strace"):
        return "strace is not installed"
    return _probe(["strace", "-qq", "-o", os.devnull, "true"])


def _tmpfs() -> str:
    if not shutil.which("mount"):
        return "mount is not installed"
    with tempfile.TemporaryDirectory() as folder:
        refused = _probe(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder])
        return refused or _probe(["umount", folder])


def _ext4() -> str:
    from support.power import Disk

    try:
        with tempfile.TemporaryDirectory() as folder, Disk(Path(folder)) as disk:
            disk.cut_power()
    except (OSError, subprocess.SubprocessError) as error:
        return f"no ext4 on a loop device ({type(error).__name__})"
    return ""


def _age() -> str:
    return "" if shutil.which("age") else "age is not installed"


def _browser() -> str:
    from support.browser import PATH

    if not os.access(PATH, os.X_OK):
        return f"{PATH} is not there (Debian: apt-get install chromium)"
    return _probe([str(PATH), "--headless", "--no-sandbox", "--version"])


def _keepassxc() -> str:
    if not shutil.which("keepassxc"):
        return "KeePassXC is not installed (Debian: apt-get install keepassxc)"
    return "" if shutil.which("dbus-run-session") else "dbus-run-session is not there (Debian: apt-get install dbus)"


def _postgresql() -> str:
    try:
        from support import postgresql
    except ImportError as error:
        return f"{error.name} is not installed"
    return "" if postgresql.binaries() else "PostgreSQL is not installed (Debian: apt-get install postgresql)"


def _nginx() -> str:
    from support import nginx

    return nginx.missing()


def _own_network() -> str:
    if not (shutil.which("unshare") and shutil.which("ip")):
        return "unshare or ip is not installed (Debian: apt-get install iproute2)"
    capture = "import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)"
    return _probe(["unshare", "-n", "ip", "link", "set", "lo", "up"]) or _probe([sys.executable, "-c", capture])


def _pyright() -> str:
    return "" if find_spec("basedpyright") else "basedpyright is not installed (pip install basedpyright)"


_PROBES: dict[str, Callable[[], str]] = {
    "age": _age,
    "keepassxc": _keepassxc,
    "keyring": _keyring,
    "postgresql": _postgresql,
    "pyright": _pyright,
    "strace": _strace,
    "tmpfs": _tmpfs,
    "ext4": _ext4,
    "browser": _browser,
    "nginx": _nginx,
    "own-network": _own_network,
}

NAMES = frozenset(_PROBES)


@cache
def missing(name: str) -> str:
    """Return why the component ``name`` cannot be used here, or an empty text; asked once a run."""
    return _PROBES[name]()
