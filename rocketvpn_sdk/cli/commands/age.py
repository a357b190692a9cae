"""``age``."""

from __future__ import annotations

from typing import Annotated

import typer

from rocketvpn_sdk.cli import ask
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out

_MINOR = (
    "What you agreed to ends, unless a guardian agreed, and what is kept here for it is destroyed. You cannot take this"
    " back with this command for a year."
)


@help_text(
    """Say whether you are of age, or show what you said.

    It is kept as a yes or no, on this device alone. Until you say it, whatever is optional is refused, as for someone
    under 18. Whoever said that they are under 18 cannot take it back with this command before a year has passed; a
    guardian can say so at any time. Saying that you are under 18 ends what you agreed to, unless a guardian agreed, and
    destroys what is kept here for it; you are asked before.
    """
)
def age(
    context: CommandContext,
    adult: Annotated[
        bool | None, typer.Option("--adult/--minor", help="Say that you are 18 or older, or that you are not.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --minor; --json needs this.")] = False,
) -> CommandResult:
    with context.open() as rocket:
        if adult is False and not yes:
            ask.confirm("minor", _MINOR, context.out, stopped="Nothing was changed.")
        if adult is not None:
            rocket.consent.declare_age(adult)
        status = rocket.consent.status()
    said, guardian = status.adult, status.guardian

    def show(out: Out) -> None:
        words = {None: "You have not said whether you are of age.", True: "You said that you are 18 or older."}
        refused = "a guardian agreed to the policy." if guardian else "whatever is optional is refused."
        out.say(words.get(said, f"You said that you are under 18; {refused}"))

    return CommandResult({"adult": said, "guardian": guardian}, show)
