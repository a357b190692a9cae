"""``correct``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rocketvpn_sdk.cli import ask, codes
from rocketvpn_sdk.cli.call import Call
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import Answer, Out
from rocketvpn_sdk.cli.problems import ConfirmationNeeded
from rocketvpn_sdk.errors import Conflict, ValueRefused

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.client import RocketVPN
    from rocketvpn_sdk.rights import Outcome

_MINE, _REPLACE = "mine", "replace"


@help_text(
    """Correct what the server holds about you.

    Where the server holds another value, it is shown, and you are asked before it is replaced.

    The server is asked anew: it counts only once it holds what you asked for. If it was changed elsewhere in the
    meantime, both values are shown, and you say which one to keep.
    """
)
def correct(
    call: Call,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="Which field, e.g. contact_email or language.")],
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="What it should be; - reads it.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Have it removed; optional fields only.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Replace what is there without asking; --json needs this.")
    ] = False,
) -> Answer:
    if value == "-":
        value = sys.stdin.readline().strip()  # an argument can be seen by other users of the machine
    if remove == (value is not None):
        raise ValueRefused(name="VALUE", problem="give either a value or --remove")
    with call.open() as rocket:
        outcome = _corrected(call, rocket, field, value, yes=yes)
    document = {"field": field, "value": value, "outcome": outcome}
    confirmed = outcome is None or outcome.server.state == "confirmed"
    return Answer(document, lambda out: _show(out, field, value, outcome), codes.DONE if confirmed else codes.PENDING)


def _corrected(call: Call, rocket: RocketVPN, field: str, value: str | None, *, yes: bool) -> Outcome | None:
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
            if not (_may_replace(call, field, conflict) if first else _is_mine(call, field, conflict)):
                return None


def _may_replace(call: Call, field: str, conflict: Conflict) -> bool:
    """Show what is there, and ask whether it may go."""
    there = _said(conflict.there.get(field))
    if call.out.json or not ask.at_terminal():
        raise ConfirmationNeeded(
            f"The server has another {field} now: {there}.", advice="Replace it with --yes.", exit_code=codes.USER
        )
    call.out.error(f"The server has {field} = {there} now.")
    return ask.line("Type replace to replace it: ").casefold() == _REPLACE


def _is_mine(call: Call, field: str, conflict: Conflict) -> bool:
    """Show both values, and ask which one is to be kept."""
    if call.out.json or not ask.at_terminal():
        raise conflict
    call.out.error(f"{field} was changed elsewhere in the meantime.")
    call.out.error(f"  mine:   {_said(conflict.here.get(field))}")
    call.out.error(f"  theirs: {_said(conflict.there.get(field))}")
    return ask.line("Which one should be kept? Type mine or theirs: ").casefold() == _MINE


def _show(out: Out, field: str, value: str | None, outcome: Outcome | None) -> None:
    if outcome is None:
        out.say(f"Nothing was corrected: the server keeps the {field} that it has.")
    elif outcome.server.state != "confirmed":
        out.say(f"The server took it, and could not be asked whether it holds it ({outcome.server.problem}).")
    else:
        out.say(
            f"The server holds no {field} any more." if value is None else f"The server now holds {field} = {value}"
        )


def _said(value: object) -> str:
    return "(nothing)" if value is None else str(value)
