"""``view``."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from rocketvpn_sdk.cli import words
from rocketvpn_sdk.cli.call import Call
from rocketvpn_sdk.cli.output import Answer, Out

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import HeldValue, Report

_SECRETS = ("device_key", "session_token")


def view(call: Call) -> Answer:
    """Show everything held about you, here and at the server.

    Works offline too; the server's part is missing then, and the report says so.
    """
    with call.open() as rocket:
        report = rocket.rights.view()
    return Answer(report, lambda out: show(out, report))


def show(out: Out, report: Report) -> None:
    """Print a report for people."""
    out.say("What is held about you", style="bold")
    out.say(f"{words.moment(report.made_at)} UTC, policy version {report.policy_version}. Questions: {report.contact}")
    out.heading("On this device")
    for held in report.here:
        _held(out, held)
    out.heading("At the server, by its own account")
    if not report.server_answered:
        out.say(f"The server did not answer ({report.server_problem}), so this part is missing.", indent=2)
    for held in report.there:
        _held(out, held)
    out.heading("What was sent")
    if not report.sent:
        out.say("Nothing has left this device.", indent=2)
    for each in report.sent:
        out.say(each.sentence, indent=2, hanging=2)
        along = f"with {words.joined(each.fields)}" if each.fields else "with nothing about you"
        times = words.counted(each.times, "time")
        out.say(f"{times}, last {words.moment(each.last)} UTC, to the {each.recipient}, {along}", indent=4, hanging=2)
    out.heading("What this report cannot show")
    for caveat in report.caveats:
        out.bullet(caveat)
    correctable = [held.field for held in report.there if held.correctable]
    if correctable:
        out.say()
        out.say(f"You can correct {words.joined(correctable)} with `rocketvpn correct FIELD VALUE`.")
    out.say("You can have all of it deleted with `rocketvpn delete`.")


def _held(out: Out, held: HeldValue) -> None:
    out.say(held.sentence, indent=2, hanging=2)
    value = value_of(held)
    out.say(f"{held.field}: {value}" if value else held.field, indent=4, hanging=2)
    out.say(_time(held), indent=4, hanging=2, style="dim")


def value_of(held: HeldValue) -> str:
    """Return what is held, in words."""
    if held.count is not None:
        return f"{words.counted(held.count, 'entry', 'entries')}{_span(held)}"
    if held.field in _SECRETS:
        return "held, not shown: it is a secret"
    if isinstance(held.value, datetime):
        return f"{words.moment(held.value)} UTC"
    if isinstance(held.value, date):
        return words.day(held.value)
    return "" if held.value is None else str(held.value)


def _span(held: HeldValue) -> str:
    return f", the first of {words.day(held.since)}" if held.since else ""


def _time(held: HeldValue) -> str:
    if held.hold:
        return f"kept until {held.hold.until}, {words.basis(held.hold.basis)}"
    if held.until:
        return f"kept {words.kept(held.kept)}, at most until {words.day(held.until)}"
    return f"kept {words.kept(held.kept)}"
