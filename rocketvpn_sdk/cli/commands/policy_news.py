"""``policy check`` and ``policy accept``: what a new version changes, shown before it binds."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.cli import ask
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.policy_versions import PolicyNotice

Language = Annotated[str, typer.Option(metavar="TAG", help="The language of the policy's own sentences.")]


@help_text(
    """Fetch the newest signed policy, and show what it changes.

    What is shown to you in a terminal counts as shown: from then on the days of notice are counted. With --json, or
    where nobody sees it, nothing is counted.
    """
)
def check(context: CommandContext, language: Language = "en") -> CommandResult:
    with context.open() as rocket:
        arrived = rocket.policy.check()
        notice = rocket.policy.notice(language) or arrived
        seen = notice is not None and rocket.policy.pending is not None and ask.sees(context.out)

        def show(out: Out) -> None:
            _show(out, notice)

        if seen and notice is not None:
            _show(context.out, notice)
            notice = rocket.policy.shown(notice)
            _say_when(context.out, notice)
            return CommandResult(_document(rocket, notice), lambda _: None)
        return CommandResult(_document(rocket, notice), show)


@help_text(
    """Say that you have read what a new version changes.

    What a service newly needs holds at once then. What the version takes from you still waits for its days of notice.
    """
)
def accept(
    context: CommandContext,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    language: Language = "en",
) -> CommandResult:
    with context.open() as rocket:
        notice = rocket.policy.notice(language)
        if notice is not None:
            if not yes:
                _show(context.out, notice)
                ask.confirm("read", "Did you read what changes?", context.out)
            notice = rocket.policy.shown(notice)
            rocket.policy.accept(notice)
            notice = rocket.policy.notice(language)
        document = _document(rocket, notice)

    def show(out: Out) -> None:
        if notice is None:
            out.say(f"Version {document['current']} applies; nothing else is to come.")
        else:
            _say_when(out, notice)

    return CommandResult(document, show)


def _document(rocket: RocketVPN, notice: PolicyNotice | None) -> dict[str, Any]:
    pending = rocket.policy.pending
    return {
        "current": rocket.policy.current.version,
        "pending": pending.version if pending else None,
        "notice": msgspec.to_builtins(notice) if notice else None,
    }


def _show(out: Out, notice: PolicyNotice | None) -> None:
    if notice is None:
        out.say("The policy that applies here is the newest one.")
        return
    out.say(f"{notice.title}: version {notice.version} of {notice.published.isoformat()}", style="bold")
    for heading, sentences in (
        ("It takes from you", notice.takes),
        ("A service newly needs", notice.needs),
        ("It gives you, at once", notice.gives),
    ):
        if sentences:
            out.heading(heading)
            for sentence in sentences:
                out.bullet(sentence)
    if not (notice.takes or notice.needs or notice.gives):
        out.say("Nothing changes for you.")
    out.say()
    out.say(f"Questions: {notice.contact}")


def _say_when(out: Out, notice: PolicyNotice) -> None:
    if notice.binds_on is not None:
        day = notice.binds_on.date().isoformat()
        out.say(f"It binds on {day}; until then the old protection holds.")
