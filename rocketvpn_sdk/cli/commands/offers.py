"""``offers``: what the operator's other services have, chosen on this device."""

from __future__ import annotations

from typing import Annotated

import typer

from rocketvpn_sdk.cli import ask, codes
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.cli.problems import ConfirmationNeeded

OfferId = Annotated[str, typer.Argument(metavar="OFFER", help="As `offers list` names it.")]

_NOTHING = "There is no offer for you now."
_NEEDED = """Offers of other services are shown to who agreed to them. The company whose offer you take is a question of
its own:

  rocketvpn consent grant cross_service
  rocketvpn consent grant cross_service --recipient partner
"""


@help_text(
    """List the offers of the operator's other services.

    Everybody fetches the same list; which offers are shown is decided here, and nobody is told.
    """
)
def list_all(
    context: CommandContext,
    language: Annotated[str, typer.Option(metavar="TAG", help="The language of the offers, if they have it.")] = "en",
) -> CommandResult:
    with context.open() as rocket:
        found = rocket.offers.available(language)

    def print_it(out: Out) -> None:
        if not found:
            out.say(_NOTHING)
            out.raw(_NEEDED.rstrip())
        for offer in found:
            out.heading(f"{offer.id}: {offer.title}")
            out.say(offer.text)
            if offer.company:
                out.say(
                    f"Take it with `rocketvpn offers take {offer.id}`; {offer.company} learns which offer, not who."
                )

    return CommandResult({"offers": list(found)}, print_it)


@help_text("Take an offer: its company learns which one, and gives a link.")
def take(
    context: CommandContext,
    offer: OfferId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> CommandResult:
    with context.open() as rocket:
        if not yes:
            _confirm(context.out, offer)
        taken = rocket.offers.take(offer)
    return CommandResult({"offer": offer, "link": taken.link}, lambda out: out.raw(taken.link))


@help_text("Never see this offer again; nothing is sent.")
def hide(context: CommandContext, offer: OfferId) -> CommandResult:
    with context.open() as rocket:
        rocket.offers.hide(offer)
    return CommandResult({"offer": offer, "hidden": True}, lambda out: out.say("You do not see it again."))


def _confirm(out: Out, offer: str) -> None:
    if out.json or not ask.at_terminal():
        raise ConfirmationNeeded("Nobody can be asked here.", advice="Confirm it with --yes.", exit_code=codes.USER)
    out.say(f"The company learns that somebody takes the offer {offer}, and sees your internet address.")
    if ask.line("\nType take to go on: ").casefold() != "take":
        raise ConfirmationNeeded("Stopped: it was not confirmed.", advice="Nothing was sent.")
