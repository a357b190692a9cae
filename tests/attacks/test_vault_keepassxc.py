"""A real KeePassXC as the Secret Service: it moves what is deleted to its recycle bin, and so it must be said.

One session, some seconds. Its database is made, and looked into afterwards, with KeePassXC's own command line.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from support.crash import TESTS

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.testing import MemorySecrets

pytestmark = pytest.mark.component("keepassxc")

GROUP = bytes(range(16))
XML = f"""<?xml version="1.0" encoding="UTF-8"?>
<KeePassFile><Meta><DatabaseName>passwords</DatabaseName><RecycleBinEnabled>True</RecycleBinEnabled>
<CustomData><Item><Key>FDO_SECRETS_EXPOSED_GROUP</Key>
<Value>{{{GROUP[:4].hex()}-{GROUP[4:6].hex()}-{GROUP[6:8].hex()}-{GROUP[8:10].hex()}-{GROUP[10:].hex()}}}</Value></Item>
</CustomData></Meta><Root><Group><UUID>{base64.b64encode(bytes(16)[:-1] + b"1").decode()}</UUID><Name>Root</Name>
<Group><UUID>{base64.b64encode(GROUP).decode()}</UUID><Name>App secrets</Name></Group></Group></Root></KeePassFile>
"""


def cli(*arguments: str, said: str = "test\n") -> str:
    command = ["keepassxc-cli", *arguments]
    return subprocess.run(command, input=said, capture_output=True, text=True, check=True, timeout=20).stdout


def entries(database: Path) -> dict[str, dict[str, str]]:
    """Return what each group holds, by title; entries' own histories included."""
    found: dict[str, dict[str, str]] = {}
    for group in ElementTree.fromstring(cli("export", str(database))).iter("Group"):
        for entry in group.findall("Entry") + group.findall("Entry/History/Entry"):
            fields = {one.findtext("Key") or "": one.findtext("Value") or "" for one in entry.findall("String")}
            if fields["Password"]:
                found.setdefault(group.findtext("Name") or "", {})[fields["Title"]] = fields["Password"]
    return found


@pytest.mark.clause("A3")
@pytest.mark.skipif(sys.platform != "linux", reason="the Secret Service is Linux's")
def test_attack_a_recycle_bin_keeps_the_roots_that_were_deleted(tmp_path: Path) -> None:
    xml, database, folder = tmp_path / "new.xml", tmp_path / "pass.kdbx", tmp_path / "data" / "vault"
    xml.write_text(XML)
    cli("import", "--set-password", str(xml), str(database), said="test\ntest\n")
    script = TESTS / "support" / "run_keepassxc.sh"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), str(TESTS.parent)))}
    environment.pop("DBUS_SESSION_BUS_ADDRESS", None)
    command = [str(script), str(database), sys.executable, "-m", "support.keepassxc_session", str(folder)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True) as run:
        try:
            output, problems = run.communicate(timeout=90)
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)  # the script, and KeePassXC
            raise
    assert run.returncode == 0, problems
    said = json.loads(output.splitlines()[-1])
    assert said["deleted"] == said["status"] == said["ended"] == "KeePassXC"
    assert (said["owed"], said["problem"]) == (None, None)  # it did all that it was asked for
    assert said["doctor"][0] == "attention"
    assert "KeePassXC" in said["doctor"][1]
    assert not folder.exists()

    held = entries(database)
    assert not held.get("App secrets")
    secrets = MemorySecrets()
    for title, password in held["Recycle Bin"].items():
        name = title.split("rocketvpn-sdk/")[-1].rstrip("'")
        if not name.endswith("generation"):
            secrets.set(name, base64.b64decode(password))
    config = Config(
        "https://api.rocketvpn.example", "org.example.vpn", data_dir=folder.with_name("before"), secrets=secrets
    )
    with RocketVPN.open(config) as rocket:  # which is why it is said
        assert [entry.fields["message"] for entry in rocket.journal.read()] == ["before"]
