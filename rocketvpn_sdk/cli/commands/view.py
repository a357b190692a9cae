"""``view``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rocketvpn_sdk.cli import ask, files, words
from rocketvpn_sdk.cli.commands import journal
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.errors import DeviceRevoked, ValueRefused

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.rights import HeldValue, Report

_WITNESSED = "witness_record"


@help_text(
    """Show everything held about you, here and at the server.

    Works offline too; the server's part is missing then, and the report says so. The server holds back what is not
    this device's own, as the order's e-mail address and its payments, until you enter a code: --with-code asks for it.
    With --owner, shows what the server holds about an order and all its devices; a code is sent to the order's e-mail
    address for that, too. --html, --samples and --with-code do not go with it.
    """
)
def view(
    context: CommandContext,
    owner: Annotated[
        str | None,
        typer.Option(metavar="ORDER", help="As the owner of an order, with no device of it; - reads the number."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Write it as a page for a browser, or to print; - prints it."),
    ] = None,
    samples: Annotated[
        int, typer.Option(min=0, max=1000, metavar="N", help="Add the newest N entries of the log.")
    ] = 0,
    with_code: ask.WithCode = False,
    yes: Annotated[bool, typer.Option("--yes", help="Replace FILE if it is there, without asking.")] = False,
) -> CommandResult:
    if owner is not None:
        if html is not None or samples or with_code:
            problem = "--html, --samples and --with-code are about this device, and not for --owner"
            raise ValueRefused(name="options", problem=problem)
        return _as_owner(context, ask.order_number(owner))
    if html is not None:
        files.check_or_ask(html, context.out, name="--html", yes=yes, vault=context.config.folder)
    with context.open() as rocket:
        report = rocket.rights.view(samples=samples, with_code=with_code)
    if html is None:
        return CommandResult(json.loads(report.to_json()), lambda out: show(out, report))
    page = report.to_html().encode()
    if files.is_stdout(html):
        return CommandResult(None, lambda _: files.pour(page))
    written = files.write(html, page, name="--html", overwrite=True)
    return CommandResult({"file": str(written)}, lambda out: out.say(f"Written to {written}. Only you can read it."))


def show(out: Out, report: Report) -> None:
    """Print a report for people."""
    from rocketvpn_sdk.rights.report import words as report_words
    from rocketvpn_sdk.rights.report.summary import summary

    out.say("What is held about you", style="bold")
    out.say(f"{words.moment(report.made_at)} UTC, policy version {report.policy.version}. Questions: {report.contact}")
    out.heading("In short")
    for sentence in summary(report):
        out.bullet(sentence)
    out.heading("On this device")
    _values(out, report.here)
    out.heading("At the server, by its own account")
    if report.server_problem:
        out.say(report_words.missing(report.server_problem), indent=2, hanging=2)
    if report.server_problem == DeviceRevoked.code:
        out.say("That is `rocketvpn view --owner ORDER` and `rocketvpn delete --owner ORDER`.", indent=2, hanging=2)
    _values(out, report.there)
    if report.withheld:
        out.say("`rocketvpn view --with-code` shows what is held back.", indent=2, hanging=2)
    _choices(out, report)
    _sent(out, report)
    _others(out, report)
    _samples(out, report)
    _policy(out, report)
    out.heading("What this report cannot show")
    for caveat in report.caveats:
        out.bullet(caveat)
    if any(held.field == _WITNESSED for held in report.here):
        out.say()
        out.say("Where else the app's own code connected to is listed by `rocketvpn sent --witness`.")
    correctable = [held.field for held in report.there if held.correctable]
    out.say()
    if correctable:
        out.say(f"You can correct {words.listed(correctable)} with `rocketvpn correct FIELD VALUE`.")
    out.say("You can have all of it deleted with `rocketvpn delete`.")


def _as_owner(context: CommandContext, order: str) -> CommandResult:
    with context.open(new=True) as rocket:
        held = rocket.rights.as_owner(order).view()

    def show_there(out: Out) -> None:
        out.heading("At the server, by its own account")
        _values(out, held)
        out.say()
        out.say("You can have it deleted with `rocketvpn delete --owner ORDER`.")

    return CommandResult({"there": held}, show_there)


def _values(out: Out, values: Iterable[HeldValue]) -> None:
    from rocketvpn_sdk.rights.report.words import pending, undeclared

    for held in values:
        out.say(held.sentence, indent=2, hanging=2)
        value = value_of(held)
        out.say(f"{held.field}: {value}" if value else held.field, indent=4, hanging=2)
        if held.pending:
            out.say(pending(held), indent=4, hanging=2)
        out.say(_time(held), indent=4, hanging=2, style="dim")
        if held.undeclared:
            out.say(f"! {undeclared(held)}", indent=4, hanging=2)


def _choices(out: Out, report: Report) -> None:
    from rocketvpn_sdk.rights.report.words import DECIDED, DECIDED_BY

    out.heading("Your choices")
    for story in report.consents:
        about = words.name(story.purpose) + (f", for {story.recipient}" if story.recipient else "")
        out.say(f"{about}: {DECIDED[story.state]}", indent=2, hanging=2)
        for step in story.history:
            said = f"{DECIDED[step.state]} {DECIDED_BY[step.by]}, version {step.policy_version} was shown"
            out.say(f"{words.moment(step.at)}: {said}", indent=4, hanging=2, style="dim")


def _sent(out: Out, report: Report) -> None:
    out.heading("What was sent")
    if not report.sent:
        out.say(
            "The records hold nothing that left this device. They go back as far as the policy has them kept, or to the"
            " last deletion.",
            indent=2,
        )
    for each in report.sent:
        out.say(each.sentence, indent=2, hanging=2)
        along = f"with {words.listed(each.fields)}" if each.fields else "with nothing about you"
        times = words.counted(each.times, "time")
        lost = f" ({each.not_delivered} did not get through)" if each.not_delivered else ""
        out.say(
            f"{times}{lost}, last {words.moment(each.last)} UTC, to the {each.recipient}, {along}", indent=4, hanging=2
        )


def _others(out: Out, report: Report) -> None:
    from rocketvpn_sdk.rights.report.words import ASKED, BASES, WAITS, missing, said, undeclared

    out.heading("Given to authorities and others, by the operator's account")
    for given in report.disclosures:
        what = words.listed(given.categories)
        out.say(f"{words.day(given.day)}: {given.recipient}, {said(BASES, given.basis)}: {what}", indent=2, hanging=2)
        if given.undeclared:
            out.say(undeclared(given), indent=4, hanging=2)
    if not report.disclosures:
        problem = report.disclosures_problem
        out.say(missing(problem) if problem else "It says: to nobody.", indent=2, hanging=2)
    if report.waiting or report.requests:
        out.heading("Your requests")
    for item in report.waiting:
        out.say(f"{words.moment(item.since)}: {item.sentence} {said(WAITS, item.state)}", indent=2, hanging=2)
    for asked in report.requests:
        what = f"{said(ASKED, asked.exercise)}, {said(ASKED, asked.scope)}: {said(ASKED, asked.status)}"
        when = f"{words.moment(asked.received_at)}: " if asked.received_at else ""
        out.say(when + what, indent=2, hanging=2)


def _samples(out: Out, report: Report) -> None:
    if report.log_samples:
        out.heading("The newest entries of the log")
        rows = [(words.moment(each.at), each.event, journal.text(each)) for each in report.log_samples]
        out.table(("TIME (UTC)", "EVENT", "WHAT"), rows, indent=2)


def _policy(out: Out, report: Report) -> None:
    applied, pending = report.policy, report.policy.pending
    out.heading("The policy that applies")
    facts = [("name", f"{applied.title} ({applied.id})"), ("version", str(applied.version))]
    facts += [("in effect", words.day(applied.effective)), ("SHA-256", applied.sha256)]
    if pending is not None:
        binds = words.moment(pending.binds_at) if pending.binds_at else "not before you were shown it"
        facts += [("newer version", str(pending.version)), ("applies", binds), ("its SHA-256", pending.sha256)]
    out.facts(facts)


def value_of(held: HeldValue) -> str:
    """Return what is held, in words."""
    if held.code_needed:
        return "held back until you enter a code from an e-mail"
    if held.count is not None:
        counted = f"{words.counted(held.count, 'entry', 'entries')}{_span(held)}"
        return counted if held.value is None else f"{held.value} ({counted})"
    if held.value is None:
        return "nothing yet" if held.pending else "held, not shown: it is a secret"
    if isinstance(held.value, datetime):
        return f"{words.moment(held.value)} UTC"
    if isinstance(held.value, date):
        return words.day(held.value)
    return str(held.value)


def _span(held: HeldValue) -> str:
    return f", the first of {words.day(held.since)}" if held.since else ""


def _time(held: HeldValue) -> str:
    if held.hold:
        return f"kept until {held.hold.until}, {words.basis(held.hold.basis)}"
    if held.until:
        return f"kept {words.kept(held.kept)}, at most until {words.day(held.until)}"
    return f"kept {words.kept(held.kept)}"
