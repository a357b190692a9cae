"""``rocketvpn policy check`` and ``accept`` against a sandbox that publishes a wider version."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest
from support.command_line import CommandLine, answered, settings
from support.policies import NEWEST, TEXT, edited, with_new_field

from rocketvpn_sdk.policy import Policy, parse_policy
from rocketvpn_sdk.sandbox import Sandbox

pytestmark = pytest.mark.clause("X2")


@pytest.fixture
def cli(sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    cli = CommandLine(settings(tmp_path, sandbox.client_file), TERM="xterm-256color")
    assert cli.run("bind", sandbox.order()).code == 0
    return cli


def publish(sandbox: Sandbox, text: str = edited("field", "region", "P30D", "P90D", text=TEXT)) -> None:
    document = msgspec.structs.replace(parse_policy(text).document, version=NEWEST + 1, effective=date(2027, 2, 1))
    sandbox.publish(Policy(document).with_hosts("operator", sandbox.policy.recipients["operator"].hosts))


def test_nothing_new(cli: CommandLine) -> None:
    said = cli.run("policy", "check")
    assert said.code == 0
    assert "newest" in said.out
    assert cli.run("policy", "accept", "--yes").code == 0


def test_a_wider_version_is_told_and_counts_as_shown_only_where_somebody_saw_it(
    sandbox: Sandbox, cli: CommandLine
) -> None:
    publish(sandbox)
    told = cli.run("policy", "check", "--json")
    assert told.code == 0
    assert (told.document["current"], told.document["pending"]) == (NEWEST, NEWEST + 1)
    assert told.document["notice"]["takes"]
    assert told.document["notice"]["binds_on"] is None
    with cli.terminal("policy", "check") as terminal:
        terminal.expect("It takes from you")
        terminal.expect("the old protection holds")
        assert terminal.leave() == 0
    assert cli.run("policy", "check", "--json").document["notice"]["binds_on"]


def test_accepting_shows_first(sandbox: Sandbox, cli: CommandLine) -> None:
    publish(sandbox)
    cli.run("policy", "check", "--json")
    with cli.terminal("policy", "accept") as terminal:
        terminal.expect("It takes from you")
        terminal.expect("Type read to go on: ")
        terminal.type("read\n")
        terminal.expect("It binds on")
        assert terminal.leave() == 0
    assert cli.run("policy", "accept").code != 0  # nobody can be asked


@pytest.mark.clause("A3")
def test_deleting_and_who_was_told_while_a_version_with_a_new_field_is_announced(
    sandbox: Sandbox, cli: CommandLine
) -> None:
    publish(sandbox, with_new_field())
    assert cli.run("policy", "check", "--json").document["pending"] == NEWEST + 1
    planned = cli.run("delete", "--plan")
    assert (planned.code, planned.err) == (0, "")
    assert "bound on" in planned.out
    assert "bound place" not in planned.out  # nobody holds any: the version that has it does not bind yet
    assert answered(cli, sandbox, "disclosures")
    assert cli.run("delete", "--scope", "logs", "--yes").code == 0


def test_a_plan_loses_no_field_that_no_version_here_knows(capsys: pytest.CaptureFixture[str]) -> None:
    from datetime import UTC, datetime

    from rocketvpn_sdk.cli.commands.delete_shown import show_plan
    from rocketvpn_sdk.cli.output import Out
    from rocketvpn_sdk.rights import DeletionPlan
    from rocketvpn_sdk.rights.plan import CONSEQUENCES, KeptField, allowed_there

    newer, known = parse_policy(with_new_field()), parse_policy(TEXT)
    plan = DeletionPlan(
        scope="account",
        made_at=datetime(2026, 11, 2, tzinfo=UTC),
        goes=allowed_there((newer,), "account"),
        stays=(KeptField("order_number", "The order.", "order", None, goes_from=("device",)),),
        other_devices=(),
        server_asked=True,
        consequences=CONSEQUENCES["account"],
        service_ends=True,
    )
    show_plan(Out(json=False), plan, (known,))
    here, _, rest = capsys.readouterr().out.partition("Goes from the server")
    assert "order number" in here  # what stays at the server goes from here, and is said to
    assert "Something else: bound place" in rest
    assert "order number, as before" in rest
