"""``correct``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from rocketvpn_sdk.cli import ask, codes
from rocketvpn_sdk.cli.call import Call
from rocketvpn_sdk.cli.output import Answer, Out
from rocketvpn_sdk.errors import Conflict, ValueRefused

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.client import RocketVPN
    from rocketvpn_sdk.rights import Outcome

_MINE = "mine"


def correct(
    call: Call,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="Which field, e.g. contact_email or language.")],
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="What it should be; - reads it.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Have it removed; optional fields only.")] = False,
) -> Answer:
    """Correct what the server holds about you.

    The server is asked anew: it counts only once it holds what you asked for. If it was changed elsewhere in the
    meantime, both values are shown, and you say which one to keep.
    """
    if value == "-":
        value = sys.stdin.readline().strip()  # an argument can be seen by other users of the machine
    if remove == (value is not None):
        raise ValueRefused(name="VALUE", problem="give either a value or --remove")
    with call.open() as rocket:
        outcome = _corrected(call, rocket, field, value)
    document = {"field": field, "value": value, "outcome": outcome}
    confirmed = outcome is None or outcome.server.state == "confirmed"
    return Answer(document, lambda out: _show(out, field, value, outcome), codes.DONE if confirmed else codes.PENDING)


def _corrected(call: Call, rocket: RocketVPN, field: str, value: str | None) -> Outcome | None:
    """Correct, and after a conflict again if the user says so; ``None``: they keep what is there."""
    while True:
        try:
            return rocket.rights.correct({field: value})
        except Conflict as conflict:
            if call.out.json or not ask.at_terminal():
                raise
            call.out.error(f"{field} was changed elsewhere in the meantime.")
            call.out.error(f"  mine:   {_said(conflict.here.get(field))}")
            call.out.error(f"  theirs: {_said(conflict.there.get(field))}")
            if ask.line("Which one should be kept? Type mine or theirs: ").casefold() != _MINE:
                return None


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
