from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import rocketvpn_sdk

NAMES = [
    "CancelToken",
    "Challenge",
    "Config",
    "DeletionConfirmed",
    "DeletionPlan",
    "Entry",
    "Event",
    "KeyringSecrets",
    "Limits",
    "Outcome",
    "PassphraseSecrets",
    "Policy",
    "Receipt",
    "Report",
    "RocketVPN",
    "SecretStore",
    "Status",
    "__version__",
    "errors",
    "hashed",
    "load_policy",
    "private",
    "public",
]

_LOADED = """
import json, sys
before = set(sys.modules)
{work}
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}} | {{"end"}})))
"""

_OPEN = """
import logging
from pathlib import Path
from rocketvpn_sdk import Config, Event, RocketVPN
from rocketvpn_sdk.testing.secrets import MemorySecrets

class Started(Event, name="app.started", purpose="service"):
    attempt: int

config = Config(
    server="https://api.rocketvpn.example", app_id="org.example.vpn", data_dir=Path(sys.argv[1]) / "vault",
    secrets=MemorySecrets(), events=[Started],
)
with RocketVPN.open(config) as rocket:
    rocket.journal.record(Started(attempt=1))
    logging.getLogger().addHandler(rocket.journal.handler())
    logging.getLogger().warning("hello")
    rocket.journal.flush()
    assert len(list(rocket.journal.read())) == 2
    assert rocket.status().vault.state == "unlocked"
    logging.getLogger().handlers.clear()
"""


def loaded(work: str, folder: Path) -> set[str]:
    """Return the packages that a fresh process loads for ``work``."""
    script = _LOADED.format(work=work)
    done = subprocess.run([sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.strip().split("\n")[-1]))


def test_the_public_names_are_these():
    assert sorted(rocketvpn_sdk.__all__) == sorted(NAMES)
    assert dir(rocketvpn_sdk) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_imported(name: str):
    namespace: dict[str, object] = {}
    exec(f"from rocketvpn_sdk import {name}", namespace)
    assert namespace[name] is getattr(rocketvpn_sdk, name)


def test_a_star_brings_them_all_and_nothing_else():
    namespace: dict[str, object] = {}
    exec("from rocketvpn_sdk import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(NAMES)


def test_what_is_not_there_says_so():
    with pytest.raises(AttributeError, match="has no attribute 'Telemetry'"):
        _ = rocketvpn_sdk.Telemetry
    with pytest.raises(ImportError):
        exec("from rocketvpn_sdk import Telemetry", {})


def test_the_classes_say_where_they_come_from():
    for name in NAMES:
        value = getattr(rocketvpn_sdk, name)
        if isinstance(value, type):
            assert value.__module__.startswith("rocketvpn_sdk."), name
            assert value.__name__ == name
            assert value.__doc__, name


# ---------------------------------------------------------------- what it costs to have it


def test_importing_the_package_loads_nothing_heavy(tmp_path: Path):
    found = loaded("import rocketvpn_sdk", tmp_path)
    heavy = {"httpx", "tuf", "keyring", "cryptography", "msgspec", "joserfc", "sqlite3", "asyncio", "ssl"}
    assert found & heavy == set()
    assert "rocketvpn_sdk" in found


@pytest.mark.parametrize("name", ["Config", "Event", "Limits", "Policy", "errors"])
def test_what_an_app_declares_with_needs_no_network_library(tmp_path: Path, name: str):
    found = loaded(f"from rocketvpn_sdk import {name}", tmp_path)
    assert found & {"httpx", "tuf", "joserfc", "truststore"} == set()


def test_opening_and_recording_loads_nothing_that_decides_about_consents_or_compares_policies(tmp_path: Path):
    components = "print(json.dumps([name for name in sys.modules if name.startswith('rocketvpn_sdk.')])); sys.exit()\n"
    found = loaded(_OPEN + components, tmp_path)
    late = {"groups.consent", "groups.guardians", "policy.change", "policy.explaining", "policy.labels", "updates"}
    late |= {f"consent.{name}" for name in ("decisions", "ending", "minors", "notices", "outcome", "record", "status")}
    assert found & {f"rocketvpn_sdk.{name}" for name in late} == set()
    assert {"rocketvpn_sdk.consent.current_consents", "rocketvpn_sdk.policy.decide"} <= found


def test_opening_the_journal_and_the_vault_needs_no_network_library_and_no_keyring(tmp_path: Path):
    found = loaded(_OPEN, tmp_path)
    assert "cryptography" in found  # the vault is sealed
    assert found & {"httpx", "tuf", "joserfc", "truststore", "keyring", "jinja2", "typer", "starlette"} == set()


@pytest.mark.parametrize("name", sorted(set(rocketvpn_sdk.__all__) - {"errors", "__version__"}))
def test_a_name_is_there_at_its_first_use(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """``from rocketvpn_sdk import`` asks twice, and would not notice."""
    known = getattr(rocketvpn_sdk, name)
    monkeypatch.delitem(vars(rocketvpn_sdk), name)
    assert getattr(rocketvpn_sdk, name) is known
