"""What the command line says of what left: never less, and never more, than the records hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.command_line import PASSPHRASE, CommandLine, settings

from rocketvpn_sdk import Config, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.rights.report.summary import summary
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

NOTHING = "The records hold nothing that left this device"


def flat(text: str) -> str:
    return " ".join(text.split())


def config(sandbox: Sandbox, vault: Path, **more: object) -> Config:
    arguments = {"trust": sandbox.ca_file, "policy": sandbox.policy, "secrets": PassphraseSecrets(PASSPHRASE)}
    server = str(more.pop("server", sandbox.url))
    return Config(server, "org.example.vpn", data_dir=vault, **(arguments | more))


def test_a_time_without_calls_is_not_said_to_be_a_device_that_sent_nothing(bound: CommandLine):
    shown = flat(bound.run("sent", "--since", "2030-01-01").out)
    assert shown == "The records hold nothing of that time."
    assert bound.json("sent", "--since", "2030-01-01").document["total"] == 0


def test_a_list_that_was_cut_says_how_much_it_leaves_out(bound: CommandLine):
    whole = bound.json("sent", "--limit", "0").document
    assert whole["total"] == len(whole["sent"]) > 2
    cut = bound.json("sent", "--limit", "2").document
    assert (cut["sent"], cut["total"], cut["kept"]) == (whole["sent"][-2:], whole["total"], "P90D")
    assert f"These are the newest 2 of {whole['total']}; --limit 0 shows all." in flat(
        bound.run("sent", "--limit", "2").out
    )
    assert "newest" not in bound.run("sent").out


def test_purpose_recipient_identity_and_size_are_shown_at_80_columns(bound: CommandLine):
    assert bound.json("view").document["server_answered"]
    done = bound.run("sent")
    assert max(map(len, done.out.splitlines())) <= 80
    for each in bound.json("sent").document["sent"]:
        assert f"{each['operation']}, {each['outcome']}" in done.out
        assert all(name in flat(done.out) for name in each["fields"])
        assert f"for {each['purpose']}, to the {each['recipient']}, " in done.out
        assert f"{each['size']:,} byte" in flat(done.out)
    assert "in this device's name" in flat(done.out)
    assert "in nobody's name" in flat(done.out)


@pytest.mark.clause("A1")
def test_when_the_records_have_ended_nobody_says_that_nothing_ever_left(tmp_path: Path):
    clock = FakeClock()
    vault = tmp_path / "cli" / "vault"
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        cli = CommandLine(settings(tmp_path / "cli", sandbox.client_file))
        with RocketVPN.open(config(sandbox, vault, clock=clock)) as rocket:
            rocket.device.bind(sandbox.order())
            rocket.device.unbind()
            assert list(rocket.rights.sent())
        for _ in range(23):
            clock.advance(4 * DAY)
            RocketVPN.open(config(sandbox, vault, clock=clock)).close()
        with RocketVPN.open(config(sandbox, vault, clock=clock)) as rocket:
            report = rocket.rights.view()
        assert report.sent == ()
        page, said = report.to_html(), " ".join(summary(report))
        for text in (page, said, flat(cli.run("view").out), flat(cli.run("sent").out)):
            assert "Nothing has left" not in text
        assert NOTHING in flat(page)
        assert "hold nothing that this software sent" in said
        shown = flat(cli.run("sent").out)
        assert shown.startswith(f"{NOTHING}; they are kept for 90 days, and go back to the last deletion at most.")


@pytest.mark.clause("A1")
def test_calls_that_never_arrived_are_not_counted_as_contacts(sandbox: Sandbox, tmp_path: Path):
    with RocketVPN.open(config(sandbox, tmp_path / "vault", server="https://localhost:1")) as rocket:
        with pytest.raises(RocketVPNError):
            rocket.device.bind("RV-2026-0002")
        sentences = summary(rocket.rights.view())
    assert not [sentence for sentence in sentences if "contacted" in sentence]
    assert [sentence for sentence in sentences if "tried to contact the operator" in sentence]
    assert "Nothing of it got through." in sentences


@pytest.mark.clause("A1")
def test_of_calls_that_arrived_in_part_it_says_how_many_did_not(sandbox: Sandbox, tmp_path: Path):
    with RocketVPN.open(config(sandbox, tmp_path / "vault")) as rocket:
        rocket.device.bind(sandbox.order())
    with RocketVPN.open(config(sandbox, tmp_path / "vault", server="https://localhost:1")) as rocket:
        report = rocket.rights.view()
    calls, lost = sum(each.times for each in report.sent), sum(each.not_delivered for each in report.sent)
    assert 0 < lost < calls
    said = " ".join(summary(report))
    assert f"tried to contact the operator {calls} times" in said
    assert f"{lost} {'try' if lost == 1 else 'tries'} did not get through." in said
