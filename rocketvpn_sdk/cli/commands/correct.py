"""``correct``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rocketvpn_sdk.cli import ask, codes, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.problems import ConfirmationNeeded
from rocketvpn_sdk.errors import Conflict, ValueRefused

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.client import RocketVPN
    from rocketvpn_sdk.rights import Outcome

_MINE, _REPLACE = "mine", "replace"
_ADDRESS = "contact_email"
_CODES = {"confirmed": codes.DONE, "waiting_for_user": codes.USER}


@help_text(
    """Correct what the server holds about you.

    Where the server holds another value, it is shown, and you are asked before it is replaced.

    A new e-mail address counts once you enter the code that goes there. If your order had none, it counts a week after
    that, and each device of the order can call it off before with --remove.

    The server is asked anew: it counts only once it holds what you asked for. If it was changed elsewhere in the
    meantime, both values are shown, and you say which one to keep.
    """
)
def correct(
    context: CommandContext,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="Which field, e.g. contact_email or language.")],
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="What it should be; - reads it.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Have it removed; optional fields only.")] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Have a new code sent to a new contact_email, and enter it.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Replace what is there without asking; --json needs this.")
    ] = False,
) -> CommandResult:
    if value == "-":
        value = sys.stdin.readline().strip()  # an argument can be seen by other users of the machine
    if [remove, confirm, value is not None].count(True) != 1 or (confirm and field != _ADDRESS):
        raise ValueRefused(name="VALUE", problem="give a value, --remove or, for contact_email, --confirm")
    with context.open() as rocket:
        outcome = _corrected(context, rocket, field, value, yes=yes) if not confirm else rocket.rights.confirm_address()
    document = {"field": field, "value": value, "outcome": outcome}
    code = codes.DONE if outcome is None else _CODES.get(outcome.server.state, codes.PENDING)
    return CommandResult(document, lambda out: _show(out, field, value, outcome, confirm=confirm), code)


def _corrected(
    context: CommandContext, rocket: RocketVPN, field: str, value: str | None, *, yes: bool
) -> Outcome | None:
    """Correct, and after a conflict again if the user says so; ``None``: they keep what is there.

    Raises:
        ConfirmationNeeded: the server holds something else, which nobody was shown and nobody gave up.
        Conflict: it was changed meanwhile, and nobody can be asked.
    """
    seen: dict[str, object] | None = None if yes else {}
    while True:
        try:
            return rocket.rights.correct({field: value}, seen)
        except Conflict as conflict:
            first, seen = seen == {}, conflict.there
            if not (_may_replace(context, field, conflict) if first else _is_mine(context, field, conflict)):
                return None


def _may_replace(context: CommandContext, field: str, conflict: Conflict) -> bool:
    """Show what is there, and ask whether it may go."""
    there = _said(conflict.there.get(field))
    if context.out.json or not ask.at_terminal():
        raise ConfirmationNeeded(
            f"The server has another {field} now: {there}.", advice="Replace it with --yes.", exit_code=codes.USER
        )
    context.out.error(f"The server has {field} = {there} now.")
    return ask.line("Type replace to replace it: ").casefold() == _REPLACE


def _is_mine(context: CommandContext, field: str, conflict: Conflict) -> bool:
    """Show both values, and ask which one is to be kept."""
    if context.out.json or not ask.at_terminal():
        raise conflict
    context.out.error(f"{field} was changed elsewhere in the meantime.")
    context.out.error(f"  mine:   {_said(conflict.here.get(field))}")
    context.out.error(f"  theirs: {_said(conflict.there.get(field))}")
    return ask.line("Which one should be kept? Type mine or theirs: ").casefold() == _MINE


def _show(out: Out, field: str, value: str | None, outcome: Outcome | None, *, confirm: bool) -> None:
    if outcome is None:
        out.say(f"Nothing was corrected: the server keeps the {field} that it has.")
    elif outcome.server.state == "waiting_for_user":
        out.say("The server took it. The address counts once you enter the code that goes there, within a day:")
        out.say("`rocketvpn correct contact_email --confirm`. Until then the former one does.")
    elif outcome.server.waits_until is not None:
        day = words.day(outcome.server.waits_until)
        out.say(f"The address is confirmed, and counts from {day} on: it is the first one of your order.")
        out.say("Until then each device of the order can call it off with `rocketvpn correct contact_email --remove`.")
    elif outcome.server.state != "confirmed":
        out.say(f"The server took it, and could not be asked whether it holds it ({outcome.server.problem}).")
    elif confirm:
        out.say("The new address counts now.")
    else:
        out.say(
            f"The server holds no {field} any more." if value is None else f"The server now holds {field} = {value}"
        )


def _said(value: object) -> str:
    return "(nothing)" if value is None else str(value)
