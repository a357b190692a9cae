"""``ticket``: make, list and revoke panic tickets."""

from __future__ import annotations

import re
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rocketvpn_sdk.cli import ask, words
from rocketvpn_sdk.cli.context import CommandContext
from rocketvpn_sdk.cli.options import help_text
from rocketvpn_sdk.cli.output import CommandResult, Out
from rocketvpn_sdk.entered import code
from rocketvpn_sdk.errors import ValueRefused

if TYPE_CHECKING:  # brings httpx
    from rocketvpn_sdk.client import RocketVPN
    from rocketvpn_sdk.rights import PanicTicket
    from rocketvpn_sdk.wire import ErasureTicket

_BEGINNING = re.compile(r"[0-9a-f]{4,64}")
SHOWN = 8
"""Characters of a ticket's number."""


class TicketScope(StrEnum):
    """What a ticket erases."""

    device = "device"
    account = "account"


REACHES = {
    TicketScope.device: "everything that the server holds about one device",
    TicketScope.account: "everything that the server holds about you, on all your devices; the service ends",
}


@help_text(
    """Make a panic ticket, to be printed or written down: with it your data can be erased without this device.

    It is shown once and not kept here; the server keeps a fingerprint of it. It works once, can do nothing but erase,
    and can be revoked. `rocketvpn ticket make | lpr` prints it.
    """
)
def make(
    context: CommandContext,
    scope: Annotated[
        TicketScope, typer.Option(help="What it erases: everything, or this device.")
    ] = TicketScope.account,
) -> CommandResult:
    with context.open() as rocket:
        ticket = rocket.rights.make_ticket(scope.value)
    return CommandResult(document(ticket), lambda out: show(out, ticket))


@help_text(
    """List the tickets that can still be used: their numbers, never their codes.

    Those that this device made; with --with-code, all of the order.
    """
)
def list_all(context: CommandContext, with_code: ask.WithCode = False) -> CommandResult:
    with context.open() as rocket:
        tickets = rocket.rights.tickets(with_code=with_code)

    def show_list(out: Out) -> None:
        if not tickets:
            out.say(f"There is no ticket{'' if with_code else ' of this device'} that could be used.")
            return
        rows = [
            (each.ticket_id[:SHOWN], each.scope, each.made_on, "this device" if each.current else "another device")
            for each in tickets
        ]
        out.table(("number", "erases", "made on", "by"), rows)

    return CommandResult({"tickets": tickets}, show_list)


@help_text(
    """Make a ticket worthless, for instance one that was lost.

    One of another device, or one for the account, needs a code, which is sent to the order's e-mail address.
    """
)
def revoke(
    context: CommandContext,
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="The ticket's number, or the beginning of it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; --json needs this.")] = False,
) -> CommandResult:
    with context.open() as rocket:
        ticket_id = _chosen(rocket, number).ticket_id
        if not yes:
            question = f"The ticket {ticket_id[:SHOWN]} will be worth nothing, wherever it is kept."
            ask.confirm("revoke", question, context.out, stopped="The ticket can still be used.")
        rocket.rights.revoke_ticket(ticket_id)
    return CommandResult(
        {"revoked": ticket_id}, lambda out: out.say(f"The ticket {ticket_id[:SHOWN]} is worth nothing now.")
    )


def document(ticket: PanicTicket) -> dict[str, Any]:
    """Return what ``--json`` says of a new ticket, the code included: it is the one time that it is shown."""
    return {
        "ticket": ticket.text,
        "url": ticket.url,
        "number": ticket.ticket_id,
        "scope": ticket.scope,
        "server": ticket.server,
        "svg": ticket.svg(),
    }


def show(out: Out, ticket: PanicTicket) -> None:
    """Print the sheet that is to be kept."""
    out.say("Panic ticket", style="bold")
    out.say(f"Whoever holds it can have erased, once: {REACHES[TicketScope(ticket.scope)]}. It can do nothing else.")
    out.say("Keep it where nobody else looks, away from this device. It is not stored here and not shown again.")
    out.say()
    out.verbatim(ticket.terminal(on_dark=sys.stdout.isatty()))
    out.say()
    out.say(f"{ticket.server.removeprefix('https://')} /", indent=2)
    for start in range(0, len(ticket.groups), 5):
        out.say(" - ".join(ticket.groups[start : start + 5]), style="bold", indent=2)
    out.say()
    out.say("To use it, on any computer: `rocketvpn erase`, then type the address, the stroke and the ten groups.")
    out.say(f"To revoke it: `rocketvpn ticket revoke {ticket.ticket_id[:SHOWN]}` on a device of the order.")


def _chosen(rocket: RocketVPN, wanted: str) -> ErasureTicket:
    """Return the ticket that ``wanted`` begins the number of: of this device, else, after a code, of the order."""
    name = code(wanted).lower()
    tickets = rocket.rights.tickets()
    may_be = _BEGINNING.fullmatch(name) is not None
    if may_be and not any(each.ticket_id.startswith(name) for each in tickets):
        tickets = rocket.rights.tickets(with_code=True)
    found = [each for each in tickets if may_be and each.ticket_id.startswith(name)]
    if len(found) != 1:
        why = "it fits several tickets" if found else "the order has no such ticket"
        there = words.listed([each.ticket_id[:SHOWN] for each in tickets], "none")
        raise ValueRefused(name="NUMBER", problem=f"{why}; there is {there}")
    return found[0]
