"""``log tail`` and ``log stats``, beside ``log`` as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import PASSPHRASE, CommandLine

from rocketvpn_sdk import Config, Event, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.sandbox import Sandbox

REGIONS = (
    *("at-vie", "au-syd", "br-sao", "ca-tor", "ch-zrh", "de-fra"),
    *("es-mad", "fr-par", "gb-lon", "in-mum", "it-mil", "jp-tyo"),
)


class Dialled(Event, name="session.dialled", purpose="service"):
    region: str


@pytest.fixture
def logged(bound: CommandLine, sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    config = Config(
        sandbox.url, "org.example.vpn", data_dir=tmp_path / "vault", secrets=PassphraseSecrets(PASSPHRASE),
        trust=sandbox.ca_file, policy=sandbox.policy, events=[Dialled],
    )  # fmt: skip
    with RocketVPN.open(config) as rocket:
        for region in REGIONS:
            rocket.journal.record(Dialled(region=region))
    return bound


def regions(document: dict) -> tuple[str, ...]:
    return tuple(entry["fields"]["region"] for entry in document["entries"])


def test_log_tail_shows_the_newest(logged: CommandLine):
    assert regions(logged.json("log", "tail").document) == REGIONS[2:]
    assert regions(logged.json("log", "tail", "-n", "3").document) == REGIONS[-3:]
    shown = logged.run("log", "tail", "-n", "2").out
    assert [region in shown for region in REGIONS[-3:]] == [False, True, True]
    assert logged.json("log", "tail", "-n", "0").code == codes.USAGE


def test_log_stats_counts(logged: CommandLine):
    found = logged.json("log", "stats").document
    assert set(found) == {
        "records", "oldest", "newest", "by_event", "bytes", "next_purge", "waiting", "dropped", "capped", "refused",
    }  # fmt: skip
    assert (found["records"], found["by_event"]) == (12, {"session.dialled": 12})
    assert found["bytes"] > 0
    assert found["oldest"] <= found["newest"] < found["next_purge"]
    shown = logged.run("log", "stats").out
    assert max(map(len, shown.splitlines())) <= 80
    assert all(part in " ".join(shown.split()) for part in ("entries 12", "session.dialled 12", "next to go by 20"))


def test_log_alone_still_shows_the_log(logged: CommandLine):
    assert regions(logged.json("log").document) == REGIONS
    assert regions(logged.json("log", "--limit", "1").document) == REGIONS[-1:]


def test_an_option_before_a_command_of_the_log_is_refused_rather_than_ignored(logged: CommandLine):
    done = logged.json("log", "--limit", "1", "tail")
    assert (done.code, "belongs behind tail" in done.error["message"]) == (codes.USAGE, True)
    assert logged.json("log", "no-such-command").code == codes.USAGE


def test_a_log_without_entries(bound: CommandLine):
    assert bound.json("log", "stats").document["records"] == 0
    assert "no such entries" in bound.run("log", "tail").out
    assert "entries 0" in " ".join(bound.run("log", "stats").out.split())
