"""``policy notices``: what the operator has to tell everybody, a breach or a change, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from rocketvpn_sdk.cli import ask, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.policy_versions import OperatorNotice

_HEADS = {"breach": "A breach of security", "policy": "A change of the privacy policy"}


@help_text(
    """Show the operator's notices: breaches, changes, and what to do.

    They come with `rocketvpn policy check`. What is shown to you in a terminal counts as read; with --json, or where
    nobody sees it, nothing does.
    """
)
def notices(
    context: CommandContext,
    language: Annotated[str, typer.Option(metavar="TAG", help="The language of the notices, if they have it.")] = "en",
) -> CommandResult:
    with context.open() as rocket:
        found = rocket.policy.notices(language)
        seen = ask.sees(context.out)
        if seen:
            _show_all(context.out, found)
            for notice in found:
                rocket.policy.acknowledge(notice)
    return CommandResult({"notices": list(found)}, lambda out: None if seen else _show_all(out, found))


def _show_all(out: Out, notices: Sequence[OperatorNotice]) -> None:
    if not notices:
        out.say("There is no notice of the operator. `rocketvpn policy check` looks for new ones.")
    for notice in notices:
        show_notice(out, notice)


def show_notice(out: Out, notice: OperatorNotice) -> None:
    """Print a notice so that nobody overlooks it."""
    out.heading(f"! {_HEADS[notice.kind]}: {notice.title}")
    out.say(f"{words.day(notice.published)}. {notice.what}")
    out.say(f"What you can do: {notice.do}", style="bold")
    out.say(f"Questions: {notice.contact}")
    out.say()
