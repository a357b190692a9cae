"""``correct``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from rocketvpn_sdk.cli.call import Call
from rocketvpn_sdk.cli.output import Answer, Out
from rocketvpn_sdk.errors import ValueRefused


def correct(
    call: Call,
    field: Annotated[str, typer.Argument(metavar="FIELD", help="Which field, e.g. contact_email or language.")],
    value: Annotated[str | None, typer.Argument(metavar="VALUE", help="What it should be; - reads it.")] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Have it removed; optional fields only.")] = False,
) -> Answer:
    """Correct what the server holds about you.

    The answer is read back: it counts only once the server holds what you asked for.
    """
    if value == "-":
        value = sys.stdin.readline().strip()  # an argument can be seen by other users of the machine
    if remove == (value is not None):
        raise ValueRefused(name="VALUE", problem="give either a value or --remove")
    with call.open() as rocket:
        outcome = rocket.rights.correct({field: value})
    document = {"field": field, "value": value, "outcome": outcome}

    def show(out: Out) -> None:
        out.say(
            f"The server holds no {field} any more." if value is None else f"The server now holds {field} = {value}"
        )

    return Answer(document, show)
